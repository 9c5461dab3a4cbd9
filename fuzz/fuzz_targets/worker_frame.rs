//! Frames between the appliance's processes.
#![no_main]

hufu_fuzz::target!(worker_frame);
