//! How many quotients the pipelines of deferred Adam add up, and when the whole table is flushed so that few do.
//!
//! Each step t0 has its [`Measure`], and each measure its [`Need`]. Rows may be at any step from the oldest on, so pipelines
//! need what the worst of those steps needs. With PyTorch's epsilon the first steps are the worst: their rows have no
//! short rule once they have missed some seven steps. A flush brings all rows to now, and nothing is older then.
//!
//! The rule: flush before a step that would leave a row without a rule. With the default betas that is after steps 7 and
//! 47 or so, and no sum is ever done term by term. Once more, flush at the first step from which rows need no more than late
//! ones do, 717 with the default betas, so that pipelines reach their last form at once, and not when the sweep has met all rows. All of that depends
//! on the settings and the steps alone, as a row's bits must.
//!
//! Where late rows have no rule, sums stay term by term, and no flush helps.

use super::power;
use super::quotients::{Measure, NODE_COUNTS, Quotients};

/// Flushes within one horizon, at most. Four do for every tested pair of betas; more only for learning rates that jump
/// again and again. Then sums are done term by term for a while.
const MOST_FLUSHES: usize = 4;

/// What a rule, or a pipeline, needs; the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Two,
    Three,
    Four,
    Six,
    /// Six quotients, and sums term by term where they do not do.
    Terms,
}

impl Need {
    const ALL: [Self; 5] = [Self::Two, Self::Three, Self::Four, Self::Six, Self::Terms];

    pub(crate) fn of(measure: &Measure) -> Self {
        let place = |count| NODE_COUNTS.iter().position(|&other| other == count).expect("one of the counts");
        measure.nodes_needed().map_or(Self::Terms, |count| Self::ALL[place(count)])
    }

    /// As [`of`](Self::of), of a measure's own rule.
    pub(crate) fn of_rule(rule: &Quotients) -> Self {
        let covers = |count: &usize| *count >= rule.count;
        let place = NODE_COUNTS.iter().position(covers).filter(|_| rule.least == 0.0);
        place.map_or(Self::Terms, |place| Self::ALL[place])
    }

    /// Quotients.
    pub(crate) fn nodes(self) -> usize {
        NODE_COUNTS[(self as usize).min(NODE_COUNTS.len() - 1)]
    }

    pub(crate) fn has_terms(self) -> bool {
        self == Self::Terms
    }
}

/// What the measures depend on, but for learning rates and decay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub beta_1: f64,
    pub beta_2: f64,
    /// sqrt(beta_2); with amsgrad 1.
    pub root: f64,
    /// Whether epsilon is inside the bias correction, as PyTorch has it.
    pub inside: bool,
    pub horizon: u32,
}

impl Form {
    /// The need of rows last updated at step `start`, `None` for late ones, after a whole horizon: with a learning rate that
    /// is constant or that rises in proportion to the steps, whichever is worse.
    fn forecast(&self, start: Option<u64>) -> Need {
        let (mut constant, mut rising) = (Measure::EMPTY, Measure::EMPTY);
        let first = start.map_or([0.0; 2], |start| [power(self.beta_1, start), power(self.beta_2, start)]);
        let [mut power_1, mut power_2] = first;
        let (mut mass, mut node, mut step) = (1.0, 1.0, start.unwrap_or(0) as f64);
        for _ in 0..self.horizon {
            power_1 *= self.beta_1;
            power_2 *= self.beta_2;
            mass *= self.beta_1 / self.root;
            node /= self.root;
            step += 1.0;
            let bias = (1.0 - power_2).sqrt();
            let (node, mass) = (if self.inside { bias * node } else { node }, mass * bias / (1.0 - power_1));
            constant.append(node, mass);
            rising.append(node, mass * step);
        }
        let constant = Need::of(&constant);
        if start.is_some() { constant.max(Need::of(&rising)) } else { constant }
    }
}

/// See the module. Steps are counted as in `History`: `now` is the last step that rows can be caught up to.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    horizon: u64,
    /// The first steps whose rows need no more than two, three, four and six quotients, if the forecast is right; `None` if
    /// there are none.
    first: [Option<u64>; 4],
    /// What rows of late steps need.
    late: Need,
    /// The last steps whose rows were ever seen to need each of [`Need::ALL`].
    last: [Option<u64>; 5],
    /// No row is at an earlier step.
    oldest: u64,
    /// The last flushes that this plan asked for.
    flushes: Vec<u64>,
}

