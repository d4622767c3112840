//! Recommends items to users, by the ratings that they and others gave.
//!
//! `cargo run --release -p burn-wgpu-embedding --example recommender -- --help` lists the options. The model is in `model.rs`,
//! the training loop in `training.rs`.

mod arguments;
mod baselines;
#[path = "../shared/csv_file.rs"]
mod csv_file;
// In one of the examples that read CSV, for all.
#[cfg(test)]
#[path = "../shared/csv_file_tests.rs"]
mod csv_file_tests;
#[path = "../shared/csv_quotes.rs"]
mod csv_quotes;
#[path = "../../../../examples/shared/encoding.rs"]
mod encoding;
#[path = "../../../../examples/shared/learning_rate.rs"]
mod learning_rate;
mod made_up;
mod model;
#[path = "../shared/plots.rs"]
mod plots;
// In one of the examples that have pictures, for all.
#[cfg(test)]
#[path = "../shared/plots_tests/mod.rs"]
mod plots_tests;
#[path = "../../../../examples/shared/program.rs"]
mod program;
mod ratings;
mod report;
#[path = "../../../../examples/shared/shown.rs"]
mod shown;
#[path = "../shared/summary.rs"]
mod summary;
mod training;
#[path = "../../../../examples/shared/whole.rs"]
mod whole;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use arguments::{Arguments, Command};
use baselines::{Baselines, baselines, rmse};
use burn_wgpu_embedding::SharedDevice;
use model::Recommender;
use program::Result;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use ratings::{Rating, Ratings, read_titles};
use summary::summary;
use training::{Best, Epoch, Training, top_items};

/// Of so many ratings, one is held out.
const TEST_EVERY: usize = 10;

/// Items in the picture, the most rated ones.
const DRAWN: usize = 60;

fn main() -> ExitCode {
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Train(arguments)) => program::finish(run(&arguments, &mut io::stdout()).map(|_| ())),
        Ok(Command::Help) => program::help(arguments::HELP),
        Err(error) => program::misused(&error),
    }
}

/// What came out, for the tests.
#[cfg_attr(not(test), allow(dead_code))]
struct Outcome {
    baselines: Baselines,
    best: f64,
    /// The rows of the items recommended, and of those that the user has rated.
    recommended: Vec<u32>,
    rated: HashSet<u32>,
}

fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Outcome> {
    if let Some(folder) = &arguments.plots {
        plots::folder(folder)?;
    }
    let (ratings, noiseless) = match &arguments.ratings {
        Some(path) => (Ratings::read(path, arguments.encoding)?, None),
        None => {
            let made_up = made_up::ratings();
            (Ratings::from_csv("the made-up ratings", made_up.csv.as_bytes())?, Some(made_up.noiseless))
        }
    };
    let titles = arguments.movies.as_deref().map(|path| read_titles(path, arguments.encoding)).transpose()?;
    let titles = titles.unwrap_or_default();
    // Now, and not after the training.
    let user = user(arguments.user, &ratings)?;

    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut order: Vec<_> = (0..ratings.all.len()).collect();
    order.shuffle(&mut random);
    let (test_order, train_order) = order.split_at(ratings.all.len() / TEST_EVERY);
    let chosen = |order: &[usize]| order.iter().map(|&rating| ratings.all[rating]).collect::<Vec<Rating>>();
    let (train, test) = (chosen(train_order), chosen(test_order));
    let (users, items) = (ratings.users.len(), ratings.items.len());
    let (train_count, test_count) = (train.len(), test.len());
    let of_what = format!("{} by {}", report::counted(items, "item"), report::counted(users, "user"));
    writeln!(out, "{train_count} ratings to train on and {test_count} held out, of {of_what}")?;
    let baselines = baselines(&train, &test, users, items);
    let noise = noiseless.map(|noiseless| rmse(&test, |number, _| noiseless[test_order[number]].into()));

    let shared = SharedDevice::new()?;
    writeln!(out, "training on {}", shared.context())?;
    let model = Recommender::new(&shared, arguments, &ratings, baselines::mean(&train) as f32)?;
    write!(out, "\n{}", summary("recommender", &model.layers()))?;
    let (train, test) = (Arc::new(train), Arc::new(test));
    let training = Training { shared, train, test, batch_size: arguments.batch_size };
    let (epochs, best) = train_epochs(&training, &model, arguments.epochs, &mut random, out)?;
    let best_rmse = epochs[best.epoch].test;
    report::comparison(out, (best.epoch, best_rmse), &baselines, noise)?;
    model.set_weights(&best.weights)?;

    let rated: HashSet<_> =
        ratings.all.iter().filter(|rating| rating.user == user).map(|rating| rating.item).collect();
    let found = top_items(&model, user, items as u32, &rated, arguments.top)?;
    let id = |item: u32| ratings.items.of_rows[item as usize];
    let with_ids: Vec<_> = found.iter().map(|&(item, stars)| (id(item), stars)).collect();
    report::recommended(out, ratings.users.of_rows[user as usize], rated.len(), &with_ids, &titles)?;

    if let Some(folder) = &arguments.plots {
        report::draw_curves(&folder.join("rmse.png"), &epochs, &baselines)?;
        let drawn = most_rated(&ratings, |rating| rating.item, items, DRAWN);
        let labels: Vec<_> = drawn.iter().map(|&item| report::title(id(item), &titles)).collect();
        let title = match drawn.len() {
            1 => "The only item".to_owned(),
            count => format!("The {count} most rated items"),
        };
        let rows = model.item_rows(&drawn)?;
        plots::projection(&folder.join("items.png"), &title, &labels, &rows, arguments.dim as usize)?;
        writeln!(out, "\nrmse.png and items.png written to {}", folder.display())?;
    }
    Ok(Outcome { baselines, best: best_rmse, recommended: found.iter().map(|&(item, _)| item).collect(), rated })
}

