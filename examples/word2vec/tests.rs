use std::path::PathBuf;

use wgpu_embedding::Search;

use super::*;

/// The tables after training on the built-in text.
fn trained(context: &GpuContext, arguments: &Arguments) -> (Arc<Corpus>, Box<dyn Model>) {
    train(arguments, context, read_corpus(arguments).unwrap()).unwrap()
}

/// The share of words whose nearest ones, as many as their kind has others, are of their kind.
fn share_of_own_kind(corpus: &Corpus, model: &dyn Model) -> f64 {
    let table = &model.tables().input;
    let mut shares = Vec::new();
    for (_, words) in built_in::KINDS {
        for word in words {
            let row = corpus.number(word).unwrap() as u32;
            let search = Search::new(words.len() - 1).with_left_out(&[row]);
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

#[test]
fn a_file_is_trained_on_and_its_vectors_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let [text, vectors] = ["text.txt", "vectors.txt"].map(|name| folder.path().join(name));
    std::fs::write(&text, "One two three two one\nthree one\n".repeat(30)).unwrap();
    let arguments = Arguments {
        file: Some(text),
        output: Some(vectors.clone()),
        lower: true,
        dim: 3,
        sample: 0.0,
        reference: true,
        ..Arguments::default()
    };
    run(&arguments).unwrap();
    let written = std::fs::read_to_string(vectors).unwrap();
    let lines: Vec<Vec<_>> = written.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines[0], ["3", "3"]);
    assert_eq!(lines[1..].iter().map(|line| line[0]).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(lines[1..].iter().all(|line| line.len() == 4 && line[1..].iter().all(|v| v.parse::<f32>().is_ok())));

    // What cannot be read or written is said before anything is trained.
    let missing = Arguments { file: Some(PathBuf::from("no/such")), output: None, ..arguments.clone() };
    assert!(run(&missing).unwrap_err().to_string().starts_with("no/such: cannot be opened"));
    let nowhere = Arguments { output: Some(PathBuf::from("no/such/vectors.txt")), ..arguments.clone() };
    assert!(run(&nowhere).unwrap_err().to_string().starts_with("no/such/vectors.txt: cannot be written"));
    let diverging = Arguments { file: None, output: None, learning_rate: 1e30, epochs: 1, ..arguments };
    assert!(run(&diverging).unwrap_err().to_string().starts_with("the loss is NaN"));
}
