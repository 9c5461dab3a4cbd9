//! A request's parameters, checked against the table: what comes out fits its kind.

use super::table::{Endpoint, Kind, Need, Param};
use crate::ops::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Largest id: answers are read by JavaScript.
const MAX_ID: u64 = (1 << 53) - 1;

/// A raw value as it came in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// From JSON.
    Json(Value),
    /// From a form field.
    Text(String),
    /// An uploaded file.
    File(Bytes),
}

/// Raw values by name, as the body had them.
pub(super) type Fields = Vec<(String, Raw)>;

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Text(String),
    Id(u64),
    /// −1
    None,
    Ids(Vec<u64>),
    Texts(Vec<String>),
    Items(Value),
    File(Bytes),
    Binary(Vec<u8>),
}

/// Checked parameters of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    values: Vec<(&'static str, Arg)>,
}

/// A JSON object with all its members, one that comes twice included.
struct Members(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Collect)
    }
}

/// Reads a JSON body.
pub(super) fn json_fields(body: &[u8]) -> Result<Fields> {
    match serde_json::from_slice::<Members>(body) {
        Ok(Members(members)) => {
            Ok(members.into_iter().map(|(name, value)| (name, Raw::Json(value))).collect())
        }
        Err(error) => Err(Error::malformed("请求体").because(error)),
    }
}

impl Args {
    /// Checks `fields` in the table's order. Unknown fields are ignored.
    pub(super) fn check(endpoint: &Endpoint, fields: Fields) -> Result<Self> {
        Self::check_params(endpoint.params, fields)
    }

    pub(super) fn check_params(params: &'static [Param], mut fields: Fields) -> Result<Self> {
        let mut values = Vec::with_capacity(params.len());
        for param in params {
            if let Need::Unless(others) = param.need
                && others.iter().any(|(other, value)| is_said(&values, other, *value))
            {
                continue;
            }
            // Which of two is meant is not for us to guess.
            if fields.iter().filter(|(name, raw)| name == param.name && !is_null(raw)).count() > 1 {
                return Err(Error::malformed(param.name).because("given twice"));
            }
            let at = fields.iter().position(|(name, raw)| {
                (name == param.name || param.aliases.contains(&name.as_str())) && !is_null(raw)
            });
            refuse_ambiguous(param, &fields)?;
            let raw = at.map(|at| fields.swap_remove(at).1).filter(|raw| !(is_blank(raw) && optional(param)));
            match (raw, param.need) {
                (Some(raw), _) => values.push((param.name, parse(param, raw)?)),
                (None, Need::Required | Need::Unless(..)) => return Err(Error::missing(param.name)),
                (None, Need::Else(code)) => return Err(code.into()),
                (None, Need::Default(value)) => values.push((param.name, Arg::Text(value.to_owned()))),
                (None, Need::Optional | Need::Conditional) => {}
            }
        }
        Ok(Self { values })
    }

