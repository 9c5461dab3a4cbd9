//! The children of one channel: started when needed, replaced when they break.

use crate::child::{AskError, Child};
use crate::message::{Greeting, Hello};
use crate::settings::Checked;
use hufu_api::{ChannelError, Cx};
use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Verbs that every channel must offer.
const NEEDED: [&str; 2] = ["enroll", "authorities"];

struct Idle {
    children: Vec<Child>,
    running: usize,
}

/// At most `processes` children, each serving one question at a time.
pub(crate) struct Pool {
    settings: Checked,
    idle: Mutex<Idle>,
    freed: Condvar,
}

impl Pool {
    pub(crate) fn new(settings: Checked) -> Self {
        Self { settings, idle: Mutex::new(Idle { children: vec![], running: 0 }), freed: Condvar::new() }
    }

    /// One question to a free child.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        cx: Cx,
        verb: &str,
        params: &impl Serialize,
    ) -> Result<T, ChannelError> {
        let mut place = self.place(cx)?;
        let child = match &mut place.child {
            Some(child) => child,
            none => none.insert(self.start(cx)?),
        };
        match child.ask(cx, verb, params) {
            Ok(answer) => Ok(answer),
            Err(AskError::Word(error)) => Err(error),
            Err(AskError::Broken(error)) => {
                place.child = None;
                Err(error)
            }
        }
    }

    /// Makes sure that a child can be started and greets.
    pub(crate) fn greet(&self, cx: Cx) -> Result<(), ChannelError> {
        let mut place = self.place(cx)?;
        if place.child.is_none() {
            place.child = Some(self.start(cx)?);
        }
        Ok(())
    }

    fn start(&self, cx: Cx) -> Result<Child, ChannelError> {
        let name = self.settings.program.path().display().to_string();
        let mut child = Child::start(&self.settings, &name)?;
        let mut secrets = BTreeMap::new();
        for (name, secret) in &self.settings.secrets {
            secrets.insert(name.as_str(), secret.text().map_err(|e| ChannelError::Unavailable(e.0))?);
        }
        let hello = Hello { settings: &self.settings.settings, secrets };
        let greeting: Greeting = child.ask(cx, "hello", &hello).map_err(|e| match e {
            AskError::Word(error) | AskError::Broken(error) => error,
        })?;
        let missing = NEEDED.iter().find(|verb| !greeting.verbs.iter().any(|v| v == *verb));
        if let Some(missing) = missing {
            return Err(ChannelError::BadAnswer(format!(
                "{} does not offer the verb {missing}",
                greeting.name
            )));
        }
        Ok(child)
    }

    /// A place for one question, with an idle child if there is one.
    fn place(&self, cx: Cx) -> Result<Place<'_>, ChannelError> {
        let mut idle = self.idle.lock();
        while idle.running >= self.settings.processes {
            if self.freed.wait_until(&mut idle, cx.deadline).timed_out() {
                return Err(ChannelError::Timeout);
            }
        }
        idle.running += 1;
        Ok(Place { pool: self, child: idle.children.pop() })
    }
}

/// One of the places; the child goes back when it is dropped, unless it broke.
struct Place<'a> {
    pool: &'a Pool,
    child: Option<Child>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let child = self.child.take();
        let mut idle = self.pool.idle.lock();
        idle.children.extend(child);
        idle.running = idle.running.saturating_sub(1);
        drop(idle);
        self.pool.freed.notify_one();
    }
}
