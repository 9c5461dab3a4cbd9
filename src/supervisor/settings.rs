//! Which processes there are to be.

use crate::ipc::control::Door;
use crate::token::{TokenSettings, WorkerSettings};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How children are started: this program itself, with `internal network|audit|worker` behind `before`.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Arguments before `internal`.
    pub before: Vec<OsString>,
    /// The whole environment of every child.
    pub environment: BTreeMap<OsString, OsString>,
}

impl Launch {
    /// This program again, by the running file itself, so that an upgrade on disk does not mix versions. Of the environment
    /// only the logging variables pass.
    pub fn own() -> Self {
        let pass = ["HUFU_LOG", "RUST_LOG", "RUST_BACKTRACE", "TZ"];
        let environment =
            pass.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
        Self { program: "/proc/self/exe".into(), before: Vec::new(), environment }
    }
}

/// Worker processes of one purpose on one token.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Settings of each.
    pub worker: WorkerSettings,
    /// How many processes. Some modules sign no faster with more threads, but with more processes.
    pub processes: u16,
    /// Environment that the module needs, for example `SOFTHSM2_CONF`; only these workers see it.
    pub environment: BTreeMap<OsString, OsString>,
}

impl Pool {
    /// What a PIN belongs to: workers that share it must not try it at the same time.
    pub(super) fn token(&self) -> (&TokenSettings, &BTreeMap<OsString, OsString>) {
        (&self.worker.token, &self.environment)
    }
}

/// What `hufu serve` starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How.
    pub launch: Launch,
    /// Where the network process listens. The supervisor binds these and keeps them while network processes come and go.
    pub doors: Vec<(Door, SocketAddr)>,
    /// The network process's settings, in the encoding that its entry point reads.
    pub network: Vec<u8>,
    /// The audit writer's settings.
    pub audit: Vec<u8>,
    /// Token workers; at least one pool per purpose that is to work.
    pub pools: Vec<Pool>,
    /// Where the network process's id is written whenever it changes.
    pub pid_file: Option<PathBuf>,
    /// Where the result of a reload is written: `ok`, or why the old configuration stays.
    pub reload_file: Option<PathBuf>,
    /// How long a stop may take before what is left is killed.
    pub grace: Duration,
    /// After a token refused the PIN, nobody tries it again for so long.
    pub pin_retry: Duration,
    /// Serving begins without workers that are not up after this.
    pub patience: Duration,
}
