//! What is remembered of past steps, so that a row can be caught up at any later one.
//!
//! A row last updated at step t0, with what the optimizer kept of it then, has missed k steps without a gradient. The dense
//! optimizer would have made them one by one; [`Course`] says what they come to for an optimizer. For Adam, with
//! s = sqrt(v) at t0, r = sqrt(beta_2), tau = t0 + j, C the running product of the decays and
//!
//! ```text
//! e_j = r^-j                                             Keras's epsilon
//! e_j = sqrt(1 - beta_2^tau) * r^-j                      PyTorch's
//! p_j = alpha_tau * (beta_1 / r)^j * C_t0 / C_tau        alpha as in Adam::step_size
//! ```
//!
//! all k of them together are
//!
//! ```text
//! w  = C_now / C_t0 * (w - m * sum over j = 1 .. k of p_j / (s + epsilon e_j)),    m *= beta_1^k,    v *= beta_2^k
//! ```
//!
//! With amsgrad s = sqrt(v_hat), which does not change while a row has no gradient, and r = 1.
//!
//! The p_j at the nodes e_j are a measure that all rows with the same t0 share, and a few quotients take its sum's place
//! ([`quotients`](super::quotients)), as many as [`NodePlan`] says. Where they are not exact to f32's rounding the sum is
//! done term by term.
//!
//! The terms fall as (beta_1 / r)^j: after `horizon` of them nothing is left in f32, and the rule of t0 is final. So only
//! the last `horizon` rules change at a step. Everything is f64 here.
//!
//! **Catch-up is cut at multiples of [`cut`](History::cut).** A row that has missed steps on both sides of one is first
//! brought to it, and on from there: the rule of t0 ends at its next cut. So a row that the sweep has brought to a cut
//! in between has the same bits as one that it has not. Where terms do not die out, every step up to the cut has one, and
//! a cut of the optimizer's own bounds how many they are.

use std::collections::VecDeque;
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use super::node_plan::{self, Need, NodePlan};
use super::quotients::lanes::{LANES, Terms, append_and_take_two};
use super::quotients::{MOST_NODES, Measure, Quotients};
use super::{Optimizer, power};
use crate::error::{Error, Result};

/// Terms below this share of the first are dropped: an eighth of what rounding to f32 loses.
const SMALLEST_TERM: f64 = 1.0 / (1u64 << 28) as f64;

/// The largest horizon; beyond it, that is for a beta_1 very close to sqrt(beta_2), a step would cost the host too much.
const MAX_HORIZON: f64 = 16_384.0;

/// Over one horizon weight decay may shrink the weights by e^-60 at most, to stay inside f32.
const MAX_DECAY_LOGARITHM: f64 = 60.0;

/// Catch-up is cut at multiples of this, or of the horizon's power of two where that is more, unless the optimizer has a cut
/// of its own: the same for every table.
const CUT: u32 = 1 << 12;

/// Steps after which every row has been swept, at most.
const MAX_CYCLE: u32 = 1 << 15;

/// Rows that are swept at each step, on average, as long as that takes no more than [`MAX_CYCLE`] steps.
const ROWS_PER_STEP: u32 = 32;

#[cfg(test)]
thread_local! {
    /// In place of [`CUT`], and then also of the horizon and of an optimizer's own cut, so that tests cross cuts soon.
    pub(crate) static CUT_IN_TESTS: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}

/// A number that may be far smaller than f64 holds: `mantissa / 2^halvings`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scaled {
    pub mantissa: f64,
    pub halvings: i64,
}

impl Scaled {
    const ONE: Self = Self { mantissa: 1.0, halvings: 0 };

    fn times(self, factor: f64) -> Self {
        let mut product = Self { mantissa: self.mantissa * factor, ..self };
        while product.mantissa < 0.5 {
            product.mantissa *= 2.0;
            product.halvings += 1;
        }
        product
    }

    /// `self / later`, which is at least 1.
    pub(crate) fn over(self, later: Self) -> f64 {
        self.mantissa / later.mantissa * power(2.0, (later.halvings - self.halvings).unsigned_abs())
    }
}

