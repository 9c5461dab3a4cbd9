//! 印章: drawn or uploaded, kept as their one path or picture, and as what the PDF kernel shows.

use super::appliance::facts;
use super::idempotency::Asked;
use super::rows::{App, Seal};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending};
use crate::codes::Code;
use crate::seal::{
    CompanySeal, FontSet, PersonSeal, PictureError, PictureLimits, SealError, SealFace, SealForm,
    UploadedSeal, draw_company, draw_person,
};
use hufu_api::{SignerKind, Space};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Points in a millimetre.
const POINTS: f64 = 72.0 / 25.4;

/// What a seal was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// 个人模版印章
    Person(PersonSeal),
    /// 企业模版印章
    Company(CompanySeal),
    /// 自定义印章: SHA-256 of the picture's pixels, lower hex.
    Uploaded(String),
    /// 手绘印章: written by hand on the page of a one-time link.
    Handwritten,
    /// Taken over from an older installation with its picture.
    Imported(String),
}

/// Seals ready to be shown, so that signing draws nothing.
pub(super) struct Appearances {
    ready: super::cache::Cache<(String, u64), SealForm>,
    /// At most so many faces are read and converted at a time.
    converting: Mutex<()>,
}

impl Appearances {
    pub(super) fn new() -> Self {
        Self { ready: super::cache::Cache::new(2_000), converting: Mutex::default() }
    }

    pub(super) fn clear(&self) {
        self.ready.clear();
    }
}

impl Design {
    /// A word for lists: how the seal was made.
    pub fn origin(&self) -> &'static str {
        match self {
            Self::Person(_) | Self::Company(_) => "template",
            Self::Uploaded(_) => "upload",
            Self::Handwritten => "handwriting",
            Self::Imported(_) => "import",
        }
    }
}

impl Appliance {
    /// 创建个人印章, from the signer's registered name.
    ///
    /// # Errors
    /// 20001 not a person or another's token, 20206, 201 for a name that no font can draw.
    pub fn make_person_seal(
        &self,
        call: &Call,
        caller: &Caller,
        signer: u64,
        design: impl FnOnce(&str) -> Result<PersonSeal>,
    ) -> Result<u64> {
        let row = self.signer_of_kind(caller, signer, SignerKind::Person)?;
        let design = design(row.name.as_str())?;
        let face = draw_person(self.fonts(), &design).map_err(|e| seal_error(&e))?;
        self.keep_seal(call, caller, signer, Design::Person(design), SealFace::Drawn(face), Vec::new())
    }

    /// 创建企业印章, from the signer's registered name.
    ///
    /// # Errors
    /// 20001 not a company or another's token, 20206, 201 for a name that no font can draw.
    pub fn make_company_seal(
        &self,
        call: &Call,
        caller: &Caller,
        signer: u64,
        design: impl FnOnce(&str) -> Result<CompanySeal>,
    ) -> Result<u64> {
        let row = self.signer_of_kind(caller, signer, SignerKind::Company)?;
        let design = design(row.name.as_str())?;
        let face = draw_company(self.fonts(), &design).map_err(|e| seal_error(&e))?;
        self.keep_seal(call, caller, signer, Design::Company(design), SealFace::Drawn(face), Vec::new())
    }

    /// 自定义印章: a PNG, its white ground made transparent on request.
    ///
    /// # Errors
    /// 20001 another's token, 20206, 201 for a picture that breaks the rules.
    pub fn upload_seal(
        &self,
        call: &Call,
        caller: &Caller,
        signer: u64,
        png: &[u8],
        white_transparent: bool,
    ) -> Result<u64> {
        caller.may_act_for(signer)?;
        self.acting_signer(&caller.app, signer)?;
        let picture = self.picture(png, white_transparent)?;
        let design = Design::Uploaded(hex::encode(picture.digest()));
        self.keep_seal(call, caller, signer, design, SealFace::Picture(picture), Vec::new())
    }

    pub(super) fn picture(&self, png: &[u8], white_transparent: bool) -> Result<UploadedSeal> {
        let limits =
            PictureLimits { strict_sizes: self.settings.strict_seal_sizes, ..PictureLimits::default() };
        UploadedSeal::from_png(png, &limits, white_transparent)
            .map_err(|error: PictureError| Error::malformed("imgBase").mirrored(409).because(error))
    }

