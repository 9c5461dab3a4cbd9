//! JSON Schemas of parameters and of sample answers.

use crate::http::table::{Kind, Param};
use serde_json::{Map, Value, json};

/// Ids as text: below 2^53.
const ID: &str = "^[1-9][0-9]{0,14}$";

/// JSON Schema of a value; `text` where everything is text (forms, queries).
pub(super) fn schema(param: &Param, text: bool) -> Value {
    match param.kind {
        Kind::Id if text => json!({"type": "string", "pattern": ID}),
        Kind::Id => {
            json!({"type": ["string", "integer"], "pattern": ID, "minimum": 1, "maximum": 999_999_999_999_999_u64})
        }
        Kind::SealId => json!({"type": "string", "pattern": "^(-1|[1-9][0-9]{0,14})$"}),
        Kind::Text { least, most, pattern } | Kind::Loose { least, most, pattern } => {
            let mut schema = json!({"type": "string", "minLength": least, "maxLength": most});
            if let (Some(pattern), Some(object)) = (pattern, schema.as_object_mut()) {
                object.insert("pattern".into(), pattern.into());
            }
            schema
        }
        Kind::Digits { least, most } => {
            json!({"type": "string", "minLength": least, "maxLength": most, "pattern": format!("^[0-9]{{{least},{most}}}$")})
        }
        Kind::OneOf(values) => json!({"type": "string", "enum": values}),
        Kind::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Ids { most } => json!({
            "type": "array", "minItems": 1, "maxItems": most,
            "items": {"type": "string", "pattern": ID},
        }),
        Kind::Texts { most } => json!({
            "type": "array", "minItems": 1, "maxItems": most,
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
        }),
        Kind::Items { most, item } => {
            let item: Value = serde_json::from_str(item).unwrap_or_default();
            json!({"type": "array", "minItems": 1, "maxItems": most, "items": item})
        }
        Kind::File => json!({"type": "string", "contentMediaType": "application/pdf"}),
        Kind::Base64 { .. } => {
            json!({"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"})
        }
    }
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
