//! Bulkheads: an operation takes its place at a remote service before it starts, so that a slow service cannot hold
//! every worker slot.

use super::{Error, Result};
use crate::codes::Code;
use parking_lot::Mutex;
use std::collections::HashMap;

/// A service outside that may be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Service {
    /// Certificate channels.
    Authority,
    /// Time-stamping authorities.
    Timestamps,
    /// The SMS gateway.
    Sms,
}

#[derive(Debug)]
pub(super) struct Remote {
    most: usize,
    taken: Mutex<HashMap<Service, usize>>,
}

/// A place at a service until dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    remote: &'a Remote,
    service: Service,
}

impl Remote {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), taken: Mutex::default() }
    }

    /// Takes a place; 503 when all are taken.
    pub(super) fn take(&self, service: Service) -> Result<Place<'_>> {
        let mut taken = self.taken.lock();
        let count = taken.entry(service).or_default();
        if *count >= self.most {
            return Err(Error::new(Code::Overloaded).because(format!("all places at {service:?} are taken")));
        }
        *count += 1;
        Ok(Place { remote: self, service })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.remote.taken.lock().get_mut(&self.service) {
            *count = count.saturating_sub(1);
        }
    }
}
