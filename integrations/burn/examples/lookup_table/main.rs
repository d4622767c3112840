//! What an embedding layer does, on two phrases: words become indices, and indices become rows of a table.
//!
//! `cargo run --release -p burn-wgpu-embedding --example lookup_table`

#[allow(dead_code, reason = "it has no option that is a number")]
#[path = "../../../../examples/shared/program.rs"]
mod program;
mod worked;

use std::io::{self, Write};
use std::process::ExitCode;

use burn_wgpu_embedding::SharedDevice;
use program::Result;
use worked::Example;

const HELP: &str = "\
Shows what an embedding layer does, on two pairs of phrases: the words' indices, the padded sequences, the table, and the
layer's output, whose rows are the table's rows; and the mask of what is only padding.

Usage: cargo run --release -p burn-wgpu-embedding --example lookup_table

  --help               print this
";

/// Small enough to be read whole.
const EXAMPLES: [Example; 2] = [
    Example {
        phrases: ["nice to meet you", "nice to see you again"],
        width: 2,
        length: 5,
        mask_zero: false,
        seed: 1,
    },
    Example { phrases: ["This is a text", "This is not a text"], width: 3, length: 6, mask_zero: true, seed: 2 },
];

fn main() -> ExitCode {
    match wants_help(lexopt::Parser::from_env()) {
        Ok(true) => program::help(HELP),
        Ok(false) => program::finish(run(&mut io::stdout())),
        Err(error) => program::misused(&error),
    }
}

fn wants_help(mut parser: lexopt::Parser) -> Result<bool, lexopt::Error> {
    match parser.next()? {
        None => Ok(false),
        Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => Ok(true),
        Some(other) => Err(other.unexpected()),
    }
}

fn run(out: &mut dyn Write) -> Result<()> {
    let shared = SharedDevice::new()?;
    for (number, example) in EXAMPLES.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        example.work(&shared)?.show(out)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
