//! What rows miss of the steps that give them no gradient: the twin of shared/history.wgsl and shared/segments.wgsl, in f32
//! and in their order. The sums themselves are [`History`]'s, in f64.

use std::collections::VecDeque;
use std::ops::Range;

use super::storage::Rounder;
use super::table::Rows;
use super::twin::Twin;
use crate::error::{Error, Result};
use crate::optimizer::{Course, History, Optimizer, PastStep, Scaled, power};

/// A power is the product of two in f32: of the exponent's remainder by this, and of the rest.
const POWERS: u64 = 256;

/// One step, as the kernels have it.
#[derive(Debug, Clone, Copy)]
struct Past {
    /// The weights of its quotients, each with its node times epsilon.
    quotients: [(f32, f32); 6],
    /// The least root from which they give the sum.
    least_root: f32,
    /// The product of all decays up to and with this step.
    decay: Scaled,
    size: f32,
    epsilon: f32,
}

impl Past {
    fn new(step: &PastStep, course: &Course) -> Self {
        let quotient = |i: usize| (course.sign * step.rule.weights[i], course.epsilon * step.rule.nodes[i]);
        Self {
            quotients: [0, 1, 2, 3, 4, 5].map(quotient).map(|(weight, node)| (weight as f32, node as f32)),
            least_root: (1.001 * course.epsilon * step.rule.least) as f32,
            decay: step.decay,
            size: step.size as f32,
            epsilon: step.epsilon as f32,
        }
    }
}

/// The steps that rows may have missed, and up to which of them each row is current.
#[derive(Debug)]
pub(super) struct MissedSteps {
    history: History,
    /// The last steps, up to now, as many as a row may miss.
    past: VecDeque<Past>,
    /// What weights are multiplied by from one cut to the next, in the last whole segments, by their numbers.
    whole: VecDeque<(u64, f32)>,
    /// Powers of what the two arrays are multiplied by at a step, and of r: the exponents 0, 1, 2, .. and 0, 256, 512, ..
    low: Vec<[f32; 3]>,
    high: Vec<[f32; 3]>,
    last_steps: Vec<u64>,
}

impl MissedSteps {
    /// For rows that are all current at step `now`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(super) fn new(optimizer: &Optimizer, input_dim: usize, now: u64) -> Result<Self> {
        let history = History::new(optimizer, input_dim as u32, now)?;
        let Course { bases: [first, second], root, .. } = history.course;
        let powers = |exponent: u64| [first, second, root].map(|base| power(base, exponent) as f32);
        let past = history.changed(now).1.map(|step| Past::new(step, &history.course)).collect();
        let mut last_steps = Vec::new();
        // Not vec![now; input_dim], which ends the process where there is no room.
        last_steps.try_reserve_exact(input_dim).map_err(|error| Error::OutOfMemory {
            what: "the step numbers of the rows",
            required: input_dim as u64 * 8,
            reason: error.to_string(),
        })?;
        last_steps.resize(input_dim, now);
        Ok(Self {
            past,
            whole: VecDeque::new(),
            low: (0..POWERS).map(powers).collect(),
            high: (0..=u64::from(history.ring()) / POWERS).map(|i| powers(i * POWERS)).collect(),
            last_steps,
            history,
        })
    }

    /// Before the next step, that of these settings: catches the rows up whose turn it is, or all, as a table on a GPU does.
    pub(super) fn sweep(&mut self, rows: &mut Rows, twin: &dyn Twin, optimizer: &Optimizer) {
        let (now, last_cut) = (self.history.now(), self.history.last_cut());
        if self.history.should_flush(optimizer) {
            self.catch_up_all(rows, twin);
            self.history.flushed();
        } else if last_cut > 0 {
            let due: Vec<Range<u32>> = self.history.due(now + 1);
            due.into_iter().flatten().for_each(|row| self.catch_up(rows, twin, row as usize, last_cut, true));
        }
    }

    /// Brings all rows up to now.
    pub(super) fn catch_up_all(&mut self, rows: &mut Rows, twin: &dyn Twin) {
        let now = self.history.now();
        (0..self.last_steps.len()).for_each(|row| self.catch_up(rows, twin, row, now, true));
    }

    /// Brings a row up to now, for an update, which alone stores it.
    pub(super) fn catch_up_row(&mut self, rows: &mut Rows, twin: &dyn Twin, row: usize) {
        self.catch_up(rows, twin, row, self.history.now(), false);
    }

    fn catch_up(&mut self, rows: &mut Rows, twin: &dyn Twin, row: usize, until: u64, is_stored: bool) {
        let since = self.last_steps[row];
        if since < until {
            rows.with_row(row, |rounder, weights, state| {
                self.make_up(twin, (row, rounder), since..until, weights, state);
                if is_stored {
                    rounder.store(row, weights, until);
                }
            });
            self.last_steps[row] = until;
        }
    }

    /// Brings a copy of a row up to now.
    pub(super) fn catch_up_copy(
        &self,
        twin: &dyn Twin,
        (row, rounder): (usize, &Rounder),
        weights: &mut [f32],
        state: &mut [&mut [f32]],
    ) {
        self.make_up(twin, (row, rounder), self.last_steps[row]..self.history.now(), weights, state);
    }

    /// What the steps after `missed.start`, up to and with `missed.end`, do to a row, segment by segment. At a cut its weights
    /// are as the sweep stores them.
    fn make_up(
        &self,
        twin: &dyn Twin,
        (row, rounder): (usize, &Rounder),
        mut missed: Range<u64>,
        weights: &mut [f32],
        state: &mut [&mut [f32]],
    ) {
        let cut = u64::from(self.history.cut());
        while missed.start < missed.end {
            let count = (missed.end - missed.start).min(cut - missed.start % cut);
            let segment = Missed::new(self, missed.start, count);
            twin.catch_up_row(weights, state, &segment);
            missed.start += count;
            if missed.start.is_multiple_of(cut) {
                rounder.store(row, weights, missed.start);
            }
        }
    }

    /// Goes on by one step with these settings, of which the rows with a gradient are current.
    pub(super) fn advance(&mut self, optimizer: &Optimizer, updated: &[u32]) {
        self.history.advance(optimizer, self.history.now());
        let now = self.history.now();
        updated.iter().for_each(|&row| self.last_steps[row as usize] = now);
        let first = now - self.past.len() as u64;
        let (changed, steps) = self.history.changed(now);
        self.past.truncate((changed - first) as usize);
        self.past.extend(steps.map(|step| Past::new(step, &self.history.course)));
        self.whole.extend(self.history.ended(now).map(|(segment, decay)| (segment, decay as f32)));
        while self.past.len() > self.history.ring() as usize {
            self.past.pop_front();
        }
        while self.whole.len() > self.history.whole_segments() as usize {
            self.whole.pop_front();
        }
    }

    fn past(&self, step: u64) -> &Past {
        let first = self.history.now() + 1 - self.past.len() as u64;
        &self.past[(step - first) as usize]
    }

    fn powers(&self, exponent: u64) -> [f32; 3] {
        let (low, high) = (self.low[(exponent % POWERS) as usize], self.high[(exponent / POWERS) as usize]);
        [low[0] * high[0], low[1] * high[1], low[2] * high[2]]
    }
}

