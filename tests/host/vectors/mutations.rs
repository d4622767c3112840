//! Damaged files: an error or what is left, never a panic, and no more memory than a small file needs.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::vectors::{Problem, embedding_matrix};

use super::allocation::peak_bytes;
use super::*;

const MUTATIONS: u64 = 10_000;

/// Beyond the window of 256 KiB, which may double once, and gzip's own 100 KiB: a vector of the widest that a header
/// may ask for, of 4 MiB, and what an error quotes.
const MOST_BYTES: usize = 6 << 20;

/// A file, changed in one to four places.
fn mutate(random: &mut ChaCha8Rng, file: &[u8], header: bool) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        let rest = bytes.len() - at;
        match random.random_range(0..7) {
            0 if rest > 0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 if rest > 0 => bytes[at] = random.random(),
            2 => bytes.insert(at, random.random()),
            3 => drop(bytes.drain(at..at + random.random_range(0..=rest.min(40)))),
            4 => bytes.truncate(at),
            5 => {
                let piece = bytes[at..at + random.random_range(0..=rest.min(200))].to_vec();
                bytes.splice(at..at, piece);
            }
            _ if header => {
                let numbers = [
                    "0",
                    "1",
                    "7",
                    "100",
                    "1048576",
                    "1048577",
                    "4294967296",
                    "1000000000000",
                    "18446744073709551615",
                    "18446744073709551616",
                    "-1",
                    "1e9",
                    "",
                ];
                let mut number = || numbers[random.random_range(0..numbers.len())];
                let line = format!("{} {}", number(), number());
                let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
                bytes.splice(..end, line.into_bytes());
            }
            _ => bytes.insert(at, b"\n \t\0\xff\x1f"[random.random_range(0..6)]),
        }
    }
    bytes
}

/// Reads a damaged file in all ways, and gives whether it was refused and the most memory it took.
fn read_damaged(bytes: &[u8], options: &ReadOptions) -> (bool, usize) {
    let ((outcome, lines), peak) = peak_bytes(|| {
        let outcome = read(bytes, options);
        let message = outcome.as_ref().err().map(ToString::to_string);
        (outcome, message)
    });
    match outcome {
        Ok((vectors, report)) => {
            assert_eq!(vectors.len() as u64, report.vectors);
            assert_eq!(vectors.values().len(), vectors.len() * vectors.width());
            assert!(vectors.values().iter().all(|value| value.is_finite()));
            assert!(vectors.iter().all(|(word, _)| !word.is_empty()));
            (false, peak)
        }
        Err(error) => {
            assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
            assert!(lines.is_some_and(|message| message.len() < 600));
            (true, peak)
        }
    }
}

fn damage(format: Format, zipped: bool) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name_of(format));
    sample(40, 6).save(&path, format).unwrap();
    let file = std::fs::read(&path).unwrap();
    let given = ReadOptions::default().with_format(format);
    let lenient = Problem::ALL.into_iter().fold(given, ReadOptions::with_skip);
    let packed = if zipped { gzip(&file) } else { file.clone() };
    let (mut refused, mut refused_leniently, mut most) = (0, 0, 0);
    for seed in 0..MUTATIONS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Gzip's checksum refuses what is damaged in it, so every other time the damage is packed.
        let bytes = match zipped {
            true if seed % 2 == 0 => gzip(&mutate(&mut random, &file, format != Format::GloveText)),
            true => mutate(&mut random, &packed, false),
            false => mutate(&mut random, &packed, format != Format::GloveText),
        };
        for (options, count) in [(given, &mut refused), (lenient, &mut refused_leniently)] {
            let (was_refused, peak) = read_damaged(&bytes, &options);
            *count += u64::from(was_refused);
            most = most.max(peak);
            assert!(peak < MOST_BYTES, "seed {seed}: {peak} bytes");
        }
        if seed % 4 == 0 {
            read_damaged(&bytes, &ReadOptions::default());
        }
    }
    // Most damage shows, and less of it where problems may be skipped; but some only makes another number.
    assert!(refused > MUTATIONS / 2 && refused < MUTATIONS, "{refused}");
    assert!(refused_leniently < refused, "{refused_leniently} of {refused}");
    println!("{format:?}, gzip {zipped}: {refused} refused, {refused_leniently} leniently, at most {most} bytes");
}

