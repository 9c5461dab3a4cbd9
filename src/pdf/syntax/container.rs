//! Object streams (ISO 32000-2 7.5.7).

use super::error::{Result, SyntaxError, malformed};
use super::lexer::Lexer;
use super::parser::Parser;
use super::{Limits, Object, ObjectId, Stream};

/// A decoded object stream.
#[derive(Debug)]
pub(super) struct Container {
    id: ObjectId,
    bytes: Vec<u8>,
    first: usize,
    index: Vec<(u32, usize)>,
}

impl Container {
    pub(super) fn new(stream: &Stream, bytes: Vec<u8>) -> Result<Self> {
        let id = stream.id();
        let number = |key: &str| {
            stream.dict.get(key).and_then(Object::as_integer).and_then(|n| usize::try_from(n).ok())
        };
        let (Some(count), Some(first)) = (number("N"), number("First")) else {
            return Err(SyntaxError::Object { id, what: "object stream without /N and /First" });
        };
        if !stream.dict.is_name("Type", "ObjStm") || count > bytes.len() || first > bytes.len() {
            return Err(SyntaxError::Object { id, what: "not an object stream" });
        }
        let mut index = Vec::with_capacity(count);
        let mut lexer = Lexer::new(bytes.get(..first).unwrap_or_default(), 0);
        for _ in 0..count {
            lexer.skip_space();
            let number = lexer.unsigned()?;
            lexer.skip_space();
            let offset = lexer.unsigned()?;
            match (u32::try_from(number), usize::try_from(offset)) {
                (Ok(number), Ok(offset)) => index.push((number, offset)),
                _ => return malformed(lexer.pos, "bad object stream index"),
            }
        }
        Ok(Self { id, bytes, first, index })
    }

    /// Object numbers in their order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.index.iter().map(|(number, _)| *number)
    }

    /// Object `number`, which the cross-reference expects at `index`; and whether it was there.
    pub(super) fn object(
        &self,
        number: u32,
        index: u32,
        limits: &Limits,
        spend: impl FnOnce(usize) -> Result<()>,
    ) -> Result<(Object, bool)> {
        let missing = SyntaxError::Object { id: self.id, what: "the object stream lacks an object" };
        let expected =
            usize::try_from(index).ok().and_then(|i| self.index.get(i)).filter(|(n, _)| *n == number);
        let found = match expected {
            Some(found) => found,
            None => {
                let mut same = self.index.iter().filter(|(n, _)| *n == number);
                let only = same.next().ok_or_else(|| missing.clone())?;
                if same.next().is_some() {
                    return Err(SyntaxError::Object { id: self.id, what: "the object stream is ambiguous" });
                }
                only
            }
        };
        let at = self.first.checked_add(found.1).ok_or(missing)?;
        let mut parser = Parser::new(self.bytes.as_slice(), at, limits);
        let parsed = parser.object();
        spend(parser.work_since(at))?;
        let mut object = parsed?;
        forget_spans(&mut object);
        Ok((object, expected.is_some()))
    }
}

/// Offsets inside the decoded data mean nothing to others.
fn forget_spans(object: &mut Object) {
    match object {
        Object::String(s) => s.forget_span(),
        Object::Array(items) => items.iter_mut().for_each(forget_spans),
        Object::Dictionary(d) => d.values_mut().for_each(|(_, v)| forget_spans(v)),
        _ => {}
    }
}
