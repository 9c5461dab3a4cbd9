//! The status of certificates in files that strangers send: from the lists of our own CAs, and, where the site lists hosts, from
//! the addresses that a certificate names. A file must not make the appliance call where its owner likes, so nothing is asked
//! without that list, and never at a private address unless its network is listed as well.

use super::{Authorities, lists};
use crate::x509::ocsp::{CertId, OcspRead, OcspRequest, OcspStatus};
use crate::x509::{Certificate, CrlRead, X509Error};
use hufu_api::{ChannelError, Cx, Der, Network, PluginError, Statement, StatusLookup, StatusProof};
use hufu_https::{Call, Client, Guard, Scheme, Standing, Tls};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One address's share of the time.
const EACH: Duration = Duration::from_secs(3);
/// The largest answer, of either kind.
const MAX_ANSWER: u64 = 1 << 20;
/// Calls to one host at a time; whoever comes then does without.
const CALLS: usize = 4;

/// Both places.
pub struct Lookup {
    authorities: Arc<Authorities>,
    folder: PathBuf,
    online: Option<Online>,
}

impl Lookup {
    /// Own lists, those in `folder` (`*.crl`), and the network where `online` is.
    pub fn new(authorities: Arc<Authorities>, folder: &Path, online: Option<Online>) -> Self {
        Self { authorities, folder: folder.to_owned(), online }
    }
}

impl StatusLookup for Lookup {
    fn look_up(&self, cx: Cx, certificate: &Der, issuer: &Der) -> Result<Option<Statement>, ChannelError> {
        let complete = |list: &[u8]| CrlRead::from_der(list).is_ok_and(|list| !list.is_delta);
        if let Some(list) = lists::of_issuer(&self.authorities, &self.folder, issuer, complete)? {
            let from = "the appliance's own list".to_owned();
            return Ok(Some(Statement { proof: StatusProof::Crl(list), from }));
        }
        self.online.as_ref().map_or(Ok(None), |online| online.look_up(cx, certificate, issuer))
    }
}

/// The addresses that certificates name, as far as their hosts are listed.
pub struct Online {
    client: Client,
    guard: Guard,
    standings: BTreeMap<String, Standing>,
}

impl Online {
    /// Asks `hosts` (`name` or `name:port`) at public addresses and at those in `networks`. `None` when no host is listed: then
    /// nothing is ever asked.
    ///
    /// # Errors
    /// When an entry is no host, or no HTTP client can be made.
    pub fn new(hosts: &[String], networks: &[Network]) -> Result<Option<Self>, PluginError> {
        if hosts.is_empty() {
            return Ok(None);
        }
        let guard = Guard::new(hosts, networks).map_err(|e| PluginError(e.to_string()))?;
        // OCSP responses and lists are signed: plain HTTP is what RFC 5280 and RFC 6960 have.
        let client = Client::guarded(&Tls::default(), Path::new("/"), Scheme::HttpToo, guard.clone())?;
        let standings = hosts.iter().map(|host| (host.to_lowercase(), Standing::new(CALLS))).collect();
        Ok(Some(Self { client, guard, standings }))
    }

    fn ask_responder(
        &self,
        cx: Cx,
        host: &str,
        url: &str,
        asked: &Certificate,
        issuer: &Certificate,
    ) -> Result<StatusProof, ChannelError> {
        let bad = |e: X509Error| ChannelError::BadAnswer(e.to_string());
        let id = CertId::new(issuer, &asked.serial).map_err(bad)?;
        let request = OcspRequest { certificates: vec![id], nonce: None }.to_der();
        let headers = [("Content-Type".to_owned(), "application/ocsp-request".to_owned())];
        let call = Call { method: "POST", url, headers: &headers, body: Some(&request), limit: MAX_ANSWER };
        let body = self.fetch(cx, host, &call)?;
        let read = OcspRead::from_der(&body).map_err(bad)?;
        read.verify(issuer).map_err(bad)?;
        match read.about(asked, issuer).map(|answer| answer.status) {
            Some(OcspStatus::Good | OcspStatus::Revoked { .. }) => Ok(StatusProof::Ocsp(Der(body))),
            _ => Err(ChannelError::BadAnswer("says nothing about the certificate".into())),
        }
    }

    fn fetch_list(
        &self,
        cx: Cx,
        host: &str,
        url: &str,
        issuer: &Certificate,
    ) -> Result<StatusProof, ChannelError> {
        let call = Call { method: "GET", url, headers: &[], body: None, limit: MAX_ANSWER };
        let body = self.fetch(cx, host, &call)?;
        let list = CrlRead::from_der(&body).and_then(|list| list.verify(issuer));
        list.map_err(|e| ChannelError::BadAnswer(e.to_string()))?;
        Ok(StatusProof::Crl(Der(body)))
    }

    /// A host that fails is left alone for a while, so that it does not cost every caller its time.
    fn fetch(&self, cx: Cx, host: &str, call: &Call<'_>) -> Result<Vec<u8>, ChannelError> {
        let standing = self.standings.get(host);
        let standing = standing.ok_or_else(|| ChannelError::Refused("its host is not listed".into()))?;
        let _place = standing.enter().map_err(ChannelError::Unavailable)?;
        match self.client.call(cx.within(EACH), call) {
            Ok(answer) => {
                standing.succeeded();
                match answer.status {
                    200 => Ok(answer.body),
                    status @ 300..=399 => Err(ChannelError::BadAnswer(format!(
                        "HTTP status {status}: redirects are not followed"
                    ))),
                    status => Err(ChannelError::Unavailable(format!("HTTP status {status}"))),
                }
            }
            Err(error) => {
                standing.failed(&error.to_string());
                Err(error)
            }
        }
    }
}

impl StatusLookup for Online {
    /// The responders in the certificate's order, then its lists.
    fn look_up(&self, cx: Cx, certificate: &Der, issuer: &Der) -> Result<Option<Statement>, ChannelError> {
        let unreadable = |e: X509Error| ChannelError::Refused(format!("not a certificate: {e}"));
        let asked = Certificate::from_der(&certificate.0).map_err(unreadable)?;
        let issuer = Certificate::from_der(&issuer.0).map_err(unreadable)?;
        let responders = asked.ocsp_addresses().into_iter().map(|url| (url, true));
        let mut reasons = Vec::new();
        for (url, responder) in responders.chain(asked.crl_addresses().into_iter().map(|url| (url, false))) {
            let Some(host) = self.guard.entry(&url) else {
                reasons.push(format!("{url}: its host is not listed"));
                continue;
            };
            let proof = if responder {
                self.ask_responder(cx, host, &url, &asked, &issuer)
            } else {
                self.fetch_list(cx, host, &url, &issuer)
            };
            match proof {
                Ok(proof) => return Ok(Some(Statement { proof, from: url })),
                Err(error) => reasons.push(format!("{url}: {error}")),
            }
        }
        if reasons.is_empty() { Ok(None) } else { Err(ChannelError::Unavailable(reasons.join("; "))) }
    }
}

#[cfg(test)]
mod tests;
