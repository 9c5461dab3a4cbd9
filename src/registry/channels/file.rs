//! One channel's file: the keys that all channels share, and the rest for its plugin.

use super::texts::Texts;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is wrong with a channel file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct FileProblem {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Keys of every channel file.
#[derive(Clone, Debug)]
pub struct Common {
    /// The channel's name: the file's, without `.toml`.
    pub name: String,
    /// `kind`: which plugin.
    pub kind: String,
    /// `order`: lower ones come first; 100 when absent. Equal ones stand in the order of their names.
    pub order: i64,
    /// `aliases`: further names that `caType` may use.
    pub aliases: Vec<String>,
    /// `timeout_seconds`: the longest that one call may take, 1 to 300; 10 when absent.
    pub timeout: Duration,
    /// `concurrency`: calls at once, 1 to 1,000; 16 when absent.
    pub concurrency: usize,
    /// `anchors`: a PEM file of the CA certificates that certificates from this channel must chain to.
    pub anchors: Option<PathBuf>,
}

/// A channel file as read: the shared keys, and what is left for the plugin.
pub(super) type Parsed = (Common, toml::Table);

/// All channel files that `dir` held, in the order of `order` and name.
pub(super) fn parse_all(dir: &Path, texts: &Texts) -> Vec<Result<Parsed, FileProblem>> {
    let mut files: Vec<_> = texts.0.iter().map(|(name, text)| parse(&dir.join(name), text)).collect();
    files.sort_by_key(|f| f.as_ref().map_or(i64::MAX, |(common, _)| common.order));
    files
}

fn parse(path: &Path, text: &Result<String, String>) -> Result<Parsed, FileProblem> {
    let problem = |reason: String| FileProblem { file: path.to_owned(), reason };
    let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if name.is_empty()
        || name.len() > 64
        || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return Err(problem("the name must be 1 to 64 of a-z, 0-9 and hyphen".into()));
    }
    let text = text.as_ref().map_err(|why| problem(why.clone()))?;
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| problem(e.to_string()))?;
    let common = common(name, &mut table).map_err(problem)?;
    Ok((common, table))
}

/// Takes the shared keys out of the table.
fn common(name: &str, table: &mut toml::Table) -> Result<Common, String> {
    let kind = match table.remove("kind") {
        Some(toml::Value::String(kind)) => kind,
        Some(_) => return Err("kind: must be a string".into()),
        None => return Err(format!("kind: missing; one of {}", super::kinds().join(", "))),
    };
    let anchors = match table.remove("anchors") {
        None => None,
        Some(toml::Value::String(file)) => Some(PathBuf::from(file)),
        Some(_) => return Err("anchors: must be the name of a PEM file".into()),
    };
    let aliases = match table.remove("aliases") {
        None => vec![],
        Some(toml::Value::Array(all)) => all
            .into_iter()
            .map(|v| v.as_str().map(str::to_owned).ok_or("aliases: must be a list of strings"))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err("aliases: must be a list of strings".into()),
    };
    let seconds = number(table, "timeout_seconds", 10, 1, 300)?;
    let concurrency = number(table, "concurrency", 16, 1, 1000)?;
    Ok(Common {
        name: name.to_owned(),
        kind,
        order: number(table, "order", 100, 0, 1_000_000)?,
        aliases,
        timeout: Duration::from_secs(seconds.unsigned_abs()),
        concurrency: usize::try_from(concurrency).unwrap_or(1),
        anchors,
    })
}

fn number(table: &mut toml::Table, key: &str, default: i64, least: i64, most: i64) -> Result<i64, String> {
    match table.remove(key) {
        None => Ok(default),
        Some(toml::Value::Integer(n)) if (least..=most).contains(&n) => Ok(n),
        Some(_) => Err(format!("{key}: must be a whole number from {least} to {most}")),
    }
}

/// Checks the channel files without making the channels: syntax, shared keys, known kinds, names used once.
pub fn check(dir: &Path) -> Vec<FileProblem> {
    let files = match Texts::read(dir) {
        Ok(texts) => parse_all(dir, &texts),
        Err(problem) => return vec![problem],
    };
    let known = super::kinds();
    let mut taken = std::collections::BTreeMap::<String, String>::new();
    let mut problems = Vec::new();
    for file in files {
        let (common, _) = match file {
            Ok(parsed) => parsed,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let path = dir.join(format!("{}.toml", common.name));
        if !known.contains(&common.kind.as_str()) {
            let reason = format!("kind: no plugin is called {:?}; one of {}", common.kind, known.join(", "));
            problems.push(FileProblem { file: path.clone(), reason });
        }
        for name in std::iter::once(&common.name).chain(&common.aliases) {
            if let Some(other) = taken.insert(name.clone(), common.name.clone()) {
                let reason = format!("aliases: {name:?} is already a name of the channel {other}");
                problems.push(FileProblem { file: path.clone(), reason });
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn order_then_name_decides() {
        let dir = folder(&[
            ("a.toml", "kind = \"sms-dev\""),
            ("b.toml", "kind = \"sms-dev\"\norder = 5"),
            ("c.toml.example", "kind = \"sms-dev\""),
        ]);
        let texts = Texts::read(dir.path()).unwrap();
        let names: Vec<_> = parse_all(dir.path(), &texts).into_iter().map(|f| f.unwrap().0.name).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_channels() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Texts::read(&dir.path().join("channels.d")), Ok(Texts::default()));
    }

    #[test]
    fn problems_name_the_file_and_what_would_be_right() {
        let dir = folder(&[
            ("a.toml", "aliases = [\"A1\"]"),
            ("b.toml", "kind = \"nonsense\""),
            ("c.toml", "kind = \"sms-dev\"\ntimeout_seconds = 0"),
            ("d.toml", "kind = "),
            ("e.toml", "kind = \"sms-dev\"\naliases = [\"A1\"]"),
            ("f.toml", "kind = \"sms-dev\"\naliases = [\"A1\"]"),
            ("G.toml", "kind = \"sms-dev\""),
        ]);
        let problems: Vec<String> = check(dir.path()).iter().map(ToString::to_string).collect();
        for part in [
            "a.toml: kind: missing; one of ",
            "b.toml: kind: no plugin is called \"nonsense\"",
            "c.toml: timeout_seconds: must be a whole number from 1 to 300",
            "d.toml: ",
            "\"A1\" is already a name of the channel e",
            "G.toml: the name must be",
        ] {
            assert!(problems.iter().any(|p| p.contains(part)), "{part} not in {problems:#?}");
        }
        assert_eq!(problems.len(), 6);
    }
}
