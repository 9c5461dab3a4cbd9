//! The document security store grows and loses nothing (EN 319 142-1 5.4.2).

use super::catalog::value;
use super::{Diff, Located, Referrers, Result, Spot, array_of, dict_of};
use crate::pdf::syntax::{Dict, Document, Object, View};
use crate::verify::Attack;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

const LISTS: [&str; 3] = ["Certs", "CRLs", "OCSPs"];
const VRI_LISTS: [&str; 3] = ["Cert", "CRL", "OCSP"];
/// Decoded bytes of one certificate, CRL or OCSP response, at most.
const MAX_ITEM: usize = 8 << 20;
/// Decoded bytes of all of them in one file, at most: this, or twice the file's length. Honest lists hardly shrink.
const MAX_TOTAL: usize = 8 << 20;
/// Revisions whose stores are compared with the last one, at most; the newest count.
const MAX_REVISIONS: usize = 64;

impl Diff<'_, '_, '_> {
    pub(super) fn dss(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "DSS")?;
        let Some(after) = after else {
            if before.is_some() {
                self.forbid(
                    &at.key("DSS"),
                    Some(Attack::DssRemoved),
                    "the document security store was removed",
                );
            }
            return Ok(());
        };
        let recorded = self.changes.len();
        self.explain(&at.key("DSS"));
        self.accept(&after, Referrers::Explained);
        let (old_dss, new_dss) = (dict_of(before.as_ref()), dict_of(Some(&after)));
        for key in
            self.other_keys(&after.spot, &old_dss, &new_dss, &["Type", "VRI", "Certs", "CRLs", "OCSPs"])?
        {
            self.forbid(
                &after.spot.key(&key),
                None,
                format!("the document security store has an unknown /{key}"),
            );
        }
        let mut changed = before.is_none_or(|b| b.object != after.object);
        for key in LISTS {
            changed |= self.list(&after.spot, &old_dss, &new_dss, key, &BTreeSet::new())?;
        }
        changed |= self.vri(&after.spot, &old_dss, &new_dss)?;
        if changed && self.changes.len() == recorded {
            self.permit(&after.spot, "validation data were added (EN 319 142-1 5.4.2)");
        }
        Ok(())
    }

    fn vri(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<bool> {
        let (before, after) = self.pair(at, old, new, "VRI")?;
        let Some(after) = after else {
            if before.is_some() {
                self.forbid(
                    &at.key("VRI"),
                    Some(Attack::DssRemoved),
                    "the validation data per signature were removed",
                );
            }
            return Ok(false);
        };
        self.explain(&at.key("VRI"));
        self.accept(&after, Referrers::Explained);
        let (old_vri, new_vri) = (dict_of(before.as_ref()), dict_of(Some(&after)));
        for (gone, _) in
            old_vri.iter().filter(|(k, v)| !v.is_null() && new_vri.get_bytes(k.as_bytes()).is_none())
        {
            let reason = format!("the validation data of signature {} were removed", gone.lossy());
            self.forbid(&after.spot, Some(Attack::DssRemoved), reason);
        }
        let mut changed = old_vri != new_vri;
        // What /VRI lists stands in the store's own lists too: it may leave the one while it stays in the other.
        let mut store = BTreeSet::new();
        for list in LISTS {
            store.extend(self.known.digests.contents(self.new, &self.new.get_array(new, list)?)?);
        }
        for (key, _) in new_vri.iter() {
            let key = super::segment(key);
            let (was, is) = self.pair(&after.spot, &old_vri, &new_vri, &key)?;
            let Some(is) = is else { continue };
            self.explain(&after.spot.key(&key));
            self.accept(&is, Referrers::Explained);
            let (was, dict) = (dict_of(was.as_ref()), dict_of(Some(&is)));
            for list in VRI_LISTS {
                changed |= self.list(&is.spot, &was, &dict, list, &store)?;
            }
            for list in ["TS", "TU"] {
                self.explain_below(&is.spot.key(list), &value(&dict, list));
            }
        }
        Ok(changed)
    }

    /// One list of streams: everything that was in it still is, there or in `elsewhere`.
    fn list(
        &mut self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        key: &str,
        elsewhere: &BTreeSet<[u8; 32]>,
    ) -> Result<bool> {
        let (before, after) = self.pair(at, old, new, key)?;
        let list_touched = after
            .as_ref()
            .is_some_and(|a| a.spot.path.is_empty() && self.touched.contains_key(&a.spot.owner));
        let (was, is) = (array_of(before.as_ref()), array_of(after.as_ref()));
        if let Some(after) = &after {
            self.explain(&at.key(key));
            self.accept(after, Referrers::Explained);
        }
        let item_touched = is.iter().filter_map(super::number_of).any(|n| self.touched.contains_key(&n));
        if was == is && !list_touched && !item_touched {
            return Ok(false);
        }
        if let Some(after) = &after {
            self.items(after, &is)?;
        }
        let kept = self.known.digests.contents(self.new, &is)?;
        if !self
            .known
            .digests
            .contents(self.old, &was)?
            .iter()
            .all(|c| kept.contains(c) || elsewhere.contains(c))
        {
            self.forbid(
                &at.key(key),
                Some(Attack::DssRemoved),
                format!("validation data were removed from /{key}"),
            );
        }
        Ok(was != is || list_touched)
    }

    fn items(&mut self, list: &Located, items: &[Object]) -> Result<()> {
        for (n, item) in items.iter().enumerate() {
            self.step()?;
            let spot = list.spot.key(n);
            self.explain(&spot);
            if let Some(item) = Self::locate(self.new, spot.clone(), item)? {
                self.accept(&item, Referrers::Explained);
                let plain = item.object.as_stream().is_some_and(|s| !s.dict.is_name("Type", "XObject"));
                if !plain {
                    self.forbid(
                        &spot,
                        None,
                        "the document security store holds something else than data streams",
                    );
                }
            }
        }
        Ok(())
    }
}

