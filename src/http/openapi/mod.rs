//! OpenAPI 3.1 (which the built-in page shows) and docs/API.md, both written from the table.

mod markdown;
mod schema;

pub use markdown::api_markdown;

use super::table::{Endpoint, Form, Need, Param, Wire, endpoints};
use crate::codes::{Raised, TABLE};
use schema::{Written, schema, shape};
use serde_json::{Map, Value, json};

/// The OpenAPI document, pretty-printed; docs/openapi.json holds the same.
pub fn openapi_json() -> String {
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(endpoint.method.name().to_lowercase(), operation(endpoint));
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hufu 虎符 摘要签署 API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "摘要签署 API V2.4.1 with extensions under /x/. Handled calls answer HTTP 200 with the result in `code` \
                            unless server.http_status is \"mirror\".",
        },
        "servers": [{"url": "https://localhost:8443/hufu"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "token"}},
            "schemas": {"Failure": failure_schema(), "Refusal": refusal_schema()},
        },
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn failure_schema() -> Value {
    let codes: Vec<u32> = TABLE
        .iter()
        .filter(|e| e.number != 200 && matches!(e.raised, Raised::By(_)))
        .map(|e| e.number)
        .collect();
    json!({
        "type": "object",
        "required": ["code", "msg"],
        "properties": {
            "code": {"type": "integer", "enum": codes},
            "msg": {"type": "string", "description": "The reason, naming the parameter"},
        },
    })
}

/// A failure in 君子签's format.
fn refusal_schema() -> Value {
    json!({
        "type": "object",
        "required": ["success", "resultCode", "msg"],
        "properties": {
            "success": {"type": "boolean", "const": false},
            "resultCode": {"type": "string", "enum": ["HTTP_PARAM_ERROR", "SYSTEM_ERROR"]},
            "msg": {"type": "string", "description": "The reason, naming the parameter"},
            "code": {"type": "integer", "description": "The HTTP status, where the edge refused"},
        },
    })
}

/// The parameters of a request that is signed instead of carrying a token.
const SIGNED: [(&str, &str); 5] = [
    ("app_key", "appId"),
    ("ts", "毫秒时间戳 Milliseconds, at most five minutes from now"),
    ("nonce", "随机串，一次有效 Good once"),
    ("encry_method", "md5、sha1、sha256（默认）、sha3_256"),
    ("sign", "hex(H(\"nonce\"+nonce+\"ts\"+ts+\"app_key\"+app_key+\"app_secret\"+appKey))，小写 lower case"),
];

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "tags": [endpoint.tag],
        "summary": endpoint.title,
        "description": endpoint.en,
        "operationId": operation_id(endpoint),
        "responses": responses(endpoint),
    });
    let mut parameters = Vec::new();
    if endpoint.creates {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and parameters give the same answer without a second effect",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }));
    }
    if matches!(endpoint.wire, Wire::Junziqian(_)) {
        parameters.extend(SIGNED.iter().map(|(name, meaning)| {
            json!({
                "name": name, "in": "query", "required": false,
                "description": format!("{meaning}；与 token 二选一 Instead of the token header"),
                "schema": {"type": "string"},
            })
        }));
    }
    if endpoint.form == Form::Query {
        parameters.extend(endpoint.params.iter().map(|param| {
            let in_path = endpoint.path.contains(&format!("{{{}}}", param.name));
            json!({
                "name": param.name,
                "in": if in_path { "path" } else { "query" },
                "required": in_path || param.need == Need::Required,
                "description": describe(param),
                "schema": schema(param, Written::Query),
            })
        }));
    } else if let Some(object) = operation.as_object_mut() {
        object.insert("requestBody".into(), body(endpoint));
    }
    if let Some(object) = operation.as_object_mut() {
        if !parameters.is_empty() {
            object.insert("parameters".into(), parameters.into());
        }
        if !matches!(endpoint.wire, Wire::Login) {
            object.insert("security".into(), json!([{"token": []}]));
        }
    }
    operation
}

