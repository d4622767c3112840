//! Whole trainings, on the GPU adapter.

use std::fs;
use std::path::Path;

use burn_wgpu_embedding::SharedDevice;
use burn_wgpu_embedding::wgpu_embedding::text::Tokenizer;
use classifier::Setting;
use classifier::corpus::Source;
use classifier::training::Network;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::*;
use crate::arguments::Vectors;

/// Small, and with a few texts of one word that tells their class.
fn arguments(folder: &Path, vectors: Vectors) -> Arguments {
    let texts =
        |word: &str| (0..40).map(|n| format!("it is {word} {}\n", ["so", "and", "but"][n % 3])).collect::<String>();
    let file = |name: &str, word: &str| {
        let path = folder.join(name);
        fs::write(&path, texts(word)).unwrap();
        path
    };
    let (positive, negative) = (file("positive.txt", "good"), file("negative.txt", "bad"));
    let mut shared = classifier::arguments::Arguments::new(20, 5);
    shared.source = Source::Lines { positive, negative, neutral: None };
    (shared.epochs, shared.batch_size, shared.learning_rate) = (6, 24, 0.03);
    Arguments { shared, units: 8, vectors }
}

fn vectors(folder: &Path, contents: &str, fine_tune: bool) -> Vectors {
    let file = folder.join("vectors.txt");
    fs::write(&file, contents).unwrap();
    Vectors::Pretrained { file, fine_tune, skip_bad: false }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn it_learns_and_the_same_seed_gives_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path(), Vectors::Own { dim: 8 });
    let epochs = run(&arguments).unwrap();
    let figures = |epochs: &[Epoch]| epochs.iter().map(|epoch| (epoch.train, epoch.test)).collect::<Vec<_>>();
    assert!(epochs[5].test.accuracy == 1.0 && epochs[5].train.loss < 0.5 * epochs[0].train.loss, "{epochs:?}");
    assert_eq!(figures(&run(&arguments).unwrap()), figures(&epochs));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn pretrained_vectors_stay_unless_fine_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let shared = SharedDevice::new().unwrap();
    let mut tokenizer = Tokenizer::new().with_num_words(20);
    tokenizer.fit_on_texts(["good bad so", "good bad", "good"]).unwrap();
    for fine_tune in [false, true] {
        let vectors = vectors(folder.path(), "good 1 2 3\nbad -1 -2 -3\nwords 4 4 4\n", fine_tune);
        let mut arguments = arguments(folder.path(), vectors);
        arguments.shared.epochs = 2;
        // The whole program, ...
        let epochs = run(&arguments).unwrap();
        assert_eq!(epochs[1].test.accuracy, 1.0, "{epochs:?}");
        // ... and its table at the start.
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let setting = Setting { shared: &shared, outputs: 1 };
        let network = LstmClassifier::new(&setting, &tokenizer, &arguments, &mut random).unwrap();
        assert_eq!(network.layers(5)[0].trainable, fine_tune);
        let rows = network.embedding().with_table(|table| table.rows(&[0, 1, 2, 3])).unwrap();
        assert_eq!(rows, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, -1.0, -2.0, -3.0, 0.0, 0.0, 0.0]);
    }
    let arguments = arguments(folder.path(), vectors(folder.path(), "Good 1 2 3\n", false));
    let error = run(&arguments).unwrap_err().to_string();
    assert!(error.contains("vectors.txt: it has none of the texts' 7 words"), "{error}");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_loss_that_is_not_finite_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = arguments(folder.path(), Vectors::Own { dim: 8 });
    arguments.shared.learning_rate = 1e30;
    let error = run(&arguments).unwrap_err().to_string();
    assert_eq!(error, "the loss is no finite number any more; give a lower --learning-rate");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn texts_without_a_word_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path(), Vectors::Own { dim: 8 });
    for name in ["positive.txt", "negative.txt"] {
        fs::write(folder.path().join(name), "... !\n?\n").unwrap();
    }
    let error = run(&arguments).unwrap_err().to_string();
    assert_eq!(error, "there is no word in the texts to train on, but punctuation and spaces alone");
}

