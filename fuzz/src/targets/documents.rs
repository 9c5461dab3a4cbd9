//! PDF: reading, writing, searching, drawing, judging.

use super::{choice, line};
use hufu::locate::{Limits, locate as search};
use hufu::pdf::appearance::Mark;
use hufu::pdf::hash::PrefixHash;
use hufu::pdf::pages::pages;
use hufu::pdf::place::{Anchor, Place, Placement, Point, Seam, resolve};
use hufu::pdf::sign::{
    About, DocMdp, Field, FieldLock, Format, Kind, SignatureRequest, embedded_signatures, prepare,
};
use hufu::pdf::syntax::inspect::inspect;
use hufu::pdf::syntax::{Document, Object, ObjectId, View};
use hufu::render::page_picture;
use hufu::seal::SealForm;
use hufu::verify::{Options, Report, inspect_before_signing, release_check, render_text, verify as judge};
use hufu::x509::path::TrustStore;
use hufu_api::{HashAlgorithm, UnixTime};

/// A file that the difference analysis compares with: signed once, with a form, an annotation and two pages.
const SIGNED: &[u8] = include_bytes!("../../seeds/signed.pdf");

/// Reading ends with a document or an error, and every object of it can be asked for.
pub fn pdf_read(bytes: &[u8]) {
    let Ok(document) = Document::open_to_sign(bytes) else { return };
    let view = document.latest();
    let _ = inspect(&document, 10_000);
    for number in 1..view.size().min(1_000) {
        let Ok(object) = view.object(ObjectId::new(number)) else { continue };
        if let Some(stream) = object.as_stream() {
            let _ = document.decode(stream, 1 << 20);
        }
    }
    let _ = pages(view);
    let _ = embedded_signatures(&document);
    let _ = hufu::verify::prepared_content(&document);
}

/// What is signed begins with the input, passes the self-check, and can be read and signed again. The length chooses the request, so that
/// every seed is a file.
pub fn pdf_sign(bytes: &[u8]) {
    let which = bytes.len() % 60;
    let Some(once) = sign(bytes, which) else { return };
    let document = Document::open_to_sign(&once).expect("what was written can be followed");
    assert!(document.latest().catalog().is_ok());
    let _ = sign(&once, which / 4);
}

fn sign(bytes: &[u8], which: usize) -> Option<Vec<u8>> {
    let content = b"q 1 0 0 rg 2 2 9 9 re f Q".to_vec().into();
    let seal = SealForm { width: 12.0, height: 12.0, content, image: None };
    let mark = Mark { seal: &seal, caption: None };
    let document = Document::open_to_sign(bytes).ok()?;
    let placement = match which % 4 {
        0 => Placement::Invisible,
        1 => Placement::Seam(Seam::default()),
        _ => Placement::At(vec![Point { page: 1, x: 10.0, y: 10.0 }, Point { page: 2, x: 5.0, y: 5.0 }]),
    };
    let places: Vec<Place> = resolve(&document, &placement, &mark, Anchor::LowerLeft).ok()?;
    let kind = match which % 3 {
        0 => Kind::Approval,
        1 => Kind::Certification(DocMdp::NoChanges),
        _ => Kind::DocumentTimeStamp,
    };
    let places = if kind == Kind::DocumentTimeStamp { Vec::new() } else { places };
    let request = SignatureRequest {
        kind,
        format: Format::Pades,
        field: Field::Automatic,
        mark: (!places.is_empty()).then_some(mark),
        places,
        about: About::default(),
        signing_time: UnixTime::from_seconds(1_800_000_000),
        reserve: 64,
        lock: (which % 5 == 4 && kind == Kind::Approval).then_some(FieldLock::All),
        later_fields: Vec::new(),
        entropy: [u8::try_from(bytes.len() % 251).unwrap_or(0); 32],
    };
    let prefix = PrefixHash::of(HashAlgorithm::Sha256, bytes);
    let cms = [0x30; 60];
    let signed = prepare(&document, &prefix, &request).ok()?.embed(&cms).ok()?;
    signed.check(&cms).expect("the self-check passes on what was just written");
    let file = [bytes, signed.tail()].concat();
    // As the appliance does before it releases a file; whatever it says, it answers.
    let _ = release_check(&file, bytes.len(), &cms);
    Some(file)
}

