//! Incremental updates (ISO 32000-2 7.5.6): new and changed objects behind the input, then a cross-reference section of
//! the input's own kind. The input itself is never touched.

mod serial;
mod tail;

use crate::pdf::syntax::{Dict, Name, Object, ObjectId, SyntaxError, View};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
pub(super) use tail::Tail;

/// Values that must differ between updates, derived from 32 fresh random bytes.
#[derive(Clone, Debug)]
pub(super) struct Nonces {
    seed: [u8; 32],
    used: u64,
}

impl Nonces {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, used: 0 }
    }

    pub(super) fn next(&mut self) -> [u8; 16] {
        self.used += 1;
        let hash = Sha256::new().chain_update(self.seed).chain_update(self.used.to_be_bytes()).finalize();
        let mut out = [0; 16];
        out.iter_mut().zip(hash).for_each(|(o, h)| *o = h);
        out
    }
}

/// What an object of the update is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Anything but a stream.
    Object(Object),
    /// A stream with its encoded data; `/Length` is added when it is written.
    Stream(Dict, Vec<u8>),
    /// A signature dictionary: `/ByteRange` and a `/Contents` of so many bytes are left open.
    Signature(Dict, usize),
}

/// An update that is being put together.
#[derive(Debug)]
pub(super) struct Update<'d, 'a> {
    view: View<'d, 'a>,
    objects: BTreeMap<u32, (u16, Body)>,
    next: u32,
    nonces: Nonces,
}

impl<'d, 'a> Update<'d, 'a> {
    pub(super) fn new(view: View<'d, 'a>, entropy: [u8; 32]) -> Self {
        Self { view, objects: BTreeMap::new(), next: view.size(), nonces: Nonces::new(entropy) }
    }

    pub(super) fn nonce(&mut self) -> [u8; 16] {
        self.nonces.next()
    }

    /// A new object's number.
    pub(super) fn reserve(&mut self) -> Result<ObjectId, SyntaxError> {
        let id = ObjectId::new(self.next);
        // ISO 32000-2 annex C: readers may stop at 8,388,607 objects.
        self.next =
            self.next.checked_add(1).filter(|&n| n <= 8_388_608).ok_or(SyntaxError::Limit("objects"))?;
        Ok(id)
    }

    pub(super) fn add(&mut self, body: Body) -> Result<ObjectId, SyntaxError> {
        let id = self.reserve()?;
        self.put(id, body);
        Ok(id)
    }

    /// Defines a new object or redefines one of the input.
    pub(super) fn put(&mut self, id: ObjectId, body: Body) {
        self.objects.insert(id.number, (id.generation, body));
    }

    /// A dictionary of the input as it stands now, changes of this update included.
    pub(super) fn dict(&self, id: ObjectId) -> Result<Dict, SyntaxError> {
        match self.current(id)? {
            Object::Dictionary(d) => unambiguous(id, d),
            _ => Err(SyntaxError::Object { id, what: "expected a dictionary" }),
        }
    }

    /// An object as it stands now, changes of this update included.
    pub(super) fn current(&self, id: ObjectId) -> Result<Object, SyntaxError> {
        match self.objects.get(&id.number) {
            Some((_, Body::Object(object))) => Ok(object.clone()),
            Some(_) => Err(SyntaxError::Object { id, what: "expected a plain object" }),
            None => self.view.object(id),
        }
    }

    /// Changes a dictionary of the input.
    pub(super) fn change(&mut self, id: ObjectId, change: impl FnOnce(&mut Dict)) -> Result<(), SyntaxError> {
        let mut dict = self.dict(id)?;
        change(&mut dict);
        self.put(id, Body::Object(dict.into()));
        Ok(())
    }

    /// Appends to the array under `key` of object `id`: to the array itself where it is an object of its own.
    pub(super) fn append(&mut self, id: ObjectId, key: &str, items: Vec<Object>) -> Result<(), SyntaxError> {
        let dict = self.dict(id)?;
        if let Some(array) = dict.get(key).and_then(Object::as_reference)
            && let Object::Array(mut old) = self.current(array)?
        {
            old.extend(items);
            self.put(array, Body::Object(old.into()));
            return Ok(());
        }
        self.change(id, |dict| {
            let mut all = match dict.get(key) {
                Some(Object::Array(old)) => old.clone(),
                _ => Vec::new(),
            };
            all.extend(items);
            dict.set(key, all);
        })
    }

    pub(super) fn view(&self) -> View<'d, 'a> {
        self.view
    }

    /// The trailer: the input's, without what belongs to its own section.
    fn trailer(&mut self) -> Dict {
        const OWN: [&str; 14] = [
            "Prev",
            "XRefStm",
            "Size",
            "Type",
            "W",
            "Index",
            "Length",
            "Filter",
            "DecodeParms",
            "DL",
            "F",
            "FFilter",
            "FDecodeParms",
            "DocChecksum",
        ];
        let old = self.view.trailer();
        let mut trailer = Dict::new();
        trailer.set("Size", i64::from(self.next));
        for (key, value) in old.iter() {
            if !OWN.iter().any(|own| own.as_bytes() == key.as_bytes()) && key.as_bytes() != b"ID" {
                trailer.push(key.clone(), value.clone());
            }
        }
        let ids = self.view.get_array(old, "ID").unwrap_or_default();
        let first = ids.first().and_then(Object::as_string).cloned();
        let fresh = crate::pdf::syntax::PdfString::hexadecimal(self.nonce());
        // A missing /ID is part of the key of an old encrypted file, so it has to stay missing there.
        if first.is_some() || !old.contains("Encrypt") {
            let first = first.unwrap_or_else(|| fresh.clone());
            trailer.set("ID", vec![first.into(), fresh.into()]);
        }
        trailer
    }
}

/// A dictionary of object `id` that can be written anew with every key once.
pub(super) fn unambiguous(id: ObjectId, dict: Dict) -> Result<Dict, SyntaxError> {
    if !dict.has_duplicate_keys() {
        return Ok(dict);
    }
    let what = "a key is given twice with different values, and it has to be rewritten";
    dict.with_each_key_once().ok_or(SyntaxError::Object { id, what })
}

/// `key` as a name object, for dictionaries of this crate's own making.
pub(super) fn name(name: &str) -> Object {
    Object::Name(Name::from(name))
}

/// An update by other kernels: dictionaries of the input that get another entry.
#[derive(Debug)]
pub(crate) struct Patch<'d, 'a>(Update<'d, 'a>);

impl<'d, 'a> Patch<'d, 'a> {
    pub(crate) fn new(view: View<'d, 'a>, entropy: [u8; 32]) -> Self {
        Self(Update::new(view, entropy))
    }

    /// A new stream, not encoded.
    pub(crate) fn add_stream(&mut self, dict: Dict, data: Vec<u8>) -> Result<ObjectId, SyntaxError> {
        self.0.add(Body::Stream(dict, data))
    }

    /// Sets a key of a dictionary of the input.
    pub(crate) fn set(&mut self, id: ObjectId, key: &str, value: Object) -> Result<(), SyntaxError> {
        self.0.change(id, |dict| {
            dict.set(key, value);
        })
    }

    /// The bytes that go behind the input.
    pub(crate) fn finish(self) -> Result<Vec<u8>, SyntaxError> {
        self.0.finish().map(|tail| tail.bytes)
    }
}
