#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! What may stand between, behind and inside of revisions.

use super::{
    covered, header_before, hidden_object, is_idle, later_oddities, second_reading, strict, trailing,
};
use crate::pdf::sign::testing::document;
use crate::pdf::syntax::Document;
use crate::verify::finding::Severity;

/// The place of the last section.
fn section(file: &[u8]) -> u64 {
    Document::open(file).unwrap().revisions().last().unwrap().startxref
}

/// One more revision: object 90, and a section that names other places, too; then what stands before `startxref`.
fn updated(file: &[u8], object: &str, named: &[(u32, usize)], behind: &str) -> Vec<u8> {
    let previous = section(file);
    let mut out = file.to_vec();
    let own = (90, out.len());
    out.extend(format!("90 0 obj\n{object}\nendobj\n").bytes());
    let at = out.len();
    let rows: String =
        named.iter().chain([&own]).map(|(number, at)| format!("{number} 1\n{at:010} 00000 n \n")).collect();
    let trailer = format!("trailer\n<</Root 1 0 R/Size 92/Prev {previous}>>\n{behind}");
    out.extend(format!("xref\n{rows}{trailer}startxref\n{at}\n%%EOF\n").bytes());
    out
}

#[test]
fn two_numbers_before_the_keyword_begin_an_object() {
    for (text, start) in [
        ("1 0 ", Some(0)),
        ("x\n12 0\r\n", Some(2)),
        ("7 0", Some(0)),
        ("70 ", None),
        ("5 0 end", None),
        ("", None),
        ("a 0 ", None),
        ("1 % one\n0 ", Some(0)),
        ("1 0%\r ", Some(0)),
        ("1 0 % 2\n", Some(0)),
        ("1 % two\n0 % 3\r\n", Some(0)),
        ("1 0 % one ", None),
        ("1 word\n0 ", None),
    ] {
        assert_eq!(header_before(text.as_bytes()), start, "{text:?}");
    }
}

#[test]
fn what_looks_like_an_object_is_one_that_a_section_names() {
    let signed = document(1, "", "");
    for (object, behind, hidden) in [
        ("<</Title(a title)>>", "", false),
        ("<</Title(4 0 R, endobj, 10 objections)>>", "% a comment\n", false),
        ("<</Title(4 0 obj<<>>endobj)>>", "", true),
        ("<</Title(x\n4\n0\nobj)>>", "", true),
        ("<</Title(4 %\n0 obj)>>", "", true),
        ("<</Length 18>>\nstream\n4 0 obj<<>>endobj \nendstream", "", true),
        ("<</Title(a title)>>", "% 4 0 obj<<>>endobj\n", true),
    ] {
        let file = updated(&signed, object, &[], behind);
        let document = Document::open(&file).unwrap();
        let found = |end| hidden_object(&document, &strict(&document).unwrap(), end);
        assert_eq!(
            found(signed.len()).map(|f| f.code),
            hidden.then_some("hidden-object"),
            "{object}{behind}"
        );
        assert_eq!(found(file.len()), None, "{object}{behind}: whoever signs it saw it");
    }
}

#[test]
fn over_an_object_that_no_section_names_every_reader_takes_the_later_sections() {
    let plain = document(1, "", "");
    let second = [&plain[..], b"4 0 obj\n<</Length 0>>\nstream\n\nendstream\nendobj\n"].concat();
    let info = "91 0 obj\n<</Title(later)>>\nendobj\n";
    let table = |row: &str, comment: &str, signed: &[u8]| {
        let at = signed.len() + info.len();
        let row = row.replace("PLACE", &format!("{:010}", signed.len()));
        format!(
            "{info}xref\n91 1{comment}\n{row}trailer\n<</Root 1 0 R/Size 92/Prev {}>>\nstartxref\n{at}\n%%EOF\n",
            section(signed)
        )
        .into_bytes()
    };
    let wide = |widths: [usize; 3], signed: &[u8]| {
        let at = signed.len() + info.len();
        let row = [1, signed.len(), 0]
            .iter()
            .zip(widths)
            .fold(String::new(), |row, (number, width)| format!("{row}{number:0twice$x}", twice = 2 * width));
        let own = [1, at, 0]
            .iter()
            .zip(widths)
            .fold(String::new(), |row, (number, width)| format!("{row}{number:0twice$x}", twice = 2 * width));
        let data = format!("{row}{own}>");
        let [a, b, c] = widths;
        let keys = format!(
            "/Type/XRef/Filter/ASCIIHexDecode/W[{a} {b} {c}]/Index[91 2]/Size 93/Root 1 0 R/Prev {}",
            section(signed)
        );
        let length = data.len();
        format!("{info}92 0 obj\n<<{keys}/Length {length}>>\nstream\n{data}\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n")
            .into_bytes()
    };
    let usual = "PLACE 00000 n \n";
    // Sections are of the kind of those before them.
    let streamed = |signed: &[u8]| [signed, &wide([1, 4, 2], signed)[..]].concat();
    let bases = [(plain.clone(), second.clone()), (streamed(&plain), streamed(&second))];
    let later: [(&str, usize, &dyn Fn(&[u8]) -> Vec<u8>, bool); 7] = [
        ("a usual table", 0, &|signed| table(usual, "", signed), false),
        ("a comment in it", 0, &|signed| table(usual, " % x", signed), true),
        ("rows on three lines", 0, &|signed| table("PLACE\n00000\nn\n", "", signed), true),
        ("usual numbers", 1, &|signed| wide([1, 4, 2], signed), false),
        ("pyHanko's", 1, &|signed| wide([1, 8, 2], signed), false),
        ("a wide type", 1, &|signed| wide([8, 4, 2], signed), true),
        ("a wide generation", 1, &|signed| wide([1, 4, 8], signed), true),
    ];
    for (what, base, more, refused) in later {
        let (once, twice) = &bases[base];
        for (signed, hides) in [(once, false), (twice, true)] {
            let file = [&signed[..], &more(signed)].concat();
            let document = Document::open(&file).unwrap();
            assert_eq!(section(&file), (signed.len() + info.len()) as u64, "{what}");
            let found = second_reading(&document, &strict(&document).unwrap(), signed.len());
            assert_eq!(found.is_some(), refused && hides, "{what}, an object twice: {hides}");
        }
    }
}

