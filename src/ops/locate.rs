//! 关键字定位: where a text stands in a document, without signing it.

use super::sign::{Source, place_error};
use super::{Appliance, Call, Caller, Result};
use crate::locate::{Limits, Located, locate};
use crate::pdf::place::{PlaceError, Placement};

impl Appliance {
    /// Every place of `keyword`; none is no error.
    ///
    /// # Errors
    /// 20100 and 20101 as for signing, with the reason; 201 for a keyword without characters; 20110 when the pages cannot
    /// be searched.
    pub fn locate(&self, call: &Call, caller: &Caller, source: &Source, keyword: &str) -> Result<Located> {
        caller.platform_only()?;
        let bytes = self.read(call.cx, caller, source, self.settings.pdf_bytes)?;
        let asked = Placement::Keyword(keyword.to_owned());
        locate(&bytes, keyword, &Limits::default())
            .map_err(|error| place_error("keyword", &PlaceError::from(error), &asked))
    }
}
