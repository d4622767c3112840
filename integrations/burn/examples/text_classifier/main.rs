//! Classifies texts: an embedding, a hidden layer over all words of the text, and a sigmoid, or a softmax over three classes.
//!
//! `cargo run --release -p burn-wgpu-embedding --example text_classifier -- --help` lists the options. The model is in
//! `network.rs`; the training loop in `../shared/classifier/training.rs`.

mod arguments;
#[path = "../shared/classifier/mod.rs"]
mod classifier;
#[path = "../shared/csv_file.rs"]
mod csv_file;
#[path = "../shared/csv_quotes.rs"]
mod csv_quotes;
#[path = "../../../../examples/shared/encoding.rs"]
mod encoding;
#[path = "../shared/keras.rs"]
mod keras;
#[path = "../../../../examples/shared/learning_rate.rs"]
mod learning_rate;
#[path = "../../../../examples/shared/lines.rs"]
mod lines;
mod network;
#[path = "../shared/plots.rs"]
mod plots;
#[path = "../../../../examples/shared/program.rs"]
mod program;
#[path = "../../../../examples/shared/shown.rs"]
mod shown;
#[path = "../shared/summary.rs"]
mod summary;

use std::process::ExitCode;

use arguments::Arguments;
use classifier::arguments::Command;
use classifier::training::Epoch;
use network::TextClassifier;
use program::Result;

fn main() -> ExitCode {
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Train(arguments)) => program::finish(run(&arguments).map(|_| ())),
        Ok(Command::Help) => program::help(&arguments::help()),
        Err(error) => program::misused(&error),
    }
}

fn run(arguments: &Arguments) -> Result<Vec<Epoch>> {
    classifier::run("text_classifier", &arguments.shared, |setting, _, random| {
        TextClassifier::new(setting, arguments, random)
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