    /// SHA-256 over all checked values: what makes two requests the same for an Idempotency-Key.
    pub(super) fn digest(&self, path: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(bytes);
        };
        part(path.as_bytes());
        for (name, value) in &self.values {
            part(name.as_bytes());
            match value {
                Arg::Text(text) => part(text.as_bytes()),
                Arg::Id(id) => part(id.to_string().as_bytes()),
                Arg::None => part(b"-1"),
                Arg::Ids(ids) => part(format!("{ids:?}").as_bytes()),
                Arg::Texts(texts) => part(format!("{texts:?}").as_bytes()),
                Arg::Items(items) => part(items.to_string().as_bytes()),
                Arg::File(bytes) => part(bytes),
                Arg::Binary(bytes) => part(bytes),
            }
        }
        hash.finalize().into()
    }

    fn find(&self, name: &str) -> Option<&Arg> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The text of a parameter, if it was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.find(name) {
            Some(Arg::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of a parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str> {
        self.text(name).ok_or_else(|| Error::missing(name))
    }

    /// An owned text, if it was given.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// An id that must be there.
    pub(super) fn id(&self, name: &str) -> Result<u64> {
        match self.find(name) {
            Some(Arg::Id(id)) => Ok(*id),
            _ => Err(Error::missing(name)),
        }
    }

    /// An id, if it was given and is not −1.
    pub(super) fn some_id(&self, name: &str) -> Option<u64> {
        match self.find(name) {
            Some(Arg::Id(id)) => Some(*id),
            _ => None,
        }
    }

    /// A list of ids, if it was given.
    pub(super) fn ids(&self, name: &str) -> Option<&[u64]> {
        match self.find(name) {
            Some(Arg::Ids(ids)) => Some(ids),
            _ => None,
        }
    }

    /// A list of texts that must be there.
    pub(super) fn texts(&self, name: &str) -> Result<&[String]> {
        match self.find(name) {
            Some(Arg::Texts(texts)) => Ok(texts),
            _ => Err(Error::missing(name)),
        }
    }

    /// A JSON value that must be there.
    pub(super) fn items(&self, name: &str) -> Result<&Value> {
        match self.find(name) {
            Some(Arg::Items(items)) => Ok(items),
            _ => Err(Error::missing(name)),
        }
    }

    /// An uploaded file that must be there.
    pub(super) fn file(&self, name: &str) -> Result<Bytes> {
        match self.find(name) {
            Some(Arg::File(bytes)) => Ok(bytes.clone()),
            _ => Err(Error::missing(name)),
        }
    }

    /// Decoded bytes that must be there.
    pub(super) fn binary(&self, name: &str) -> Result<&[u8]> {
        match self.find(name) {
            Some(Arg::Binary(bytes)) => Ok(bytes),
            _ => Err(Error::missing(name)),
        }
    }
}

/// A name that comes twice, or another value under another spelling of it: nobody knows which one was meant.
fn refuse_ambiguous(param: &Param, fields: &Fields) -> Result<()> {
    let mut given = fields.iter().filter(|(n, _)| n == param.name || param.aliases.contains(&n.as_str()));
    let Some((first, value)) = given.next() else { return Ok(()) };
    if given.any(|(name, other)| name == first || other != value) {
        return Err(Error::malformed(param.name).because("given more than once"));
    }
    Ok(())
}

/// Whether a parameter that was read already has this value, or any where none is asked for.
fn is_said(values: &[(&'static str, Arg)], name: &str, value: Option<&str>) -> bool {
    let given = values.iter().find(|(known, _)| *known == name).map(|(_, arg)| arg);
    match (given, value) {
        (Some(Arg::Text(text)), Some(value)) => text == value,
        (Some(_), None) => true,
        _ => false,
    }
}

fn is_null(raw: &Raw) -> bool {
    matches!(raw, Raw::Json(Value::Null))
}

fn is_blank(raw: &Raw) -> bool {
    match raw {
        Raw::Json(Value::String(text)) | Raw::Text(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Whether a blank value counts as absent. An id never does: a blank signerId must not become the platform's token.
fn optional(param: &Param) -> bool {
    !matches!(param.need, Need::Required | Need::Unless(..)) && !matches!(param.kind, Kind::Id)
}

fn parse(param: &Param, raw: Raw) -> Result<Arg> {
    let malformed = || Error::malformed(param.name);
    if is_blank(&raw) && param.kind != Kind::File {
        return Err(Error::missing(param.name));
    }
    match param.kind {
        Kind::File => match raw {
            Raw::File(bytes) => Ok(Arg::File(bytes)),
            // A form field without a file name: some clients send files so.
            Raw::Text(text) => Ok(Arg::File(Bytes::from(text.into_bytes()))),
            Raw::Json(_) => Err(malformed()),
        },
        Kind::Ids { most } => {
            let list = array(raw, most).ok_or_else(malformed)?;
            let ids: Option<Vec<u64>> = list.iter().map(id_of).collect();
            Ok(Arg::Ids(ids.ok_or_else(malformed)?))
        }
        Kind::Texts { most } => {
            let list = array(raw, most).ok_or_else(malformed)?;
            let texts: Option<Vec<String>> = list
                .iter()
                .map(|v| scalar(v, true).filter(|t| (1..=100).contains(&t.chars().count())))
                .collect();
            Ok(Arg::Texts(texts.ok_or_else(malformed)?))
        }
        Kind::Items { most, .. } => {
            let items = array(raw, most).filter(|items| items.iter().all(Value::is_object));
            Ok(Arg::Items(Value::Array(items.ok_or_else(malformed)?)))
        }
        Kind::Id | Kind::SealId => {
            let value = match raw {
                Raw::Json(value) => value,
                Raw::Text(text) => Value::String(text),
                Raw::File(_) => return Err(malformed()),
            };
            if matches!(param.kind, Kind::SealId) && (value == "-1" || value.as_f64() == Some(-1.0)) {
                return Ok(Arg::None);
            }
            id_of(&value).map(Arg::Id).ok_or_else(malformed)
        }
        kind => {
            let numbers = matches!(
                kind,
                Kind::Digits { .. } | Kind::OneOf(_) | Kind::Number { .. } | Kind::Loose { .. }
            );
            let text = match raw {
                Raw::Json(value) => scalar(&value, numbers).ok_or_else(malformed)?,
                Raw::Text(text) => text,
                Raw::File(_) => return Err(malformed()),
            };
            parse_text(kind, text).ok_or_else(malformed)
        }
    }
}

fn parse_text(kind: Kind, text: String) -> Option<Arg> {
    let length = text.chars().count();
    match kind {
        Kind::Text { least, most, .. } | Kind::Loose { least, most, .. } => {
            (least..=most).contains(&length).then_some(Arg::Text(text))
        }
        Kind::Digits { least, most } => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            (digits && (least..=most).contains(&length)).then_some(Arg::Text(text))
        }
        Kind::OneOf(values) => values.contains(&text.as_str()).then_some(Arg::Text(text)),
        Kind::Number { least, most } => {
            let number = decimal(&text)?;
            (least..=most).contains(&number).then_some(Arg::Id(number))
        }
        Kind::Base64 { most } => {
            let payload = match text.split_once("base64,") {
                Some((prefix, payload)) if prefix.starts_with("data:image/png") => payload,
                Some(_) => return None,
                None => &text,
            };
            let clean: Vec<u8> = payload.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            let bytes = STANDARD.decode(clean).ok()?;
            (!bytes.is_empty() && bytes.len() <= most).then_some(Arg::Binary(bytes))
        }
        _ => None,
    }
}

/// A string, or (where `numbers` are allowed) a whole number as its digits.
fn scalar(value: &Value, numbers: bool) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if numbers && number.is_u64() => Some(number.to_string()),
        // JSON knows one kind of number: 1.0 is 1.
        Value::Number(number) if numbers => number
            .as_f64()
            .filter(|n| n.fract() == 0.0 && (0.0..1e19).contains(n) && n.is_sign_positive())
            .map(|n| format!("{n:.0}")),
        _ => None,
    }
}

fn id_of(value: &Value) -> Option<u64> {
    let id = decimal(&scalar(value, true)?)?;
    (1..=MAX_ID).contains(&id).then_some(id)
}

/// A whole number as it is written: digits without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// A JSON array of 1 to `most` items, or a string that holds one.
fn array(raw: Raw, most: usize) -> Option<Vec<Value>> {
    let value = match raw {
        Raw::Json(Value::String(text)) | Raw::Text(text) => serde_json::from_str(&text).ok()?,
        Raw::Json(value) => value,
        Raw::File(_) => return None,
    };
    match value {
        Value::Array(items) if (1..=most).contains(&items.len()) => Some(items),
        _ => None,
    }
}

/// Reads one item of a list that holds parameter objects.
pub(super) fn json_value_fields(item: &Value) -> Result<Fields> {
    match item {
        Value::Object(map) => {
            Ok(map.iter().map(|(name, value)| (name.clone(), Raw::Json(value.clone()))).collect())
        }
        _ => Err(Error::malformed("items")),
    }
}
