//! PDF (ISO 32000-2): reading strictly, placing seals, and writing incremental updates. Bytes in, bytes out.
//!
//! A signature's way through this kernel:
//!
//! 1. [`syntax::Document::open`] reads the cross-reference chain; objects are parsed when somebody asks for them.
//! 2. [`place::resolve`] turns what the caller asked for ([`place::Placement`]) into rectangles on pages.
//! 3. [`sign::prepare`] writes the incremental update with an empty `/Contents` and gives the digest to be signed.
//! 4. [`sign::Prepared::embed`] puts the CMS into the hole. The output is the input followed by
//!    [`sign::Signed::tail`]; the input itself is never copied or changed.
//! 5. [`sign::Signed::check`] judges what was added, without hashing the input again.

pub mod appearance;
mod archive;
mod form;
pub mod hash;
pub mod pages;
pub mod place;
pub mod sign;
pub mod syntax;
pub(crate) mod tame;
mod update;

pub(crate) use update::Patch;
