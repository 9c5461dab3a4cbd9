//! Document roots and how a client's path is found in them.

use crate::documents::DocumentError;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest path of a client, in bytes (Linux PATH_MAX).
const MAX_PATH: usize = 4096;

/// A folder below which apps may name files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name in the configuration.
    pub name: String,
    /// Absolute path, as clients spell it.
    pub path: PathBuf,
    /// Permission bits of files saved there.
    pub mode: u32,
}

/// A root that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document root {root}: {reason}")]
pub struct RootError {
    /// Its name.
    pub root: String,
    /// Why not.
    pub reason: String,
}

pub(super) struct OpenRoot {
    name: String,
    path: PathBuf,
    pub(super) mode: u32,
    pub(super) folder: Dir,
}

pub(super) struct Roots(Vec<Arc<OpenRoot>>);

impl Roots {
    pub(super) fn open(roots: &[Root]) -> Result<Self, RootError> {
        let open = |root: &Root| {
            let error = |reason: String| RootError { root: root.name.clone(), reason };
            if !root.path.is_absolute() {
                return Err(error(format!("{} is not an absolute path", root.path.display())));
            }
            let folder = Dir::open_ambient_dir(&root.path, ambient_authority())
                .map_err(|e| error(format!("{}: {e}", root.path.display())))?;
            let (name, path) = (root.name.clone(), root.path.clone());
            Ok(Arc::new(OpenRoot { name, path, mode: root.mode & 0o777, folder }))
        };
        roots.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// The root that an absolute path begins with (the longest, if several), or the only one for a relative path, and the rest.
    pub(super) fn locate(
        &self,
        allowed: &[String],
        path: &str,
    ) -> Result<(Arc<OpenRoot>, PathBuf), DocumentError> {
        if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
            return Err(DocumentError::Malformed("empty, too long or with a NUL"));
        }
        let mut roots = self.0.iter().filter(|root| allowed.contains(&root.name));
        let path = Path::new(path);
        if path.is_absolute() {
            let best = roots.max_by_key(|root| {
                path.strip_prefix(&root.path).is_ok().then(|| root.path.components().count())
            });
            let root = best.ok_or(DocumentError::Outside)?;
            let inside = path.strip_prefix(&root.path).map_err(|_| DocumentError::Outside)?;
            return Ok((Arc::clone(root), inside.to_owned()));
        }
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok((Arc::clone(root), path.to_owned())),
            _ => Err(DocumentError::Outside),
        }
    }
}
