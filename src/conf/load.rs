//! Reading the layers into a typed value.

use config::{Config, Environment, File, FileFormat};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Prefix of environment variables that override the file: `HUFU__SERVER__LISTEN=127.0.0.1:9443`.
const PREFIX: &str = "HUFU";

/// A configuration file larger than this is not one of ours.
const MAX_FILE: u64 = 1024 * 1024;

/// Why the configuration is not usable. The message names where, what, and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfError {
    /// The file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{file}: not TOML: {reason}")]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A key is unknown, missing, or has a value that it cannot have.
    #[error("{origin}: {key}: {reason}")]
    Value {
        /// The file, or the environment variable.
        origin: String,
        /// Dotted path of the key.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// Reads `file` and the environment over it into `T`. Beneath both lie `defaults`, whose tables may so be changed key by key.
///
/// # Errors
/// See [`ConfError`].
pub fn load<T: DeserializeOwned, D: Serialize>(file: &Path, defaults: &D) -> Result<T, ConfError> {
    load_with(file, defaults, std::env::vars().collect())
}

fn load_with<T: DeserializeOwned, D: Serialize>(
    file: &Path,
    defaults: &D,
    vars: Vec<(String, String)>,
) -> Result<T, ConfError> {
    let unreadable = |reason: String| ConfError::Unreadable { file: file.to_owned(), reason };
    let size = std::fs::metadata(file).map_err(|e| unreadable(e.to_string()))?.len();
    if size > MAX_FILE {
        return Err(unreadable(format!("{size} bytes are too many for a configuration file")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| unreadable(e.to_string()))?;
    let ours: std::collections::HashMap<String, String> =
        vars.into_iter().filter(|(name, _)| name.starts_with("HUFU__")).collect();
    let environment = Environment::with_prefix(PREFIX)
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .source(Some(ours.clone()));
    // Parsed once on its own, so that a syntax error is told with its line.
    if let Err(error) = text.parse::<toml::Table>() {
        return Err(ConfError::Syntax { file: file.to_owned(), reason: error.to_string() });
    }
    let beneath = Config::try_from(defaults).map_err(|e| unreadable(e.to_string()))?;
    let layered = Config::builder()
        .add_source(beneath)
        .add_source(File::from_str(&text, FileFormat::Toml))
        .add_source(environment)
        .build()
        .map_err(|e| ConfError::Syntax { file: file.to_owned(), reason: e.to_string() })?;
    serde_path_to_error::deserialize(layered.clone()).map_err(|error| {
        let key = error.path().to_string();
        let variable = format!("{PREFIX}__{}", key.to_uppercase().replace('.', "__"));
        let origin = ours
            .keys()
            .find(|name| name.to_uppercase().starts_with(&variable) && key != ".")
            .map_or_else(|| file.display().to_string(), |name| format!("environment variable {name}"));
        let reason = other_words::<T>(layered).unwrap_or_else(|| error.into_inner().to_string());
        ConfError::Value { origin, key, reason }
    })
}

/// `config` does not say which names an enumeration knows; JSON's reader does, about the same values.
fn other_words<T: DeserializeOwned>(layered: Config) -> Option<String> {
    let values: serde_json::Value = layered.try_deserialize().ok()?;
    let reason = serde_json::from_value::<T>(values).err()?.to_string();
    reason.starts_with("unknown variant").then_some(reason)
}

/// A path from a configuration file: relative ones count from the file's folder.
pub fn relative_to(file: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    file.parent().unwrap_or(Path::new(".")).join(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        server: Server,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Server {
        listen: std::net::SocketAddr,
        #[serde(default)]
        connections: u32,
    }

    #[derive(Serialize)]
    struct NoDefaults {}

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hufu.toml");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let (_dir, path) = file("[server]\nlisten = \"127.0.0.1:1\"\nconnections = 5\n");
        let whole: Whole =
            load_with(&path, &NoDefaults {}, vars(&[("HUFU__SERVER__CONNECTIONS", "7")])).unwrap();
        assert_eq!(whole.server.connections, 7);
        assert_eq!(whole.server.listen.port(), 1);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        let (_dir, path) = file("[server]\nlisten = \"127.0.0.1:1\"\nconections = 5\n");
        let message = load_with::<Whole, _>(&path, &NoDefaults {}, vec![]).unwrap_err().to_string();
        assert!(message.contains("hufu.toml"), "{message}");
        assert!(message.contains("server"), "{message}");
        assert!(message.contains("conections") && message.contains("connections"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let (_dir, path) = file("[server]\nlisten = \"nonsense\"\n");
        let message = load_with::<Whole, _>(&path, &NoDefaults {}, vec![]).unwrap_err().to_string();
        assert!(message.contains("server.listen"), "{message}");
    }

    #[test]
    fn a_wrong_variable_is_named_itself() {
        let (_dir, path) = file("[server]\nlisten = \"127.0.0.1:1\"\n");
        let message =
            load_with::<Whole, _>(&path, &NoDefaults {}, vars(&[("HUFU__SERVER__CONNECTIONS", "many")]))
                .unwrap_err()
                .to_string();
        assert!(message.contains("HUFU__SERVER__CONNECTIONS"), "{message}");
    }

    #[test]
    fn a_syntax_error_tells_its_line() {
        let (_dir, path) = file("[server\nlisten = 1\n");
        let message = load_with::<Whole, _>(&path, &NoDefaults {}, vec![]).unwrap_err().to_string();
        assert!(message.contains("line 1"), "{message}");
    }

    #[test]
    fn a_table_with_defaults_is_changed_key_by_key() {
        #[derive(Serialize)]
        struct Beneath {
            server: BTreeMap<&'static str, u32>,
        }
        let beneath = Beneath { server: BTreeMap::from([("connections", 3)]) };
        let (_dir, path) = file("[server]\nlisten = \"127.0.0.1:1\"\n");
        let whole: Whole = load_with(&path, &beneath, vec![]).unwrap();
        assert_eq!((whole.server.connections, whole.server.listen.port()), (3, 1));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_right_ones() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Level {
            Low,
            High,
        }
        #[derive(Debug, Deserialize)]
        struct Leveled {
            #[allow(dead_code)]
            level: Level,
        }
        let (_dir, path) = file("level = \"middle\"\n");
        let message = load_with::<Leveled, _>(&path, &NoDefaults {}, vec![]).unwrap_err().to_string();
        assert!(
            message.contains("middle") && message.contains("low") && message.contains("high"),
            "{message}"
        );
        let _ = [Level::Low, Level::High];
    }
}