#[test]
fn glove_text() {
    damage(Format::GloveText, false);
}

#[test]
fn glove_text_gzip() {
    damage(Format::GloveText, true);
}

#[test]
fn word2vec_text() {
    damage(Format::Word2vecText, false);
}

#[test]
fn word2vec_text_gzip() {
    damage(Format::Word2vecText, true);
}

#[test]
fn word2vec_binary() {
    damage(Format::Word2vecBinary, false);
}

#[test]
fn word2vec_binary_gzip() {
    damage(Format::Word2vecBinary, true);
}

#[test]
fn words() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.txt");
    sample(100, 1).vocabulary().save(&path).unwrap();
    let file = std::fs::read(&path).unwrap();
    for seed in 0..1_000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        std::fs::write(&path, mutate(&mut random, &file, false)).unwrap();
        let (outcome, peak) = peak_bytes(|| Vocabulary::load(&path));
        assert!(matches!(outcome, Ok(_) | Err(Error::Malformed { .. })), "{outcome:?}");
        assert!(peak < MOST_BYTES, "{peak}");
    }
}

#[test]
fn headers_allocate_nothing_for_what_they_claim() {
    let huge = ["1000000000000 3\n", "18446744073709551615 1048576\n"];
    for header in huge {
        for (format, vector) in
            [(Format::Word2vecText, &b"the 1 2 3\n"[..]), (Format::Word2vecBinary, b"the 0123456789ab")]
        {
            let file = [header.as_bytes(), vector].concat();
            let options = ReadOptions::default().with_format(format);
            let (outcome, peak) = peak_bytes(|| read(&file, &options));
            assert!(matches!(outcome, Err(Error::Malformed { .. })), "{outcome:?}");
            assert!(peak < MOST_BYTES, "{header}: {peak} bytes");
        }
    }
    for header in ["3 1000000000000\n", "3 1048577\n", "3 0\n", "3 18446744073709551615\n"] {
        let (outcome, peak) = peak_bytes(|| read(header.as_bytes(), &ReadOptions::default()));
        let message = outcome.unwrap_err().to_string();
        assert!(message.starts_with("the input, line 1: the width must be in 1..=1048576, and is "), "{message}");
        assert!(peak < MOST_BYTES, "{header}: {peak} bytes");
    }
}

#[test]
fn lines_and_words_without_end_are_bounded() {
    // 200 MB of one letter from a reader that holds none of them.
    let endless =
        |head: &'static [u8]| std::io::Read::chain(head, std::io::Read::take(std::io::repeat(b'a'), 200 << 20));
    let cases = [
        (Format::GloveText, &b""[..], "line 1: a line must have fewer than 16777216 bytes", 25 << 20),
        (Format::Word2vecText, b"2 1\na 1\n", "line 3: a line must have fewer than 16777216 bytes", 25 << 20),
        (Format::Word2vecText, b"", "line 1: a line must have fewer than 16777216 bytes", 25 << 20),
        (Format::Word2vecBinary, b"2 1\na 0000", "byte 10: a word must end in a space within 65536 bytes", 1 << 20),
    ];
    for (format, head, message, most) in cases {
        let options = ReadOptions::default().with_format(format);
        let (outcome, peak) = peak_bytes(|| WordVectors::read(VectorReader::new(endless(head), &options)?));
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        // A window of 16 MiB, and the one of 8 MiB that it was before.
        assert!(peak < most, "{format:?}: {peak} bytes");
        assert!(error.len() < 600);
    }
}

#[test]
fn a_streamed_matrix_takes_what_its_rows_take() {
    // 20,000 x 100 in text, of which 50 words are wanted.
    let all: String = (0..20_000).map(|number| format!("w{number}{}\n", " 0.125".repeat(100))).collect();
    let word_index = (0..50u32).map(|number| (format!("w{}", number * 300), number + 1)).collect();
    let (matrix, peak) = peak_bytes(|| {
        embedding_matrix(&word_index, VectorReader::new(all.as_bytes(), &ReadOptions::default()).unwrap()).unwrap()
    });
    assert_eq!((matrix.found, matrix.missing, matrix.values.iter().sum::<f32>()), (50, 0, 50.0 * 12.5));
    // The window, 51 rows, and 20,000 words at some 30 bytes, twice over while their string grows.
    assert!(peak < 2_500_000, "{peak} bytes, where all vectors are 8,000,000");
}
