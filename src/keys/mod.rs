//! The key port: what may be asked of the token.
