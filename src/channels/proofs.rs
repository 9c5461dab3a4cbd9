//! Proof of certificates' status for document security stores: from our own responder and lists, from the lists of the PKI
//! folder (the root's), then from the addresses that the certificate names.

use super::{Authorities, OcspResponder, lists};
use crate::x509::ocsp::{CertId, OcspRead, OcspRequest, OcspStatus};
use crate::x509::{Certificate, CrlRead, X509Error};
use hufu_api::{ChannelError, Clock, Cx, Der, Reach, StatusProof, StatusProofs, StatusQuestion, UnixTime};
use hufu_https::{Call, Client, Scheme, Tls};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One address's share of the time.
const EACH: Duration = Duration::from_secs(5);
/// The largest OCSP response, and the largest list, that is fetched.
const MAX_RESPONSE: u64 = 256 * 1024;
const MAX_LIST: u64 = 16 << 20;
/// A time stamp may lie so far ahead of our clock (a fraction of a second, another's clock) that we wait for it.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// All places where a proof may be had.
pub struct Proofs {
    ocsp: Arc<OcspResponder>,
    authorities: Arc<Authorities>,
    folder: PathBuf,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Proofs {
    /// Brings the places together; `folder` holds `*.crl` files of CAs that are not in the token.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        ocsp: Arc<OcspResponder>,
        authorities: Arc<Authorities>,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, hufu_api::PluginError> {
        // OCSP responses and lists are signed: plain HTTP is what RFC 5280 and RFC 6960 have.
        let client = Client::new(&Tls::default(), folder, Scheme::HttpToo)?;
        Ok(Self { ocsp, authorities, folder: folder.to_owned(), client, clock })
    }

    /// An answer of ours says "now": it must not be asked for before the moment that it shall prove.
    fn wait_for(&self, moment: UnixTime) -> Result<(), ChannelError> {
        let unavailable = |e: &dyn std::fmt::Display| ChannelError::Unavailable(e.to_string());
        let now = self.clock.now().map_err(|e| unavailable(&e))?;
        let ahead = u64::try_from(moment.millis().saturating_sub(now.millis())).unwrap_or(0);
        let ahead = Duration::from_millis(ahead);
        if ahead > LONGEST_WAIT {
            return Err(unavailable(&"the time stamp lies ahead of the appliance's clock"));
        }
        std::thread::sleep(ahead);
        Ok(())
    }

    fn here(&self, cx: Cx, asked: &Asked<'_>) -> Result<Option<StatusProof>, ChannelError> {
        if self.ocsp.speaks_for(&asked.certificate) {
            self.wait_for(asked.question.not_before)?;
            if let Some(response) = self.ocsp.evidence(cx, &asked.certificate, asked.question.not_before)? {
                return Ok(Some(StatusProof::Ocsp(response)));
            }
        }
        let list = lists::of_issuer(&self.authorities, &self.folder, asked.question.issuer, |list| {
            asked.fits_list(list)
        })?;
        Ok(list.map(StatusProof::Crl))
    }

    fn ask_responder(&self, cx: Cx, url: &str, asked: &Asked<'_>) -> Result<StatusProof, ChannelError> {
        let bad = |e: X509Error| ChannelError::BadAnswer(e.to_string());
        let id = CertId::new(&asked.issuer, &asked.certificate.serial).map_err(bad)?;
        let request = OcspRequest { certificates: vec![id], nonce: None }.to_der();
        let headers = [("Content-Type".to_owned(), "application/ocsp-request".to_owned())];
        let call = Call { method: "POST", url, headers: &headers, body: Some(&request), limit: MAX_RESPONSE };
        let body = self.fetch(cx, &call)?;
        let read = OcspRead::from_der(&body).map_err(bad)?;
        read.verify(&asked.issuer).map_err(bad)?;
        let answer = read.about(&asked.certificate, &asked.issuer);
        let answer =
            answer.ok_or_else(|| ChannelError::BadAnswer("says nothing about the certificate".into()))?;
        match answer.status {
            OcspStatus::Good if asked.fits(answer.this_update, answer.next_update) => {
                Ok(StatusProof::Ocsp(Der(body)))
            }
            OcspStatus::Good => {
                Err(ChannelError::Unavailable("the answer is older than the time stamp".into()))
            }
            // The core reads the revocation out of it.
            OcspStatus::Revoked { .. } => Ok(StatusProof::Ocsp(Der(body))),
            OcspStatus::Unknown => Err(ChannelError::BadAnswer("the certificate is unknown there".into())),
        }
    }

    fn fetch_list(&self, cx: Cx, url: &str, asked: &Asked<'_>) -> Result<StatusProof, ChannelError> {
        let bad = |e: X509Error| ChannelError::BadAnswer(e.to_string());
        let call = Call { method: "GET", url, headers: &[], body: None, limit: MAX_LIST };
        let body = self.fetch(cx, &call)?;
        CrlRead::from_der(&body).and_then(|list| list.verify(&asked.issuer)).map_err(bad)?;
        if asked.fits_list(&body) {
            Ok(StatusProof::Crl(Der(body)))
        } else {
            Err(ChannelError::Unavailable("the list is older than the time stamp".into()))
        }
    }

    fn fetch(&self, cx: Cx, call: &Call<'_>) -> Result<Vec<u8>, ChannelError> {
        let answer = self.client.call(cx.within(EACH), call)?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(ChannelError::Unavailable(format!("HTTP status {status}"))),
        }
    }
}

