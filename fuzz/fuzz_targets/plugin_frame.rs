//! The output of a channel's program.
#![no_main]

hufu_fuzz::target!(plugin_frame);
