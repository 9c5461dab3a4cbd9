//! The command line.

mod tls;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Hufu 虎符: an on-premise signing appliance. Keys stay in a PKCS#11 token; every act is in a tamper-evident log.
#[derive(Debug, Parser)]
#[command(name = "hufu", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HUFU_CONFIG",
        default_value = "/etc/hufu/hufu.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make TLS certificates for the listener and its clients, where the site has no PKI of its own.
    Tls(tls::Tls),
}

/// Parses the command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done: Result<(), Box<dyn std::error::Error>> = match &cli.command {
        Command::Tls(args) => tls::run(args).map(|path| say(&path.display().to_string())).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "a command's answer belongs on standard output")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "a command's complaint belongs on standard error")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("hufu: {error}");
    let mut cause = error.source();
    while let Some(deeper) = cause {
        eprintln!("  because: {deeper}");
        cause = deeper.source();
    }
}
