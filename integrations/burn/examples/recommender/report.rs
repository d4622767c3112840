//! What the user sees: a progress bar an epoch on a terminal, a line an epoch, the items recommended.
//!
//! Written with `writeln!` and not `println!`, which panics where the reader has gone, as in `| head`.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::baselines::Baselines;
use crate::plots;
use crate::program::Result;
use crate::shown::shortened;
use crate::training::Epoch;

/// Characters shown of a title.
const SHOWN: usize = 70;

/// The bar of an epoch. On a terminal only: indicatif hides it elsewhere.
pub fn bar(epoch: usize, epochs: u32, batches: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix} {bar:40} batch {pos} of {len}, {per_sec}, {eta} left")?;
    let prefix = format!("epoch {}/{epochs}", epoch + 1);
    Ok(ProgressBar::new(batches as u64).with_style(style).with_prefix(prefix))
}

/// So many things, in words.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The line of an epoch, from 0.
pub fn epoch(out: &mut dyn Write, number: usize, epoch: &Epoch) -> Result<()> {
    let Epoch { train, test, training_time } = epoch;
    let seconds = training_time.as_secs_f64();
    Ok(writeln!(out, "{:>5}  {train:>10.4}  {test:>9.4}  {seconds:>7.2}", number + 1)?)
}

/// The best epoch, from 0, beside what it must beat, and what nothing can.
pub fn comparison(out: &mut dyn Write, best: (usize, f64), baselines: &Baselines, noise: Option<f64>) -> Result<()> {
    writeln!(out, "\nRMSE on the held-out ratings:")?;
    writeln!(out, "  {:.4}  always the mean", baselines.mean)?;
    writeln!(out, "  {:.4}  the user's and the item's means", baselines.user_and_item_means)?;
    writeln!(out, "  {:.4}  this model, best in epoch {}", best.1, best.0 + 1)?;
    if let Some(noise) = noise {
        writeln!(out, "  {noise:.4}  the noise that these ratings were made with")?;
    }
    Ok(())
}

/// The items recommended, with their predicted ratings.
pub fn recommended(
    out: &mut dyn Write,
    user: u64,
    rated: usize,
    items: &[(u64, f32)],
    titles: &HashMap<u64, String>,
) -> Result<()> {
    if items.is_empty() {
        let items = counted(rated, "item");
        writeln!(out, "\nuser {user} has rated all there is, {items}: nothing is left to recommend")?;
        return Ok(());
    }
    writeln!(out, "\nfor user {user}, of the items that are not among the {rated} rated:")?;
    for &(id, stars) in items {
        writeln!(out, "  {stars:.2}  {}", title(id, titles))?;
    }
    Ok(())
}

/// An item's title, or its id where it has none, without what could confuse a terminal.
pub fn title(id: u64, titles: &HashMap<u64, String>) -> String {
    titles.get(&id).map_or_else(|| format!("item {id}"), |title| shortened(title, SHOWN))
}

/// The curves of the epochs.
pub fn draw_curves(path: &Path, epochs: &[Epoch], baselines: &Baselines) -> Result<()> {
    let train: Vec<_> = epochs.iter().map(|epoch| epoch.train).collect();
    let test: Vec<_> = epochs.iter().map(|epoch| epoch.test).collect();
    let means = vec![baselines.user_and_item_means; epochs.len()];
    let curves = [("training", &train[..]), ("held out", &test), ("held out, by means", &means)];
    plots::curves(path, "Ratings", "root mean squared error, in stars", &curves)
}
