//! Files that want to cost more than they are worth: what signing, keyword search and verification spend on each.

use flate2::write::ZlibEncoder;
use std::fmt::Write as _;
use std::io::Write as _;

type Objects = Vec<(usize, Vec<u8>)>;

/// Objects and a cross-reference table.
fn table(objects: &Objects, trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = String::new();
    for (number, body) in objects {
        writeln!(rows, "{number} 1\n{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(body);
        out.extend(b"\nendobj\n");
    }
    let at = out.len();
    let head = "xref\n0 1\n0000000000 65535 f \n";
    out.extend(format!("{head}{rows}trailer\n<<{trailer}>>\nstartxref\n{at}\n%%EOF\n").bytes());
    out
}

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut z = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    z.write_all(data).unwrap();
    z.finish().unwrap()
}

fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    [format!("<<{dict}/Length {}>>\nstream\n", data.len()).as_bytes(), data, b"\nendstream"].concat()
}

/// A cross-reference stream at the end of `out` with these rows of `[1 4 2]`.
fn with_stream(mut out: Vec<u8>, size: usize, rows: &[u8], flate: bool) -> Vec<u8> {
    let at = out.len();
    let (filter, data) = if flate { ("/Filter/FlateDecode", deflated(rows)) } else { ("", rows.to_vec()) };
    out.extend(format!("{} 0 obj\n", size - 1).bytes());
    out.extend(stream(&format!("/Type/XRef/Size {size}/W[1 4 2]/Root 1 0 R{filter}"), &data));
    out.extend(format!("\nendobj\nstartxref\n{at}\n%%EOF\n").bytes());
    out
}

fn row(kind: u8, second: usize, third: u8) -> Vec<u8> {
    let mut row = vec![kind];
    row.extend(u32::try_from(second).unwrap().to_be_bytes());
    row.extend([0, third]);
    row
}

const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
const PAGES: &[u8] = b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>";

/// One page with these resources and content, and further objects from 5 on.
fn one_page(resources: &str, content: Vec<u8>, more: Objects) -> Vec<u8> {
    let page = format!("<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<{resources}>>>>").into_bytes();
    let mut objects = vec![(1, CATALOG.to_vec()), (2, PAGES.to_vec()), (3, page), (4, content)];
    objects.extend(more);
    let size = objects.len() + 1;
    table(&objects, &format!("/Root 1 0 R/Size {size}"))
}

fn catalog_and(more: Objects) -> Vec<u8> {
    let size = more.len() + 1;
    table(&more, &format!("/Root 1 0 R/Size {size}"))
}

fn object_stream_bomb() -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let at = out.len();
    out.extend(b"3 0 obj\n");
    out.extend(stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &deflated(&vec![b' '; 100 << 20])));
    out.extend(b"\nendobj\n");
    let rows = [row(0, 0, 0), row(2, 3, 0), row(2, 3, 1), row(1, at, 0), row(1, out.len(), 0)].concat();
    with_stream(out, 5, &rows, false)
}

fn many_object_streams() -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let bomb = deflated(&[b"1 0 ".to_vec(), vec![b' '; 15 << 20]].concat());
    let mut rows = vec![row(0, 0, 0), row(2, 3, 0), row(2, 4, 0)];
    for n in 3..40 {
        rows.push(row(1, out.len(), 0));
        out.extend(format!("{n} 0 obj\n").bytes());
        out.extend(stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &bomb));
        out.extend(b"\nendobj\n");
    }
    rows.push(row(1, out.len(), 0));
    with_stream(out, 41, &rows.concat(), false)
}

fn million_entries() -> Vec<u8> {
    with_stream(b"%PDF-1.7\n".to_vec(), 2_000_000, &row(1, 9, 0).repeat(2_000_000), true)
}

fn million_objects() -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = row(0, 0, 0);
    let mut add = |out: &mut Vec<u8>, n: usize, body: &[u8]| {
        rows.extend(row(1, out.len(), 0));
        out.extend(format!("{n} 0 obj\n").bytes());
        out.extend(body);
        out.extend(b"\nendobj\n");
    };
    add(&mut out, 1, CATALOG);
    add(&mut out, 2, PAGES);
    add(&mut out, 3, b"<</Type/Page/Parent 2 0 R>>");
    for n in 4..1_000_000 {
        add(&mut out, n, b"[]");
    }
    rows.extend(row(1, out.len(), 0));
    with_stream(out, 1_000_001, &rows, false)
}

