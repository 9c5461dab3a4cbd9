//! Uploads: what is kept, what is refused.

use std::time::Instant;

use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write as _;

use crate::seal::*;

fn png(width: u32, height: u32, colour: png::ColorType, pixel: impl Fn(u32, u32) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk("Comment".into(), "<script>hostile</script>".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let data: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    writer.write_image_data(&data).unwrap();
    writer.finish().unwrap();
    out
}

/// A red bar on white.
fn bar(width: u32, height: u32) -> Vec<u8> {
    png(
        width,
        height,
        png::ColorType::Rgb,
        |x, _| if x < width / 2 { vec![230, 0, 18] } else { vec![255; 3] },
    )
}

fn take(bytes: &[u8]) -> Result<UploadedSeal, PictureError> {
    UploadedSeal::from_png(bytes, &PictureLimits::default(), true)
}

#[test]
fn documented_sizes_print_in_their_class_in_either_orientation() {
    for (w, h, class, size) in [
        (110, 200, PictureClass::Person, (16.5, 30.0)),
        (200, 110, PictureClass::Person, (30.0, 16.5)),
        (200, 200, PictureClass::Round, (40.0, 40.0)),
        (300, 160, PictureClass::Oval, (45.0, 24.0)),
        (160, 300, PictureClass::Oval, (24.0, 45.0)),
        (1000, 1000, PictureClass::Round, (40.0, 40.0)),
        (400, 220, PictureClass::Person, (30.0, 16.5)),
        (310, 160, PictureClass::Oval, (45.0, 23.225_806)),
    ] {
        let seal = take(&bar(w, h)).unwrap();
        assert_eq!(seal.class(), class, "{w} {h}");
        let (x, y) = seal.size_mm();
        assert!((x - size.0).abs() < 1e-3 && (y - size.1).abs() < 1e-3, "{w} {h}: {x} {y}");
    }
    let strict = PictureLimits { strict_sizes: true, ..PictureLimits::default() };
    assert!(UploadedSeal::from_png(&bar(200, 110), &strict, false).is_ok());
    assert!(UploadedSeal::from_png(&bar(400, 220), &strict, false).is_err());
}

#[test]
fn only_pixels_are_kept_and_white_becomes_transparent() {
    let upload = bar(200, 200);
    assert!(upload.windows(7).any(|w| w == b"hostile"));
    let seal = take(&upload).unwrap();
    let clean = seal.to_png().unwrap();
    assert!(!clean.windows(4).any(|w| w == b"tEXt"));
    let map = tiny_skia::Pixmap::decode_png(&clean).unwrap();
    assert_eq!(map.pixel(10, 10).unwrap().demultiply().red(), 230);
    assert_eq!(map.pixel(150, 10).unwrap().alpha(), 0);
    // Left as it is on request.
    let opaque = UploadedSeal::from_png(&upload, &PictureLimits::default(), false).unwrap();
    let map = tiny_skia::Pixmap::decode_png(&opaque.to_png().unwrap()).unwrap();
    assert_eq!(map.pixel(150, 10).unwrap().alpha(), 255);
    assert_ne!(seal.digest(), opaque.digest());
    // A digest is of the pixels, not of the file.
    let again = take(&clean).unwrap();
    assert_eq!(again.digest(), take(&again.to_png().unwrap()).unwrap().digest());
}

#[test]
fn ink_keeps_its_colour_when_the_white_is_lifted_off() {
    // Half-covered red on white is translucent red.
    let pale =
        png(200, 200, png::ColorType::Rgb, |x, _| if x < 100 { vec![255, 128, 128] } else { vec![0, 0, 0] });
    let seal = take(&pale).unwrap();
    let map = tiny_skia::Pixmap::decode_png(&seal.to_png().unwrap()).unwrap();
    let edge = map.pixel(5, 5).unwrap();
    assert_eq!(edge.alpha(), 127);
    assert_eq!((edge.demultiply().red(), edge.demultiply().green()), (255, 0));
    assert_eq!(map.pixel(150, 5).unwrap().alpha(), 255);
}

#[test]
fn every_colour_type_is_read() {
    for (colour, pixel) in [
        (png::ColorType::Grayscale, vec![0]),
        (png::ColorType::GrayscaleAlpha, vec![0, 200]),
        (png::ColorType::Rgb, vec![0, 0, 0]),
        (png::ColorType::Rgba, vec![0, 0, 0, 200]),
    ] {
        let seal = take(&png(200, 110, colour, |_, _| pixel.clone())).unwrap();
        let form = seal.to_pdf_form();
        let image = form.image.unwrap();
        assert_eq!((image.width, image.height), (200, 110));
        assert_eq!(String::from_utf8(form.content.to_vec()).unwrap().matches("/Im0 Do").count(), 1);
    }
}

/// Chunks with a right CRC around any data.
fn raw(width: u32, height: u32, depth: u8, colour: u8, interlace: u8, idat: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        out.extend(crc.sum().to_be_bytes());
    };
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([depth, colour, 0, 0, interlace]);
    chunk(b"IHDR", &header);
    chunk(b"IDAT", idat);
    chunk(b"IEND", &[]);
    out
}

fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 16];
    for _ in 0..count / block.len() {
        encoder.write_all(&block).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn hostile_pngs_are_refused_quickly() {
    let good = bar(200, 200);
    let mut wrong_crc = good.clone();
    let at = wrong_crc.windows(4).position(|w| w == b"IDAT").unwrap() + 10;
    wrong_crc[at] ^= 1;
    // 64 MB of zeros in 64 KB behind an honest header.
    let bomb = zeros(64 << 20);
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("JPEG", b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec()),
        ("signature only", good[..8].to_vec()),
        ("wrong CRC", wrong_crc),
        ("65,535 × 65,535", raw(65_535, 65_535, 8, 6, 0, &bomb)),
        ("65,535 × 65,535, one bit, interlaced", raw(65_535, 65_535, 1, 0, 1, &bomb)),
        ("2^31 wide", raw(0x7FFF_FFFF, 1, 8, 6, 0, &bomb)),
        ("no width", raw(0, 200, 8, 6, 0, &bomb)),
        ("1,001 wide", bar(1001, 1000)),
        ("16 bits of rubbish", raw(1000, 1000, 16, 6, 0, b"rubbish")),
        ("bad colour type", raw(200, 200, 8, 5, 0, &bomb)),
        ("palette without palette", raw(200, 200, 8, 3, 0, &bomb)),
        ("all white", png(200, 200, png::ColorType::Rgb, |_, _| vec![255; 3])),
        ("all transparent", png(200, 200, png::ColorType::Rgba, |_, _| vec![0; 4])),
        ("too many bytes", vec![0x89; 409_601]),
        ("bomb behind an honest header", raw(1000, 1000, 8, 0, 0, &bomb)),
        ("too little data", raw(200, 200, 8, 6, 0, &zeros(1 << 16))),
    ];
    for cut in (9..good.len()).step_by(37) {
        cases.push(("truncated", good[..cut].to_vec()));
    }
    for (name, bytes) in cases {
        let begun = Instant::now();
        let answer = take(&bytes);
        let spent = begun.elapsed();
        println!("{name}: {spent:?} {:?}", answer.as_ref().err());
        assert!(answer.is_err(), "{name}");
    }
}

/// Another encoder's interlaced picture: 8 × 8 blocks are not enough for our sizes, so each pass is made by hand.
#[test]
fn an_interlaced_picture_is_read() {
    let passes =
        [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];
    let mut data = Vec::new();
    for (x0, dx, y0, dy) in passes {
        for y in (y0..110_usize).step_by(dy) {
            data.push(0);
            data.extend((x0..200_usize).step_by(dx).map(|x| if x < 100 && y < 55 { 0 } else { 200 }));
        }
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&data).unwrap();
    let seal = take(&raw(200, 110, 8, 0, 1, &encoder.finish().unwrap())).unwrap();
    let map = tiny_skia::Pixmap::decode_png(&seal.to_png().unwrap()).unwrap();
    assert_eq!(map.pixel(99, 54).unwrap().alpha(), 255);
    assert_eq!(map.pixel(100, 54).unwrap().alpha(), 55);
}

#[test]
fn mutated_pngs_never_abort() {
    let good = bar(200, 110);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..3000 {
        let mut bytes = good.clone();
        for _ in 0..4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = usize::try_from(state % bytes.len() as u64).unwrap();
            bytes[at] = (state >> 32).to_le_bytes()[0];
        }
        let _ = take(&bytes);
    }
}