    /// Stores a seal; `also` is written in the same commit.
    pub(super) fn keep_seal(
        &self,
        call: &Call,
        caller: &Caller,
        signer: u64,
        design: Design,
        face: SealFace,
        also: Vec<hufu_api::Write>,
    ) -> Result<u64> {
        let app = &caller.app;
        let once = match self.once(call, &app.id)? {
            Asked::Before(id) => return Ok(id),
            Asked::First(once) => once,
        };
        let id = self.seal_ids.next(self.store())?;
        let now = self.ports.clock.now_untrusted();
        let mut facts = facts([("signer", signer.into()), ("seal", id.into())]);
        facts.insert("design".into(), serde_json::to_value(Kind::of(&design)).map_err(Error::internal)?);
        let maker = Self::actor(call, caller);
        let record = self.note(call, maker.clone(), Act::CreateSeal, facts, Ending::Done)?;
        let seal = Seal {
            id,
            signer,
            design,
            revoked: None,
            created: now,
            maker: Some(maker),
            record: Some(record),
            revoker: None,
        };
        let mut writes = self.seal_writes(app, &seal, &face)?;
        writes.extend(once.remember(id, now)?);
        writes.extend(also);
        self.store().commit(&writes)?;
        Ok(id)
    }

    pub(super) fn seal_writes(
        &self,
        app: &App,
        seal: &Seal,
        face: &SealFace,
    ) -> Result<Vec<hufu_api::Write>> {
        let image = hufu_api::Write {
            key: table::in_app(Space::SealImage, &app.id, seal.id),
            expect: hufu_api::Expect::Absent,
            value: Some(postcard::to_stdvec(face).map_err(Error::internal)?),
        };
        Ok(vec![image, table::insert(table::in_app(Space::Seal, &app.id, seal.id), seal)?])
    }

    /// The seal, if this signer may sign with it.
    pub(super) fn seal_of(&self, app: &App, signer: u64, id: u64) -> Result<Arc<Seal>> {
        let seal = self
            .seals
            .get_or(&(app.id.clone(), id), || {
                let row = table::read::<Seal>(self.store(), &table::in_app(Space::Seal, &app.id, id))?;
                Ok::<_, Error>(row.map(|row| row.value))
            })?
            .ok_or(Code::SealNotFound)?;
        if seal.signer != signer {
            return Err(Code::SealOfOther.into());
        }
        if seal.revoked.is_some() {
            return Err(Code::SealDeleted.into());
        }
        Ok(seal)
    }

    /// Revokes a seal: signatures with it are refused from now on, those made stay.
    ///
    /// # Errors
    /// 20001, 20205, 20202; revoking twice is a success.
    pub fn revoke_seal(&self, call: &Call, caller: &Caller, signer: u64, id: u64) -> Result<()> {
        caller.may_act_for(signer)?;
        match self.seal_of(&caller.app, signer, id) {
            Ok(_) => {}
            Err(error) if error.code == Code::SealDeleted => return Ok(()),
            Err(error) => return Err(error),
        }
        let key = table::in_app(Space::Seal, &caller.app.id, id);
        let row = table::read::<Seal>(self.store(), &key)?.ok_or(Code::SealNotFound)?;
        let revoker = Self::actor(call, caller);
        let seal = Seal {
            revoked: Some(self.ports.clock.now_untrusted()),
            revoker: Some(revoker.clone()),
            ..row.value
        };
        let facts = facts([("signer", signer.into()), ("seal", id.into())]);
        self.note(call, revoker, Act::RevokeSeal, facts, Ending::Done)?;
        self.store().commit(&[table::replace(key, row.version, &seal)?])?;
        self.seals.forget(&(caller.app.id.clone(), id));
        Ok(())
    }

