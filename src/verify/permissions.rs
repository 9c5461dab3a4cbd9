//! What a signature lets others do afterwards: DocMDP, FieldMDP and the field's /Lock (ISO 32000-2 12.8.2.2, 12.8.2.4,
//! 12.7.5.5).

use super::form::name_text;
use crate::pdf::syntax::{Dict, Object, View};

/// Signature references that one signature may have.
const MAX_REFERENCES: usize = 16;

/// Which fields a lock covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    All,
    Include(Vec<String>),
    Exclude(Vec<String>),
}

impl Lock {
    /// A transform's or a lock dictionary's /Action and /Fields. An action that is not known locks everything.
    fn read(view: View<'_, '_>, dict: &Dict) -> Option<Self> {
        let action = view.get(dict, "Action").ok()?;
        let action = action.as_name()?;
        let named = view.get_array(dict, "Fields").and_then(|fields| {
            let text = |f: &Object| Ok(view.resolve(f)?.as_string().map(name_text).unwrap_or_default());
            fields.iter().map(text).collect::<Result<Vec<_>, _>>()
        });
        let Ok(fields) = named else { return Some(Self::All) };
        Some(match action {
            b"Include" => Self::Include(fields),
            b"Exclude" => Self::Exclude(fields),
            _ => Self::All,
        })
    }

    /// Naming a field names those below it.
    pub(super) fn covers(&self, name: &str) -> bool {
        let within = |named: &String| {
            name == named || name.strip_prefix(named.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        match self {
            Self::All => true,
            Self::Include(names) => names.iter().any(within),
            Self::Exclude(names) => !names.iter().any(within),
        }
    }
}

/// The /P of DocMDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// 1: nothing but validation data and document time stamps.
    Nothing,
    /// 2: filling fields and signing.
    Filling,
    /// 3: annotations too.
    Annotating,
}

/// What may be done after a signature.
#[derive(Clone, Debug)]
pub(super) struct Permissions {
    /// The strictest DocMDP level that binds, if one does.
    pub level: Option<Level>,
    /// The file is certified: no new visible field.
    pub certified: bool,
    /// Fields that must not change any more.
    pub locks: Vec<Lock>,
}

impl Permissions {
    pub(super) fn locked(&self, field: &str) -> bool {
        self.locks.iter().any(|lock| lock.covers(field))
    }

    /// Fields may be filled and signatures added.
    pub(super) fn filling(&self) -> bool {
        self.level.is_none_or(|level| level >= Level::Filling)
    }

    /// Annotations may be added: only where DocMDP says so.
    pub(super) fn annotating(&self) -> bool {
        self.level == Some(Level::Annotating)
    }

    /// Collects what the signed revision demands: the certification's DocMDP, and DocMDP, FieldMDP and /Lock of every
    /// signature in it.
    pub(super) fn of(view: View<'_, '_>) -> Self {
        let mut out = Self { level: None, certified: false, locks: Vec::new() };
        let Ok(catalog) = view.catalog() else { return out };
        let certification = view
            .get_dict(&catalog, "Perms")
            .ok()
            .flatten()
            .and_then(|perms| view.get_dict(&perms, "DocMDP").ok().flatten());
        if let Some(dict) = certification {
            out.certified = true;
            out.transforms(view, &dict);
            if out.level.is_none() {
                // DocMDP without parameters: the default is 2 (table 257).
                out.level = Some(Level::Filling);
            }
        }
        // Fields that nobody saw may forbid anything.
        let Ok(fields) = super::form::signature_fields(view) else {
            return Self { level: Some(Level::Nothing), ..out };
        };
        for field in fields {
            let Some(value) = &field.value else { continue };
            let Ok(value) = view.resolve(value) else { continue };
            let Some(signature) = value.as_dict() else { continue };
            out.transforms(view, signature);
            let lock =
                view.object(field.id).ok().and_then(|f| view.get_dict(f.as_dict()?, "Lock").ok().flatten());
            if let Some(lock) = lock {
                out.locks.extend(Lock::read(view, &lock));
                out.restrict_to(&lock, view);
            }
        }
        out
    }

    fn transforms(&mut self, view: View<'_, '_>, signature: &Dict) {
        let references = view.get_array(signature, "Reference");
        let Some(references) = references.ok().filter(|all| all.len() <= MAX_REFERENCES) else {
            // What nobody read may forbid anything.
            return self.restrict(Level::Nothing);
        };
        for reference in &references {
            let Ok(reference) = view.resolve(reference) else { return self.restrict(Level::Nothing) };
            let Some(reference) = reference.as_dict() else { continue };
            let parameters = view.get_dict(reference, "TransformParams").ok().flatten().unwrap_or_default();
            let method = view.get(reference, "TransformMethod").unwrap_or_default();
            match method.as_name() {
                Some(b"DocMDP") => {
                    self.certified = true;
                    if !self.restrict_to(&parameters, view) {
                        self.restrict(Level::Filling);
                    }
                }
                Some(b"FieldMDP") => self.locks.push(Lock::read(view, &parameters).unwrap_or(Lock::All)),
                _ => {}
            }
        }
    }

    /// Applies /P of `dict`; false when there is none.
    fn restrict_to(&mut self, dict: &Dict, view: View<'_, '_>) -> bool {
        let level = match view.get(dict, "P").ok().as_ref().and_then(Object::as_integer) {
            Some(1) => Level::Nothing,
            Some(2) => Level::Filling,
            Some(3) => Level::Annotating,
            _ => return false,
        };
        self.restrict(level);
        true
    }

    fn restrict(&mut self, level: Level) {
        self.level = Some(self.level.map_or(level, |before| before.min(level)));
    }
}