impl NodePlan {
    /// For rows that are all up to date at step `now`.
    pub(crate) fn new(form: &Form, now: u64) -> Self {
        let late = form.forecast(None);
        let mut first = [None; 4];
        let mut known = Vec::new();
        for (need, first) in Need::ALL.into_iter().zip(&mut first) {
            if need < late {
                continue;
            }
            let mut does = |start: u64| {
                let found = known.iter().find(|(other, _)| *other == start).map(|&(_, need)| need);
                let found = found.unwrap_or_else(|| {
                    known.push((start, form.forecast(Some(start))));
                    known[known.len() - 1].1
                });
                found <= need
            };
            // `below` does not, `above` does; 0 is tried first.
            let (mut below, mut above) = (0, 0);
            while !does(above) {
                (below, above) = (above, (2 * above).max(1));
            }
            while above - below > 1 {
                let middle = below + (above - below) / 2;
                *(if does(middle) { &mut above } else { &mut below }) = middle;
            }
            *first = Some(above);
        }
        Self { horizon: form.horizon.into(), first, late, last: [None; 5], oldest: now, flushes: Vec::new() }
    }

    /// The need of rows last updated at step `start`, by the forecast.
    pub(crate) fn forecast(&self, start: u64) -> Need {
        let does = |first: &Option<u64>| first.is_some_and(|first| first <= start);
        self.first.iter().position(does).map_or(Need::Terms, |place| Need::ALL[place])
    }

    /// Takes note of what rows last updated at step `start` need now, or will ever need if their rule is final.
    pub(crate) fn note(&mut self, start: u64, need: Need) {
        let last = &mut self.last[need as usize];
        *last = (*last).max(Some(start));
    }

    /// No row is at a step before `oldest` any more: the sweep has met all, or a flush has.
    pub(crate) fn all_reached(&mut self, oldest: u64) {
        self.oldest = self.oldest.max(oldest);
    }

    /// What rows at steps from `oldest` on need, as far as seen.
    fn seen(&self, oldest: u64) -> Need {
        let worst = Need::ALL.into_iter().rev().find(|&need| self.last[need as usize] >= Some(oldest));
        worst.unwrap_or(Need::Two)
    }

    /// What the pipelines must have now. It foresees up to six quotients, so as not to change at each of the first steps, and
    /// has terms only where rows were seen to need them.
    pub(crate) fn need(&self) -> Need {
        self.seen(self.oldest).max(self.forecast(self.oldest).min(if self.late == Need::Terms {
            Need::Terms
        } else {
            Need::Six
        }))
    }

    /// Whether to flush all rows to `now`, before the history goes on by a step. `next` are the steps whose measures that
    /// will change, each with what it will need then.
    pub(crate) fn should_flush(&self, now: u64, next: impl IntoIterator<Item = (u64, Need)>) -> bool {
        let recent = self.flushes.iter().filter(|&&flush| flush + self.horizon > now).count();
        if self.late == Need::Terms || self.oldest >= now || recent >= MOST_FLUSHES {
            return false;
        }
        let loses_rule = || next.into_iter().any(|(start, need)| start >= self.oldest && need.has_terms());
        // Terms that are there already, because a flush was not possible, end once no row can need them any more.
        let ends_terms = self.seen(self.oldest).has_terms()
            && self.forecast(now) < Need::Terms
            && self.last[Need::Terms as usize].is_some_and(|last| last + self.horizon < now);
        let reaches_last_form = self.forecast(now) <= self.late && self.forecast(self.oldest) > self.late;
        reaches_last_form || ends_terms || loses_rule()
    }

    /// All rows have been flushed to `now`.
    pub(crate) fn flushed(&mut self, now: u64) {
        self.all_reached(now);
        self.flushes.retain(|flush| flush + self.horizon > now);
        self.flushes.push(now);
    }
}

#[cfg(test)]
#[path = "node_plan_tests.rs"]
mod tests;
