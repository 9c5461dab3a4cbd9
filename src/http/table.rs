//! The API as a table: every call with its parameters. Requests are checked against it, and the OpenAPI document, the built-in
//! page and docs/API.md are written from it, so that none of them can say anything else than what is done.

use super::args::Args;
use super::reply::Reply;
use crate::ops::{Appliance, Call, Caller, Error};

/// HTTP methods that calls use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Patch,
}

impl Method {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
        }
    }
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The platform's own token: 403 for signers.
    Platform,
    /// The platform's token or a signer's own.
    Signer,
}

/// Where parameters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// application/json
    Json,
    /// multipart/form-data
    Multipart,
    /// multipart/form-data, or application/x-www-form-urlencoded with files in Base64.
    Upload,
    /// application/json, or as [`Form::Upload`].
    Any,
    /// In the path and query.
    Query,
}

/// Whether a parameter must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    /// Optional, with this value when absent.
    Default(&'static str),
    /// Required; this code says that it is missing.
    Else(crate::codes::Code),
    /// Depends on other parameters; the call itself says when it is missing.
    Conditional,
    /// Required, unless one of these earlier parameters has that value (`None`: any): then it has no effect, whatever it says.
    Unless(&'static [(&'static str, Option<&'static str>)]),
}

/// What a parameter's value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// An id: a whole number from 1 below 2^53, as string or number.
    Id,
    /// The same or −1.
    SealId,
    /// A string of so many characters; the pattern is for readers and tools, the operation has the rule.
    Text { least: usize, most: usize, pattern: Option<&'static str> },
    /// The same, and a whole number stands for its digits.
    Loose { least: usize, most: usize, pattern: Option<&'static str> },
    /// Digits, as string or number.
    Digits { least: usize, most: usize },
    /// One of these, as string or (where it is one) number.
    OneOf(&'static [&'static str]),
    /// A whole number in a range, as number or string.
    Number { least: u64, most: u64 },
    /// JSON array of ids, or a string that holds one.
    Ids { most: usize },
    /// JSON array of strings, or a string that holds one.
    Texts { most: usize },
    /// JSON array of objects, or a string that holds one, of at most so many items; `item` is their JSON Schema, for readers
    /// and tools.
    Items { most: usize, item: &'static str },
    /// An uploaded file of at most so many bytes (the settings' stream limit when 0).
    File,
    /// Base64 of at most so many decoded bytes, with or without a data-URI prefix.
    Base64 { most: usize },
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Param {
    pub(super) name: &'static str,
    /// Other spellings that mean the same.
    pub(super) aliases: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) need: Need,
    /// The document's words.
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    /// A JSON value for the example.
    pub(super) sample: &'static str,
}

/// What a call does.
pub(super) type Run = fn(&Appliance, &Call, &Caller, Args) -> Result<Reply, Error>;

/// How a call is spoken, and what it does.
#[derive(Clone, Copy)]
pub(super) enum Wire {
    /// 摘要签署 API: the `token` header; `code`, `msg` and `data`.
    Summary(Run),
    /// 君子签: the `token` header or a signed request; `success`, `resultCode` and `data`.
    Junziqian(Run),
    /// /auth/login, which gives the token.
    Login,
}

/// A call.
#[derive(Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) wire: Wire,
    pub(super) method: Method,
    /// After the service prefix.
    pub(super) path: &'static str,
    /// Chapter of the document, or the extension's.
    pub(super) tag: &'static str,
    pub(super) title: &'static str,
    pub(super) en: &'static str,
    pub(super) access: Access,
    pub(super) form: Form,
    /// Whether it takes an Idempotency-Key.
    pub(super) creates: bool,
    pub(super) params: &'static [Param],
    /// What parameters demand of each other: JSON Schemas that the body fits, all of them. For readers and tools; the operation has the rules.
    pub(super) rules: &'static [&'static str],
    /// `data` of the document's sample answer, JSON; empty: none.
    pub(super) data: &'static str,
    /// Sample failures: code and message.
    pub(super) failures: &'static [(u32, &'static str)],
    /// Media types of the answer where it is a file.
    pub(super) files: &'static [&'static str],
}

impl Endpoint {
    /// A POST of JSON with a platform token that creates nothing and answers without data.
    pub(super) const fn post(
        path: &'static str,
        tag: &'static str,
        title: &'static str,
        en: &'static str,
        params: &'static [Param],
        run: Run,
    ) -> Self {
        Self {
            wire: Wire::Summary(run),
            method: Method::Post,
            path,
            tag,
            title,
            en,
            access: Access::Platform,
            form: Form::Json,
            creates: false,
            params,
            rules: &[],
            data: "",
            failures: &[],
            files: &[],
        }
    }
}

/// A string without a rule of its own.
pub(super) const fn text(most: usize) -> Kind {
    Kind::Text { least: 1, most, pattern: None }
}

/// Begins a required parameter.
pub(super) const fn required(
    name: &'static str,
    kind: Kind,
    zh: &'static str,
    en: &'static str,
    sample: &'static str,
) -> Param {
    Param { name, aliases: &[], kind, need: Need::Required, zh, en, sample }
}

/// Begins an optional parameter.
pub(super) const fn optional(
    name: &'static str,
    kind: Kind,
    zh: &'static str,
    en: &'static str,
    sample: &'static str,
) -> Param {
    Param { name, aliases: &[], kind, need: Need::Optional, zh, en, sample }
}

/// signerId, in most calls.
pub(super) const SIGNER: Param = required("signerId", Kind::Id, "用户 id", "The signer", "\"1\"");

/// moulageId, in the document's two spellings.
pub(super) const SEAL: Param = Param {
    name: "moulageId",
    aliases: &["mouflageId"],
    kind: Kind::SealId,
    need: Need::Required,
    zh: "印章 id，为 -1 时印章为全透明",
    en: "The seal; -1 for a transparent one",
    sample: "\"1\"",
};

/// A line of text: something to be seen, no control characters, none that can make it look like another.
pub(super) const LINE: &str =
    r"^(?=.*\S)[^\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]+$";

/// Where a PDF may be saved.
pub(super) const PDF_PATH: &str = r"^[\s\S]+\.[pP][dD][fF]$";

/// Mobile numbers of any region.
pub(super) const PHONES: &str = "^(1[0-9]{10}|[0-9]{8}|[0-9]{10})$";

/// caType: our own parameter.
pub(super) const CA_TYPE: Param = optional(
    "caType",
    text(64),
    "CA 通道（扩展参数）",
    "Certificate channel by name or alias (extension)",
    "\"local\"",
);

/// certType: our own parameter.
pub(super) const CERT_TYPE: Param = optional(
    "certType",
    Kind::OneOf(&["long", "scene"]),
    "证书类型：long=长效证书，scene=场景证书（扩展参数）",
    "Long-term or one-time certificate (extension)",
    "\"long\"",
);

/// Every call of the API.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    super::api::GROUPS.iter().flat_map(|group| group.iter())
}
