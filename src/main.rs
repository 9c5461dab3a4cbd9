//! The `hufu` program; everything is in the library.

fn main() -> std::process::ExitCode {
    hufu::cli::main()
}
