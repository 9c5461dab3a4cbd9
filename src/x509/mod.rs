//! Certificates: names, requests, profiles, path validation (RFC 5280), revocation data.
