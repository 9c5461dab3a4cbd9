//! JSON Schemas of parameters and of sample answers.

use crate::http::table::{Kind, Need, PHONES, Param};
use serde_json::{Map, Value, json};

/// Ids as text.
const ID: &str = "^[1-9][0-9]{0,14}$";
const MAX_ID: u64 = (1 << 53) - 1;
/// Something to be seen.
const VISIBLE: &str = r"\S";
const BLANK: &str = "^ *$";

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// With JSON's types.
    Json,
    /// As text: multipart forms.
    Text,
    /// As text, files in Base64: urlencoded forms.
    Urlencoded,
    /// As text that schemas take for what it means: paths and queries.
    Query,
}

/// JSON Schema of a parameter.
pub(super) fn schema(param: &Param, written: Written) -> Value {
    let value = match param.kind {
        Kind::OneOf(values) => one_of(values, written),
        Kind::File if written == Written::Urlencoded => base64("application/pdf"),
        Kind::File => {
            let mut file = json!({"type": "string", "contentMediaType": "application/pdf"});
            if let (Need::Required, Some(members)) = (param.need, file.as_object_mut()) {
                members.insert("minLength".into(), 1.into());
            }
            return file;
        }
        kind => of_kind(kind, written),
    };
    let required = matches!(param.need, Need::Required | Need::Else(_) | Need::Unless(..));
    match (required, written, param.kind) {
        (true, ..) | (_, Written::Query, _) => value,
        // A blank signerId is refused: it must not become the platform's token.
        (_, Written::Json, Kind::Id) => json!({"anyOf": [value, {"type": "null"}]}),
        (_, Written::Text | Written::Urlencoded, Kind::Id) => value,
        (_, Written::Json, _) => {
            json!({"anyOf": [value, {"type": "null"}, {"type": "string", "pattern": BLANK}]})
        }
        (_, Written::Text | Written::Urlencoded, _) => {
            json!({"anyOf": [value, {"type": "string", "pattern": BLANK}]})
        }
    }
}

fn one_of(values: &[&str], written: Written) -> Value {
    let mut all: Vec<Value> = values.iter().map(|v| json!(v)).collect();
    if written == Written::Json {
        all.extend(values.iter().filter_map(|v| v.parse::<u64>().ok()).map(Value::from));
    }
    json!({ "enum": all })
}

fn of_kind(kind: Kind, written: Written) -> Value {
    let json = written == Written::Json;
    let or_number = |text: Value, numbers: Value| if json { json!({"anyOf": [text, numbers]}) } else { text };
    match kind {
        Kind::Id => or_number(
            json!({"type": "string", "pattern": ID}),
            json!({"type": "integer", "minimum": 1, "maximum": MAX_ID}),
        ),
        Kind::SealId => or_number(
            json!({"type": "string", "pattern": "^(-1|[1-9][0-9]{0,14})$"}),
            json!({"anyOf": [{"const": -1}, {"type": "integer", "minimum": 1, "maximum": MAX_ID}]}),
        ),
        Kind::Text { least, most, pattern } => {
            json!({"type": "string", "minLength": least, "maxLength": most, "pattern": pattern.unwrap_or(VISIBLE)})
        }
        Kind::Loose { pattern: Some(PHONES), .. } => or_number(
            json!({"type": "string", "pattern": PHONES}),
            json!({"anyOf": [whole(8, 8), whole(10, 10), {"type": "integer", "minimum": 10_000_000_000_u64, "maximum": 19_999_999_999_u64}]}),
        ),
        Kind::Loose { least, most, pattern } => or_number(
            json!({"type": "string", "minLength": least, "maxLength": most, "pattern": pattern.unwrap_or(VISIBLE)}),
            whole(least, most),
        ),
        Kind::Digits { least, most } => or_number(
            json!({"type": "string", "pattern": format!("^[0-9]{{{least},{most}}}$")}),
            whole(least, most),
        ),
        Kind::Number { least, most } if json => json!({"anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            {"type": "string", "pattern": "^[1-9][0-9]{0,2}$"},
        ]}),
        Kind::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Ids { most } => {
            json!({"type": "array", "minItems": 1, "maxItems": most, "items": of_kind(Kind::Id, Written::Json)})
        }
        Kind::Texts { most } => json!({
            "type": "array", "minItems": 1, "maxItems": most,
            "items": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 100}, {"type": "integer", "minimum": 0, "maximum": 9_999_999_999_999_999_999_u64}]},
        }),
        Kind::Items { most, item } => {
            let item: Value = serde_json::from_str(item).unwrap_or_default();
            json!({"type": "array", "minItems": 1, "maxItems": most, "items": item})
        }
        Kind::Base64 { .. } => base64("image/png"),
        Kind::OneOf(_) | Kind::File => json!({}),
    }
}

/// Base64 of RFC 4648 clause 4, the unused bits zero.
fn base64(media: &str) -> Value {
    json!({"type": "string", "minLength": 4, "contentEncoding": "base64", "contentMediaType": media,
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"})
}

/// Whole numbers of so many digits.
fn whole(least: usize, most: usize) -> Value {
    let power = |digits: usize| u32::try_from(digits).ok().and_then(|n| 10_u64.checked_pow(n));
    let least = least.checked_sub(1).and_then(power).filter(|n| *n > 1).unwrap_or(0);
    let most = power(most).map_or(u64::MAX, |n| n - 1);
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// The schema of a sample value.
pub(super) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let properties: Map<String, Value> = map.iter().map(|(k, v)| (k.clone(), shape(v))).collect();
            json!({"type": "object", "properties": properties})
        }
        Value::Array(items) => match items.first() {
            // Maps keyed by certifyNum have no fixed properties.
            Some(Value::Object(map)) if map.keys().all(|k| k.bytes().all(|b| b.is_ascii_digit())) => {
                json!({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "integer"}}})
            }
            Some(first) => {
                let mut shapes = vec![shape(first)];
                for other in items.iter().map(shape) {
                    if !shapes.contains(&other) {
                        shapes.push(other);
                    }
                }
                json!({"type": "array", "items": {"anyOf": shapes}})
            }
            None => json!({"type": "array"}),
        },
        Value::String(_) => json!({"type": "string"}),
        Value::Number(_) => json!({"type": "integer"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Null => json!({}),
    }
}
