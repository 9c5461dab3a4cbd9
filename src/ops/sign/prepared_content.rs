//! A look at the document before it is signed: what was prepared to show something else afterwards.

use crate::ops::settings::PreparedContent;
use crate::ops::{Appliance, Error, Result};
use crate::pdf::syntax::Document;
use crate::verify;
use serde::Serialize;

/// Findings that an answer names, at most.
const MOST: usize = 20;

/// Something that whoever signs the document should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable name, for example `hidden-layer`.
    pub code: &'static str,
    /// What was found and where.
    pub detail: String,
}

impl Appliance {
    /// What may have been prepared, by the site's policy.
    ///
    /// # Errors
    /// 20110 with the first finding where the policy is to refuse.
    pub(super) fn prepared_content(&self, document: &Document<'_>) -> Result<Vec<Warning>> {
        let policy = self.settings.prepared_content;
        if policy == PreparedContent::Ignore {
            return Ok(Vec::new());
        }
        let found = verify::prepared_content(document);
        match found.first() {
            Some(first) if policy == PreparedContent::Refuse => {
                let reason = format!("文件含有可疑的预置内容：{}", first.detail);
                Err(Error::signing(reason).because(format!("{}: {} findings", first.code, found.len())))
            }
            _ => {
                Ok(found.into_iter().take(MOST).map(|f| Warning { code: f.code, detail: f.detail }).collect())
            }
        }
    }
}
