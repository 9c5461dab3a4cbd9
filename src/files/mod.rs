//! Document roots: confined reading and whole-or-not-at-all writing.
