use std::path::{Path, PathBuf};

use wgpu_embedding::Search;
use wgpu_embedding::vectors::{Format, ReadOptions, VectorReader, WordVectors};

use super::*;

/// The tables after training on the built-in text.
fn trained(context: &GpuContext, arguments: &Arguments) -> (Arc<Corpus>, Box<dyn Model>) {
    train(arguments, context, read_corpus(arguments).unwrap(), &mut io::sink()).unwrap()
}

/// The share of words whose nearest ones, as many as their kind has others, are of their kind.
fn share_of_own_kind(corpus: &Corpus, model: &dyn Model) -> f64 {
    let table = &model.tables().input;
    let mut shares = Vec::new();
    for (_, words) in built_in::KINDS {
        for word in words {
            let row = corpus.number(word).unwrap() as u32;
            let search = Search::new(words.len() - 1).with_excluded(&[row]);
            let found = table.nearest(&table.rows(&[row]).unwrap(), &search).unwrap().remove(0);
            let own = found.iter().filter(|found| words.contains(&corpus.words[found.row as usize].as_str()));
            shares.push(own.count() as f64 / found.len() as f64);
        }
    }
    shares.iter().sum::<f64>() / shares.len() as f64
}

#[test]
fn words_of_a_kind_come_out_as_neighbours() {
    let arguments = Arguments { dim: 32, ..Arguments::default() };
    let (corpus, model) = trained(&GpuContext::reference(), &arguments);
    let share = share_of_own_kind(&corpus, &*model);
    assert!(share > 0.9, "{share}");
    // Which the first vectors say nothing of.
    let untrained = Arguments { learning_rate: 1e-30, epochs: 1, ..arguments };
    let (corpus, model) = trained(&GpuContext::reference(), &untrained);
    let share = share_of_own_kind(&corpus, &*model);
    assert!(share < 0.2, "{share}");
}

#[test]
#[ignore = "needs a GPU adapter: cargo test --example word2vec -- --include-ignored"]
fn the_same_seed_gives_the_same_bits() {
    let context = GpuContext::gpu().unwrap_or_else(|error| panic!("{error}"));
    let bits = |seed| -> Vec<u32> {
        let arguments = Arguments { dim: 20, epochs: 2, seed, ..Arguments::default() };
        let (corpus, model) = trained(&context, &arguments);
        let share = share_of_own_kind(&corpus, &*model);
        assert!(share > 0.5, "{share}");
        model.tables().input.weights().unwrap().iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
}

/// Arguments that train on a small text in this folder, which is written there.
fn small(folder: &Path, output: Option<&str>) -> Arguments {
    let text = folder.join("text.txt");
    std::fs::write(&text, "One two three two one\nthree one\n".repeat(30)).unwrap();
    Arguments {
        file: Some(text),
        output: output.map(|name| folder.join(name)),
        lower: true,
        dim: 3,
        sample: 0.0,
        reference: true,
        ..Arguments::default()
    }
}

fn error_of(arguments: &Arguments) -> String {
    run(arguments, io::sink()).unwrap_err().to_string()
}

#[test]
fn a_file_is_trained_on_and_its_vectors_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = small(folder.path(), Some("vectors.txt"));
    let mut report = Vec::new();
    run(&arguments, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    assert!(report.starts_with("210 words, 210 of them in a vocabulary of 3\n"), "{report}");
    assert!(report.contains("\n    5  ") && report.contains("\n3 vectors written to "), "{report}");
    let written = std::fs::read_to_string(arguments.output.unwrap()).unwrap();
    let lines: Vec<Vec<_>> = written.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines[0], ["3", "3"]);
    assert_eq!(lines[1..].iter().map(|line| line[0]).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(lines[1..].iter().all(|line| line.len() == 4 && line[1..].iter().all(|v| v.parse::<f32>().is_ok())));
}

#[test]
fn the_name_decides_the_format_and_not_the_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str| {
        let arguments = small(folder.path(), Some(name));
        run(&arguments, io::sink()).unwrap();
        let reader = VectorReader::open(arguments.output.unwrap(), &ReadOptions::default()).unwrap();
        (reader.format(), WordVectors::read(reader).unwrap().0.into_parts())
    };
    let (text, binary) = (written("v.txt"), written("v.bin"));
    assert_eq!((text.0, binary.0), (Format::Word2vecText, Format::Word2vecBinary));
    assert_eq!(text.1, binary.1);
    assert_eq!(written("v.BIN.GZ"), binary);
}

#[test]
fn errors_tell_what_to_mend_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = small(folder.path(), Some("vectors.txt"));
    // What cannot be read or written is said before anything is trained.
    let missing = Arguments { file: Some(PathBuf::from("no/such")), ..arguments.clone() };
    assert!(error_of(&missing).starts_with("no/such: cannot be read"));
    let nowhere = Arguments { output: Some(PathBuf::from("no/such/vectors.txt")), ..arguments.clone() };
    assert!(error_of(&nowhere).starts_with("no/such/vectors.txt: cannot be written"));
    let itself = Arguments { output: arguments.file.clone(), ..arguments.clone() };
    assert!(error_of(&itself).ends_with("text.txt is the text to train on; give another file"));
    let diverging = Arguments { file: None, learning_rate: 1e30, epochs: 1, ..arguments.clone() };
    assert!(error_of(&diverging).starts_with("the loss is NaN"));
    for sample in [1e-12, f64::from_bits(1)] {
        let thinned = Arguments { sample, ..arguments.clone() };
        let error = error_of(&thinned);
        assert!(error.starts_with("nothing was trained: --sample "), "{error}");
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["text.txt"]);
}

#[test]
fn an_epoch_may_be_thinned_out_whole() {
    let folder = tempfile::tempdir().unwrap();
    // A word of a line is kept at random, so that few epochs have a pair.
    let arguments = Arguments { sample: 2e-5, epochs: 200, ..small(folder.path(), None) };
    let mut report = Vec::new();
    run(&arguments, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    let losses: Vec<f64> = report
        .lines()
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [number, loss, _, _, _] if number.parse::<u32>().is_ok() => Some(loss.parse().unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(losses.len(), 200);
    let without_pairs = losses.iter().filter(|&&loss| loss == 0.0).count();
    assert!((1..200).contains(&without_pairs), "{without_pairs}");
}

/// A pipe whose reader takes one line and goes.
struct Head(bool);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0 = bytes.contains(&b'\n');
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn vectors_are_written_though_nobody_reads_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = small(folder.path(), Some("vectors.txt"));
    run(&arguments, Head(false)).unwrap();
    let vectors = WordVectors::load(arguments.output.as_ref().unwrap()).unwrap();
    assert_eq!((vectors.len(), vectors.width()), (3, 3));
    // There is nothing to go on for without them.
    let error = run(&Arguments { output: None, ..arguments }, Head(false)).unwrap_err();
    let is_broken_pipe =
        error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe);
    assert!(is_broken_pipe, "{error}");
}
