//! Text with `{{name}}` places, each value escaped for where it stands.

use std::collections::BTreeMap;
use std::fmt::Write;

/// How values are written into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Inside a JSON string.
    Json,
    /// In a URL or a form body: percent-encoded but for the unreserved characters of RFC 3986.
    Url,
    /// In XML text or a quoted attribute.
    Xml,
    /// In a header field or plain text: as it is; control characters are refused.
    Plain,
}

/// What is wrong with a template or its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{{` without its `}}`.
    #[error("a place that begins with {{{{ does not end")]
    Unclosed,
    /// A place whose name has no value.
    #[error("no value is called {0:?}; known are {1}")]
    Unknown(String, String),
    /// A value that cannot stand where the place is.
    #[error("the value of {0} has a control character")]
    Control(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(String),
}

/// A parsed template; its places are all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    escape: Escape,
}

impl Template {
    /// Parses a template whose places are all among `known`.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str, escape: Escape, known: &[&str]) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            let name = name.trim();
            if !known.contains(&name) {
                return Err(TemplateError::Unknown(name.to_owned(), known.join(", ")));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Place(name.to_owned()));
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts, escape })
    }

    /// The text with every place filled. A known place without a value is empty.
    ///
    /// # Errors
    /// [`TemplateError::Control`] for a control character where nothing can escape it.
    pub fn fill(&self, values: &BTreeMap<&str, &str>) -> Result<String, TemplateError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(name) => {
                    let value = values.get(name.as_str()).copied().unwrap_or_default();
                    match self.escape {
                        Escape::Json => json(&mut out, value),
                        Escape::Url => url(&mut out, value),
                        Escape::Xml => xml(&mut out, value),
                        Escape::Plain if value.chars().any(char::is_control) => {
                            return Err(TemplateError::Control(name.clone()));
                        }
                        Escape::Plain => out.push_str(value),
                    }
                }
            }
        }
        Ok(out)
    }
}

fn json(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

fn url(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn xml(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(text: &str, escape: Escape, value: &str) -> Result<String, TemplateError> {
        Template::parse(text, escape, &["v"])?.fill(&BTreeMap::from([("v", value)]))
    }

    #[test]
    fn a_value_cannot_leave_its_json_string() {
        let text = filled(r#"{"sms":"{{v}}"}"#, Escape::Json, "\",\"to\":\"x\\\n").unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed, serde_json::json!({ "sms": "\",\"to\":\"x\\\n" }));
    }

    #[test]
    fn a_value_cannot_leave_its_url_part() {
        assert_eq!(filled("a={{v}}&b=1", Escape::Url, "1&b=验").unwrap(), "a=1%26b%3D%E9%AA%8C&b=1");
    }

    #[test]
    fn a_value_cannot_leave_its_xml_text() {
        assert_eq!(
            filled("<a>{{ v }}</a>", Escape::Xml, "</a><b c='\">&").unwrap(),
            "<a>&lt;/a&gt;&lt;b c=&apos;&quot;&gt;&amp;</a>"
        );
    }

    #[test]
    fn a_header_value_has_no_line_end() {
        assert_eq!(filled("X {{v}}", Escape::Plain, "1\r\nEvil: 1"), Err(TemplateError::Control("v".into())));
    }

    #[test]
    fn unknown_and_unclosed_places_are_found_when_configured() {
        assert!(matches!(filled("{{w}}", Escape::Json, ""), Err(TemplateError::Unknown(..))));
        assert_eq!(filled("{{v", Escape::Json, ""), Err(TemplateError::Unclosed));
    }
}
