//! sealClass: how the seal is shown.

use crate::ops::{Error, Result};

/// 印章样式
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SealClass {
    /// 0 常规
    #[default]
    Plain,
    /// 1 骑缝章: on the right edge of all pages.
    Seam,
    /// 2 含摘要: the document's digest beneath.
    WithDigest,
    /// 3 含签署时间: the time beneath.
    WithTime,
}

impl SealClass {
    /// Reads the parameter's value.
    ///
    /// # Errors
    /// 201 naming the parameter.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "0" => Ok(Self::Plain),
            "1" => Ok(Self::Seam),
            "2" => Ok(Self::WithDigest),
            "3" => Ok(Self::WithTime),
            _ => Err(Error::malformed("sealClass")),
        }
    }
}
