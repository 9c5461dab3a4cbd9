//! Addresses that stand in strangers' files: only listed hosts are called, and only where they do not lead into one's own network.

use hufu_api::{Network, is_public};
use std::collections::BTreeSet;
use std::fmt;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Which addresses may be called.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    hosts: BTreeSet<String>,
    networks: Vec<Network>,
}

/// A host as a list of hosts names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host; write ocsp.example.cn, or ocsp.example.cn:8080 for another port than the usual one"
)]
pub struct HostError(String);

impl Guard {
    /// Allows `hosts` (`name` for the scheme's usual port, or `name:port`), at public addresses and at those in `networks`.
    ///
    /// # Errors
    /// [`HostError`] for what is no host.
    pub fn new(hosts: &[String], networks: &[Network]) -> Result<Self, HostError> {
        let mut listed = BTreeSet::new();
        for host in hosts {
            let uri: Uri = format!("http://{host}/").parse().map_err(|_| HostError(host.clone()))?;
            if uri.authority().is_none_or(|a| a.as_str() != host || host.contains('@')) || host.is_empty() {
                return Err(HostError(host.clone()));
            }
            listed.insert(host.to_lowercase());
        }
        Ok(Self { hosts: listed, networks: networks.to_vec() })
    }

    /// The entry of the list that the address belongs to.
    pub fn entry(&self, url: &str) -> Option<&str> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|a| !a.as_str().contains('@'))?;
        let usual = match uri.scheme_str()? {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = authority.host().to_lowercase();
        let wanted = match authority.port_u16() {
            Some(port) if port != usual => format!("{host}:{port}"),
            Some(_) => host,
            // A port that is no number.
            None if authority.as_str().len() != authority.host().len() => return None,
            None => host,
        };
        self.hosts.get(&wanted).map(String::as_str)
    }

    fn allows(&self, ip: std::net::IpAddr) -> bool {
        is_public(ip) || self.networks.iter().any(|network| network.contains(ip))
    }
}

/// The host is listed but leads to an address that may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inside;

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has no public address, and its own is not among the listed networks")
    }
}

impl std::error::Error for Inside {}

/// Resolution with the guard's eyes: the connection is made to an address that was looked at, not to a name.
impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if self.entry(&uri.to_string()).is_none() {
            return Err(ureq::Error::HostNotFound);
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        found.iter().filter(|address| self.allows(address.ip())).for_each(|address| allowed.push(*address));
        if allowed.is_empty() { Err(ureq::Error::Other(Box::new(Inside))) } else { Ok(allowed) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        let hosts: Vec<String> = hosts.iter().map(|&h| h.to_owned()).collect();
        Guard::new(&hosts, &[]).unwrap()
    }

    #[test]
    fn hosts_are_matched_whole_and_with_their_port() {
        let guard = guard(&["ocsp.example.cn", "crl.example.cn:8080"]);
        for allowed in [
            "http://ocsp.example.cn/a",
            "http://OCSP.example.cn:80",
            "https://ocsp.example.cn/",
            "http://crl.example.cn:8080/ca.crl",
        ] {
            assert!(guard.entry(allowed).is_some(), "{allowed}");
        }
        for refused in [
            "http://ocsp.example.cn:8080/",
            "http://crl.example.cn/",
            "http://example.cn/",
            "http://ocsp.example.cn.evil.example/",
            "http://ocsp.example.cn@evil.example/",
            "http://evil.example/ocsp.example.cn",
            "http://evil.example#ocsp.example.cn",
            "http://127.0.0.1/",
            "ftp://ocsp.example.cn/",
            "ocsp.example.cn",
            "",
        ] {
            assert!(guard.entry(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_in_the_list() {
        for text in ["", "http://ocsp.example.cn", "ocsp.example.cn/path", "a b", "user@host"] {
            assert!(Guard::new(&[text.to_owned()], &[]).is_err(), "{text}");
        }
    }
}
