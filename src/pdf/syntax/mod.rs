//! One bounded reader without guessing: objects, cross-reference chain, revisions, filters, encryption
//! (ISO 32000-2 7.2–7.6).
//!
//! - [`Document::open`] follows `startxref` and `/Prev`; nothing else is parsed until it is asked for.
//! - [`Document::latest`] and [`Document::as_of`] give a [`View`]: the document as one revision left it. Objects,
//!   catalogue and trailer are asked through it.
//! - [`Document::revisions`] are values: each has its own sections, entries, trailer, and the bytes it takes.
//! - [`inspect::inspect`] is the strict look of a validator: every entry of every revision with its bytes, and a
//!   [`Finding`] for whatever is hidden, double, or not in the standard form.
//!
//! ```
//! # use hufu::pdf::syntax::{Document, SyntaxError};
//! # fn show(bytes: &[u8]) -> Result<(), SyntaxError> {
//! let document = Document::open(bytes)?;
//! let now = document.latest();
//! let pages = now.get_dict(&now.catalog()?, "Pages")?;
//! let before = document.as_of(0).catalog()?;
//! # Ok(()) }
//! ```

mod container;
mod crypt;
mod document;
mod error;
mod filter;
mod finding;
pub mod inspect;
pub(crate) mod lexer;
mod limits;
mod object;
mod parser;
mod pieces;
mod rebuild;
mod revision;
mod section;
mod text_string;
mod view;

pub use crypt::Encryption;
pub use document::{Document, Indirect};
pub use error::SyntaxError;
pub use finding::{Finding, FindingKind};
pub use limits::Limits;
pub use object::{Dict, Name, Object, ObjectId, PdfString, Real, Stream};
pub(crate) use parser::Parser;
pub use pieces::Pieces;
pub use revision::Revision;
pub use section::{Entry, Section, SectionKind};
pub use view::{Definition, View};

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
