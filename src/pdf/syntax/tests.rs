#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::inspect::inspect;
use super::parser::Parser;
use super::*;
use std::fmt::Write as _;

fn parse(text: &[u8]) -> Result<Object, SyntaxError> {
    Parser::new(text, 0, &Limits::default()).object()
}

/// Objects 1.. of generation 0, an xref table, and a trailer with these entries.
fn document(objects: &[&str], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    append(
        &mut out,
        &objects.iter().enumerate().map(|(i, o)| (i + 1, *o)).collect::<Vec<_>>(),
        trailer,
        true,
    );
    out
}

/// One more revision with these objects.
fn append(out: &mut Vec<u8>, objects: &[(usize, &str)], trailer: &str, first: bool) {
    let mut rows = String::new();
    for (number, object) in objects {
        writeln!(rows, "{number} 1\n{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let at = out.len();
    let free = if first { "0 1\n0000000000 65535 f \n" } else { "" };
    let size = objects.iter().map(|(n, _)| n + 1).max().unwrap_or(1);
    out.extend(
        format!("xref\n{free}{rows}trailer\n<</Size {size}{trailer}>>\nstartxref\n{at}\n%%EOF\n").bytes(),
    );
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R>>";
const PAGES: &str = "<</Type/Pages/Kids[]/Count 0>>";

#[test]
fn objects_of_every_kind_are_read() {
    assert_eq!(parse(b" % comment\n true").unwrap(), Object::Boolean(true));
    assert_eq!(parse(b"-17").unwrap(), Object::Integer(-17));
    assert_eq!(parse(b"+4.").unwrap().as_number(), Some(4.0));
    assert_eq!(parse(b"-.002").unwrap().as_number(), Some(-0.002));
    assert_eq!(parse(b"/A#20B#").unwrap(), Object::name("A B#"));
    assert_eq!(
        parse(
            br"(a\(b(c)\)\101\n\53x\
y)"
        )
        .unwrap()
        .as_string()
        .unwrap()
        .as_bytes(),
        b"a(b(c))A\n+xy"
    );
    assert_eq!(parse(b"<48 65 6>").unwrap().as_string().unwrap().as_bytes(), b"He\x60");
    let array = parse(b"[1 0 R 2 3 4 0 R]").unwrap();
    let one = |n| Object::Reference(ObjectId::new(n));
    assert_eq!(array, Object::Array(vec![one(1), Object::Integer(2), Object::Integer(3), one(4)]));
    assert_eq!(parse(b"<</K/V/D<</X null>>>>").unwrap().as_dict().unwrap().len(), 2);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for bad in
        [&b"<<1 2>>"[..], b"[1", b"(x", b"<4", b"<zz>", b"1.2.3", b"--1", b".", b"nul", b"]", b"", b"<</A>>"]
    {
        assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
    }
}

#[test]
fn nesting_and_counts_are_bounded() {
    assert_eq!(parse(&b"[".repeat(1_000_000)), Err(SyntaxError::Limit("nesting")));
    assert_eq!(parse(&b"<</A".repeat(1_000_000)), Err(SyntaxError::Limit("nesting")));
    let wide = [b"[".as_slice(), &b"0 ".repeat(1_000_000), b"]"].concat();
    assert_eq!(parse(&wide), Err(SyntaxError::Limit("content in one object")));
}

#[test]
fn text_strings_are_told_apart() {
    for text in ["plain", "印章 ☂", "𠮷野家"] {
        assert_eq!(PdfString::text(text).to_text(), text);
    }
    assert_eq!(PdfString::literal(b"\xEF\xBB\xBF\xE5\x8D\xB0".as_slice()).to_text(), "印");
}

#[test]
fn reals_keep_their_digits() {
    let Object::Real(real) = parse(b"0.1000000000000000000001").unwrap() else { panic!() };
    assert_eq!(real.text(), "0.1000000000000000000001");
    assert_eq!(Real::new(12.5).text(), "12.5");
    assert_eq!(Real::new(-0.00001).text(), "0");
    assert_eq!(Real::new(f64::NAN).text(), "0");
}

#[test]
fn revisions_are_told_apart() {
    let mut bytes = document(&[CATALOG, PAGES, "(old)"], "/Root 1 0 R");
    let first = bytes.len();
    let previous = Document::open(&bytes).unwrap().revisions()[0].startxref;
    append(&mut bytes, &[(3, "(new)"), (4, "7")], &format!("/Root 1 0 R/Prev {previous}"), false);
    let document = Document::open(&bytes).unwrap();
    assert_eq!(document.revisions().len(), 2);
    assert_eq!(document.revisions()[0].end, first);
    assert_eq!(document.revisions()[1].end, bytes.len());
    let text = |view: View<'_, '_>| view.object(ObjectId::new(3)).unwrap().as_string().unwrap().to_text();
    assert_eq!(text(document.as_of(0)), "old");
    assert_eq!(text(document.latest()), "new");
    assert!(document.as_of(0).object(ObjectId::new(4)).unwrap().is_null());
    assert_eq!(document.latest().size(), 5);
    assert!(document.latest().object(ObjectId { number: 4, generation: 1 }).unwrap().is_null());
    assert_eq!(inspect(&document, 100).unwrap().findings, []);
}

#[test]
fn loops_in_the_chain_are_refused() {
    let mut bytes = document(&[CATALOG, PAGES], "/Root 1 0 R");
    let at = Document::open(&bytes).unwrap().revisions()[0].startxref;
    append(&mut bytes, &[(3, "1")], &format!("/Root 1 0 R/Prev {at}"), false);
    let own = Document::open(&bytes).unwrap().revisions()[1].startxref;
    let looped = String::from_utf8(bytes).unwrap().replace(&format!("/Prev {at}"), &format!("/Prev {own}"));
    let error = Document::open(looped.as_bytes()).unwrap_err();
    assert_eq!(error, SyntaxError::Structure("the cross-reference chain loops"));
}

/// A hybrid document whose font is in the table's `/XRefStm` alone, and where that is.
fn hybrid() -> (Vec<u8>, usize) {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut at = Vec::new();
    for (number, object) in [(1, CATALOG), (2, PAGES), (3, "(hidden)")] {
        at.push(bytes.len());
        bytes.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let stream = bytes.len();
    let row = [1, u8::try_from(at[2] >> 8).unwrap(), u8::try_from(at[2] & 255).unwrap()];
    bytes.extend(b"4 0 obj\n<</Type/XRef/W[1 2 0]/Index[3 1]/Size 5/Length 3>>\nstream\n");
    bytes.extend(row);
    bytes.extend(b"\nendstream\nendobj\n");
    let table = bytes.len();
    bytes.extend(
        format!(
            "xref\n0 3\n0000000000 65535 f \n{:010} 00000 n \n{:010} 00000 n \ntrailer\n<</Size 5/Root 1 0 R\
             /XRefStm {stream}>>\nstartxref\n{table}\n%%EOF\n",
            at[0], at[1]
        )
        .bytes(),
    );
    (bytes, stream)
}

#[test]
fn a_stream_named_again_brings_nothing_back() {
    let (mut bytes, stream) = hybrid();
    let follow = |bytes: &[u8]| Document::open(bytes).map(|d| d.latest().object(ObjectId::new(3)).unwrap());
    let startxref = |bytes: &[u8]| Document::open(bytes).unwrap().revisions().last().unwrap().startxref;
    let again = |bytes: &mut Vec<u8>, objects: &[(usize, &str)], repeat: bool| {
        let stream = if repeat { format!("/XRefStm {stream}") } else { String::new() };
        let trailer = format!("/Root 1 0 R{stream}/Prev {}", startxref(bytes));
        append(bytes, objects, &trailer, false);
    };
    again(&mut bytes, &[(5, "(more)")], true);
    assert_eq!(follow(&bytes).unwrap().as_string().unwrap().to_text(), "hidden");
    let mut redefined = bytes;
    again(&mut redefined, &[(3, "(new)")], true);
    assert_eq!(follow(&redefined).unwrap().as_string().unwrap().to_text(), "new");
    let mut kept = redefined.clone();
    again(&mut kept, &[(5, "(other)")], false);
    assert_eq!(follow(&kept).unwrap().as_string().unwrap().to_text(), "new");
    again(&mut redefined, &[(5, "(other)")], true);
    let error = Document::open(&redefined).unwrap_err();
    assert_eq!(error, SyntaxError::Structure("a repeated /XRefStm brings back an object that was redefined"));
}

#[test]
fn offsets_count_from_the_first_byte_or_from_the_header() {
    let plain = document(&[CATALOG, PAGES], "/Root 1 0 R");
    let behind = [&b"From: nobody\r\n\r\n"[..], &plain].concat();
    let opened = Document::open(&behind).unwrap();
    assert_eq!((opened.shift(), opened.has(FindingKind::JunkBeforeHeader)), (16, true));
    assert!(opened.latest().catalog().is_ok());
    // One number that leads to a section for both kinds of readers.
    let junk = 300;
    let head = format!("{}\n%PDF-1.7\n1 0 obj\n{CATALOG}\nendobj\n", "x".repeat(junk - 1));
    let catalog = head.find("1 0 obj").unwrap();
    let table = |at: usize| format!("xref\n1 1\n{at:010} 00000 n \ntrailer\n<</Size 2/Root 1 0 R>>\n");
    let both =
        |second: &str| format!("{head}{:junk$}{second}startxref\n{}\n%%EOF\n", table(catalog), head.len());
    let error = Document::open(both(&table(catalog - junk)).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("two documents"), "{error}");
    assert_eq!(Document::open(both(&table(catalog - junk + 3)).as_bytes()).unwrap().shift(), 0);
    let ps = [&b"%!PS-Adobe-3.0 PDF-1.4\n"[..], &plain[9..]].concat();
    assert!(matches!(Document::open(&ps), Err(e) if e != SyntaxError::Header));
}

#[test]
fn a_section_close_by_is_found_once() {
    let bytes = document(&[CATALOG, PAGES], "/Root 1 0 R");
    let at = Document::open(&bytes).unwrap().revisions()[0].startxref;
    let text = String::from_utf8(bytes).unwrap();
    for (shift, found) in [(1, true), (-2, true), (5, true), (-16, false), (30, false)] {
        let other = i64::try_from(at).unwrap() + shift;
        let moved = text.replace(&format!("startxref\n{at}"), &format!("startxref\n{other}"));
        let opened = Document::open(moved.as_bytes());
        assert_eq!(opened.is_ok_and(|d| d.has(FindingKind::SectionAstray)), found, "{shift}");
        let error =
            matches!(Document::open_to_sign(moved.as_bytes()), Ok(d) if d.has(FindingKind::SectionAstray));
        assert!(!error, "who signs does not rely on it");
    }
    let twice = text.replace("xref\n0 1", "xref xref\n0 1");
    let moved = twice.replace(&format!("startxref\n{at}"), &format!("startxref\n{}", at + 2));
    assert!(Document::open(moved.as_bytes()).is_err());
}

#[test]
fn a_section_without_columns_speaks_of_nothing() {
    for (index, ok) in [("[0 1]", true), ("[]", true), ("[0 2]", false), ("[3 1]", false)] {
        let mut bytes = document(&[CATALOG, PAGES], "/Root 1 0 R");
        let previous = Document::open(&bytes).unwrap().revisions()[0].startxref;
        let at = bytes.len();
        bytes.extend(
            format!(
                "3 0 obj\n<</Type/XRef/W[0 0 0]/Index{index}/Size 4/Root 1 0 R/Prev {previous}/Length 0>>\n\
                 stream\n\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n"
            )
            .bytes(),
        );
        assert_eq!(Document::open(&bytes).is_ok(), ok, "{index}");
    }
}

#[test]
fn an_object_is_not_taken_from_behind_its_revision() {
    let mut bytes = document(&[CATALOG, PAGES, "(x)"], "/Root 1 0 R");
    let previous = Document::open(&bytes).unwrap().revisions()[0].startxref;
    let own = format!("{:010} 00000 n", memchr::memmem::find(&bytes, b"3 0 obj").unwrap());
    append(&mut bytes, &[(4, "(there later)")], &format!("/Root 1 0 R/Prev {previous}"), false);
    let later = memchr::memmem::find(&bytes, b"4 0 obj").unwrap();
    let ahead = String::from_utf8(bytes).unwrap().replace(&own, &format!("{later:010} 00000 n"));
    let ahead = ahead.replace("4 0 obj", "3 0 obj");
    let kinds: Vec<_> = inspect(&Document::open(ahead.as_bytes()).unwrap(), 100).unwrap().findings;
    assert!(kinds.iter().any(|f| f.kind == FindingKind::Ahead), "{kinds:?}");
}

#[test]
fn a_size_of_the_update_is_not_one_that_hides() {
    let kinds = |number: usize, size: &str| {
        let mut bytes = document(&[CATALOG, PAGES, "(x)"], "/Root 1 0 R");
        let previous = Document::open(&bytes).unwrap().revisions()[0].startxref;
        append(&mut bytes, &[(number, CATALOG)], &format!("/Root 1 0 R/Prev {previous}"), false);
        let text = String::from_utf8(bytes).unwrap();
        let (head, tail) = text.rsplit_once("/Size ").unwrap();
        let tail = tail.strip_prefix(&(number + 1).to_string()).unwrap();
        let text = format!("{head}{size}{tail}");
        inspect(&Document::open(text.as_bytes()).unwrap(), 100).unwrap().findings[0].kind
    };
    assert_eq!(kinds(1, "/Size 2"), FindingKind::SizeOfUpdate);
    assert_eq!(kinds(1, "/Size 3"), FindingKind::Size);
    assert_eq!(kinds(2, "/Size 2"), FindingKind::Size);
}

#[test]
fn references_in_a_circle_are_refused() {
    let bytes = document(&[CATALOG, PAGES, "4 0 R", "3 0 R"], "/Root 1 0 R");
    let document = Document::open(&bytes).unwrap();
    assert!(document.latest().resolve(&Object::Reference(ObjectId::new(3))).is_err());
    let bytes = self::document(&[CATALOG, PAGES, "<</Length 3 0 R>>\nstream\nabc\nendstream"], "/Root 1 0 R");
    let document = Document::open(&bytes).unwrap();
    let stream = document.latest().object(ObjectId::new(3)).unwrap();
    assert_eq!(document.raw(stream.as_stream().unwrap()), b"abc");
}

#[test]
fn what_no_section_names_is_found() {
    let bytes = document(&[CATALOG, PAGES], "/Root 1 0 R");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let kinds = |bytes: &[u8]| -> Vec<FindingKind> {
        let document = Document::open(bytes).unwrap();
        inspect(&document, 100).unwrap().findings.iter().map(|f| f.kind).collect()
    };
    let hidden = [bytes.as_slice(), b"2 0 obj (hidden) endobj\n"].concat();
    assert_eq!(kinds(&hidden), [FindingKind::JunkAfterEof, FindingKind::Unaccounted]);
    assert!(kinds(text.replace("/Kids[]", "/Count 1").as_bytes()).contains(&FindingKind::DuplicateKey));
    let between = text.replacen("xref", "3 0 obj 1 endobj xref", 1);
    let moved = between.replace(
        &format!("startxref\n{}", text.find("xref").unwrap()),
        &format!("startxref\n{}", between.find("xref").unwrap()),
    );
    assert_eq!(kinds(moved.as_bytes()), [FindingKind::Unaccounted]);
}

#[test]
fn tables_in_odd_forms_are_read_and_remarked_on() {
    let bytes = document(&[CATALOG, PAGES], "/Root 1 0 R");
    let text = String::from_utf8(bytes).unwrap();
    let short = text.replace(" n \n", " n\n").replace(" f \n", " f\n");
    let document = Document::open(short.as_bytes()).unwrap();
    assert!(document.has(FindingKind::EntryFormat));
    assert_eq!(document.latest().catalog().unwrap().len(), 2);
}

/// Opens every file of the corpus; whatever a file holds, nothing may abort or take long.
#[test]
fn corpus_opens_or_is_refused() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        println!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let mut files = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(corpora)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|e| e == "pdf") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    let mut opened = 0;
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        match Document::open(&bytes) {
            Ok(document) => {
                let found = inspect(&document, 1_000_000).map(|i| i.findings);
                opened += usize::from(document.latest().catalog().is_ok());
                if let (Err(e), _) | (_, Err(e)) =
                    (document.latest().catalog().map(|_| ()), found.map(|_| ()))
                {
                    println!("{}: {e}", path.display());
                }
            }
            Err(e) => println!("{}: {e}", path.display()),
        }
    }
    println!("{opened} of {} files open", files.len());
    assert!(opened * 100 >= files.len() * 80, "most files of the corpus are readable");
}

#[test]
fn a_real_is_no_integer() {
    for text in ["2.0", "2.", "+2.0", "-2.000", "4294967298.0"] {
        let real = parse(text.as_bytes()).unwrap();
        assert_eq!(real.as_integer(), None, "{text}");
        assert!(real.as_number().is_some(), "{text}");
    }
    for (text, value) in [("2", 2), ("+2", 2), ("-2", -2), ("4294967298", 4_294_967_298)] {
        assert_eq!(parse(text.as_bytes()).unwrap().as_integer(), Some(value), "{text}");
    }
}

#[test]
fn a_size_that_is_no_integer_or_too_small_is_found() {
    let file = String::from_utf8(document(&[CATALOG, PAGES], "/Root 1 0 R")).unwrap();
    for (size, found) in
        [("3", false), ("30", false), ("2", true), ("3.0", true), ("(3)", true), ("2 0 R", true)]
    {
        let file = file.replace("/Size 3", &format!("/Size {size}"));
        let document = Document::open(file.as_bytes()).unwrap();
        let findings = inspect(&document, 100).unwrap().findings;
        assert_eq!(findings.iter().any(|f| f.kind == FindingKind::Size), found, "{size}: {findings:?}");
    }
}