#[test]
fn an_object_that_goes_on_behind_the_signed_bytes_is_found() {
    let plain = document(1, "", "");
    let over = "1 g 0 0 600 800 re f\n";
    let end = format!("startxref\n{:05}\n%%EOF\n", 0).len();
    let head = format!("% 91 0 obj<</Length {}>>stream\n", end + over.len());
    // The place of the object does not change the length of what stands before it.
    let at = |place: usize| updated(&plain, "(signed)", &[(91, place)], &head);
    let place = memchr::memmem::find(&at(0), b"91 0 obj").unwrap();
    let signed = at(place);
    let written = signed.len() - memchr::memmem::rfind(&signed, b"startxref").unwrap();
    let head = head.replace(&(end + over.len()).to_string(), &(written + over.len()).to_string());
    let signed = updated(&plain, "(signed)", &[(91, place)], &head);
    let longer = [signed.as_slice(), over.as_bytes(), b"endstream\nendobj\n"].concat();
    let previous = section(&signed);
    let mut file = longer.clone();
    file.extend(
        format!(
            "xref\n0 0\ntrailer\n<</Root 1 0 R/Size 92/Prev {previous}>>\nstartxref\n{}\n%%EOF\n",
            longer.len()
        )
        .bytes(),
    );
    let document = Document::open(&file).unwrap();
    assert_eq!(covered(&document, signed.len()), Ok(1));
    let found = later_oddities(&document, &strict(&document).unwrap(), signed.len());
    assert!(found.iter().any(|f| f.code == "overlap" || f.code == "object-ahead"), "{found:?}");
    let within = later_oddities(&document, &strict(&document).unwrap(), longer.len());
    assert!(within.iter().all(|f| f.code != "overlap"), "{within:?}");
}

#[test]
fn an_end_that_readers_do_not_find_is_none() {
    let signed = document(1, "", "");
    let file = updated(&signed, "(later)", &[], "");
    let start = memchr::memmem::rfind(&file, b"startxref").unwrap();
    for (filler, wrong) in [("\n", "%\n"), (" ", "% \n")] {
        for (length, found) in [(1_000, true), (1_001, false), (40_000, false)] {
            let padding = filler.repeat(length - (file.len() - start));
            let long = [file.as_slice(), padding.as_bytes()].concat();
            let finding = trailing(&Document::open(&long).unwrap(), signed.len(), 0);
            assert_eq!(finding.is_none(), found, "{length}: {finding:?}");
        }
        let commented = [file.as_slice(), wrong.as_bytes()].concat();
        assert!(trailing(&Document::open(&commented).unwrap(), signed.len(), 0).is_some());
    }
}

#[test]
fn what_follows_the_end_counts_where_nobody_signed_it() {
    let plain = document(1, "", "");
    for tail in ["% a comment\n", "\x1a", "%%EOF\n", "anything"] {
        let bytes = [plain.as_slice(), tail.as_bytes()].concat();
        let file = Document::open(&bytes).unwrap();
        let all = bytes.len();
        assert_eq!(covered(&file, all), Ok(0), "{tail}");
        let own = trailing(&file, all, all).map(|f| f.severity);
        assert_eq!(own, Some(Severity::Warning), "{tail}");
        assert_eq!(trailing(&file, plain.len(), 0).unwrap().severity, Severity::Failure, "{tail}");
        // Behind another's signature, comments say nothing; the rest was not there.
        let later = trailing(&file, plain.len(), all).unwrap().severity;
        assert_eq!(later == Severity::Warning, tail != "anything", "{tail}");
        assert!(covered(&file, plain.len() - 7).is_err(), "the end itself is not signed");
    }
}

#[test]
fn only_what_says_nothing_stands_between_signed_revisions() {
    assert!(is_idle(b"\n% one\r\n  %%EOF\n\x1a\0\n"));
    assert!(!is_idle(b"% one\n1 0 obj"));
    let plain = document(1, "", "");
    let at = Document::open(&plain).unwrap().revisions()[0].startxref;
    for (between, accepted) in [("% note\n", true), ("3 0 obj<<>>endobj\n", false)] {
        let mut bytes = [plain.as_slice(), between.as_bytes()].concat();
        let end = bytes.len();
        let section =
            format!("xref\n0 0\ntrailer\n<</Root 1 0 R/Size 9/Prev {at}>>\nstartxref\n{end}\n%%EOF\n");
        bytes.extend(section.bytes());
        assert_eq!(covered(&Document::open(&bytes).unwrap(), end).is_ok(), accepted, "{between}");
    }
}