fn judged(bytes: &[u8]) -> Option<Report> {
    let options = Options::at(UnixTime::from_seconds(1_767_225_600));
    judge(bytes, &TrustStore::new(), &options).ok()
}

/// Any bytes as a file: an answer.
pub fn verify(bytes: &[u8]) {
    if let Some(report) = judged(bytes) {
        let _ = (render_text(&report), report.passed());
    }
    let _ = inspect_before_signing(bytes);
}

/// Something is appended to a signed file: raw bytes, or objects `NUMBER\nBODY` between bytes 0xFF that are made into a sound
/// incremental update. Where the file still counts as unmodified, its pages say what was signed.
pub fn difference(bytes: &[u8]) {
    let (which, bytes) = choice(bytes);
    let tail = if which % 2 == 0 { bytes.to_vec() } else { update(bytes) };
    let file = [SIGNED, &tail].concat();
    let Some(report) = judged(&file) else { return };
    if !report.unmodified() {
        return;
    }
    let (before, after) = (Document::open(SIGNED), Document::open(&file));
    let (Ok(before), Ok(after)) = (before, after) else { panic!("an unmodified file that cannot be read") };
    assert_eq!(shown(before.latest()), shown(after.latest()), "an unmodified file shows something else");
}

/// An incremental update that defines these objects anew.
fn update(bytes: &[u8]) -> Vec<u8> {
    let previous = previous_table(SIGNED);
    let (mut out, mut rows) = (b"\n".to_vec(), String::new());
    for object in bytes.split(|b| *b == 0xFF).take(16) {
        let (number, body) = line(object);
        let number: u32 = String::from_utf8_lossy(number).trim().parse().unwrap_or(4) % 200;
        rows.push_str(&format!("{number} 1\n{:010} 00000 n \n", SIGNED.len() + out.len()));
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    let at = SIGNED.len() + out.len();
    out.extend(
        format!("xref\n{rows}trailer\n<</Size 200/Root 1 0 R/Prev {previous}>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    out
}

/// The last `startxref`.
fn previous_table(file: &[u8]) -> usize {
    let text = String::from_utf8_lossy(&file[file.len().saturating_sub(64)..]).into_owned();
    let number = text.rsplit("startxref").next().unwrap_or_default();
    number.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// What the pages are: their boxes, their content as it is painted, their resources three levels deep.
fn shown(view: View<'_, '_>) -> Vec<String> {
    let all = pages(view).unwrap_or_default();
    all.iter()
        .map(|page| {
            let dict = view.object(page.id).unwrap_or(Object::Null);
            let part = |key: &str| {
                let value = dict.as_dict().and_then(|d| view.get(d, key).ok()).unwrap_or(Object::Null);
                flat(view, &value, 3)
            };
            format!("{:?} {} {}", page.size(), part("Contents"), part("Resources"))
        })
        .collect()
}

/// An object with what it refers to, so many levels deep, and streams decoded.
fn flat(view: View<'_, '_>, object: &Object, depth: usize) -> String {
    let Ok(object) = view.resolve(object) else { return "?".into() };
    match &object {
        Object::Array(items) if depth > 0 => items.iter().map(|o| flat(view, o, depth - 1)).collect(),
        Object::Dictionary(dict) if depth > 0 => {
            dict.iter().map(|(k, v)| format!("/{} {}", k.lossy(), flat(view, v, depth - 1))).collect()
        }
        Object::Stream(stream) => {
            format!("{:?}", view.document().decode(stream, 1 << 20).map(|bytes| bytes.to_vec()))
        }
        other => format!("{other:?}"),
    }
}

/// A search ends with hits inside the pages' number, or an error.
pub fn locate(bytes: &[u8]) {
    let limits = Limits { pages: 10, glyphs: 10_000, hits: 100, bytes: 1 << 20 };
    if let Ok(found) = search(bytes, "甲方A", &limits) {
        assert!(found.hits.iter().all(|hit| (1..=found.pages).contains(&hit.page)));
    }
}

/// A picture of the first page, or an error.
pub fn render(bytes: &[u8]) {
    let _ = page_picture(bytes.to_vec(), 1, 64);
}
