//! The command line.

mod app;
mod appliance;
mod audit;
mod backup;
mod bench;
mod ca;
mod channel;
mod doctor;
mod evidence;
mod identify;
mod import;
mod init;
mod operator;
mod renew;
mod report;
mod serve;
mod tls;
mod token_report;
mod verify;

use crate::conf::{LogFormat, Site};
use clap::{Parser, Subcommand};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command failed, for the person at the terminal.
type Failure = Box<dyn std::error::Error>;

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
    /// Run the appliance until SIGTERM or SIGINT; prints a line that begins with `ready` when every part is up.
    Serve,
    /// Have the serving appliance take the changed configuration; a bad one is refused and the old one stays in force.
    Reload,
    Init(init::Init),
    /// Add, list, change, disable or purge the business systems that may call.
    #[command(subcommand)]
    App(app::App),
    /// Changed files of channels, and putting them in force.
    #[command(subcommand)]
    Channel(channel::Channel),
    /// Add, list or remove the people who operate the appliance.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Agree to acts that several operators must agree to, and carry them out.
    #[command(subcommand)]
    Approval(operator::ApprovalCommand),
    /// Read and verify the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    Identify(identify::Identify),
    /// Write and check encrypted backups.
    #[command(subcommand)]
    Backup(backup::Backup),
    Restore(backup::Restore),
    /// Check evidence packages.
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    Verify(verify::Verify),
    Import(import::Import),
    /// Certificates of signers.
    #[command(subcommand)]
    Cert(import::Cert),
    #[command(subcommand)]
    Ca(ca::Ca),
    /// CA programs that run through the `exec` plugin.
    #[command(subcommand)]
    Plugin(import::Plugin),
    Renew(renew::Renew),
    /// Lists drawn from the audit log.
    #[command(subcommand)]
    Report(report::Report),
    Doctor(doctor::Doctor),
    /// Measure a serving test appliance.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Read the configuration with all its layers, say what is wrong with it, and print what is in force.
    CheckConfig,
    /// Make TLS certificates for the listener and its clients, where the site has no PKI of its own.
    Tls(tls::Tls),
    /// One process of the appliance; `hufu serve` starts these, nobody else does.
    #[command(subcommand, hide = true)]
    Internal(serve::Internal),
}

/// Parses the command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let file = &cli.config;
    let done = |()| ExitCode::SUCCESS;
    let ended: Result<ExitCode, Failure> = match &cli.command {
        Command::Internal(what) => {
            // The supervisor hands both down.
            let format =
                std::env::var("HUFU_LOG_FORMAT").map_or(LogFormat::Json, |f| LogFormat::from_name(&f));
            log_to_stderr("info", format);
            return serve::internal(*what);
        }
        Command::Serve => serve::run(file).map(done),
        Command::Reload => serve::reload(file).map(done),
        Command::Init(args) => init::run(args, file).map(done),
        Command::App(command) => app::run(command, file).map(done),
        Command::Channel(command) => channel::run(command, file).map(done),
        Command::Operator(command) => operator::operator(command, file).map(done),
        Command::Approval(command) => operator::approval(command, file).map(done),
        Command::Audit(command) => audit::run(command, file).map(done),
        Command::Identify(args) => identify::run(args, file).map(done),
        Command::Backup(command) => backup::backup(command, file).map(done),
        Command::Restore(args) => backup::restore(args, file).map(done),
        Command::Evidence(command) => evidence::run(command).map(done),
        Command::Verify(args) => verify::run(args, file),
        Command::Import(args) => import::import(args, file).map(done),
        Command::Cert(command) => import::cert(command, file).map(done),
        Command::Ca(command) => ca::run(command, file).map(done),
        Command::Plugin(command) => import::plugin(command),
        Command::Bench(command) => bench::run(command, file).map(done),
        Command::Report(command) => report::run(command, file).map(done),
        Command::Renew(args) => renew::run(args, file),
        Command::Doctor(args) => doctor::run(args, file),
        Command::CheckConfig => check_config(file).map(done),
        Command::Tls(args) => tls::run(args)
            .map(|path| {
                say(&path.display().to_string());
                done(())
            })
            .map_err(Into::into),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// The configuration with its channels, if all of it can be read.
fn readable(file: &std::path::Path) -> Result<Site, Failure> {
    let site = Site::read(file)?;
    let problems = crate::registry::channels::check(&crate::conf::channels_folder(file));
    problems.first().map_or(Ok(site), |problem| Err(problem.to_string().into()))
}

fn check_config(file: &std::path::Path) -> Result<(), Failure> {
    let site = readable(file)?;
    say(&toml::to_string_pretty(&site)?);
    Ok(())
}

/// The service log of this process goes to standard error. `level` is what the configuration says; `HUFU_LOG` wins over it.
fn log_to_stderr(level: &str, format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("HUFU_LOG").unwrap_or_else(|_| level.to_owned());
    // The PKCS#11 crate logs an error for each mechanism it has no name for.
    let directives = if wanted.contains("cryptoki") { wanted } else { format!("{wanted},cryptoki=off") };
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new("info,cryptoki=off"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second initialisation can only mean that a test did it already.
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
}

/// Asks a person at the terminal; anything but yes is an error.
fn confirm(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err("not at a terminal; give --yes".into());
    }
    say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err("nothing was done".into()) }
}

/// A running process cannot change its environment safely: this program starts itself again with what the module needs.
fn again_with(environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let error = std::process::Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .envs(environment)
        .exec();
    Err(format!("cannot start again with the module's environment: {error}").into())
}

/// One line of a command's answer. A reader that has gone away, `| head` for one, ends nothing.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
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
