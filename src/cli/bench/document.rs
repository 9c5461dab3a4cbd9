//! A PDF of a given size, for measuring.

use std::fmt::Write as _;

/// A file of about `octets` octets in `pages` pages, whose content is text that shows nothing and does not compress.
pub(super) fn of_pages(pages: usize, octets: usize) -> Vec<u8> {
    let pages = pages.max(1);
    let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    let mut add = |body: &[u8]| {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", offsets.len()).as_bytes());
        file.extend_from_slice(body);
        file.extend_from_slice(b"\nendobj\n");
    };
    add(b"<</Type/Catalog/Pages 2 0 R>>");
    let mut kids = String::new();
    for page in 0..pages {
        let _ = write!(kids, "{} 0 R ", 3 + 2 * page);
    }
    add(format!("<</Type/Pages/Count {pages}/Kids[{kids}]>>").as_bytes());
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for page in 0..pages {
        let content = format!("{} 0 R", 4 + 2 * page);
        add(format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>/Contents {content}>>")
            .as_bytes());
        let mut text = String::with_capacity(octets / pages + 80);
        while text.len() < octets / pages {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = writeln!(text, "%{random:016x}");
        }
        add(format!("<</Length {}>>stream\n{text}\nendstream", text.len()).as_bytes());
    }
    let start = file.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1);
    for offset in &offsets {
        let _ = writeln!(end, "{offset:010} 00000 n ");
    }
    let _ = write!(end, "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", offsets.len() + 1);
    file.extend_from_slice(end.as_bytes());
    file
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_has_the_size_and_the_pages() {
        let bytes = of_pages(100, 1 << 20);
        assert!((1 << 20..(1 << 20) + 60_000).contains(&bytes.len()), "{}", bytes.len());
        let document = lopdf::Document::load_mem(&bytes).unwrap();
        assert_eq!(document.get_pages().len(), 100);
    }
}
