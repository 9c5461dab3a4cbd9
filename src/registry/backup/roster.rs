//! Who must agree to a restore: the admins and the policy of the appliance that made the backup, as its log has them beneath
//! the newest checkpoint. State can be written by whoever opens the backup; such a log only with the token's audit key.

use crate::audit::{Act, Body, Ending, Entry, Event};
use crate::ops::Role;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The admins of a backup, and how many of them its appliance asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// By name, with the digest of their certificate's key as [`crate::ops::Operator::client`] has it.
    enrolled: BTreeMap<String, String>,
    /// Removed by a record that no checkpoint covers: they count as enrolled and cannot agree.
    leaving: BTreeSet<String>,
    /// `access.approvals`.
    approvals: u8,
}

impl Roster {
    /// Takes the next record of the log. One that no checkpoint covers only takes away: whoever forged it gained nothing.
    pub(super) fn saw(&mut self, entry: &Entry, covered: bool) {
        let Body::Event(Event { act, facts, ending: Ending::Done, .. }) = &entry.body else { return };
        let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default();
        match (act, text("change_kind")) {
            (Act::ChangeOperator, "add") if covered => {
                let role = facts.get("role").cloned().unwrap_or_default();
                if serde_json::from_value::<Role>(role).is_ok_and(|role| role == Role::Admin) {
                    self.enrolled.insert(text("name").to_owned(), text("client").to_owned());
                }
            }
            (Act::ChangeOperator, "remove") if covered => {
                self.enrolled.remove(text("name"));
            }
            (Act::ChangeOperator, "remove") => {
                self.leaving.insert(text("name").to_owned());
            }
            (Act::Configure, "approvals") if covered => {
                let approvals = facts.get("approvals").and_then(Value::as_u64);
                self.approvals = approvals.and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX);
            }
            _ => {}
        }
    }

    /// Those who can agree, by name.
    pub fn admins(&self) -> Vec<&str> {
        self.enrolled.keys().filter(|name| !self.leaving.contains(*name)).map(String::as_str).collect()
    }

    /// How many must, where the configuration of the restored appliance asks for `here`: the stricter of the two, but no more than
    /// are enrolled, as an appliance too lets its owner begin alone. None where one is enough: who restores agrees.
    pub fn needed(&self, here: u8) -> usize {
        match self.approvals.max(here) {
            0 | 1 => 0,
            several => usize::from(several).min(self.enrolled.len()),
        }
    }

    /// The admin who has the key with this digest.
    pub(super) fn admin(&self, client: &str) -> Option<&str> {
        let mut all = self.enrolled.iter();
        let (name, _) = all.find(|(_, pinned)| *pinned == client)?;
        (!self.leaving.contains(name)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::audit::{Actor, Facts};
    use hufu_api::{RequestId, UnixTime};
    use serde_json::json;

    fn record(act: Act, facts: Value) -> Entry {
        let facts: Facts = serde_json::from_value(facts).unwrap();
        let event = Event { act, actor: Actor::default(), facts, ending: Ending::Done };
        Entry { number: 0, at: UnixTime::from_seconds(0), request: RequestId(0), body: Body::Event(event) }
    }

    fn add(name: &str, role: &str) -> Entry {
        let client = format!("key of {name}");
        record(
            Act::ChangeOperator,
            json!({"change_kind": "add", "name": name, "role": role, "client": client}),
        )
    }

    fn remove(name: &str) -> Entry {
        record(Act::ChangeOperator, json!({"change_kind": "remove", "name": name, "client": "any"}))
    }

    fn policy(approvals: u8) -> Entry {
        record(Act::Configure, json!({"change_kind": "approvals", "approvals": approvals}))
    }

    fn roster(covered: &[Entry], tail: &[Entry]) -> Roster {
        let mut roster = Roster::default();
        covered.iter().for_each(|entry| roster.saw(entry, true));
        tail.iter().for_each(|entry| roster.saw(entry, false));
        roster
    }

    #[test]
    fn admins_alone_agree_and_those_removed_do_not() {
        let all =
            [policy(2), add("anna", "admin"), add("bao", "admin"), add("chen", "auditor"), remove("bao")];
        let roster = roster(&all, &[]);
        assert_eq!(roster.admins(), ["anna"]);
        assert_eq!(roster.admin("key of anna"), Some("anna"));
        assert_eq!((roster.admin("key of bao"), roster.admin("key of chen")), (None, None));
        assert_eq!(roster.needed(1), 1, "no more than there are");
    }

    #[test]
    fn the_stricter_policy_holds_and_one_is_whoever_restores() {
        let people = [add("anna", "admin"), add("bao", "admin"), add("chen", "admin")];
        let with = |approvals| roster(&[&[policy(approvals)], &people[..]].concat(), &[]);
        assert_eq!((with(1).needed(1), with(1).needed(2)), (0, 2));
        assert_eq!((with(2).needed(1), with(3).needed(2), with(5).needed(1)), (2, 3, 3));
        assert_eq!(roster(&[policy(2)], &[]).needed(2), 0, "nobody was enrolled yet");
        let lowered = roster(&[&[policy(2)], &people[..], &[policy(1)]].concat(), &[]);
        assert_eq!(lowered.needed(1), 0);
    }

    #[test]
    fn records_that_no_checkpoint_covers_let_nobody_in_and_make_nothing_easier() {
        let covered = [policy(2), add("anna", "admin"), add("bao", "admin")];
        let tail = [policy(1), remove("anna"), remove("bao"), add("mallory", "admin"), add("anna", "admin")];
        let roster = roster(&covered, &tail);
        assert_eq!(roster.needed(1), 2);
        assert_eq!((roster.admins(), roster.admin("key of mallory")), (vec![], None));
    }
}
