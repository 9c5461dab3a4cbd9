//! The architecture, as a test: arrows between layers point down only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of `docs/ARCHITECTURE.md`, lowest first.
const LAYERS: &[&[&str]] = &[
    &["audit", "keys", "documents", "codes"],
    &["pdf", "locate", "cms", "x509", "tsp", "render", "seal", "verify", "tlog", "evidence"],
    &["ipc", "token", "ledger", "store", "clock", "files", "channels"],
    &["ops"],
    &["http"],
    &["conf", "registry", "supervisor", "cli"],
];

/// L3 names ports (L0) and kernels (L1), never adapters (L2).
const OPS: usize = 3;
const ADAPTERS: usize = 2;

fn level(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The top-level modules that a source text names through `crate::`, one level of braces included.
fn modules_named(text: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let group = rest.strip_prefix('{').map_or(rest.to_owned(), |g| g.replace('}', ""));
            let parts: Vec<&str> =
                if rest.starts_with('{') { group.split(',').collect() } else { vec![rest] };
            for part in parts {
                let name: String =
                    part.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !name.is_empty() {
                    named.push((number + 1, name));
                }
            }
        }
    }
    named
}

#[test]
fn arrows_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut arrows: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let Some(from) = level(&module) else {
            assert!(["lib", "main"].contains(&module.as_str()), "{module} has no layer; add it to LAYERS");
            continue;
        };
        for (line, name) in modules_named(&fs::read_to_string(&file).unwrap()) {
            let Some(to) = level(&name) else { continue };
            *arrows.entry((module.clone(), name.clone())).or_default() += 1;
            if to > from || (from == OPS && to == ADAPTERS) {
                wrong.push(format!(
                    "src/{}:{line}: {module} (L{from}) names {name} (L{to})",
                    inside.display()
                ));
            }
        }
    }
    assert!(!arrows.is_empty(), "the scan found no arrow at all: it is broken");
    assert!(wrong.is_empty(), "arrows that point up:\n{}", wrong.join("\n"));
}

#[test]
fn the_scan_sees_through_braces() {
    let named =
        modules_named("use crate::{audit::Permit, http};\n// crate::cli\nlet x = crate::conf::load();");
    let names: Vec<&str> = named.iter().map(|(_, n)| n.as_str()).collect();
    assert_eq!(names, ["audit", "http", "conf"]);
}

/// Only `registry` names plugins; the contract crate is everybody's.
#[test]
fn only_the_registry_names_plugins() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        // Tests may try a channel against a real plugin.
        let test = file.file_stem().is_some_and(|s| s == "testing" || s.to_string_lossy().ends_with("tests"));
        if inside.starts_with("registry") || test {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for plugin in ["hufu_ca_", "hufu_sms_", "hufu_tsa_", "hufu_exec"] {
            assert!(
                !text.contains(plugin),
                "src/{} names {plugin}…; plugins are the registry's",
                inside.display()
            );
        }
    }
}

/// Plugins depend on the contract, never on the appliance.
#[test]
fn plugins_do_not_know_the_appliance() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    for entry in fs::read_dir(plugins).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let own =
            text.lines().any(|l| l.trim_start().starts_with("hufu =") || l.trim_start().starts_with("hufu="));
        assert!(!own, "{} depends on the appliance", manifest.display());
    }
}

/// A file of over 600 lines has more than one subject.
#[test]
fn files_are_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["src", "plugins"] {
        rust_files(&root.join(dir), &mut files);
    }
    let long: Vec<String> = files
        .into_iter()
        .filter(|f| !f.components().any(|c| c.as_os_str() == "target"))
        .filter_map(|f| {
            let lines = fs::read_to_string(&f).unwrap().lines().count();
            (lines > 600).then(|| format!("{} has {lines} lines", f.strip_prefix(root).unwrap().display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