/// The epochs, and the rows of the best of them.
fn train_epochs(
    training: &Training,
    model: &Recommender,
    count: u32,
    random: &mut ChaCha8Rng,
    out: &mut dyn Write,
) -> Result<(Vec<Epoch>, Best)> {
    writeln!(out, "\nepoch  train RMSE  test RMSE  seconds")?;
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut best: Option<Best> = None;
    for number in 0..count as usize {
        let bar = report::bar(number, count, training.train.len().div_ceil(training.batch_size))?;
        let epoch = training.epoch(model, random, &|| bar.inc(1))?;
        bar.finish_and_clear();
        report::epoch(out, number, &epoch)?;
        if !epoch.test.is_finite() {
            return Err("the error is no finite number any more; give a lower --learning-rate".into());
        }
        if best.as_ref().is_none_or(|best| epoch.test < epochs[best.epoch].test) {
            best = Some(Best { epoch: number, weights: model.weights()? });
        }
        epochs.push(epoch);
    }
    let best = best.ok_or("there was no epoch")?;
    Ok((epochs, best))
}

/// The row of the user to recommend items to: the one asked for, or the one with the most ratings.
fn user(id: Option<u64>, ratings: &Ratings) -> Result<u32> {
    let Some(id) = id else {
        return Ok(most_rated(ratings, |rating| rating.user, ratings.users.len(), 1)[0]);
    };
    ratings.users.row(id).ok_or_else(|| {
        let ids = &ratings.users.of_rows;
        let (least, most) = (ids.iter().min().unwrap_or(&0), ids.iter().max().unwrap_or(&0));
        let some: Vec<_> = ids.iter().take(5).map(u64::to_string).collect();
        let (count, some) = (ids.len(), some.join(", "));
        format!("--user {id} has no ratings; {count} users have, from {least} to {most}, the first being {some}")
            .into()
    })
}

/// The rows with the most ratings, most first, of equal ones the first to appear.
fn most_rated(ratings: &Ratings, row: impl Fn(&Rating) -> u32, rows: usize, count: usize) -> Vec<u32> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for rating in &ratings.all {
        *counts.entry(row(rating)).or_default() += 1;
    }
    let mut all: Vec<_> = (0..rows as u32).collect();
    all.sort_by_key(|row| std::cmp::Reverse(counts.get(row).copied().unwrap_or(0)));
    all.truncate(count);
    all
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
