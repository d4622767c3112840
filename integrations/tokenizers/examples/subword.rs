//! Subwords into an embedding: trains a vocabulary, and a step of the table on its ids.
//!
//! `cargo run --release -p wgpu-embedding-tokenizers --example subword -- [FILE]`; FILE has a sentence a line. Without it,
//! the reviews in examples/data are the sentences.

use std::io::{self, Write};
use std::process::ExitCode;

use lexopt::prelude::*;
use wgpu_embedding::text::{PadOptions, Side, pad_sequences};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
use wgpu_embedding_tokenizers::{PADDING, train_bpe};

const HELP: &str = "\
Trains a vocabulary of subwords by byte-pair encoding, and one step of an embedding on its ids.

Usage: cargo run --release -p wgpu-embedding-tokenizers --example subword -- [FILE] [OPTIONS]

  FILE            sentences, one a line, UTF-8 [the reviews in examples/data]
  --vocabulary N  tokens in the vocabulary at most; 257 at least, a token for each byte and the padding [1000]
  --help          print this
";

const BUILT_IN: [&str; 2] = [
    include_str!("../../../examples/data/reviews.positive.txt"),
    include_str!("../../../examples/data/reviews.negative.txt"),
];

/// Sentences in the batch, and those of them that are shown.
const BATCH_SIZE: usize = 32;
const SHOWN: usize = 3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has gone, as in `| head`.
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // If nobody reads it, the exit code still tells.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut out = io::stdout();
    let (mut file, mut vocabulary) = (None, 1_000);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("vocabulary") => vocabulary = parser.value()?.parse()?,
            Long("help") => {
                write!(out, "{HELP}")?;
                return Ok(());
            }
            Value(path) if file.is_none() => file = Some(path),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let contents = match &file {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))?
        }
        None => BUILT_IN.concat(),
    };
    let sentences: Vec<&str> = contents.lines().filter(|line| !line.trim().is_empty()).collect();

    let tokenizer = train_bpe(&sentences, vocabulary)?;
    let rows = u32::try_from(tokenizer.get_vocab_size(true))?;
    writeln!(out, "{} sentences, {rows} tokens", sentences.len())?;

    let encodings = tokenizer.encode_batch(sentences.iter().take(BATCH_SIZE).copied().collect(), true)?;
    for (encoding, sentence) in encodings.iter().zip(&sentences).take(SHOWN) {
        writeln!(out, "\n{sentence}\n{}\n{:?}", encoding.get_tokens().join(" "), encoding.get_ids())?;
    }

    // The ids go in as they are.
    let ids: Vec<&[u32]> = encodings.iter().map(|encoding| encoding.get_ids()).collect();
    let padded = pad_sequences(&ids, &PadOptions::new().with_padding(Side::Post).with_value(PADDING))?;

    let context = GpuContext::auto()?;
    let config = EmbeddingConfig::new(rows, 64).with_padding_idx(PADDING);
    let mut embedding = GpuEmbedding::new(&context, config, Adam::default().with_learning_rate(0.01))?;
    let batch = embedding.batch(&padded)?;
    let output = embedding.lookup(&batch)?;
    writeln!(out, "\nbatch {:?}, output {:?}, on {context}", batch.shape(), output.shape())?;

    // Any model's gradient would do; this is of the loss |output|^2 / 2.
    let gradient = output.read()?;
    let loss = |output: &[f32]| output.iter().map(|value| f64::from(value * value) / 2.0).sum::<f64>();
    embedding.update(&batch, &gradient)?;
    let after = embedding.lookup(&batch)?.read()?;
    let trained = batch.unique_rows().map_or(0, <[u32]>::len);
    let (before, after) = (loss(&gradient), loss(&after));
    writeln!(out, "loss {before:.3}, and {after:.3} after a step that trained {trained} rows")?;
    Ok(())
}
