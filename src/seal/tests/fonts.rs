//! The fonts of the Debian packages that `softhsm/packages` and `softhsm/fonts` install, opened once for all tests.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use crate::seal::{Chain, FontFamily, FontFile, FontSet, FontSource};

fn file(name: &str, index: u32) -> Option<Arc<FontFile>> {
    let ours = std::env::var_os("HUFU_FONTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("var/fonts"), PathBuf::from);
    let folders = std::iter::once(ours).chain(
        ["arphic-gkai00mp", "lxgw-wenkai", "wqy"]
            .map(|family| PathBuf::from("/usr/share/fonts/truetype").join(family))
            .into_iter()
            .chain([PathBuf::from("/usr/share/fonts/opentype/noto")]),
    );
    let path = folders.map(|folder| folder.join(name)).find(|path| path.is_file())?;
    let bytes: Arc<dyn FontSource> = Arc::new(Arc::new(std::fs::read(path).unwrap()));
    Some(Arc::new(FontFile::inspect(name, [(index, bytes)]).unwrap()))
}

static SET: LazyLock<FontSet> = LazyLock::new(|| {
    let need =
        |name: &str, index| file(name, index).unwrap_or_else(|| panic!("{name}: run softhsm/packages run"));
    let kai = need("gkai00mp.ttf", 0);
    let wenkai = need("LXGWWenKai-Regular.ttf", 0);
    let light = need("LXGWWenKai-Light.ttf", 0);
    let hei = need("wqy-microhei.ttc", 0);
    let sans = need("NotoSansCJK-Regular.ttc", 2);
    let serif = need("NotoSerifCJK-Bold.ttc", 2);
    let fang = file("FandolFang-Regular.otf", 0);
    if fang.is_none() {
        println!(
            "skipped: FandolFang (HUFU_FONTS=$(softhsm/fonts) not set); F2 is drawn with the next of its chain"
        );
    }
    FontSet::new([
        (Chain::Person(FontFamily::Kai), vec![Arc::clone(&kai), Arc::clone(&wenkai)]),
        (Chain::Person(FontFamily::FangSong), fang.into_iter().chain([light]).collect()),
        (Chain::Person(FontFamily::HuawenKai), vec![wenkai]),
        (Chain::Person(FontFamily::YaHei), vec![hei, Arc::clone(&sans)]),
        (Chain::Company, vec![serif]),
        (Chain::Figures, vec![sans]),
    ])
    .unwrap()
});

pub(super) fn set() -> &'static FontSet {
    &SET
}
