//! OpenAPI 3.1 (which the built-in page shows) and docs/API.md, both written from the table.

use super::login;
use super::table::{Access, Endpoint, Form, Kind, Method, Need, Param, endpoints};
use crate::codes::{Raised, TABLE};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The decisions on what the document leaves open, for docs/API.md.
const DECISIONS: &str = include_str!("decisions.md");

const LOGIN: Endpoint = Endpoint {
    method: Method::Post,
    path: login::PATH,
    tag: "令牌",
    title: "获取长效令牌",
    en: "A token of 15 minutes in the answer's token header; answers carry a new one once a third of its life is left",
    access: Access::Signer,
    form: Form::Json,
    creates: false,
    params: login::PARAMS,
    data: "",
    failures: &[(201, "signerId 格式不正确"), (402, "登录失败，appId 或 appKey 错误")],
    run: |_, _, _, _| Err(crate::codes::Code::NotFound.into()),
};

fn all() -> impl Iterator<Item = &'static Endpoint> {
    std::iter::once(&LOGIN).chain(endpoints())
}

/// The OpenAPI document, pretty-printed; docs/openapi.json holds the same.
pub fn openapi_json() -> String {
    let mut paths = Map::new();
    for endpoint in all() {
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
            "schemas": {"Failure": failure_schema()},
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
    if endpoint.form == Form::Query {
        parameters.extend(endpoint.params.iter().map(|param| {
            let in_path = endpoint.path.contains(&format!("{{{}}}", param.name));
            json!({
                "name": param.name,
                "in": if in_path { "path" } else { "query" },
                "required": in_path || param.need == Need::Required,
                "description": describe(param),
                "schema": schema(param, true),
            })
        }));
    } else if let Some(object) = operation.as_object_mut() {
        object.insert("requestBody".into(), body(endpoint));
    }
    if let Some(object) = operation.as_object_mut() {
        if !parameters.is_empty() {
            object.insert("parameters".into(), parameters.into());
        }
        if endpoint.path != login::PATH {
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
    let properties: Map<String, Value> =
        endpoint.params.iter().map(|p| (p.name.to_owned(), property(p, endpoint.form))).collect();
    let required: Vec<&str> =
        endpoint.params.iter().filter(|p| p.need == Need::Required).map(|p| p.name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if let (false, Some(object)) = (required.is_empty(), schema.as_object_mut()) {
        object.insert("required".into(), required.into());
    }
    let mut content = json!({ "schema": schema });
    if let (Form::Json, Some(object)) = (endpoint.form, content.as_object_mut()) {
        object.insert("example".into(), example(endpoint));
    }
    let media = if endpoint.form == Form::Multipart { "multipart/form-data" } else { "application/json" };
    json!({"required": true, "content": {media: content}})
}

/// The document's sample request.
fn example(endpoint: &Endpoint) -> Value {
    endpoint
        .params
        .iter()
        .filter(|p| !matches!(p.name, "caType" | "certType" | "contractTitle"))
        .map(|p| (p.name.to_owned(), serde_json::from_str(p.sample).unwrap_or(Value::Null)))
        .collect::<Map<String, Value>>()
        .into()
}

fn property(param: &Param, form: Form) -> Value {
    let mut schema = schema(param, form == Form::Multipart);
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

/// JSON Schema of a value; `text` where everything is text (forms, queries).
fn schema(param: &Param, text: bool) -> Value {
    match param.kind {
        Kind::Id if text => json!({"type": "string", "pattern": "^[1-9][0-9]{0,14}$"}),
        Kind::Id => {
            json!({"type": ["string", "integer"], "pattern": "^[1-9][0-9]{0,14}$", "minimum": 1, "maximum": 999_999_999_999_999_u64})
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
            "items": {"type": "string", "pattern": "^[1-9][0-9]{0,14}$"},
        }),
        Kind::Texts { most } => json!({
            "type": "array", "minItems": 1, "maxItems": most,
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
        }),
        Kind::Items { most } => {
            json!({"type": "array", "minItems": 1, "maxItems": most, "items": {"type": "object"}})
        }
        Kind::File => json!({"type": "string", "contentMediaType": "application/pdf"}),
        Kind::Base64 { .. } => {
            json!({"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"})
        }
    }
}

fn responses(endpoint: &Endpoint) -> Value {
    let data: Option<Value> = serde_json::from_str(endpoint.data).ok();
    let login = endpoint.path == login::PATH;
    let mut success = Map::from_iter([
        ("code".to_owned(), json!({"type": "integer", "const": 200})),
        (
            "msg".to_owned(),
            if login {
                json!({"type": "string", "const": "成功"})
            } else {
                json!({"type": "boolean", "const": true})
            },
        ),
    ]);
    let mut sample = json!({"code": 200, "msg": if login { json!("成功") } else { json!(true) }});
    if let Some(data) = &data {
        success.insert("data".into(), shape(data));
        if let Some(object) = sample.as_object_mut() {
            object.insert("data".into(), data.clone());
        }
    }
    let mut examples = Map::from_iter([("success".to_owned(), json!({ "value": sample }))]);
    for (code, message) in endpoint.failures {
        let name = format!(
            "failure{code}{}",
            if examples.contains_key(&format!("failure{code}")) { "b" } else { "" }
        );
        examples.insert(name, json!({"value": {"code": code, "msg": message}}));
    }
    let mut required = vec!["code", "msg"];
    if data.is_some() {
        required.push("data");
    }
    let success = json!({"type": "object", "required": required, "properties": success});
    let failure = json!({"$ref": "#/components/schemas/Failure"});
    let renewed = json!({"token": {
        "description": "A new token, once at most a third of the old one's life is left", "required": login,
        "schema": {"type": "string"},
    }});
    let file = match endpoint.path {
        "/x/seals/{moulageId}/image" => Some("image/png"),
        "/x/evidence/{czId}" => Some("application/zip"),
        _ => None,
    };
    let ok = if let Some(kind) = file {
        json!({"description": "The file", "headers": renewed, "content": {
            kind: {}, "application/json": {"schema": failure}}})
    } else {
        json!({"description": "The result, in `code`", "headers": renewed, "content": {
            "application/json": {"schema": {"anyOf": [success, failure]}, "examples": examples}}})
    };
    json!({
        "200": ok,
        "default": {"description": "Refused by the edge; or any failure under http_status = \"mirror\"",
                    "content": {"application/json": {"schema": failure}}},
    })
}

/// The schema of a sample value.
fn shape(value: &Value) -> Value {
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
            Some(first) => json!({"type": "array", "items": shape(first)}),
            None => json!({"type": "array"}),
        },
        Value::String(_) => json!({"type": "string"}),
        Value::Number(_) => json!({"type": "integer"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Null => json!({}),
    }
}

/// docs/API.md.
pub fn api_markdown() -> String {
    let mut out = String::from(
        "# API\n\nWritten by the program itself (`hufu internal docs`) from the table that requests are checked against. The same \
         as a page: `/hufu/docs`; for machines: `docs/openapi.json`.\n\n",
    );
    out.push_str(DECISIONS);
    out.push_str("\n## Calls\n\nPaths stand beneath `https://host:port/<service>`, by default `/hufu`.\n");
    for endpoint in all() {
        let _ = write!(
            out,
            "\n### {} {} {}\n\n{}.{}\n\n",
            endpoint.title,
            endpoint.method.name(),
            endpoint.path,
            endpoint.en,
            access(endpoint)
        );
        out.push_str("| parameter | need | value | meaning |\n|---|---|---|---|\n");
        for param in endpoint.params {
            let _ = writeln!(
                out,
                "| `{}`{} | {} | {} | {} |",
                param.name,
                param.aliases.iter().map(|a| format!(" (`{a}`)")).collect::<String>(),
                need(param),
                value_words(param),
                describe(param)
            );
        }
        if !endpoint.data.is_empty() {
            let data: Value = serde_json::from_str(endpoint.data).unwrap_or(Value::Null);
            let _ = writeln!(out, "\nAnswer: `{}`", json!({"code": 200, "msg": true, "data": data}));
        }
    }
    out.push_str("\n## Codes\n\n| code | message | meaning | raised by |\n|---|---|---|---|\n");
    for entry in TABLE {
        let raised = match entry.raised {
            Raised::By(whom) => whom.to_owned(),
            Raised::Never(why) => format!("never: {why}"),
        };
        let _ = writeln!(out, "| {} | {} | {} | {raised} |", entry.number, entry.message, entry.comment);
    }
    out
}

fn access(endpoint: &Endpoint) -> &'static str {
    match endpoint.access {
        _ if endpoint.path == login::PATH => "",
        Access::Platform => " Platform token only.",
        Access::Signer => " Platform token, or the signer's own.",
    }
}

fn need(param: &Param) -> String {
    match param.need {
        Need::Required => "required".into(),
        Need::Optional => "optional".into(),
        Need::Default(value) => format!("default `{value}`"),
        Need::Conditional => "by context".into(),
    }
}

fn value_words(param: &Param) -> String {
    match param.kind {
        Kind::Id => "id".into(),
        Kind::SealId => "id or -1".into(),
        Kind::Text { least, most, .. } | Kind::Loose { least, most, .. } => {
            format!("{least}–{most} characters")
        }
        Kind::Digits { least, most } if least == most => format!("{most} digits"),
        Kind::Digits { least, most } => format!("{least}–{most} digits"),
        Kind::OneOf(values) => values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(" "),
        Kind::Number { least, most } => format!("{least}–{most}"),
        Kind::Ids { most } | Kind::Texts { most } | Kind::Items { most } => format!("list of 1–{most}"),
        Kind::File => "file".into(),
        Kind::Base64 { most } => format!("Base64 of at most {most} bytes"),
    }
}
