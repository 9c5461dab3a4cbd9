//! What ends soon: the listener's certificate, the CAs of clients, the appliance's own authorities, the root's revocation list.

use crate::conf::Site;
use crate::x509::Certificate;
use der::Decode;
use hufu_api::UnixTime;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;

const DAY_SECONDS: i64 = 86_400;
/// Days before the end at which an operator is told.
const SOON: i64 = 30;

/// How a thing with an end stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It ends in so many days.
    Good(i64),
    /// It ends in so few days.
    Soon(i64),
    /// It ended so many days ago.
    Ended(i64),
    /// It cannot be read.
    Unreadable(String),
}

/// How the first certificate of a PEM file stands.
pub(crate) fn certificate(file: &Path, now: UnixTime) -> Standing {
    let der = match CertificateDer::from_pem_file(file) {
        Ok(der) => der,
        Err(error) => return Standing::Unreadable(error.to_string()),
    };
    match Certificate::from_der(&der) {
        Ok(certificate) => until(certificate.summary().not_after, now),
        Err(error) => Standing::Unreadable(error.to_string()),
    }
}

/// How a revocation list (DER) stands: its nextUpdate.
pub(crate) fn revocation_list(file: &Path, now: UnixTime) -> Standing {
    let unreadable = |e: &dyn std::fmt::Display| Standing::Unreadable(e.to_string());
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&error),
    };
    match x509_cert::crl::CertificateList::from_der(&bytes) {
        Ok(list) => match list.tbs_cert_list.next_update {
            Some(next) => {
                let seconds = i64::try_from(next.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
                until(UnixTime::from_seconds(seconds), now)
            }
            None => Standing::Good(i64::MAX),
        },
        Err(error) => unreadable(&error),
    }
}

fn until(end: UnixTime, now: UnixTime) -> Standing {
    match (end.seconds() - now.seconds()).div_euclid(DAY_SECONDS) {
        days @ ..0 => Standing::Ended(-days),
        days @ 0..SOON => Standing::Soon(days),
        days => Standing::Good(days),
    }
}

/// Everything of the TLS listener, by file.
pub(crate) fn tls(site: &Site, now: UnixTime) -> Vec<(String, Standing)> {
    let tls = &site.server.tls;
    let files = [Some(&tls.certificate), tls.client_ca.as_ref()];
    files.into_iter().flatten().map(|file| (file.display().to_string(), certificate(file, now))).collect()
}

/// The public PKI's certificates and the root's revocation list, by name; what a site does not have is left out.
pub(crate) fn pki(site: &Site, now: UnixTime) -> Vec<(String, Standing)> {
    let folder = site.pki_folder();
    let mut all: Vec<(String, Standing)> = Vec::new();
    // Successors have higher numbers; what they have replaced is history.
    let newest = |first: String, next: &dyn Fn(u32) -> String| {
        let made = (2..).map(next).take_while(|name| folder.join(format!("{name}.pem")).is_file());
        made.last().unwrap_or(first)
    };
    let issuing = newest("issuing-1".into(), &|n| format!("issuing-{n}"));
    let responder = newest(format!("ocsp-{issuing}"), &|n| format!("ocsp-{issuing}-{n}"));
    for name in ["root".to_owned(), issuing, newest("tsa-1".into(), &|n| format!("tsa-{n}")), responder] {
        let file = folder.join(format!("{name}.pem"));
        if file.is_file() {
            let standing = certificate(&file, now);
            all.push((name, standing));
        }
    }
    let list = folder.join("root.crl");
    if list.is_file() {
        all.push(("root.crl".to_owned(), revocation_list(&list, now)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_told_a_month_before() {
        let now = UnixTime::from_seconds(1_790_000_000);
        let days = |days: i64| until(UnixTime::from_seconds(1_790_000_000 + days * DAY_SECONDS), now);
        assert_eq!(days(31), Standing::Good(31));
        assert_eq!(days(29), Standing::Soon(29));
        assert_eq!(days(0), Standing::Soon(0));
        assert_eq!(days(-1), Standing::Ended(1));
    }
}
