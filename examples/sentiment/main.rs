//! Trains a classifier of sentences, and classifies some that it has not seen.
//!
//! This is how to link the crate into GPU training code of your own: start with `classifier/gpu.rs`, where a training
//! step is put together of the crate's recorded calls and the example's own shader, `classifier/head.wgsl`.
//!
//! `cargo run --release --example sentiment -- --help` lists the options.

mod arguments;
#[path = "../shared/bindings.rs"]
mod bindings;
mod classifier;
mod corpus;
#[path = "../shared/encoding.rs"]
mod encoding;
#[path = "../shared/learning_rate.rs"]
mod learning_rate;
#[path = "../shared/lines.rs"]
mod lines;
#[path = "../shared/program.rs"]
mod program;
mod report;
#[path = "../shared/shown.rs"]
mod shown;
mod training;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use classifier::{Classifier, GpuClassifier, ReferenceClassifier};
use corpus::{Corpus, Sentence};
use program::Result;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use report::Report;
use training::{BATCH_SIZE, PADDING, Set};
use wgpu_embedding::text::Tokenizer;
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};

/// What the classifier trained on the built-in reviews is shown; none of these is in the files.
const UNSEEN: [&str; 6] = [
    "A wonderful film with a clever story and brilliant actors.",
    "The food was awful and the waiter was rude.",
    "I loved every minute and I would gladly come again.",
    "The battery is weak, the screen is dull, and it broke after a week.",
    "Friendly staff, a clean room, and a superb breakfast.",
    "A boring book that I could not finish.",
];

/// Test sentences shown of each file of the user's own.
const SHOWN_OF_FILE: usize = 3;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Train(arguments)) => program::finish(run(&arguments)),
        Ok(Command::Help) => program::help(arguments::HELP),
        Err(error) => program::misused(&error),
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let corpus = match &arguments.files {
        Some((positive, negative)) => Corpus::read(positive, negative, arguments.encoding)?,
        None => Corpus::built_in()?,
    };
    let texts = corpus.train.iter().map(|sentence| sentence.text.as_str());
    let mut tokenizer = Tokenizer::new().with_num_words(arguments.vocabulary);
    tokenizer.fit_on_texts(texts)?;
    if tokenizer.word_counts().is_empty() {
        return Err("there is no word in the sentences to train on, but punctuation and spaces alone".into());
    }
    let train = Set::new(&corpus.train, &tokenizer)?;
    let test = Set::new(&corpus.test, &tokenizer)?;
    let unseen = unseen(arguments, &corpus);
    let unseen_set = Set::new(&unseen, &tokenizer)?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{} sentences to train on, {} to test with, {} words",
        train.len(),
        test.len(),
        tokenizer.input_dim() - 1
    )?;

    let context = if arguments.reference { GpuContext::reference() } else { GpuContext::auto()? };
    writeln!(out, "training on {context}")?;
    if context.device().is_none() && !arguments.reference {
        let install = "install your GPU's Vulkan, Metal or DX12 driver, or on Linux the package mesa-vulkan-drivers";
        writeln!(out, "no GPU adapter was found, so the CPU computes everything; to use one, {install}")?;
    }
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    let max_outcomes = train.len().max(test.len()).max(unseen_set.len());
    let mut classifier = new_classifier(arguments, &context, tokenizer.input_dim(), max_outcomes, &mut random)?;

    let mut report = Report::new(arguments.epochs, &train)?;
    for _ in 0..arguments.epochs {
        let epoch = training::epoch(&mut *classifier, &train, &test, &mut random, &|| report.batch_done())?;
        report.epoch_done(epoch)?;
    }
    report.finish(&train)?;

    let outcomes = training::classify(&mut *classifier, &unseen_set)?;
    let labelled = arguments.files.is_some();
    report::classified(
        unseen
            .iter()
            .zip(outcomes)
            .map(|(sentence, outcome)| (sentence.text.as_str(), labelled.then_some(sentence.positive), outcome)),
    )
}

