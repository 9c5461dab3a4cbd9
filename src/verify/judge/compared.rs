//! What later revisions changed of each signed one.

use super::{Candidate, Case};
use crate::verify::diff::{self, Edges, LaterSignature, LaterSignatures};
use crate::verify::finding::{Attack, Finding, Subject};
use crate::verify::permissions::Permissions;
use crate::verify::report::Change;
use crate::verify::revisions;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    pub(super) changes: Vec<Change>,
    pub(super) findings: Vec<Finding>,
}

/// Validation data that came after the signed revision and went again.
fn lost_since(lost: &Result<Option<usize>, diff::GaveUp>, revision: usize) -> Option<Finding> {
    let detail = match lost {
        Ok(Some(newest)) if *newest > revision => {
            "a later revision removed validation data from the document".to_owned()
        }
        Ok(_) => return None,
        Err(diff::GaveUp(why)) => format!("the document security stores cannot be compared: {why}"),
    };
    Some(Finding::failure(Subject::Modification, "dss-removed", detail).attack(Attack::DssRemoved))
}

/// Objects that are walked to tell revisions apart, at most.
const MAX_TOLD_APART: usize = 100_000;

impl Case<'_, '_> {
    /// The difference analysis for every signature that later revisions follow; by index.
    pub(super) fn compare_all(&self) -> Vec<Compared> {
        let last = self.document.revisions().len().saturating_sub(1);
        let earliest = self.candidates.iter().filter_map(|c| c.revision.as_ref().ok()).min().copied();
        let Some(earliest) = earliest.filter(|r| *r < last) else {
            return vec![Compared::default(); self.candidates.len()];
        };
        let all = diff::touched(self.document, self.document.as_of(earliest), earliest + 1);
        let edges = Edges::collect(self.document.latest(), &all);
        let lost = diff::validation_data_lost(self.document, earliest, &self.known);
        let later = self.later_signatures();
        self.candidates
            .iter()
            .map(|candidate| match candidate.revision {
                Ok(revision) if revision < last => {
                    let mut compared = self.compare(candidate, revision, &edges, &later);
                    compared.findings.extend(lost_since(&lost, revision));
                    compared
                }
                _ => Compared::default(),
            })
            .collect()
    }

    fn later_signatures(&self) -> LaterSignatures {
        let shown = self.candidates.iter().filter(|c| c.found.present);
        shown.map(|c| (c.found.holder, LaterSignature { sound: c.sound(), timestamp: c.timestamp })).collect()
    }

    /// What each revision behind the first signed one changed of the one before it. Many revisions of a large file are
    /// not told apart: the signatures' own lists of changes have it all.
    pub(super) fn changes_by_revision(&self, compared: &[Compared]) -> BTreeMap<usize, Vec<Change>> {
        let mut out = BTreeMap::new();
        let last = self.document.revisions().len().saturating_sub(1);
        let signed: Vec<(usize, usize)> = self
            .candidates
            .iter()
            .enumerate()
            .filter_map(|(n, c)| Some((*c.revision.as_ref().ok()?, n)))
            .collect();
        let Some(first) = signed.iter().map(|(revision, _)| *revision).min() else { return out };
        // Whoever signed the last but one revision was compared with the last one already.
        let of_last =
            signed.iter().find(|(revision, _)| revision + 1 == last).and_then(|(_, n)| compared.get(*n));
        let objects = usize::try_from(self.document.latest().size()).unwrap_or(usize::MAX);
        let walks = last.saturating_sub(first);
        if objects.saturating_mul(walks) > MAX_TOLD_APART {
            return out;
        }
        let later = self.later_signatures();
        for revision in first + 1..=last {
            if let (true, Some(known)) = (revision == last, of_last) {
                out.insert(revision, known.changes.clone());
                continue;
            }
            let (old, new) = (self.document.as_of(revision - 1), self.document.as_of(revision));
            let touched = diff::touched_by(self.document, old, revision);
            let changes = Edges::collect(new, &touched).and_then(|edges| {
                diff::compare(old, new, &touched, &edges, &Permissions::of(old), &later, &self.known)
            });
            out.insert(revision, changes.unwrap_or_default());
        }
        out
    }

    fn compare(
        &self,
        candidate: &Candidate,
        revision: usize,
        edges: &Result<Edges, diff::GaveUp>,
        later: &LaterSignatures,
    ) -> Compared {
        let old = self.document.as_of(revision);
        let touched = diff::touched(self.document, old, revision + 1);
        let permissions = Permissions::of(old);
        let outcome = match edges {
            Ok(edges) => {
                let new = self.document.latest();
                diff::compare(old, new, &touched, edges, &permissions, later, &self.known)
            }
            Err(gave_up) => Err(gave_up.clone()),
        };
        let mut compared = Compared::default();
        match outcome {
            Ok(changes) => compared.changes = changes,
            Err(diff::GaveUp(why)) => {
                let detail = format!("the later revisions cannot be compared: {why}");
                compared.findings.push(
                    Finding::failure(Subject::Modification, "not-comparable", detail)
                        .attack(Attack::IncrementalSaving),
                );
            }
        }
        match &self.inspection {
            Some(Ok(inspection)) => {
                compared.findings.extend(revisions::later_oddities(
                    self.document,
                    inspection,
                    candidate.end(),
                ));
                compared.findings.extend(revisions::hidden_object(
                    self.document,
                    inspection,
                    candidate.end(),
                ));
                compared.findings.extend(revisions::second_reading(
                    self.document,
                    inspection,
                    candidate.end(),
                ));
                compared.findings.extend(revisions::earlier_oddities(inspection, candidate.end()));
            }
            Some(Err(finding)) => compared.findings.push(finding.clone()),
            None => {}
        }
        compared
    }
}
