//! A content stream with its deflated form, which is made once however often the seal is used.

use super::form::flate;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Operators of a content stream (ISO 32000-2, 7.8.2), uncompressed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct Content {
    operators: Vec<u8>,
    deflated: Arc<OnceLock<Vec<u8>>>,
}

impl Content {
    /// The content through FlateDecode (ISO 32000-2, 7.4.4).
    #[must_use]
    pub fn deflated(&self) -> &[u8] {
        self.deflated.get_or_init(|| flate(&self.operators))
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.operators
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.operators == other.operators
    }
}

impl From<Vec<u8>> for Content {
    fn from(operators: Vec<u8>) -> Self {
        Self { operators, deflated: Arc::default() }
    }
}

impl From<&str> for Content {
    fn from(operators: &str) -> Self {
        operators.as_bytes().to_vec().into()
    }
}

impl From<Content> for Vec<u8> {
    fn from(content: Content) -> Self {
        content.operators
    }
}
