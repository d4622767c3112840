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
}
