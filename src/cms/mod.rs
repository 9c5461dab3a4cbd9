//! CMS SignedData (RFC 5652), CAdES attributes (ETSI EN 319 122), and public-key verification.
