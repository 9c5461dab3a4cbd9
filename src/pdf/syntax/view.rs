//! A document as one of its revisions left it.

use super::document::{Document, Indirect};
use super::error::{Result, SyntaxError};
use super::section::Entry;
use super::{Dict, Object, ObjectId};
use std::ops::Range;

/// References to references that are followed.
const MAX_HOPS: usize = 16;

/// A document as one of its revisions left it. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct View<'d, 'a> {
    document: &'d Document<'a>,
    /// So many revisions count.
    revisions: usize,
}

/// Where the definition of an object is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Index of the revision that defines it (0 is the oldest).
    pub revision: usize,
    /// Its entry there.
    pub entry: Entry,
}

impl<'d, 'a> View<'d, 'a> {
    pub(super) fn new(document: &'d Document<'a>, revisions: usize) -> Self {
        Self { document, revisions }
    }

    /// The whole document.
    pub fn document(&self) -> &'d Document<'a> {
        self.document
    }

    /// Index of the newest revision that counts; `None` only while a document is being opened.
    pub fn revision(&self) -> Option<usize> {
        self.revisions.checked_sub(1)
    }

    /// The trailer of that revision.
    pub fn trailer(&self) -> &'d Dict {
        self.revision()
            .and_then(|i| self.document.revisions.get(i))
            .map_or_else(|| self.document.trailer(), |r| r.trailer())
    }

    /// One more than the highest object number that is spoken of, in trailers and sections alike.
    pub fn size(&self) -> u32 {
        let revisions = self.document.revisions.get(..self.revisions).unwrap_or_default();
        let listed = revisions.iter().flat_map(|r| &r.sections).map(|s| s.highest().saturating_add(1)).max();
        let claimed = revisions
            .iter()
            .filter_map(|r| r.trailer().get("Size").and_then(Object::as_integer))
            .filter_map(|n| u32::try_from(n).ok())
            .max();
        listed.max(claimed).unwrap_or(1).max(1)
    }

    /// Which revision defines an object last, and where.
    pub fn definition(&self, number: u32) -> Option<Definition> {
        let revisions = self.document.revisions.get(..self.revisions)?;
        let newest = revisions.iter().enumerate().rev();
        newest.into_iter().find_map(|(revision, r)| Some(Definition { revision, entry: r.entry(number)? }))
    }

    /// Number and generation of the object that is in use under this number.
    pub fn id(&self, number: u32) -> Option<ObjectId> {
        match self.definition(number)?.entry {
            Entry::InFile { generation, .. } => Some(ObjectId { number, generation }),
            Entry::InStream { .. } => Some(ObjectId::new(number)),
            Entry::Free => None,
        }
    }

    /// The bytes of an object in the file: itself, or the object stream that it is in.
    ///
    /// # Errors
    /// [`SyntaxError`] if nothing readable is there.
    pub fn span(&self, number: u32) -> Result<Option<Range<usize>>> {
        match self.definition(number).map(|d| d.entry) {
            None | Some(Entry::Free) => Ok(None),
            Some(Entry::InStream { stream, .. }) => match self.definition(stream).map(|d| d.entry) {
                Some(Entry::InFile { offset, generation }) => {
                    let id = ObjectId { number: stream, generation };
                    self.indirect_at(id, offset).map(|i| Some(i.span))
                }
                _ => Err(SyntaxError::Object { id: ObjectId::new(stream), what: "not an object stream" }),
            },
            Some(Entry::InFile { offset, generation }) => {
                self.indirect_at(ObjectId { number, generation }, offset).map(|i| Some(i.span))
            }
        }
    }

    pub(super) fn indirect_at(&self, id: ObjectId, offset: u64) -> Result<Indirect> {
        let offset =
            usize::try_from(offset).map_err(|_| SyntaxError::Object { id, what: "offset out of range" })?;
        self.document.indirect(*self, offset, Some(id))
    }

    /// An object; `Null` if there is none of this number and generation.
    ///
    /// # Errors
    /// [`SyntaxError`] if what is there cannot be read.
    pub fn object(&self, id: ObjectId) -> Result<Object> {
        self.document.spend_lookup()?;
        match self.definition(id.number).map(|d| d.entry) {
            Some(Entry::InFile { offset, generation }) if generation == id.generation => {
                self.indirect_at(id, offset).map(|i| i.object)
            }
            Some(Entry::InStream { stream, index }) if id.generation == 0 => {
                self.in_stream(id, stream, index).map(|(object, _)| object)
            }
            _ => Ok(Object::Null),
        }
    }

    /// An object of an object stream, and whether the stream's index agrees with the cross-reference.
    pub(super) fn in_stream(&self, id: ObjectId, stream: u32, index: u32) -> Result<(Object, bool)> {
        let container = ObjectId::new(stream);
        let Some(Entry::InFile { offset, generation: 0 }) = self.definition(stream).map(|d| d.entry) else {
            return Err(SyntaxError::Object { id, what: "its object stream is missing" });
        };
        let offset = usize::try_from(offset)
            .map_err(|_| SyntaxError::Object { id: container, what: "offset out of range" })?;
        let document = self.document;
        let container = document.container(*self, container, offset)?;
        container.object(id.number, index, &document.limits, |work| document.spend(work))
    }

    /// Follows references to an object that is none.
    ///
    /// # Errors
    /// [`SyntaxError`] if what is there cannot be read, or references run in a circle.
    pub fn resolve(&self, object: &Object) -> Result<Object> {
        let Some(mut id) = object.as_reference() else { return Ok(object.clone()) };
        for _ in 0..MAX_HOPS {
            match self.object(id)? {
                Object::Reference(next) => id = next,
                other => return Ok(other),
            }
        }
        Err(SyntaxError::Object { id, what: "references run in a circle" })
    }

    /// An object with the references inside its dictionaries followed, down to a depth.
    pub(super) fn resolve_inside(&self, object: &Object, depth: usize) -> Result<Object> {
        match self.resolve(object)? {
            Object::Dictionary(dict) if depth > 0 => {
                let mut out = Dict::new();
                for (key, value) in dict.iter() {
                    out.push(key.clone(), self.resolve_inside(value, depth - 1)?);
                }
                Ok(Object::Dictionary(out))
            }
            other => Ok(other),
        }
    }

    /// The value of a key, references followed; `Null` if it is missing.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub fn get(&self, dict: &Dict, key: &str) -> Result<Object> {
        dict.get(key).map_or(Ok(Object::Null), |o| self.resolve(o))
    }

    /// The dictionary under a key, if there is one.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub fn get_dict(&self, dict: &Dict, key: &str) -> Result<Option<Dict>> {
        Ok(match self.get(dict, key)? {
            Object::Dictionary(d) => Some(d),
            Object::Stream(s) => Some(s.dict),
            _ => None,
        })
    }

    /// The array under a key; empty if there is none.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub fn get_array(&self, dict: &Dict, key: &str) -> Result<Vec<Object>> {
        Ok(match self.get(dict, key)? {
            Object::Array(items) => items,
            _ => Vec::new(),
        })
    }

    /// The catalogue's object number.
    ///
    /// # Errors
    /// [`SyntaxError::Structure`] if the trailer names none.
    pub fn root(&self) -> Result<ObjectId> {
        self.trailer()
            .get("Root")
            .and_then(Object::as_reference)
            .ok_or(SyntaxError::Structure("the trailer names no catalogue"))
    }

    /// The catalogue (ISO 32000-2 7.7.2).
    ///
    /// # Errors
    /// [`SyntaxError`] if it is missing or no dictionary.
    pub fn catalog(&self) -> Result<Dict> {
        match self.resolve(&Object::Reference(self.root()?))? {
            Object::Dictionary(d) => Ok(d),
            _ => Err(SyntaxError::Structure("the catalogue is missing")),
        }
    }
}
