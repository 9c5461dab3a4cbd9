//! What a call may ask of a signature beyond the documented parameters: certification, fields, locks, texts.

use super::input::point;
use super::place_error;
use crate::ops::rules::unprintable;
use crate::ops::{Error, Result};
use crate::pdf::place::{Place, Placement, Point, field_place};
use crate::pdf::sign::{DocMdp, FieldLock};
use crate::pdf::syntax::Document;

/// Fields prepared, and names in a lock, at most.
pub const MOST_FIELDS: usize = 50;
/// Longest name of a field, in characters.
pub const MOST_FIELD_NAME: usize = 200;

/// The terms of one signature; the default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Certification: what may change afterwards. Only the first signature of a file can be one.
    pub certify: Option<DocMdp>,
    /// The empty signature field of the file to be used.
    pub field: Option<String>,
    /// Empty fields for those who sign later.
    pub later_fields: Vec<LaterField>,
    /// Form fields that this signature locks.
    pub lock: Option<FieldLock>,
    /// `/Reason`; the site's own where absent.
    pub reason: Option<String>,
    /// `/Location`
    pub location: Option<String>,
    /// `/ContactInfo`
    pub contact: Option<String>,
}

/// An empty field for a later signer.
#[derive(Clone, Debug, PartialEq)]
pub struct LaterField {
    /// Its name.
    pub name: String,
    /// Its lower left corner.
    pub at: Point,
    /// Width and height in points.
    pub size: (f64, f64),
}

impl Terms {
    /// The places of the later fields.
    ///
    /// # Errors
    /// 201 naming `laterFields` when one would leave its page.
    pub(super) fn later_places(&self, document: &Document<'_>) -> Result<Vec<(String, Place)>> {
        let place = |field: &LaterField| match field_place(document, &field.at, field.size) {
            Ok(place) => Ok((field.name.clone(), place)),
            Err(error) => {
                let asked = Placement::At(vec![field.at]);
                Err(place_error("laterFields", &error, &asked))
            }
        };
        self.later_fields.iter().map(place).collect()
    }
}

/// Reads "name,page,x,y,width,height;…".
///
/// # Errors
/// 201 naming `laterFields`.
pub fn later_fields(text: &str) -> Result<Vec<LaterField>> {
    let bad = || Error::malformed("laterFields");
    let text = text.trim();
    let text = text.strip_suffix(';').unwrap_or(text);
    let mut fields: Vec<LaterField> = Vec::new();
    for part in text.split(';') {
        let parts: Vec<&str> = part.split(',').map(str::trim).collect();
        let &[name, page, x, y, width, height] = parts.as_slice() else { return Err(bad()) };
        let at = point(page, x, y).ok_or_else(bad)?;
        let Point { x: width, y: height, .. } = point("1", width, height).ok_or_else(bad)?;
        let plain = !name.is_empty()
            && name.chars().count() <= MOST_FIELD_NAME
            && !name.chars().any(|c| c == '.' || unprintable(c));
        let known = fields.iter().any(|f| f.name == name);
        if !plain || known || width < 1.0 || height < 1.0 || fields.len() >= MOST_FIELDS {
            return Err(bad());
        }
        fields.push(LaterField { name: name.to_owned(), at, size: (width, height) });
    }
    Ok(fields)
}

/// Reads "all", "include:name;…" or "exclude:name;…".
///
/// # Errors
/// 201 naming `lock`.
pub fn field_lock(text: &str) -> Result<FieldLock> {
    let bad = || Error::malformed("lock");
    let names = |list: &str| -> Result<Vec<String>> {
        let names: Vec<String> = list.split(';').map(|name| name.trim().to_owned()).collect();
        let fits = |name: &String| {
            !name.is_empty() && name.chars().count() <= MOST_FIELD_NAME && !name.chars().any(unprintable)
        };
        if names.len() <= MOST_FIELDS && names.iter().all(fits) { Ok(names) } else { Err(bad()) }
    };
    match text.trim().split_once(':') {
        None if text.trim() == "all" => Ok(FieldLock::All),
        Some(("include", list)) => Ok(FieldLock::Include(names(list)?)),
        Some(("exclude", list)) => Ok(FieldLock::Exclude(names(list)?)),
        _ => Err(bad()),
    }
}

/// A line of text that a signature carries.
///
/// # Errors
/// 201 naming the parameter when it holds characters that cannot be seen.
pub fn line(name: &str, text: &str) -> Result<String> {
    if text.chars().any(unprintable) { Err(Error::malformed(name)) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn later_fields_as_documented() {
        let field = |name: &str, page, x, y, size| LaterField {
            name: name.to_owned(),
            at: Point { page, x, y },
            size,
        };
        assert_eq!(
            later_fields("乙方,1,300,100,120,60; witness,2,10.5,20,80,80;").unwrap(),
            [field("乙方", 1, 300.0, 100.0, (120.0, 60.0)), field("witness", 2, 10.5, 20.0, (80.0, 80.0))]
        );
        for bad in ["", "a", "a,1,2,3,4", "a.b,1,2,3,40,40", ",1,2,3,40,40", "a,0,2,3,40,40", "a,1,2,3,0,40"]
        {
            assert_eq!(later_fields(bad).unwrap_err().message, "laterFields 格式不正确", "{bad:?}");
        }
        assert!(later_fields("a,1,2,3,40,40;a,1,2,3,40,40").is_err(), "one name twice");
        assert!(later_fields("a\u{202E}b,1,2,3,40,40").is_err());
    }

    #[test]
    fn locks_as_documented() {
        assert_eq!(field_lock("all").unwrap(), FieldLock::All);
        assert_eq!(field_lock("include:a;b.c").unwrap(), FieldLock::Include(vec!["a".into(), "b.c".into()]));
        assert_eq!(field_lock("exclude:a").unwrap(), FieldLock::Exclude(vec!["a".into()]));
        for bad in ["", "some", "include", "include:", "include:a;;b", "All"] {
            assert_eq!(field_lock(bad).unwrap_err().message, "lock 格式不正确", "{bad:?}");
        }
    }
}
