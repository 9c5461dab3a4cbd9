//! docs/API.md, for readers.

use crate::codes::{Raised, TABLE};
use crate::http::table::{Access, Endpoint, Kind, Need, Param, Wire, endpoints};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The decisions on what the document leaves open, and the format of an import.
const DECISIONS: &str = include_str!("../decisions.md");
const MIGRATION: &str = include_str!("../migration.md");

/// docs/API.md.
pub fn api_markdown() -> String {
    let mut out = String::from(
        "# API\n\nWritten by the program itself (`hufu internal docs`) from the table that requests are checked against. The same \
         as a page: `/hufu/docs`; for machines: `docs/openapi.json`.\n\n",
    );
    out.push_str(DECISIONS);
    out.push_str("\n## Calls\n\nPaths stand beneath `https://host:port/<service>`, by default `/hufu`.\n");
    for endpoint in endpoints() {
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
                super::describe(param)
            );
        }
        if !endpoint.files.is_empty() {
            let _ = writeln!(out, "\nAnswer: a file, {}", endpoint.files.join(" or "));
        }
        if !endpoint.data.is_empty() {
            let data: Value = serde_json::from_str(endpoint.data).unwrap_or(Value::Null);
            let answer = match endpoint.wire {
                Wire::Junziqian(_) => json!({"success": true, "resultCode": "0", "data": data}),
                _ => json!({"code": 200, "msg": true, "data": data}),
            };
            let _ = writeln!(out, "\nAnswer: `{answer}`");
        }
    }
    out.push('\n');
    out.push_str(MIGRATION);
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
    match (endpoint.wire, endpoint.access) {
        (Wire::Login, _) => "",
        (Wire::Junziqian(_), _) => " Platform token, or a signed request.",
        (Wire::Summary(_), Access::Platform) => " Platform token only.",
        (Wire::Summary(_), Access::Signer) => " Platform token, or the signer's own.",
    }
}

fn need(param: &Param) -> String {
    match param.need {
        Need::Required => "required".into(),
        Need::Else(code) => format!("required (else {})", code.number()),
        Need::Optional => "optional".into(),
        Need::Default(value) => format!("default `{value}`"),
        Need::Conditional => "by context".into(),
        Need::Unless(others) => {
            let cases: Vec<String> = others
                .iter()
                .map(|(other, value)| match value {
                    Some(value) => format!("`{other}` is `{value}`"),
                    None => format!("`{other}` is given"),
                })
                .collect();
            format!("required, unless {}", cases.join(" or "))
        }
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
        Kind::Ids { most } | Kind::Texts { most } | Kind::Items { most, .. } => format!("list of 1–{most}"),
        Kind::File => "file".into(),
        Kind::Base64 { most } => format!("Base64 of at most {most} bytes"),
    }
}
