//! What the example programs do alike: numbers on the command line, help, and how they end.

use std::io::{self, Write};
use std::process::ExitCode;

/// Whatever goes wrong ends the program with one line, so one type for all of it will do.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Prints what `--help` asks for.
pub fn help(text: &str) -> ExitCode {
    // Nobody left to read it is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Says what is wrong with the command line.
pub fn misused(error: &lexopt::Error) -> ExitCode {
    fail(&format!("{error}; see --help"), 2)
}

/// Ends the program: what went wrong is one line on standard error, but that the reader of its output has gone, as in
/// `| head`, is nothing wrong.
pub fn finish(result: Result<()>) -> ExitCode {
    let is_broken_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.downcast_ref().is_some_and(is_broken_pipe) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // If nobody reads it, the exit code still tells.
    let _ = writeln!(io::stderr(), "error: {line}");
    ExitCode::from(code)
}

/// The option's value, if it is a number that `sensible` accepts.
pub fn number<T: std::str::FromStr>(
    parser: &mut lexopt::Parser,
    option: &str,
    required: &str,
    sensible: impl Fn(&T) -> bool,
) -> Result<T, lexopt::Error> {
    let value = parser.value()?.to_string_lossy().into_owned();
    let number = value.parse().ok().filter(sensible);
    number.ok_or_else(|| format!("{option} must be {required}, and is {value:?}").into())
}