/// Digests of what the streams of security stores hold, made once for a whole file.
#[derive(Debug)]
pub(super) struct Digests {
    /// By object and the revision that defines it.
    known: RefCell<HashMap<(u32, usize), [u8; 32]>>,
    /// Octets that may still be decoded.
    left: Cell<usize>,
}

impl Digests {
    /// For a file of `length` octets.
    pub(super) fn of_file(length: usize) -> Self {
        Self { known: RefCell::default(), left: Cell::new(MAX_TOTAL.max(length.saturating_mul(2))) }
    }

    /// Of each stream that the items lead to.
    fn contents(&self, view: View<'_, '_>, items: &[Object]) -> Result<BTreeSet<[u8; 32]>> {
        let mut out = BTreeSet::new();
        for item in items.iter().take(10_000) {
            let Some(number) = super::number_of(item) else { continue };
            let Some(definition) = view.definition(number) else { continue };
            let place = (number, definition.revision);
            if let Some(digest) = self.known.borrow().get(&place) {
                out.insert(*digest);
                continue;
            }
            if let Object::Stream(stream) = view.resolve(item)? {
                let data = view.document().decode(&stream, MAX_ITEM.min(self.left.get()))?;
                self.left.set(self.left.get().saturating_sub(data.len()));
                let digest = Sha256::digest(&data).into();
                self.known.borrow_mut().insert(place, digest);
                out.insert(digest);
            }
        }
        Ok(out)
    }

    /// Of everything in the revision's store, with the names of the signatures that /VRI speaks of.
    fn held(&self, view: View<'_, '_>) -> Result<BTreeSet<[u8; 32]>> {
        let mut out = BTreeSet::new();
        let catalog = view.catalog()?;
        let Some(store) = view.get_dict(&catalog, "DSS")? else { return Ok(out) };
        for list in LISTS {
            out.extend(self.contents(view, &view.get_array(&store, list)?)?);
        }
        let per_signature = view.get_dict(&store, "VRI")?.unwrap_or_default();
        out.extend(per_signature.iter().map(|(name, _)| <[u8; 32]>::from(Sha256::digest(name.as_bytes()))));
        Ok(out)
    }
}

/// The newest revision behind the first signed one whose validation data the last one has no more, whether or not a
/// signature covers that revision.
pub(in crate::verify) fn lost(
    document: &Document<'_>,
    first_signed: usize,
    known: &super::Known,
) -> Result<Option<usize>> {
    let last = document.revisions().len().saturating_sub(1);
    let kept = known.digests.held(document.as_of(last))?;
    for revision in (first_signed.saturating_add(1)..last).rev().take(MAX_REVISIONS) {
        if !known.digests.held(document.as_of(revision))?.is_subset(&kept) {
            return Ok(Some(revision));
        }
    }
    Ok(None)
}
