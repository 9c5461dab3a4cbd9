//! Judging a signed PDF: who signed, when, and what was changed since (EN 319 102-1, ISO 32000-2 12.8).
