//! The token: PKCS#11 workers and their client.
