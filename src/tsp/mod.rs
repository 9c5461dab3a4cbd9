//! Time-stamp tokens (RFC 3161, RFC 5816).
