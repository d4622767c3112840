//! `cargo bench --bench vectors`: reading and writing files of word vectors: seconds, and the most memory that was
//! resident.
//!
//! Makes a GloVe text file of 400,000 words by 100 numbers (349 MB) and from it the other formats, in a temporary
//! folder, and times each case in a process of its own, three times; the median is printed, and the largest memory.
//! For comparison, `benches/vectors.py` does the same with gensim: `cargo bench --bench vectors -- --keep FOLDER`
//! leaves the files in FOLDER.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use indexmap::IndexMap;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::vectors::{Format, ReadOptions, VectorReader, WordVectors, embedding_matrix};

const WORDS: u32 = 400_000;
const WIDTH: usize = 100;
/// Words that the matrix wants, every twentieth of the file.
const MATRIX_WORDS: u32 = WORDS / 20;
const RUNS: usize = 3;

const CASES: [(&str, &str); 6] = [
    ("load", "glove.txt"),
    ("load", "glove.txt.gz"),
    ("load", "word2vec.bin"),
    ("matrix", "glove.txt"),
    ("save", "saved.txt"),
    ("save", "saved.bin"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--case", case, path] => run(case, Path::new(path)),
        ["--keep", folder] => all(Path::new(folder)),
        [] => all(tempfile::tempdir()?.path()),
        _ => Err("cargo bench --bench vectors [-- --keep FOLDER]".into()),
    }
}

fn all(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let text = folder.join("glove.txt");
    if !text.exists() {
        generate(&text)?;
        let vectors = WordVectors::load(&text)?;
        vectors.save(folder.join("glove.txt.gz"), Format::GloveText)?;
        vectors.save(folder.join("word2vec.bin"), Format::Word2vecBinary)?;
    }
    let expected = f64::from(WORDS) * WIDTH as f64 * 4.0 / 1e6;
    println!("{WORDS} words by {WIDTH} numbers: {expected} MB of f32\n");
    println!("| case | file, MB | s | most resident, MB |\n|---|---|---|---|");
    for (case, name) in CASES {
        let path = folder.join(name);
        let mut runs = (0..RUNS).map(|_| measure(case, &path)).collect::<Result<Vec<_>, _>>()?;
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let memory = runs.iter().map(|run| run.1).fold(0.0, f64::max);
        let size = std::fs::metadata(&path)?.len() as f64 / 1e6;
        println!("| {case} {name} | {size:.0} | {:.2} | {memory:.0} |", runs[RUNS / 2].0);
    }
    Ok(())
}

/// Runs a case in a process of its own: seconds, and MB that were resident at most.
fn measure(case: &str, path: &Path) -> Result<(f64, f64), Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?).args(["--case", case]).arg(path).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(seconds)), Some(Ok(memory))) if output.status.success() => Ok((seconds, memory)),
        _ => Err(format!("{case} failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn run(case: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let seconds = match case {
        "load" => {
            let start = Instant::now();
            let vectors = WordVectors::load(path)?;
            let seconds = start.elapsed().as_secs_f64();
            assert_eq!((vectors.len(), vectors.width()), (WORDS as usize, WIDTH));
            seconds
        }
        "matrix" => {
            let words: IndexMap<_, _> = (0..MATRIX_WORDS).map(|id| (word(id * 20), id + 1)).collect();
            let start = Instant::now();
            let matrix = embedding_matrix(&words, VectorReader::open(path, &ReadOptions::default())?)?;
            let seconds = start.elapsed().as_secs_f64();
            assert_eq!((matrix.found, matrix.missing), (MATRIX_WORDS as usize, 0));
            seconds
        }
        "save" => {
            let binary = path.extension().is_some_and(|extension| extension == "bin");
            let format = if binary { Format::Word2vecBinary } else { Format::GloveText };
            let vectors = WordVectors::load(path.with_file_name("word2vec.bin"))?;
            let start = Instant::now();
            vectors.save(path, format)?;
            start.elapsed().as_secs_f64()
        }
        _ => return Err(format!("there is no case {case:?}").into()),
    };
    println!("{seconds} {}", most_resident().unwrap_or(f64::NAN));
    Ok(())
}

/// MB that were resident at most, where the system tells (Linux).
fn most_resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

fn word(row: u32) -> String {
    format!("word{row}")
}

/// Numbers as GloVe prints them: five significant digits.
fn generate(path: &PathBuf) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for row in 0..WORDS {
        write!(file, "{}", word(row))?;
        for _ in 0..WIDTH {
            let value: f32 = random.random_range(-1.0..1.0);
            let decimals = (5 - 1 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
            write!(file, " {value:.decimals$}")?;
        }
        writeln!(file)?;
    }
    Ok(file.flush()?)
}