/// The `count` steps after `since` that gave a row no gradient, of one segment.
pub(super) struct Missed<'a> {
    steps: &'a MissedSteps,
    since: u64,
    count: u64,
    decay: f32,
    powers: [f32; 2],
}

impl<'a> Missed<'a> {
    fn new(steps: &'a MissedSteps, since: u64, count: u64) -> Self {
        let [first, second, _] = steps.powers(count);
        let missed = Self { steps, since, count, decay: 1.0, powers: [first, second] };
        Self { decay: missed.decay_until(since + count), ..missed }
    }

    /// What a weight is multiplied by.
    pub(super) fn decay(&self) -> f32 {
        self.decay
    }

    fn decay_until(&self, step: u64) -> f32 {
        let cut = u64::from(self.steps.history.cut());
        if step - self.since == cut {
            let first = self.steps.whole[0].0;
            return self.steps.whole[(self.since / cut - first) as usize].1;
        }
        let [earlier, later] = [self.since, step].map(|step| self.steps.past(step).decay);
        (1.0 / earlier.over(later)) as f32
    }

    /// What the first and the second array are multiplied by.
    pub(super) fn powers(&self) -> [f32; 2] {
        self.powers
    }

    /// A weight, moved by `moment` times a sum, and decayed.
    pub(super) fn moved(&self, w: f32, moment: f32, sum: f32) -> f32 {
        // A row that never had a gradient stays where it is, whatever the sum is there.
        let step = if moment == 0.0 { 0.0 } else { moment * sum };
        self.decay() * (w - step)
    }

    /// The sum where it does not depend on the row.
    pub(super) fn common_sum(&self) -> f32 {
        self.steps.past(self.since).quotients[5].0
    }

    /// Moves weights by Adam's first moment, each by its own sum, which depends on the root of its second; then the moment
    /// falls.
    pub(super) fn move_by_moment(&self, weights: &mut [f32], moments: &mut [f32], roots: &[f32]) {
        let past = self.steps.past(self.since);
        let quads = weights.chunks_mut(4).zip(moments.chunks_mut(4)).zip(roots.chunks(4));
        for ((weights, moments), roots) in quads {
            // The kernels choose for four elements at once.
            let is_covered = roots.iter().zip(&*moments).all(|(&root, &m)| root >= past.least_root || m == 0.0);
            for ((w, m), &root) in weights.iter_mut().zip(moments).zip(roots) {
                let sum = if is_covered { self.sum_of_quotients(root) } else { self.sum_of_terms(root) };
                *w = self.moved(*w, *m, sum);
                *m *= self.powers()[0];
            }
        }
    }

    fn sum_of_quotients(&self, root: f32) -> f32 {
        let quotients = self.steps.past(self.since).quotients;
        quotients.iter().fold(0.0, |sum, (weight, node)| sum + weight / (root + node))
    }

    /// The smallest first, which rounds less.
    fn sum_of_terms(&self, root: f32) -> f32 {
        let term = |j: u64| {
            let past = self.steps.past(self.since + j);
            let [first, _, root_power] = self.steps.powers(j);
            past.size * first / self.decay_until(self.since + j) / (root * root_power + past.epsilon)
        };
        (1..=self.count.min(self.steps.history.horizon().into())).rev().fold(0.0, |sum, j| sum + term(j))
    }
}