/// What steps without a gradient do to a row, as an optimizer has it: the terms of the sum above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    /// p_j falls as this to the power of j: beta_1 / r. 0 where nothing but decay moves a row.
    pub ratio: f64,
    /// What the optimizer's first and second array are multiplied by at each step.
    pub bases: [f64; 2],
    /// r; 1 where the sum does not depend on a row.
    pub root: f64,
    /// epsilon; 1 where the sum does not depend on a row.
    pub epsilon: f64,
    /// Of Adam's: beta_1 and beta_2, and whether epsilon is inside the bias correction.
    pub nodes: Option<([f64; 2], bool)>,
    /// A cut of the optimizer's own, a power of two; `None` for [`CUT`], or for the horizon's power of two where that is
    /// more.
    pub cut: Option<u32>,
    /// 1, or -1 where the sum is added to a weight, and not subtracted: sizes are positive here.
    pub sign: f64,
    /// In errors: the setting that is too large, and what it must be below.
    pub refusal: &'static str,
}

impl Course {
    /// Where nothing but decoupled weight decay moves a row.
    pub(crate) const DECAY: Self = Self {
        ratio: 0.0,
        bases: [1.0; 2],
        root: 1.0,
        epsilon: 1.0,
        nodes: None,
        cut: None,
        sign: 1.0,
        refusal: "a smaller weight decay",
    };

    /// Terms after which nothing is left, or a cut of the optimizer's own has come; more than [`MAX_HORIZON`] where they do
    /// not fall, or hardly.
    pub(crate) fn horizon(&self) -> u32 {
        if self.ratio.is_nan() {
            return u32::MAX;
        }
        let falling = match self.ratio {
            // Saturates; a ratio of 0 has no terms that count, and keeps one.
            ratio if ratio < 1.0 => (libm::log(SMALLEST_TERM) / libm::log(ratio)).ceil().max(1.0) as u32,
            _ => u32::MAX,
        };
        falling.min(self.cut.unwrap_or(u32::MAX))
    }

    fn pace(&self, input_dim: u32) -> Pace {
        let horizon = self.horizon();
        let by_rule = self.cut.unwrap_or(CUT.max(horizon.next_power_of_two()));
        // A cycle is also how many steps may be dropped: an optimizer's own cut leaves as many as others have.
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests set it"))]
        let [mut cut, mut shortest] = [by_rule, CUT];
        #[cfg(test)]
        CUT_IN_TESTS.with(|given| [cut, shortest] = given.get().map_or([cut, shortest], |cut| [cut; 2]));
        let least = horizon.max(cut).max(shortest);
        Pace { cut, cycle: (input_dim / ROWS_PER_STEP).min(MAX_CYCLE).max(least).next_power_of_two() }
    }

    /// Segments in which a row may move by its own: from a size of 1 on, what is left of its first array after them is no normal
    /// f32, and moves nothing.
    pub(crate) fn segments_with_terms(&self) -> u32 {
        let steps = libm::log(f32::MIN_POSITIVE.into()) / libm::log(self.bases[0]);
        // The first may be cut short. Saturates.
        (steps / f64::from(self.pace(0).cut)).ceil() as u32 + 1
    }

    /// Segments in which a row of a table of `input_dim` rows is caught up, at most: those of a whole ring.
    pub(crate) fn most_segments(&self, input_dim: u32) -> u32 {
        let pace = self.pace(input_dim);
        // One more, for it may begin and end between cuts.
        pace.ring() / pace.cut + 1
    }
}

/// Where the catch-up of a table's rows is cut, and the steps in which each is swept once.
#[derive(Debug, Clone, Copy)]
struct Pace {
    cut: u32,
    cycle: u32,
}

impl Pace {
    fn ring(self) -> u32 {
        4 * self.cycle
    }
}

/// What is kept of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PastStep {
    /// alpha.
    pub size: f64,
    /// Epsilon as it is added to sqrt(v).
    pub epsilon: f64,
    /// C, the product of all decays up to and with this step.
    pub decay: Scaled,
    /// The sum over the steps after this one, up to the next cut.
    measure: Measure,
    /// What takes its place.
    pub rule: Quotients,
}

impl PastStep {
    /// The node and the mass that step `last` adds to the sum over the steps after this one.
    fn term_of(&self, last: &Self, epsilon: f64, [p, e]: [f64; 2]) -> [f64; 2] {
        let mut mass = last.size * p;
        if last.decay != self.decay {
            mass *= self.decay.over(last.decay);
        }
        [e * (last.epsilon / epsilon), mass]
    }