/// The embedding and its head, on the context's device or on the CPU.
fn new_classifier(
    arguments: &Arguments,
    context: &GpuContext,
    table_rows: u32,
    max_outcomes: usize,
    random: &mut ChaCha8Rng,
) -> Result<Box<dyn Classifier>> {
    // The padding takes no part: padding_idx keeps its row from training, and the head leaves it out of the mean. On the
    // GPU it looks at the indices for that, on the CPU at the mask that mask_zero makes.
    let config = EmbeddingConfig::new(table_rows, arguments.dim)
        .with_padding_idx(PADDING)
        .with_mask_zero(true)
        .with_storage(arguments.storage)
        .with_seed(arguments.seed);
    let optimizer = Adam::default().with_learning_rate(arguments.learning_rate);
    let embedding = GpuEmbedding::new(context, config, optimizer)?;
    let parameters = classifier::initial_parameters(arguments.dim as usize, random);
    Ok(match context.device() {
        Some(_) => Box::new(GpuClassifier::new(embedding, &parameters, BATCH_SIZE, max_outcomes)?),
        None => Box::new(ReferenceClassifier::new(embedding, parameters)),
    })
}

/// The sentences to classify at the end: of the user's own files, the first test lines.
fn unseen(arguments: &Arguments, corpus: &Corpus) -> Vec<Sentence> {
    if arguments.files.is_none() {
        // These have no labels, and none is shown.
        return UNSEEN.map(|text| Sentence { text: text.to_owned(), positive: true }).to_vec();
    }
    let of_file = |positive| corpus.test.iter().filter(move |sentence| sentence.positive == positive);
    of_file(true).take(SHOWN_OF_FILE).chain(of_file(false).take(SHOWN_OF_FILE)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_shown_are_unseen() {
        let corpus = Corpus::built_in().unwrap();
        assert!(corpus.train.iter().chain(&corpus.test).all(|sentence| !UNSEEN.contains(&sentence.text.as_str())));
    }

    fn run_on(positive: &[u8], negative: &[u8], options: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, contents: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, contents).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let files = ["--positive".into(), file("up.txt", positive), "--negative".into(), file("down.txt", negative)];
        let options = options.split_whitespace().map(str::to_owned);
        let parser = lexopt::Parser::from_args(files.into_iter().chain(options));
        let Ok(Command::Train(arguments)) = arguments::parse(parser) else { panic!("these are good") };
        run(&arguments).map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), ""))
    }

    #[test]
    fn texts_without_a_word_are_an_error() {
        let none = "there is no word in the sentences to train on, but punctuation and spaces alone";
        for (positive, negative) in [(&b"!\n?\n"[..], &b"...\n,\n"[..]), (b"good\n!!\n", b"bad\n??\n")] {
            assert_eq!(run_on(positive, negative, "--reference --epochs 1").unwrap_err(), none);
        }
        run_on(b"good\nfine\n", b"bad\n??\n", "--reference --epochs 1").unwrap();
    }

    #[test]
    fn windows_1252_is_read_when_it_is_named() {
        let (positive, negative) = (&b"bien\nun caf\xe9 gai \x97 oui\n"[..], &b"mal\nnon\n"[..]);
        run_on(positive, negative, "--reference --epochs 1 --encoding windows-1252").unwrap();
        let error = run_on(positive, negative, "--reference").unwrap_err();
        assert!(
            error.ends_with(
                "up.txt:2: byte 7 of the line is not UTF-8; if the file is Windows-1252, as many older texts are, give \
                 --encoding windows-1252, or convert it: iconv -f cp1252 -t utf-8 FILE"
            ),
            "{error}"
        );
        let utf_16: Vec<u8> = "gut\nsehr gut\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = run_on(&utf_16, negative, "--reference").unwrap_err();
        assert!(
            error.ends_with(
                "up.txt:1: byte 2 of the line is 0; the file must be UTF-8, and is UTF-16; give \
                 --encoding utf-16le, or convert it: iconv -f utf-16le -t utf-8 FILE"
            ),
            "{error}"
        );
        run_on(&utf_16, &utf_16, "--reference --epochs 1 --encoding utf-16le").unwrap();
        let error = run_on(b"\x1f\x8b\x08\0\0", negative, "--reference").unwrap_err();
        assert!(
            error.ends_with("up.txt:1: byte 2 of the line is not UTF-8; this is a gzip file; unpack it first"),
            "{error}"
        );
    }
}