fn chain_of_sections(count: usize, looped: bool) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut previous = if looped { None } else { Some(0) };
    let first = out.len();
    for _ in 0..count {
        let at = out.len();
        let prev = previous.filter(|p| *p > 0).map_or(String::new(), |p: usize| format!("/Prev {p}"));
        out.extend(format!("xref\n0 0\ntrailer\n<</Size 1/Root 1 0 R{prev}>>\n").bytes());
        previous = Some(at);
    }
    if looped {
        let at = out.len();
        out.extend(format!("xref\n0 0\ntrailer\n<</Size 1/Root 1 0 R/Prev {at}>>\n").bytes());
        previous = Some(at);
    }
    let _ = first;
    out.extend(format!("startxref\n{}\n%%EOF\n", previous.unwrap_or(0)).bytes());
    out
}

/// Forms that each paint the next one twice: 2^30 paintings.
fn doubling_forms() -> Vec<u8> {
    let form = |n: usize| {
        let dict =
            format!("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {} 0 R>>>>", n + 1);
        stream(&dict, b"/X Do /X Do")
    };
    let mut more: Objects = (5..35).map(|n| (n, form(n))).collect();
    more.push((35, stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", b"0 0 1 1 re f")));
    one_page("/XObject<</X 5 0 R>>", stream("", b"/X Do"), more)
}

fn form_in_itself() -> Vec<u8> {
    let form =
        stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>", b"/X Do /X Do");
    one_page("/XObject<</X 5 0 R>>", stream("", b"/X Do"), vec![(5, form)])
}

fn type3_in_itself() -> Vec<u8> {
    let font = b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/Encoding<</Differences[97/a]>>\
                 /CharProcs<</a 6 0 R>>/FirstChar 97/LastChar 97/Widths[1]/Resources<</Font<</F 5 0 R>>>>>>";
    let glyph = stream("", b"BT /F 1 Tf (aaaaaaaaaa) Tj ET");
    one_page(
        "/Font<</F 5 0 R>>",
        stream("", b"BT /F 1 Tf (aaaa) Tj ET"),
        vec![(5, font.to_vec()), (6, glyph)],
    )
}

fn pattern_in_itself() -> Vec<u8> {
    let tile = stream(
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 1/YStep 1\
         /Resources<</Pattern<</P 5 0 R>>>>",
        b"/Pattern cs /P scn 0 0 9 9 re f",
    );
    one_page("/Pattern<</P 5 0 R>>", stream("", b"/Pattern cs /P scn 0 0 900 900 re f"), vec![(5, tile)])
}

fn huge_image(filter: &str, data: &[u8]) -> Vec<u8> {
    let dict = format!(
        "/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8/ColorSpace/DeviceRGB{filter}"
    );
    one_page("/XObject<</I 5 0 R>>", stream("", b"9 0 0 9 0 0 cm /I Do"), vec![(5, stream(&dict, data))])
}

fn to_unicode_bomb() -> Vec<u8> {
    let ranges = "<0000> <FFFF> <0020>\n".repeat(20_000);
    let map = format!(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> \
         endcodespacerange 20000 beginbfrange\n{ranges}endbfrange endcmap"
    );
    let font = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 6 0 R/DescendantFonts[<</Type/Font\
                 /Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>]>>";
    one_page(
        "/Font<</F 5 0 R>>",
        stream("", b"BT /F 9 Tf <00410042> Tj ET"),
        vec![(5, font.to_vec()), (6, stream("/Filter/FlateDecode", &deflated(map.as_bytes())))],
    )
}

fn many_fields() -> Vec<u8> {
    let fields: String = (5..100_005).map(|n| format!("{n} 0 R ")).collect();
    let mut more: Objects = vec![
        (1, format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>").into_bytes()),
        (2, PAGES.to_vec()),
        (3, b"<</Type/Page/Parent 2 0 R/Annots 4 0 R>>".to_vec()),
        (4, format!("[{fields}]").into_bytes()),
    ];
    let field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(a)/Rect[0 0 9 9]/P 3 0 R>>";
    more.extend((5..100_005).map(|n| (n, field.to_vec())));
    catalog_and(more)
}

fn looping_fields() -> Vec<u8> {
    let field = |kids: &str| format!("<</FT/Sig/T(a)/Kids[{kids}]>>").into_bytes();
    let kids = "5 0 R 6 0 R ".repeat(50_000);
    catalog_and(vec![
        (1, b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]>>>>".to_vec()),
        (2, PAGES.to_vec()),
        (3, b"<</Type/Page/Parent 2 0 R>>".to_vec()),
        (4, b"[]".to_vec()),
        (5, field(&kids)),
        (6, field(&kids)),
    ])
}

/// Signatures that all cover the same long file.
fn many_signatures() -> Vec<u8> {
    let fields: String = (4..1_004).map(|n| format!("{n} 0 R ")).collect();
    let mut more: Objects = vec![
        (1, format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>").into_bytes()),
        (2, PAGES.to_vec()),
        (3, b"<</Type/Page/Parent 2 0 R>>".to_vec()),
    ];
    more.extend((4..1_004).map(|n| {
        let value = "/Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 9000000 9000100 900000]";
        (n, format!("<</FT/Sig/T(s{n})/V<<{value}/Contents<3080{n:08x}>>>>>").into_bytes())
    }));
    more.push((1_004, stream("", &vec![b'x'; 10 << 20])));
    catalog_and(more)
}

fn wide_page_tree() -> Vec<u8> {
    let kids = "3 0 R ".repeat(190_000);
    catalog_and(vec![
        (1, CATALOG.to_vec()),
        (2, format!("<</Type/Pages/Kids[{kids}]/Count 190000/MediaBox[0 0 595 842]>>").into_bytes()),
        (3, b"<</Type/Page/Parent 2 0 R>>".to_vec()),
    ])
}

fn content_bomb() -> Vec<u8> {
    one_page(
        "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>",
        stream("/Filter/FlateDecode", &deflated(&b"BT /F 1 Tf (aaaa) Tj ET\n".repeat(4 << 20))),
        Vec::new(),
    )
}

/// Every hostile file by name.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let pages = (2, b"<</Type/Pages/Kids[]/Count 0>>".to_vec());
    let two = |one: Vec<u8>| catalog_and(vec![(1, one), pages.clone()]);
    let spaces = deflated(&vec![b' '; 100 << 20]);
    let thrice = deflated(&deflated(&spaces));
    vec![
        ("a million arrays deep", two(b"[".repeat(1_000_000))),
        ("half a million dictionaries deep", two(b"<</A".repeat(500_000))),
        ("object stream bomb", object_stream_bomb()),
        ("37 object stream bombs", many_object_streams()),
        ("cross-reference stream bomb", {
            let mut out = b"%PDF-1.7\n1 0 obj\n".to_vec();
            out.extend(stream("/Type/XRef/Size 9/W[1 4 2]/Root 1 0 R/Filter/FlateDecode", &spaces));
            out.extend(b"\nendobj\nstartxref\n9\n%%EOF\n");
            out
        }),
        ("three filters over a bomb", {
            let mut out = b"%PDF-1.7\n1 0 obj\n".to_vec();
            let filters = "/Filter[/FlateDecode/FlateDecode/FlateDecode]";
            out.extend(stream(&format!("/Type/XRef/Size 9/W[1 4 2]/Root 1 0 R{filters}"), &thrice));
            out.extend(b"\nendobj\nstartxref\n9\n%%EOF\n");
            out
        }),
        ("references in a circle", catalog_and(vec![(1, b"2 0 R".to_vec()), (2, b"1 0 R".to_vec())])),
        ("a length that is its own", two(b"<</Length 1 0 R>>\nstream\nx\nendstream".to_vec())),
        ("a page tree in itself", {
            let kids = "2 0 R ".repeat(50_000);
            catalog_and(vec![
                (1, CATALOG.to_vec()),
                (2, format!("<</Type/Pages/Kids[{kids}]/Count 9>>").into_bytes()),
            ])
        }),
        ("190,000 times the same page", wide_page_tree()),
        ("/Prev to itself", chain_of_sections(1, true)),
        ("100,000 sections", chain_of_sections(100_000, false)),
        (
            "a subsection of four thousand million",
            b"%PDF-1.7\nxref\n0 4294967295\n0000000000 65535 f \ntrailer\n<</Size 1>>\nstartxref\n9\n%%EOF"
                .to_vec(),
        ),
        ("two million entries in 20 KB", million_entries()),
        ("a million objects", million_objects()),
        ("200,000 false headers", [b"%PDF-1.7\n".as_slice(), &b"1 0 obj (".repeat(200_000)].concat()),
        (
            "100,000 objects, no trailer",
            [b"%PDF-1.7\n".as_slice(), &b"1 0 obj 1 endobj\n".repeat(100_000)].concat(),
        ),
        ("an image of 100,000 x 100,000", huge_image("", b"x")),
        ("the same as JPEG 2000", huge_image("/Filter/JPXDecode", &[0xFF, 0x4F, 0xFF, 0x51])),
        ("the same deflated", huge_image("/Filter/FlateDecode", &spaces)),
        ("page content of 96 MB", content_bomb()),
        ("forms that double thirty times", doubling_forms()),
        ("a form in itself", form_in_itself()),
        ("a glyph in itself", type3_in_itself()),
        ("a pattern in itself", pattern_in_itself()),
        ("a ToUnicode map of 1,300 million", to_unicode_bomb()),
        ("100,000 signature fields", many_fields()),
        ("fields in themselves", looping_fields()),
        ("a thousand signatures over 10 MB", many_signatures()),
    ]
}
