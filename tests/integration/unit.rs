//! The systemd unit and the package's parts, as far as they can be tried where no systemd runs.

use crate::daemon::{HUFU, top};
use std::process::Command;

#[test]
fn the_units_restrictions_let_the_appliance_work() {
    let done = Command::new(top().join("tests/unit/run")).args(["--hufu", HUFU]).output().unwrap();
    println!("{}", String::from_utf8_lossy(&done.stdout).trim());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_debian_package_installs_serves_and_goes_as_documented() {
    let done = Command::new(top().join("tests/package/run")).args(["--hufu", HUFU]).output().unwrap();
    println!("{}", String::from_utf8_lossy(&done.stdout).trim());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
