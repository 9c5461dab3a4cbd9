//! One at a time per name: enrolments of one certifyNum, calls on one output path, uses of one Idempotency-Key.

use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::time::Instant;

/// A set of names that are held.
#[derive(Debug, Default)]
pub(super) struct Locks {
    held: Mutex<HashSet<Vec<u8>>>,
    released: Condvar,
}

/// Holds one name until dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    locks: &'a Locks,
    name: Vec<u8>,
}

impl Locks {
    /// Waits for `name` until `deadline`.
    pub(super) fn hold(&self, name: Vec<u8>, deadline: Instant) -> Option<Held<'_>> {
        let mut held = self.held.lock();
        while held.contains(&name) {
            if self.released.wait_until(&mut held, deadline).timed_out() && held.contains(&name) {
                return None;
            }
        }
        held.insert(name.clone());
        Some(Held { locks: self, name })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.locks.held.lock().remove(&self.name);
        self.locks.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_name_is_held_once() {
        let locks = Locks::default();
        let soon = || Instant::now() + Duration::from_millis(5);
        let first = locks.hold(b"a".to_vec(), soon()).unwrap();
        assert!(locks.hold(b"a".to_vec(), soon()).is_none());
        assert!(locks.hold(b"b".to_vec(), soon()).is_some());
        drop(first);
        assert!(locks.hold(b"a".to_vec(), soon()).is_some());
    }
}
