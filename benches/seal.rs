//! Seals: time of drawing and of pictures, and memory over a thousand different ones.
//!
//! `cargo bench --bench seal`; fonts are those of `softhsm/fonts` (`HUFU_FONTS`) and the system's folders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs
)]

use hufu::files::fonts::{SYSTEM_FOLDERS, find_fonts, shipped_chains};
use hufu::seal::{
    Border, CodeNumber, CompanySeal, CompanyShape, FontFamily, FontSet, PersonSeal, PictureLimits, SealName,
    SealText, UploadedSeal, draw_company, draw_person,
};
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn timed(name: &str, rounds: usize, mut work: impl FnMut(usize)) {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|i| {
            let begun = Instant::now();
            work(i);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{name:<44} median {:>9.3?}   p99 {:>9.3?}", times[rounds / 2], times[rounds * 99 / 100]);
}

/// Resident memory in MiB.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    (statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096) >> 20
}

fn person(i: usize, family: FontFamily) -> PersonSeal {
    let character = |n: usize| char::from_u32(0x4E00 + u32::try_from(n % 3_000).unwrap()).unwrap();
    let name: String = [character(i * 7), character(i * 11 + 5), character(i * 13 + 9)].iter().collect();
    PersonSeal { family, border: Border::ALL[i % 2], ..PersonSeal::new(SealName::parse(&name).unwrap()) }
}

fn company(i: usize, shape: CompanyShape) -> CompanySeal {
    let name: String =
        "北京云签科技发展集团股份有限公司第二分公司".chars().cycle().skip(i % 20).take(8 + i % 24).collect();
    CompanySeal {
        shape,
        text: Some(SealText::parse("合同专用章").unwrap()),
        code: Some(CodeNumber::parse("1101081234567").unwrap()),
        ..CompanySeal::new(SealName::parse(&name).unwrap())
    }
}

fn thousand(fonts: &FontSet) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for i in 0..250 {
                    let n = thread * 250 + i;
                    black_box(
                        draw_person(fonts, &person(n, FontFamily::HuawenKai)).unwrap().to_png(400).unwrap(),
                    );
                    black_box(draw_company(fonts, &company(n, CompanyShape::ALL[n % 2])).unwrap());
                }
            });
        }
    });
}

fn main() {
    let folders: Vec<PathBuf> = std::env::var_os("HUFU_FONTS")
        .map(PathBuf::from)
        .into_iter()
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .collect();
    let begun = Instant::now();
    let found = find_fonts(&folders, &shipped_chains()).unwrap();
    println!("fonts found in {:.0?}; resident {} MiB", begun.elapsed(), resident());
    for chain in &found.report {
        println!(
            "  {:<8} {}",
            chain.chain.name(),
            chain.found.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    let fonts = &found.set;
    for family in FontFamily::ALL {
        let seal = person(1, *family);
        timed(&format!("first personal seal {}", family.code()), 1, |_| {
            drop(draw_person(fonts, &seal).unwrap());
        });
        timed(&format!("personal seal {}", family.code()), 200, |i| {
            drop(draw_person(fonts, &person(i, *family)));
        });
    }
    for (name, shape) in [("round", CompanyShape::Round), ("oval", CompanyShape::Oval)] {
        timed(&format!("company seal, {name}"), 200, |i| {
            drop(draw_company(fonts, &company(i, shape)).unwrap());
        });
    }
    let seal = draw_company(fonts, &company(3, CompanyShape::Round)).unwrap();
    for pixels in [400, 1_000] {
        timed(&format!("PNG of {pixels} pixels"), 50, |_| drop(seal.to_png(pixels).unwrap()));
    }
    timed("SVG", 200, |_| drop(seal.to_svg()));
    timed("PDF form", 200, |_| drop(seal.to_pdf_form()));
    let upload = seal.to_png(200).unwrap();
    timed("upload of 200 × 200", 100, |_| {
        drop(UploadedSeal::from_png(&upload, &PictureLimits::default(), true).unwrap());
    });

    thousand(fonts);
    let before = resident();
    let begun = Instant::now();
    thousand(fonts);
    let after = resident();
    println!(
        "2,000 seals and 1,000 PNGs from 4 threads: {:.2?}; resident {before} → {after} MiB",
        begun.elapsed()
    );
    assert!(after <= before + 16, "memory grew");
}
