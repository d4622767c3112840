//! Files of word vectors, and the matrix of a vocabulary.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use wgpu_embedding::Error;
use wgpu_embedding::vectors::{Format, ReadOptions, ReadReport, VectorReader, Vocabulary, WordVectors};

#[path = "vectors/allocation.rs"]
mod allocation;
#[path = "vectors/formats.rs"]
mod formats;
#[path = "vectors/golden.rs"]
mod golden;
#[path = "vectors/matrix.rs"]
mod matrix;
#[path = "vectors/mutations.rs"]
mod mutations;
#[path = "vectors/other_kinds.rs"]
mod other_kinds;
#[path = "vectors/practice.rs"]
mod practice;
#[path = "vectors/problems.rs"]
mod problems;
#[path = "vectors/vocabulary.rs"]
mod vocabulary;
#[path = "vectors/writing.rs"]
mod writing;

const FORMATS: [Format; 3] = [Format::GloveText, Format::Word2vecText, Format::Word2vecBinary];

/// A name by which each format is told in a file's name and in messages.
fn name_of(format: Format) -> &'static str {
    match format {
        Format::GloveText => "glove.txt",
        Format::Word2vecText => "word2vec.txt",
        Format::Word2vecBinary => "word2vec.bin",
        other => panic!("a format without tests: {other:?}"),
    }
}

fn read(bytes: &[u8], options: &ReadOptions) -> Result<(WordVectors, ReadReport), Error> {
    WordVectors::read(VectorReader::new(bytes, options)?)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Words of many lengths and scripts, and finite floats of any bits.
fn sample(count: usize, width: usize) -> WordVectors {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        // xorshift64: any bits will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: Vec<String> = (0..count)
        .map(|number| match number % 5 {
            0 => format!("w{number}"),
            1 => format!("{number}"),
            2 => format!("東京{number}"),
            3 => format!("a\u{a0}{}{number}", "x".repeat(number % 50)),
            _ => format!("-{number}.5e3"),
        })
        .collect();
    let values = (0..count * width).map(|_| {
        loop {
            let value = f32::from_bits(random() as u32);
            if value.is_finite() {
                break value;
            }
        }
    });
    WordVectors::new(Vocabulary::from_words(&words).unwrap(), values.collect(), width).unwrap()
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vectors").join(name)
}