    /// Sees to it that f32 can hold the new rule, and that the plan knows of it.
    fn finish_rule(&mut self, epsilon: f64, start: u64, plan: Option<&mut NodePlan>) {
        if !fits(&self.rule, epsilon) {
            self.rule = Quotients { least: f64::INFINITY, ..Quotients::NONE };
        }
        if let Some(plan) = plan {
            plan.note(start, Need::of_rule(&self.rule));
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct History {
    pub course: Course,
    /// `ratio^j` and `r^-j`, for j from 1 to the horizon.
    terms: Arc<[[f64; 2]]>,
    pace: Pace,
    input_dim: u32,
    now: u64,
    /// The last steps, up to now: the horizon of them, the one before, whose rule has just become final, and those before
    /// whose rules may not have reached the GPU.
    steps: VecDeque<PastStep>,
    /// C at the last cut, and what it was multiplied by from one cut to the next, of the last whole segments: a row that
    /// misses many of them is rounded once in each.
    cut_decay: Scaled,
    whole: VecDeque<(u64, f64)>,
    /// `None` where one node is all there is.
    plan: Option<NodePlan>,
    /// The step with which the last flush of the plan's was recorded, and what pipelines had to have before.
    last_flush: Option<(u64, Need)>,
}

/// A clone goes on by one step: it has room for that, for these are many bytes to move.
impl Clone for History {
    fn clone(&self) -> Self {
        let mut steps = VecDeque::with_capacity(self.steps.len() + 1);
        let (first, last) = self.steps.as_slices();
        steps.extend(first);
        steps.extend(last);
        Self {
            course: self.course,
            terms: self.terms.clone(),
            pace: self.pace,
            input_dim: self.input_dim,
            now: self.now,
            steps,
            cut_decay: self.cut_decay,
            whole: self.whole.clone(),
            plan: self.plan.clone(),
            last_flush: self.last_flush,
        }
    }
}

impl History {
    /// For rows that are all up to date at step `now`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] where these settings have no deferred form, or need none.
    pub(crate) fn new(optimizer: &Optimizer, input_dim: u32, now: u64) -> Result<Self> {
        Self::check(optimizer)?;
        let course = optimizer.rule().course().ok_or_else(|| {
            Error::InvalidConfig(format!("{} has nothing to catch up with these settings", optimizer.name()))
        })?;
        let horizon = course.horizon();
        let powers = |base: f64| (1..=u64::from(horizon)).map(move |j| power(base, j));
        let plan = course.nodes.map(|([beta_1, beta_2], inside)| {
            NodePlan::new(&node_plan::Form { beta_1, beta_2, root: course.root, inside, horizon }, now)
        });
        let mut history = Self {
            terms: powers(course.ratio).zip(powers(1.0 / course.root)).map(|(p, e)| [p, e]).collect(),
            course,
            pace: course.pace(input_dim),
            input_dim,
            now,
            // Twice what it holds, so that it is seldom moved to be in one piece.
            steps: VecDeque::with_capacity(2 * horizon as usize + 4),
            cut_decay: Scaled::ONE,
            whole: VecDeque::new(),
            plan,
            last_flush: None,
        };
        history.steps.push_back(history.step(optimizer, Scaled::ONE));
        Ok(history)
    }

    /// Checks that missed steps can be caught up under these settings.
    pub(crate) fn check(optimizer: &Optimizer) -> Result<()> {
        let Some(course) = optimizer.rule().course() else { return Ok(()) };
        let instead = "use Update::Dense, which computes the same, or Update::Lazy";
        let horizon = course.horizon();
        // Not `horizon > MAX`, which a NaN would pass.
        if !(f64::from(horizon) <= MAX_HORIZON && course.root > 0.0) {
            return Err(Error::InvalidConfig(format!(
                "Update::Deferred needs {} ({:.4} of it at most), so that what a row has missed converges; {instead}",
                course.refusal,
                libm::exp(libm::log(SMALLEST_TERM) / MAX_HORIZON)
            )));
        }
        // Elsewhere a sum that f32 cannot hold is done term by term.
        let [size, _] = optimizer.rule().term(1);
        if course.nodes.is_none() && !((size * f64::from(horizon)) as f32).is_finite() {
            return Err(Error::InvalidConfig(format!(
                "Update::Deferred needs a learning rate whose sum over {horizon} steps is finite in f32, and it is {:e}; \
                 {instead}",
                optimizer.learning_rate()
            )));
        }
        let decay = optimizer.learning_rate() * optimizer.weight_decay();
        if !(decay < 1.0 && -f64::from(horizon) * libm::log1p(-decay) <= MAX_DECAY_LOGARITHM) {
            return Err(Error::InvalidConfig(format!(
                "Update::Deferred needs learning_rate * weight_decay to be at most {:.3} with these settings, and it is \
                 {decay}; {instead}",
                -libm::expm1(-MAX_DECAY_LOGARITHM / f64::from(horizon))
            )));
        }
        Ok(())
    }

    /// Whether all rows are to be flushed before the next step, that of these settings, so that pipelines need no more nodes
    /// than they have.
    pub(crate) fn should_flush(&self, optimizer: &Optimizer) -> bool {
        let Some(plan) = &self.plan else { return false };
        // Needs grow one by one: where no open sum takes the most quotients, none is about to lose its rule.
        let recent = self.steps.iter().rev().take(self.terms.len());
        if !recent.map(|step| step.rule.count).any(|count| count == MOST_NODES) {
            return plan.should_flush(self.now, iter::empty());
        }
        let next = self.step_after(optimizer);
        let open = self.open(self.now + 1).map(|(start, earlier, term)| {
            let mut measure = earlier.measure;
            let [node, mass] = earlier.term_of(&next, self.course.epsilon, term);
            measure.append(node, mass);
            if measure.is_short() && !measure.two_do() {
                measure = self.whole_measure(start, Some(&next));
            }
            (start, Need::of(&measure))
        });
        plan.should_flush(self.now, open)
    }

    /// All rows are flushed to now, by what is recorded with the next step.
    pub(crate) fn flushed(&mut self) {
        if let Some(plan) = &mut self.plan {
            // An earlier one may be waiting still.
            let before = self.last_flush.map_or(plan.need(), |(_, before)| before.max(plan.need()));
            self.last_flush = Some((self.now + 1, before));
            plan.flushed(self.now);
        }
    }

    /// The step with which the last flush of the plan's was recorded, and what pipelines had to have before.
    pub(crate) fn last_flush(&self) -> Option<(u64, Need)> {
        self.last_flush
    }

    /// Goes on by one step with these settings, of which only the learning rate and the weight decay may have changed.
    /// `delivered` is the last step that is known to have reached the GPU.
    pub(crate) fn advance(&mut self, optimizer: &Optimizer, delivered: u64) {
        // Where nobody ever says what was delivered, this must end.
        let needed =
            delivered.saturating_add(1).max((self.now + 1).saturating_sub(self.pace.cycle.into())).min(self.now + 1);
        while self.first() < needed.saturating_sub(self.horizon().into()) {
            self.steps.pop_front();
        }
        let step = self.step_after(optimizer);
        self.steps.push_back(step);
        self.now += 1;
        let epsilon = self.course.epsilon;
        let too_short = self.append_to_open(&step);
        for start in too_short {
            let measure = self.whole_measure(start, None);
            let number = self.number(start);
            let earlier = &mut self.steps[number];
            (earlier.measure, earlier.rule) = (measure, measure.quotients());
            earlier.finish_rule(epsilon, start, self.plan.as_mut());
        }
        if self.now.is_multiple_of(self.cut().into()) {
            let decay = 1.0 / self.cut_decay.over(step.decay);
            self.whole.push_back((self.now / u64::from(self.cut()) - 1, decay));
            self.cut_decay = step.decay;
            if self.whole.len() > self.whole_segments() as usize {
                self.whole.pop_front();
            }
        }
        // Every row has had its turn in a cycle, and what was dropped of one comes in the next.
        let swept = self.now.saturating_sub(2 * u64::from(self.pace.cycle));
        if let Some(plan) = &mut self.plan {
            plan.all_reached(swept / u64::from(self.pace.cut) * u64::from(self.pace.cut));
        }
    }

    /// Adds the term of step `last`, which is now's, to the sums that it is part of. Gives the steps whose measures were kept
    /// too short, which have no rule yet.
    fn append_to_open(&mut self, last: &PastStep) -> Vec<u64> {
        let count = ((self.now - self.first_open(self.now)) as usize).min(self.terms.len()).min(self.steps.len() - 1);
        let (oldest, open) = (self.now - count as u64, self.steps.len() - 1 - count);
        let (epsilon, plan) = (self.course.epsilon, &mut self.plan);
        let terms = &self.terms;
        let term = |number: usize, step: &PastStep| step.term_of(last, epsilon, terms[count - 1 - number]);
        let mut too_short = Vec::new();
        let open = &mut self.steps.make_contiguous()[open..][..count];
        for (block, steps) in open.chunks_mut(LANES).enumerate() {
            let first = block * LANES;
            if let Ok(steps) = <&mut [PastStep; LANES]>::try_from(&mut *steps) {
                let mut appended = Terms::default();
                for (lane, step) in steps.iter().enumerate() {
                    [appended.nodes[lane], appended.masses[lane]] = term(first + lane, step);
                }
                let each = steps.each_mut().map(|step| (&mut step.measure, &mut step.rule));
                if append_and_take_two(each, &appended) {
                    for (lane, step) in steps.iter_mut().enumerate() {
                        step.finish_rule(epsilon, oldest + (first + lane) as u64, plan.as_mut());
                    }
                    continue;
                }
            }
            for (lane, step) in steps.iter_mut().enumerate() {
                let [node, mass] = term(first + lane, step);
                step.measure.append(node, mass);
                if !step.measure.two_quotients(&mut step.rule) {
                    if step.measure.is_short() {
                        too_short.push(oldest + (first + lane) as u64);
                        continue;
                    }
                    step.rule = step.measure.quotients();
                }
                step.finish_rule(epsilon, oldest + (first + lane) as u64, plan.as_mut());
            }
        }
        too_short
    }

    /// All of a measure that was kept short, with `next` as the step after now.
    fn whole_measure(&self, start: u64, next: Option<&PastStep>) -> Measure {
        let number = self.number(start);
        let mut measure = Measure::EMPTY;
        for (later, &term) in self.steps.iter().skip(number + 1).chain(next).zip(self.terms.iter()) {
            let [node, mass] = self.steps[number].term_of(later, self.course.epsilon, term);
            measure.append(node, mass);
        }
        measure
    }

    /// Where a step is among those that are kept.
    fn number(&self, step: u64) -> usize {
        (step - self.first()) as usize
    }

    /// The steps before step `last` whose sums it is part of, with their numbers and the powers of the term.
    fn open(&self, last: u64) -> impl Iterator<Item = (u64, &PastStep, [f64; 2])> {
        let starts = (self.first_open(last)..last).rev();
        let steps = self.steps.iter().rev().zip(self.terms.iter()).zip(starts);
        steps.map(|((step, &term), start)| (start, step, term))
    }

    /// The last cut before step `last`: sums over the steps after earlier ones end there.
    fn first_open(&self, last: u64) -> u64 {
        let cut = u64::from(self.pace.cut);
        (last - 1) / cut * cut
    }

    /// The step after now.
    fn step_after(&self, optimizer: &Optimizer) -> PastStep {
        let decay = self.decay().times(1.0 - optimizer.learning_rate() * optimizer.weight_decay());
        let [size, epsilon] = optimizer.rule().term(self.now + 1);
        PastStep { size, epsilon, decay, ..self.without_terms(self.now + 1) }
    }

    fn step(&self, optimizer: &Optimizer, decay: Scaled) -> PastStep {
        // Step 0, before all updates, has no size; nothing asks for it.
        let [size, epsilon] = match self.now {
            0 => [0.0, self.course.epsilon],
            now => optimizer.rule().term(now),
        };
        PastStep { size, epsilon, decay, ..self.without_terms(self.now) }
    }

    /// Step `start`, of whose sum there is nothing yet. Its measure is short where two quotients are forecast to do; where the
    /// forecast is wrong, [`advance`](Self::advance) makes up for it.
    fn without_terms(&self, start: u64) -> PastStep {
        let is_short = self.plan.as_ref().is_none_or(|plan| plan.forecast(start) == Need::Two);
        let measure = if is_short { Measure::EMPTY_SHORT } else { Measure::EMPTY };
        PastStep { size: 0.0, epsilon: 1.0, decay: Scaled::ONE, measure, rule: Quotients::NONE }
    }

    /// The last step that rows are caught up to.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Catch-up is cut at multiples of this.
    pub(crate) fn cut(&self) -> u32 {
        self.pace.cut
    }

    /// The last cut, up to which rows are swept.
    pub(crate) fn last_cut(&self) -> u64 {
        self.now / u64::from(self.pace.cut) * u64::from(self.pace.cut)
    }

    /// The product of all decays so far.
    pub(crate) fn decay(&self) -> Scaled {
        self.steps.back().expect("never empty").decay
    }

    /// Terms of the sum, at most.
    pub(crate) fn horizon(&self) -> u32 {
        self.terms.len() as u32
    }

    /// Steps that are remembered: four times the cycle in which each row is swept, so that a row may be a cycle behind,
    /// miss its turn in another that is dropped, and wait for its next.
    pub(crate) fn ring(&self) -> u32 {
        self.pace.ring()
    }

    /// Whole segments that the ring holds.
    pub(crate) fn whole_segments(&self) -> u32 {
        self.ring() / self.cut()
    }

    /// The whole segments that have ended at step `since` or later, by their numbers, with their decays.
    pub(crate) fn ended(&self, since: u64) -> impl Iterator<Item = (u64, f64)> {
        let cut = u64::from(self.cut());
        self.whole.iter().copied().filter(move |(segment, _)| (segment + 1) * cut >= since)
    }

    /// The number of the oldest step that is kept.
    fn first(&self) -> u64 {
        self.now + 1 - self.steps.len() as u64
    }

    /// The steps whose rules have changed at step `since` or later, oldest first: the number of the first of them, and
    /// they.
    pub(crate) fn changed(&self, since: u64) -> (u64, impl Iterator<Item = &PastStep>) {
        let first = self.first().max(since.saturating_sub(self.horizon().into()));
        let skipped = (first - self.first()) as usize;
        (first, self.steps.iter().skip(skipped))
    }

    /// What the pipelines must have: quotients, and whether sums are to be done term by term too.
    pub(crate) fn need(&self) -> Need {
        self.plan.as_ref().map_or(Need::Two, NodePlan::need)
    }

    /// Steps that may be dropped before the next call, so that no row falls behind by more than is remembered.
    pub(crate) fn most_dropped(&self) -> u64 {
        self.pace.cycle.into()
    }

    /// The rows to sweep before the next step, whoever holds them, where those due before step `since` or later have not
    /// been: in `cycle` steps each row once.
    pub(crate) fn due(&self, since: u64) -> Vec<Range<u32>> {
        let mut due: Vec<Range<u32>> = Vec::new();
        // A whole cycle has every row.
        let since = since.max((self.now + 1).saturating_sub(u64::from(self.pace.cycle) - 1).max(1));
        for step in since.min(self.now + 1)..=self.now + 1 {
            let rows = self.due_before(step);
            match due.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ if rows.is_empty() => {}
                _ => due.push(rows),
            }
        }
        due
    }

    fn due_before(&self, step: u64) -> Range<u32> {
        /// Rows are caught up in groups of so many, for a dispatch has a price.
        const GROUP: u64 = 1024;
        let groups = u64::from(self.input_dim).div_ceil(GROUP);
        let phase = (step - 1) % u64::from(self.pace.cycle);
        let row =
            |phase: u64| (groups * phase / u64::from(self.pace.cycle) * GROUP).min(self.input_dim.into()) as u32;
        let end = if phase + 1 == u64::from(self.pace.cycle) { self.input_dim } else { row(phase + 1) };
        row(phase)..end
    }
}

/// Whether f32 can hold the quotients; others are never to be used.
fn fits(rule: &Quotients, epsilon: f64) -> bool {
    let fits = |node: f64| (1e-37..=1e37).contains(&(epsilon * node));
    let first = MOST_NODES - rule.count;
    let quotients = rule.weights[first..].iter().zip(&rule.nodes[first..]);
    // Those that do not count have the node 1.
    fits(1.0) && quotients.fold(true, |all, (&weight, &node)| all & (weight as f32).is_finite() & fits(node))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
