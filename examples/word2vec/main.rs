//! Trains word vectors: skip-gram with negative sampling.
//!
//! This is how two tables train in one submission, with shaders of your own between them: start with `model/gpu.rs`,
//! where a training step is put together, then see `blocks.rs` for what a batch is, `model/block.wgsl` for what is
//! computed of it, and `pipeline.rs` for how batches are prepared ahead of the GPU.
//!
//! `cargo run --release --example word2vec -- --help` lists the options.

mod arguments;
#[path = "../shared/bindings.rs"]
mod bindings;
mod blocks;
mod built_in;
mod corpus;
#[path = "../shared/encoding.rs"]
mod encoding;
#[path = "../shared/learning_rate.rs"]
mod learning_rate;
mod model;
mod output;
mod pipeline;
#[path = "../shared/program.rs"]
mod program;
mod report;
mod sampling;
mod save;
#[path = "../shared/shown.rs"]
mod shown;
mod training;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use arguments::{Arguments, Command};
use blocks::{Settings, TARGETS};
use corpus::Corpus;
use model::{GpuModel, Model, ReferenceModel, Shape, Tables};
use output::Output;
use program::Result;
use report::Report;
use sampling::Sampling;
use training::Training;
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer};

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Train(arguments)) => program::finish(run(&arguments, io::stdout())),
        Ok(Command::Help) => program::help(arguments::HELP),
        Err(error) => program::misused(&error),
    }
}

/// `out` is where the report goes: standard output.
fn run(arguments: &Arguments, out: impl Write) -> Result<()> {
    if let Some(path) = &arguments.output {
        // Now, and not after hours of training.
        save::check(path, arguments.file.as_deref())?;
    }
    // Vectors that are to be written are wanted, even if nobody reads of them any more.
    let mut out = Output { to: out, outlives_reader: arguments.output.is_some() };
    let corpus = read_corpus(arguments)?;
    let (words, kept) = (corpus.raw_words, corpus.len());
    writeln!(out, "{words} words, {kept} of them in a vocabulary of {}", corpus.words.len())?;
    let context = if arguments.reference { GpuContext::reference() } else { GpuContext::auto()? };
    writeln!(out, "training on {context}")?;
    if context.device().is_none() && !arguments.reference {
        let install = "install your GPU's Vulkan, Metal or DX12 driver, or on Linux the package mesa-vulkan-drivers";
        writeln!(out, "no GPU adapter was found, so the CPU computes everything; to use one, {install}")?;
    }

    let (corpus, model) = train(arguments, &context, corpus, &mut out)?;
    let table = &model.tables().input;
    let shown = match arguments.file {
        Some(_) => report::frequent_words(&corpus),
        None => built_in::KINDS.iter().filter_map(|(_, words)| corpus.number(words[0])).collect(),
    };
    report::nearest_words(&corpus, table, &shown, &mut out)?;
    if let Some(path) = &arguments.output {
        save::save(path, &corpus.words, table)?;
        writeln!(out, "\n{} vectors written to {}", corpus.words.len(), path.display())?;
    }
    Ok(())
}

fn read_corpus(arguments: &Arguments) -> Result<Corpus> {
    match &arguments.file {
        Some(path) => Corpus::read(path, arguments.encoding, arguments.lower, arguments.min_count),
        None => {
            Corpus::from_lines("the built-in text", built_in::text().as_bytes(), arguments.lower, arguments.min_count)
        }
    }
}

fn train(
    arguments: &Arguments,
    context: &GpuContext,
    corpus: Corpus,
    out: &mut dyn Write,
) -> Result<(Arc<Corpus>, Box<dyn Model>)> {
    let corpus = Arc::new(corpus);
    let training = Training {
        corpus: corpus.clone(),
        sampling: Arc::new(Sampling::new(&corpus.counts, arguments.sample)),
        settings: Settings {
            window: arguments.window,
            blocks: arguments.batch.div_ceil(TARGETS),
            seed: arguments.seed,
        },
        epochs: arguments.epochs,
        learning_rate: arguments.learning_rate,
    };
    let mut model = new_model(arguments, context, &training)?;
    let mut report = Report::new(arguments.epochs, &corpus, out)?;
    let mut pairs = 0;
    for number in 0..arguments.epochs {
        let epoch = training.epoch(&mut *model, number, &|words_read| report.batch_done(words_read))?;
        pairs += epoch.pairs;
        report.epoch_done(epoch)?;
    }
    if pairs == 0 {
        // The text itself has pairs: that was checked as it was read.
        let sample = arguments.sample;
        return Err(format!(
            "nothing was trained: --sample {sample} thinned the text out until no word had a neighbour; \
             give a larger one, or 0 to keep all words"
        )
        .into());
    }
    report.finish()?;
    Ok((corpus, model))
}

/// The tables and the loss, on the context's device or on the CPU.
fn new_model(arguments: &Arguments, context: &GpuContext, training: &Training) -> Result<Box<dyn Model>> {
    let Settings { window, blocks, seed } = training.settings;
    let rows = u32::try_from(training.corpus.words.len())?;
    let table = |initializer| {
        let config = EmbeddingConfig::new(rows, arguments.dim).with_initializer(initializer).with_seed(seed);
        let adam = Adam::default().with_learning_rate(arguments.learning_rate).with_update(arguments.update);
        GpuEmbedding::new(context, config, adam)
    };
    // As in word2vec.c.
    let bound = 0.5 / arguments.dim as f32;
    let input = table(Initializer::Uniform { low: -bound, high: bound })?;
    let tables = Tables { input, output: table(Initializer::Zeros)? };
    if context.device().is_none() {
        return Ok(Box::new(ReferenceModel::new(tables, arguments.negative)));
    }
    let shape = Shape { dim: arguments.dim as usize, window, negative: arguments.negative, blocks };
    Ok(Box::new(GpuModel::new(tables, shape)?))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
