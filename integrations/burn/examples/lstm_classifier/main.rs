//! Classifies texts as an LSTM reads them word by word, with vectors of its own or pretrained ones (GloVe, word2vec, fastText).
//!
//! `cargo run --release -p burn-wgpu-embedding --example lstm_classifier -- --help` lists the options. The model is in
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
mod lstm;
mod network;
#[path = "../shared/plots.rs"]
mod plots;
#[path = "../../../../examples/shared/program.rs"]
mod program;
#[path = "../../../../examples/shared/shown.rs"]
mod shown;
#[path = "../shared/summary.rs"]
mod summary;
#[path = "../../../../examples/shared/vector_files.rs"]
mod vector_files;

use std::process::ExitCode;

use arguments::Arguments;
use classifier::arguments::Command;
use classifier::training::Epoch;
use network::LstmClassifier;
use program::Result;

fn main() -> ExitCode {
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Train(arguments)) => program::finish(run(&arguments).map(|_| ())),
        Ok(Command::Help) => program::help(&arguments::help()),
        Err(error) => program::misused(&error),
    }
}

fn run(arguments: &Arguments) -> Result<Vec<Epoch>> {
    classifier::run("lstm_classifier", &arguments.shared, |setting, tokenizer, random| {
        LstmClassifier::new(setting, tokenizer, arguments, random)
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
