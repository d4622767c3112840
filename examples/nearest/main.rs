//! Finds words near others in a file of word vectors: similar words, analogies, and the accuracy on analogy questions.
//! `cargo run --release --example nearest -- --help` says how.

mod arguments;
#[path = "../shared/program.rs"]
mod program;
#[path = "../shared/vector_files.rs"]
mod vector_files;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::{Arguments, Asked, Command};
use indexmap::IndexSet;
use indicatif::{ProgressBar, ProgressStyle};
use program::Result;
use wgpu_embedding::vectors::{
    AnalogyOptions, AnalogyQuestions, ReadOptions, SectionAccuracy, SimilarWord, SimilarWords, VectorReader,
    Vocabulary, WordVectors,
};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, Initializer};

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Find(arguments)) => program::finish(run(&arguments, &mut io::stdout().lock())),
        Ok(Command::Help) => program::help(arguments::HELP),
        Err(error) => program::misused(&error),
    }
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<()> {
    let context = if arguments.reference { GpuContext::reference() } else { GpuContext::auto()? };
    // Before the vectors: reading them takes longer.
    let questions = match &arguments.asked {
        Asked::Questions(path) => Some(load_questions(path)?),
        _ => None,
    };
    let vectors = load(arguments)?;
    if vectors.is_empty() {
        return Err(no_vectors(arguments).into());
    }
    check_words(arguments, vectors.vocabulary())?;
    let (rows, width) = (vectors.len(), vectors.width());
    let (vocabulary, values) = vectors.into_parts();
    let config = EmbeddingConfig::new(rows.try_into()?, width.try_into()?)
        .with_initializer(Initializer::Matrix(values))
        .with_trainable(false);
    let embedding = GpuEmbedding::new(&context, config, Adam::default())?;
    eprintln!("{rows} words of {width} numbers, on {context}");

    let words = SimilarWords::new(&embedding, &vocabulary)?;
    match (&arguments.asked, &questions) {
        (Asked::Words(asked), _) => {
            for word in asked {
                writeln!(out, "most similar to {word}:")?;
                print_found(out, &words.most_similar(word, arguments.k)?)?;
            }
        }
        (Asked::Analogy([a, b, c]), _) => {
            writeln!(out, "{a} - {b} + {c}:")?;
            print_found(out, &words.analogy(a, b, c, arguments.k)?)?;
        }
        (Asked::Questions(path), questions) => {
            let questions = questions.as_ref().expect("loaded above");
            answer(out, arguments, &words, questions)?;
            print_excluded(out, path, questions.excluded_lines())?;
        }
    }
    Ok(())
}

fn load_questions(path: &Path) -> Result<AnalogyQuestions> {
    let questions = AnalogyQuestions::load(path)?;
    if questions.is_empty() {
        let needed = "a question is a line of four words, below a line ': section'";
        return Err(format!("{} has no questions; {needed}", path.display()).into());
    }
    Ok(questions)
}

/// Refuses words that have no vector, all of them at once.
fn check_words(arguments: &Arguments, vocabulary: &Vocabulary) -> Result<()> {
    let asked = match &arguments.asked {
        Asked::Words(words) => &words[..],
        Asked::Analogy(words) => words,
        Asked::Questions(_) => return Ok(()),
    };
    let unknown: IndexSet<_> = asked.iter().filter(|word| vocabulary.row(word).is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let file = arguments.vectors.display();
    let unknown = unknown.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    Err(format!("{file} has no vector of {unknown}; words are compared letter by letter, case included").into())
}

fn no_vectors(arguments: &Arguments) -> String {
    let file = arguments.vectors.display();
    match arguments.limit {
        Some(0) => format!("{file} has no vectors: --limit 0 leaves all of them out"),
        _ if arguments.skip_bad => format!("{file} has no vectors that --skip-bad leaves"),
        _ => format!("{file} has no vectors"),
    }
}

fn load(arguments: &Arguments) -> Result<WordVectors> {
    // An empty file does not say of what width the vectors are that it does not have.
    if std::fs::metadata(&arguments.vectors).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
        return Err(no_vectors(arguments).into());
    }
    let mut options = ReadOptions::default();
    (options.format, options.width, options.limit) = (arguments.format, arguments.width, arguments.limit);
    if arguments.skip_bad {
        options = vector_files::skip_bad(options);
    }
    let in_words = |error: Error| vector_files::in_words(&error, true);
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("reading {wide_bar} {binary_bytes}/{binary_total_bytes}")?);
    let shown = bar.clone();
    let reader = VectorReader::open(&arguments.vectors, &options).map_err(in_words)?.with_progress(move |progress| {
        shown.set_position(progress.bytes);
        shown.set_length(progress.total_bytes.unwrap_or(progress.bytes));
    });
    let read = WordVectors::read(reader);
    bar.finish_and_clear();
    let (vectors, report) = read.map_err(in_words)?;
    if arguments.skip_bad {
        eprintln!("{}: {report}", arguments.vectors.display());
    }
    Ok(vectors)
}

fn print_found(out: &mut impl Write, found: &[SimilarWord<'_>]) -> io::Result<()> {
    found.iter().try_for_each(|found| writeln!(out, "  {:.6}  {}", found.score, found.word))
}

fn answer(
    out: &mut impl Write,
    arguments: &Arguments,
    words: &SimilarWords<'_>,
    questions: &AnalogyQuestions,
) -> Result<()> {
    let options = AnalogyOptions::default()
        .with_restrict_vocab(arguments.restrict_vocab)
        .with_case_insensitive(!arguments.case_sensitive);
    let bar = ProgressBar::new(questions.len() as u64)
        .with_style(ProgressStyle::with_template("answering {wide_bar} {pos}/{len} questions")?);
    let sections = words.accuracy(questions, &options, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let sections = sections?;
    let width = sections.iter().map(|section| section.section.chars().count()).max().unwrap_or(0).max(7);
    writeln!(out, "{:width$}  {:>8}  {:>7}  {:>6}  {:>7}", "section", "accuracy", "correct", "asked", "unknown")?;
    for section in sections.iter().chain([&SectionAccuracy::total(&sections)]) {
        let accuracy = section.accuracy().map_or("-".to_owned(), |share| format!("{:.2} %", share * 100.0));
        let SectionAccuracy { section, correct, incorrect, unknown } = section;
        let asked = correct + incorrect;
        writeln!(out, "{section:width$}  {accuracy:>8}  {correct:>7}  {asked:>6}  {unknown:>7}")?;
    }
    Ok(())
}

/// Says which lines of the questions' file were left out, if any.
fn print_excluded(out: &mut impl Write, path: &Path, lines: &[u64]) -> io::Result<()> {
    let Some(first) = lines.first() else { return Ok(()) };
    let (count, file) = (lines.len(), path.display());
    writeln!(
        out,
        "lines of {file} that were left out, for they have not four words: {count}, the first is line {first}"
    )
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