    /// The seals of a signer, or of the whole app, ascending.
    ///
    /// # Errors
    /// 20001 for another's token.
    pub fn seals(&self, caller: &Caller, signer: Option<u64>) -> Result<Vec<Seal>> {
        match signer.or(caller.signer) {
            Some(id) => caller.may_act_for(id)?,
            None => caller.platform_only()?,
        }
        let wanted = signer.or(caller.signer);
        let mut seals = Vec::new();
        table::each_in_app(self.store(), Space::Seal, &caller.app.id, |_, bytes| {
            let seal: Seal = table::decode(Space::Seal, bytes)?;
            if wanted.is_none_or(|id| seal.signer == id) && seals.len() < 10_000 {
                seals.push(seal);
            }
            Ok(())
        })?;
        Ok(seals)
    }

    /// A seal's picture as PNG, its longer side `pixels` wide.
    ///
    /// # Errors
    /// 20205, 20202 for another signer's token.
    pub fn seal_png(&self, caller: &Caller, id: u64, pixels: u32) -> Result<Vec<u8>> {
        let key = table::in_app(Space::Seal, &caller.app.id, id);
        let row = table::read::<Seal>(self.store(), &key)?.ok_or(Code::SealNotFound)?;
        caller.may_act_for(row.value.signer)?;
        self.face(&caller.app, id)?.to_png(pixels).map_err(|e| seal_error(&e))
    }

    /// A drawn seal's outlines as SVG; 201 for a picture, which has none.
    ///
    /// # Errors
    /// 20205, 20001 for another signer's token, 201.
    pub fn seal_svg(&self, caller: &Caller, id: u64) -> Result<String> {
        let key = table::in_app(Space::Seal, &caller.app.id, id);
        let row = table::read::<Seal>(self.store(), &key)?.ok_or(Code::SealNotFound)?;
        caller.may_act_for(row.value.signer)?;
        let svg = self.face(&caller.app, id)?.to_svg();
        svg.ok_or_else(|| Error::malformed("format").because("a picture has no outlines"))
    }

    fn face(&self, app: &App, id: u64) -> Result<SealFace> {
        let key = table::in_app(Space::SealImage, &app.id, id);
        let row = self.store().get(&key)?.ok_or(Code::SealNotFound)?;
        postcard::from_bytes(&row.value).map_err(Error::internal)
    }

    /// The seal as the PDF kernel shows it.
    pub(super) fn appearance(&self, app: &App, id: u64) -> Result<Arc<SealForm>> {
        let key = (app.id.clone(), id);
        self.appearances
            .ready
            .get_or(&key, || {
                let _one = self.appearances.converting.lock();
                Ok::<_, Error>(Some(self.face(app, id)?.to_pdf_form()))
            })?
            .ok_or_else(|| Code::SealNotFound.into())
    }

    fn fonts(&self) -> &FontSet {
        &self.ports.fonts
    }
}

/// What the audit log says about a seal's origin.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind<'a> {
    Drawn,
    Handwritten,
    Uploaded { sha256: &'a str },
}

impl<'a> Kind<'a> {
    fn of(design: &'a Design) -> Self {
        match design {
            Design::Person(_) | Design::Company(_) => Self::Drawn,
            Design::Handwritten => Self::Handwritten,
            Design::Uploaded(sha256) | Design::Imported(sha256) => Self::Uploaded { sha256 },
        }
    }
}

/// A seal that cannot be drawn: a name is at fault when no font has its characters, else ourselves.
fn seal_error(error: &SealError) -> Error {
    match error {
        SealError::MissingCharacters { characters, .. } => {
            let missing: String = characters.iter().collect();
            let message = format!("印章字体不支持字符：{missing}");
            Error::with(Code::BadParameter, message).mirrored(409).because(error)
        }
        SealError::BadText { what: "text", .. } => Error::malformed("textContent").because(error),
        SealError::BadText { what: "code", .. } => Error::malformed("keyContent").because(error),
        SealError::BadText { .. } => Error::malformed("userName").because(error),
        SealError::RasterSize(_) => Error::malformed("pixels").because(error),
        _ => Error::internal(error),
    }
}

/// An empty appearance for moulageId −1, as large as the signer's ordinary seal.
pub(super) fn transparent(kind: SignerKind) -> SealForm {
    let millimetres = match kind {
        SignerKind::Person => 20.0,
        SignerKind::Company => 40.0,
    };
    let side = millimetres * POINTS;
    SealForm::transparent(side, side)
}
