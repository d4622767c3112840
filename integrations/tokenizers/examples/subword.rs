//! Subwords into an embedding: trains a vocabulary, and a step of the table on its ids.
//!
//! `cargo run --release -p wgpu-embedding-tokenizers --example subword -- [FILE]`; FILE has a sentence a line. Without it,
//! the reviews in examples/data are the sentences.

#[path = "../../../examples/shared/encoding.rs"]
mod encoding;
#[path = "../../../examples/shared/lines.rs"]
mod lines;
#[path = "../../../examples/shared/program.rs"]
mod program;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;
use lines::lines;
use program::{Result, number};
use wgpu_embedding::text::{PadOptions, Side, pad_sequences};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
use wgpu_embedding_tokenizers::{PADDING, train_bpe};

const HELP: &str = "\
Trains a vocabulary of subwords by byte-pair encoding, and one step of an embedding on its ids.

Usage: cargo run --release -p wgpu-embedding-tokenizers --example subword -- [FILE] [OPTIONS]

  FILE            sentences, one a line [the reviews in examples/data]
  --encoding NAME of FILE: utf-8, windows-1252, utf-16 or another that web pages use [utf-8]
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

struct Arguments {
    file: Option<OsString>,
    encoding: &'static Encoding,
    vocabulary: usize,
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()) {
        Ok(Some(arguments)) => program::finish(run(&arguments)),
        Ok(None) => program::help(HELP),
        Err(error) => program::misused(&error),
    }
}

/// Gives none where help is asked for.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments { file: None, encoding: UTF_8, vocabulary: 1_000 };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("encoding") => arguments.encoding = encoding::option(&mut parser)?,
            Long("vocabulary") => {
                arguments.vocabulary = number(&mut parser, "--vocabulary", "a whole number from 0", |_| true)?
            }
            Long("help") | Short('h') => return Ok(None),
            Value(path) if arguments.file.is_none() => arguments.file = Some(path),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(arguments))
}

fn run(Arguments { file, encoding, vocabulary }: &Arguments) -> Result<()> {
    let mut out = io::stdout();
    let (name, contents) = match file {
        Some(file) => (file.display().to_string(), encoding::read(Path::new(file), encoding)?),
        None => ("the built-in reviews".to_owned(), BUILT_IN.concat().into_bytes()),
    };
    let sentences: Vec<&str> = lines(&name, &contents)?.into_iter().map(|(_, line)| line).collect();
    if sentences.is_empty() {
        return Err(format!("{name}: there is no word in it, but blank lines alone").into());
    }

    let tokenizer = train_bpe(&sentences, *vocabulary).map_err(plain)?;
    let rows = u32::try_from(tokenizer.get_vocab_size(true))?;
    writeln!(out, "{} sentences, {rows} tokens", sentences.len())?;

    let encodings =
        tokenizer.encode_batch(sentences.iter().take(BATCH_SIZE).copied().collect(), true).map_err(plain)?;
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

/// An error of the tokenizers crate as one of the program's.
fn plain(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error> {
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(contents: &[u8], options: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        std::fs::write(&path, contents).unwrap();
        let options = options.iter().map(OsString::from);
        let arguments = parse(lexopt::Parser::from_args([path.clone().into()].into_iter().chain(options)));
        let arguments = arguments.unwrap().expect("this is no call for help");
        run(&arguments).unwrap_err().to_string().replace(path.to_str().unwrap(), "text.txt")
    }

    #[test]
    fn files_without_text_are_named() {
        for blank in [&b""[..], b" \n\t\r\n", b"\xef\xbb\xbf\n"] {
            assert_eq!(error(blank, &[]), "text.txt: there is no word in it, but blank lines alone");
        }
        assert_eq!(
            error(b"bien\nun caf\xe9\n", &[]),
            "text.txt:2: byte 7 of the line is not UTF-8; if the file is Windows-1252, as many older texts are, give \
             --encoding windows-1252, or convert it: iconv -f cp1252 -t utf-8 FILE"
        );
        let blank = "text.txt: there is no word in it, but blank lines alone";
        assert_eq!(error(b"\xa0\n", &["--encoding", "windows-1252"]), blank);
        assert!(parse(lexopt::Parser::from_args(["--encoding", "none"])).is_err());
    }
}