/// The rows of "good", "bad" and "so", and the report, of a file with these contents; `FILE` is its path in errors.
fn read(contents: &str, skip_bad: bool) -> Result<(Vec<f32>, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let Vectors::Pretrained { file, .. } = vectors(folder.path(), contents, false) else { unreachable!() };
    let mut tokenizer = Tokenizer::new();
    tokenizer.fit_on_texts(["good bad so", "good bad", "good"]).unwrap();
    let (matrix, report) = network::matrix(&tokenizer, 4, &file, skip_bad)
        .map_err(|error| error.to_string().replace(file.to_str().unwrap(), "FILE"))?;
    Ok((matrix.values[matrix.width as usize..].to_vec(), report.to_string()))
}

#[test]
fn bad_vectors_are_named_with_the_option_that_skips_them() {
    let skip = "; give --skip-bad to leave out and count whatever is wrong";
    for (contents, place) in [
        ("good 1 2 3\nbad 1 NaN 3\n", "FILE, line 2: number 2 of 3 is \"NaN\""),
        ("good 1 2 3\ngood 1 2 3\n", "FILE, line 2: the word \"good\" stood in the file before"),
        ("good 1 2\n\nbad 1 2\n", "FILE, line 2: a word and 2 numbers are needed, and the line is blank"),
        ("3 2\ngood 1 2\n", "FILE, after line 2: the header says 3 vectors, and the file ends after 1"),
    ] {
        let error = read(contents, false).unwrap_err();
        assert!(error.starts_with(place) && error.ends_with(skip) && !error.contains("::"), "{error}");
    }
    let mend = "; mend the file there, or give another";
    let width = "FILE, first lines: the width cannot be told, for no line has a word and numbers";
    assert_eq!(read("good\nbad\n", false).unwrap_err(), format!("{width}{mend}"));
    let commas =
        "FILE, first lines: the fields are separated by commas, and must be by spaces or tabs; replace the commas";
    assert_eq!(read("good,1,2\nbad,3,4\n", true).unwrap_err(), commas);
    let page = "FILE, byte 0: this is an HTML page; download the file itself: a link may lead to a page about it";
    assert_eq!(read("<html>\n", true).unwrap_err(), page);
    assert_eq!(read("0 3\n", false).unwrap_err(), "FILE has no vectors");
    assert_eq!(read("good nan 1\n", true).unwrap_err(), "FILE has no vectors that --skip-bad leaves");
}

#[test]
fn bad_vectors_can_be_skipped_and_are_counted() {
    for (contents, report) in [
        // The first of duplicates stays.
        ("good 1 2\nbad 3 4\ngood 9 9\nbad 8 8\n", "2 vectors, duplicate word: 2"),
        ("4 2\ngood 1 2\n\nbad 3 4\nso 5\nso inf 6\n", "2 vectors, wrong width: 2, not finite: 1"),
        ("2 2\ngood 1 2\nbad 3 4\nso 5 6\n", "2 vectors, wrong count: 1"),
        ("good 1 2\nbad 3 4\nit is so 7 5 6\n", "2 vectors, wrong width: 1"),
    ] {
        let rows = vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0];
        assert_eq!(read(contents, true), Ok((rows, report.to_owned())), "{contents:?}");
        assert!(read(contents, false).is_err());
    }
    // A blank last line is no flaw.
    assert_eq!(read("good 1 2\nbad 3 4\n \n\n", false).unwrap().1, "2 vectors");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn parameters_are_counted_as_keras_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let shared = SharedDevice::new().unwrap();
    let mut arguments = arguments(folder.path(), Vectors::Own { dim: 32 });
    (arguments.shared.vocabulary, arguments.units) = (5000, 100);
    let setting = Setting { shared: &shared, outputs: 1 };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let network = LstmClassifier::new(&setting, &Tokenizer::new(), &arguments, &mut random).unwrap();
    let layers = network.layers(500);
    let counts: Vec<_> = layers.iter().map(|layer| layer.parameters).collect();
    assert_eq!(counts, [160_000, 53_200, 101]);
    assert_eq!(layers[1].output_shape, [100]);
}
