//! Records, checkpoints, notes, tiles and proofs of the audit log.
#![no_main]

hufu_fuzz::target!(audit_record);