fn operation_id(endpoint: &Endpoint) -> String {
    let mut id = endpoint.method.name().to_lowercase();
    for part in endpoint.path.split(['/', '{', '}']).filter(|p| !p.is_empty()) {
        let mut letters = part.chars();
        id.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id
}

fn body(endpoint: &Endpoint) -> Value {
    let mut content = Map::new();
    for media in media_types(endpoint.form) {
        let written = match *media {
            "application/json" => Written::Json,
            "multipart/form-data" => Written::Text,
            _ => Written::Urlencoded,
        };
        let mut entry = json!({"schema": object(endpoint, written)});
        if let (Written::Json, Some(members)) = (written, entry.as_object_mut()) {
            members.insert("example".into(), example(endpoint));
        }
        content.insert((*media).to_owned(), entry);
    }
    json!({"required": true, "content": content})
}

/// The schema of a body.
fn object(endpoint: &Endpoint, written: Written) -> Value {
    let properties: Map<String, Value> =
        endpoint.params.iter().map(|p| (p.name.to_owned(), property(p, written))).collect();
    let required: Vec<&str> = endpoint
        .params
        .iter()
        .filter(|p| matches!(p.need, Need::Required | Need::Else(_)))
        .map(|p| p.name)
        .collect();
    let rules: Vec<Value> =
        endpoint.rules.iter().filter_map(|rule| serde_json::from_str(rule).ok()).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if let (Written::Text, Some(members)) = (written, schema.as_object_mut()) {
        // Names stand in header fields there.
        members.insert("propertyNames".into(), json!({"pattern": "^[0-9A-Za-z_.-]+$"}));
    }
    for (name, list) in [("required", json!(required)), ("allOf", json!(rules))] {
        if let (Some(members), Some([_, ..])) = (schema.as_object_mut(), list.as_array().map(Vec::as_slice)) {
            members.insert(name.into(), list);
        }
    }
    schema
}

const fn media_types(form: Form) -> &'static [&'static str] {
    const JSON: &str = "application/json";
    const MULTIPART: &str = "multipart/form-data";
    const URLENCODED: &str = "application/x-www-form-urlencoded";
    match form {
        Form::Json => &[JSON],
        Form::Multipart => &[MULTIPART],
        Form::Upload => &[MULTIPART, URLENCODED],
        // As a form too, lists then as JSON text; schemas of forms have no words for that.
        Form::Any => &[JSON],
        Form::Query => &[],
    }
}

/// The document's sample request.
fn example(endpoint: &Endpoint) -> Value {
    endpoint
        .params
        .iter()
        .filter(|p| p.name != "contractTitle" && !p.zh.contains("扩展参数"))
        .map(|p| (p.name.to_owned(), serde_json::from_str(p.sample).unwrap_or(Value::Null)))
        .collect::<Map<String, Value>>()
        .into()
}

fn property(param: &Param, written: Written) -> Value {
    let mut schema = schema(param, written);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), describe(param).into());
        if let Need::Default(value) = param.need {
            object.insert("default".into(), value.into());
        }
    }
    schema
}

fn describe(param: &Param) -> String {
    format!("{}. {}", param.zh, param.en)
}

fn responses(endpoint: &Endpoint) -> Value {
    let data: Option<Value> = serde_json::from_str(endpoint.data).ok();
    let (mut sample, failure) = match endpoint.wire {
        Wire::Summary(_) => (json!({"code": 200, "msg": true}), "Failure"),
        Wire::Login => (json!({"code": 200, "msg": "成功"}), "Failure"),
        Wire::Junziqian(_) => (json!({"success": true, "resultCode": "0"}), "Refusal"),
    };
    // What is fixed in every success is a constant in the schema.
    let mut members: Map<String, Value> = sample.as_object().cloned().unwrap_or_default();
    for value in members.values_mut() {
        *value = json!({ "const": value });
    }
    let mut examples = Map::new();
    if let (Some(data), Some(object)) = (&data, sample.as_object_mut()) {
        members.insert("data".into(), shape(data));
        object.insert("data".into(), data.clone());
    }
    let required: Vec<&String> = members.keys().collect();
    let success = json!({"type": "object", "required": required, "properties": members});
    examples.insert("success".to_owned(), json!({ "value": sample }));
    for (number, (code, message)) in endpoint.failures.iter().enumerate() {
        examples.insert(format!("failure{}", number + 1), json!({"value": {"code": code, "msg": message}}));
    }
    if matches!(endpoint.wire, Wire::Junziqian(_)) {
        let value = json!({"success": false, "resultCode": "HTTP_PARAM_ERROR", "msg": "app_secret不可用"});
        examples.insert("failure1".into(), json!({ "value": value }));
    }
    let failure = json!({"$ref": format!("#/components/schemas/{failure}")});
    let headers = json!({"token": {
        "description": if matches!(endpoint.wire, Wire::Login) { "The token" } else { "A new token, once at most a third of the old one's life is left" },
        "schema": {"type": "string"},
    }});
    let ok = if endpoint.files.is_empty() {
        json!({"description": "The result, in `code`", "headers": headers, "content": {
            "application/json": {"schema": {"anyOf": [success, failure]}, "examples": examples}}})
    } else {
        let mut content = Map::from_iter([("application/json".to_owned(), json!({ "schema": failure }))]);
        content.extend(endpoint.files.iter().map(|kind| ((*kind).to_owned(), json!({}))));
        json!({"description": "The file", "headers": headers, "content": content})
    };
    json!({
        "200": ok,
        "default": {"description": "Refused by the edge; or any failure under http_status = \"mirror\"",
                    "content": {"application/json": {"schema": failure}}},
    })
}
