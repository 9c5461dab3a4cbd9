//! What a remote CA answers: CMP and EST.
#![no_main]

hufu_fuzz::target!(ca_answer);