impl StatusProofs for Proofs {
    fn prove(&self, cx: Cx, question: &StatusQuestion<'_>) -> Result<StatusProof, ChannelError> {
        let asked = Asked::parse(question)?;
        let mut reasons = Vec::new();
        match self.here(cx, &asked) {
            Ok(Some(proof)) => return Ok(proof),
            Ok(None) => {}
            Err(error) => reasons.push(error.to_string()),
        }
        if question.reach == Reach::Network {
            for url in asked.certificate.ocsp_addresses() {
                match self.ask_responder(cx, &url, &asked) {
                    Ok(proof) => return Ok(proof),
                    Err(error) => reasons.push(format!("{url}: {error}")),
                }
            }
            for url in asked.certificate.crl_addresses() {
                match self.fetch_list(cx, &url, &asked) {
                    Ok(proof) => return Ok(proof),
                    Err(error) => reasons.push(format!("{url}: {error}")),
                }
            }
        }
        if reasons.is_empty() {
            reasons.push("no responder and no list is known".to_owned());
        }
        Err(ChannelError::Unavailable(format!("{}: {}", asked.certificate.subject, reasons.join("; "))))
    }
}

/// A question, read.
struct Asked<'a> {
    question: &'a StatusQuestion<'a>,
    certificate: Certificate,
    issuer: Certificate,
    is_ca: bool,
}

impl<'a> Asked<'a> {
    fn parse(question: &'a StatusQuestion<'a>) -> Result<Self, ChannelError> {
        let read = |der: &Der| {
            Certificate::from_der(&der.0)
                .map_err(|e| ChannelError::Refused(format!("not a certificate: {e}")))
        };
        let (certificate, issuer) = (read(question.certificate)?, read(question.issuer)?);
        let is_ca = certificate.ca().is_ok_and(|ca| ca.is_some());
        Ok(Self { question, certificate, issuer, is_ca })
    }

    /// Proofs about end entities must not be older than the moment; those about CAs must hold at it.
    fn fits(&self, this_update: UnixTime, next_update: Option<UnixTime>) -> bool {
        let moment = self.question.not_before.seconds();
        if self.is_ca {
            next_update.is_none_or(|next| next.seconds() >= moment)
        } else {
            this_update.seconds() >= moment
        }
    }

    fn fits_list(&self, der: &[u8]) -> bool {
        CrlRead::from_der(der)
            .is_ok_and(|list| !list.is_delta && self.fits(list.this_update, list.next_update))
    }
}

#[cfg(test)]
mod tests;
