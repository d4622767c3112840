//! What deferred Adam remembers of past steps, so that a row can be caught up at any later one.
//!
//! A row last updated at step t0, with m, v and s = sqrt(v) then, has missed k steps without a gradient. Dense Adam would
//! have made them one by one: `w *= decay; m *= beta_1; v *= beta_2; w -= alpha * m / (sqrt(v) + epsilon)`. With
//! r = sqrt(beta_2), tau = t0 + j, C the running product of the decays and
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
//! The p_j at the nodes e_j are a measure that all rows with the same t0 share, so the sum is the integral of
//! 1 / (s + epsilon e) by it, and Gauss's rule with two nodes, which has the measure's first four moments, gives it:
//! `W1 / (s + epsilon E1) + W2 / (s + epsilon E2)`. Its error is at most
//! `epsilon^4 K / (s + epsilon e_1)^5 * sum p` with `K = E[(e - E1)^2 (e - E2)^2]`; from that comes the least s at which
//! the rule is exact to f32's rounding. Mostly that is 0. Below it the sum is done term by term.
//!
//! The terms fall as (beta_1 / r)^j: after `horizon` of them nothing is left in f32, and the rule of t0 is final. So only
//! the last `horizon` rules change at a step. Everything is f64 here.

use std::collections::VecDeque;
use std::ops::Range;

use super::Adam;
use crate::error::{Error, Result};

/// Terms below this share of the first are dropped: an eighth of what rounding to f32 loses.
const SMALLEST_TERM: f64 = 1.0 / (1u64 << 28) as f64;

/// What the rule may be off by, relative: half of f32's own rounding.
const RULE_ERROR: f64 = 1.0 / (1u64 << 25) as f64;

/// The largest horizon; beyond it, that is for a beta_1 very close to sqrt(beta_2), a step would cost the host too much.
const MAX_HORIZON: f64 = 16_384.0;

/// Over one horizon weight decay may shrink the weights by e^-60 at most, to stay inside f32.
const MAX_DECAY_LOGARITHM: f64 = 60.0;

/// Steps after which every row has been caught up, at most, and at least.
const MAX_CYCLE: u32 = 1 << 15;
const MIN_CYCLE: u32 = 1 << 9;

/// Rows that are caught up at each step, on average, as long as that takes no more than [`MAX_CYCLE`] steps.
const ROWS_PER_STEP: u32 = 32;

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
    fn over(self, later: Self) -> f64 {
        let halvings = i32::try_from(later.halvings - self.halvings).unwrap_or(i32::MAX);
        self.mantissa / later.mantissa * 2f64.powi(halvings)
    }
}

/// The sum over the missed steps, for rows last updated at one step: `(p s + a) / (s^2 + b s + c)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    pub p: f64,
    pub a: f64,
    pub b: f64,
    pub c: f64,
    /// The least s for which it holds.
    pub least_root: f64,
}

impl Rule {
    /// Where nothing moves; c keeps the division whole.
    fn of_none() -> Self {
        Self { p: 0.0, a: 0.0, b: 0.0, c: 1.0, least_root: 0.0 }
    }

    fn new(step: &Step, epsilon: f64) -> Self {
        let [mass, m1, m2, m3, m4] = step.moments;
        if mass <= 0.0 || mass.is_nan() {
            return Self::of_none();
        }
        // Central moments.
        let (d, m2, m3, m4) = (m1 / mass, m2 / mass, m3 / mass, m4 / mass);
        let mean = step.nodes[0] + d;
        let variance = m2 - d * d;
        let third = m3 - 3.0 * d * m2 + 2.0 * d.powi(3);
        let fourth = m4 - 4.0 * d * m3 + 6.0 * d * d * m2 - 3.0 * d.powi(4);
        // The weights' and nodes' sums; with one node, E1 = E2 = mean.
        let (w1, e1, w2, e2, spread) = if variance <= 1e-20 * mean * mean {
            (mass, mean, 0.0, mean, 0.0)
        } else {
            let skew = third / variance;
            let h = (variance + skew * skew / 4.0).sqrt();
            let (x1, x2) = (skew / 2.0 - h, skew / 2.0 + h);
            let spread = fourth - third * skew - variance * variance;
            (mass * x2 / (x2 - x1), mean + x1, -mass * x1 / (x2 - x1), mean + x2, spread.max(0.0))
        };
        let [first, last] = step.nodes;
        let least_root = epsilon * ((spread * (last / first) / RULE_ERROR).sqrt().sqrt() - first);
        let c = epsilon * epsilon * e1 * e2;
        // Where c vanishes in f32, s must not vanish beside it.
        let smallest = if c < f64::from(f32::MIN_POSITIVE) { 1e-18 } else { 0.0 };
        let rule = Self {
            p: mass,
            a: epsilon * (w1 * e2 + w2 * e1),
            b: epsilon * (e1 + e2),
            c,
            least_root: least_root.max(smallest) * 1.001,
        };
        // What the kernels make of it, with roots up to 1e18, must be in f32; NaN is not. Elsewhere, for absurd settings, and
        // where the nodes spread beyond f64, the terms are added up one by one.
        let is_sound = rule.p <= 1e18 && rule.a <= 1e36 && rule.b <= 1e18 && rule.c <= 1e36 && least_root.is_finite();
        if is_sound { rule } else { Self { least_root: f64::INFINITY, ..Self::of_none() } }
    }
}

/// What is kept of one step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// `learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
    pub step_size: f64,
    /// As it is added to sqrt(v).
    pub epsilon: f64,
    /// C, the product of all decays up to and with this step.
    pub decay: Scaled,
    /// The first node, and the last so far.
    nodes: [f64; 2],
    /// The sums of `p (e - nodes[0])^i`, over the steps after this one.
    moments: [f64; 5],
    /// What they give.
    pub rule: Rule,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct History {
    root: f64,
    epsilon: f64,
    /// `(beta_1 / r)^j` and `r^-j`, for j from 1 to the horizon.
    terms: Vec<[f64; 2]>,
    cycle: u32,
    input_dim: u32,
    now: u64,
    /// The last steps, up to now: the horizon of them, the one before, whose rule has just become final, and those before
    /// whose rules may not have reached the GPU.
    steps: VecDeque<Step>,
    /// The last step that gave a rule which does not cover all elements.
    last_uncovered: Option<u64>,
}

impl History {
    /// For rows that are all up to date at step `now`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] where these settings have no deferred form.
    pub(crate) fn new(adam: &Adam, input_dim: u32, now: u64) -> Result<Self> {
        Self::check(adam)?;
        let [beta_1, beta_2] = adam.kernel_betas();
        let root = if adam.amsgrad { 1.0 } else { beta_2.sqrt() };
        let horizon = horizon(adam);
        let powers = |base: f64| (1..=horizon).map(move |j| base.powi(j as i32));
        let cycle = (input_dim / ROWS_PER_STEP).clamp(MIN_CYCLE, MAX_CYCLE).max(horizon).next_power_of_two();
        let mut history = Self {
            root,
            epsilon: adam.epsilon,
            terms: powers(beta_1 / root).zip(powers(1.0 / root)).map(|(p, e)| [p, e]).collect(),
            cycle,
            input_dim,
            now,
            steps: VecDeque::with_capacity(horizon as usize + 2),
            last_uncovered: None,
        };
        history.steps.push_back(history.step(adam, Scaled::ONE));
        Ok(history)
    }

    /// Checks that missed steps can be caught up under these settings.
    pub(crate) fn check(adam: &Adam) -> Result<()> {
        let instead = "use Update::Dense, which computes the same, or Update::Lazy";
        let horizon = horizon(adam);
        let (beta_1, beta_2) = (adam.beta_1, adam.beta_2);
        // Not `horizon > MAX`, which a NaN would pass.
        if !(f64::from(horizon) <= MAX_HORIZON && (beta_2 > 0.0 || adam.amsgrad)) {
            return Err(Error::InvalidConfig(format!(
                "Update::Deferred needs beta_1 well below sqrt(beta_2), so that what a row has missed converges, and \
                 beta_1 is {beta_1}, beta_2 {beta_2}; {instead}"
            )));
        }
        let decay = adam.learning_rate * adam.weight_decay;
        if !(decay < 1.0 && -f64::from(horizon) * (1.0 - decay).ln() <= MAX_DECAY_LOGARITHM) {
            return Err(Error::InvalidConfig(format!(
                "Update::Deferred needs learning_rate * weight_decay to be at most {:.3} with these betas, and it is \
                 {decay}; {instead}",
                1.0 - (-MAX_DECAY_LOGARITHM / f64::from(horizon)).exp()
            )));
        }
        Ok(())
    }

    /// Goes on by one step with these settings, of which only the learning rate and the weight decay may have changed.
    /// `delivered` is the last step that is known to have reached the GPU.
    pub(crate) fn advance(&mut self, adam: &Adam, delivered: u64) {
        // Where nobody ever says what was delivered, this must end.
        let needed =
            delivered.saturating_add(1).max((self.now + 1).saturating_sub(self.cycle.into())).min(self.now + 1);
        while self.first() < needed.saturating_sub(self.horizon().into()) {
            self.steps.pop_front();
        }
        self.now += 1;
        let step = self.step(adam, self.decay().times(1.0 - adam.learning_rate * adam.weight_decay));
        let bias = step.epsilon / self.epsilon;
        for (earlier, &[p, e]) in self.steps.iter_mut().rev().zip(&self.terms) {
            let mut power = step.step_size * p;
            if step.decay != earlier.decay {
                power *= earlier.decay.over(step.decay);
            }
            let node = e * bias;
            if earlier.nodes[0] == 0.0 {
                earlier.nodes[0] = node;
            }
            earlier.nodes[1] = node;
            for moment in &mut earlier.moments {
                *moment += power;
                power *= node - earlier.nodes[0];
            }
            earlier.rule = Rule::new(earlier, self.epsilon);
            if earlier.rule.least_root > 0.0 {
                self.last_uncovered = Some(self.now);
            }
        }
        self.steps.push_back(step);
    }

    fn step(&self, adam: &Adam, decay: Scaled) -> Step {
        // Step 0, before all updates, has no size; nothing asks for it.
        let (step_size, epsilon) = match self.now {
            0 => (0.0, adam.epsilon),
            now => (adam.step_size(now), adam.step_epsilon(now)),
        };
        Step { step_size, epsilon, decay, nodes: [0.0; 2], moments: [0.0; 5], rule: Rule::of_none() }
    }

    /// The last step that rows are caught up to.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// The product of all decays so far.
    pub(crate) fn decay(&self) -> Scaled {
        self.steps.back().expect("never empty").decay
    }

    /// Terms of the sum, at most.
    pub(crate) fn horizon(&self) -> u32 {
        self.terms.len() as u32
    }

    /// Steps that are remembered: four times the cycle in which each row is caught up, so that a row may be a cycle behind,
    /// miss its turn in another that is dropped, and wait for its next.
    pub(crate) fn ring(&self) -> u32 {
        4 * self.cycle
    }

    /// r.
    pub(crate) fn root(&self) -> f64 {
        self.root
    }

    /// The number of the oldest step that is kept.
    fn first(&self) -> u64 {
        self.now + 1 - self.steps.len() as u64
    }

    /// The steps whose rules have changed at step `since` or later, oldest first: the number of the first of them, and
    /// they.
    pub(crate) fn changed(&self, since: u64) -> (u64, impl Iterator<Item = &Step>) {
        let first = self.first().max(since.saturating_sub(self.horizon().into()));
        let skipped = (first - self.first()) as usize;
        (first, self.steps.iter().skip(skipped))
    }

    /// Whether a rule in the ring does not cover all elements, so that sums are to be done term by term too.
    pub(crate) fn needs_terms(&self) -> bool {
        self.last_uncovered.is_some_and(|step| self.now - step <= self.ring().into())
    }

    /// Steps that may be dropped before the next call, so that no row falls behind by more than is remembered.
    pub(crate) fn most_dropped(&self) -> u64 {
        self.cycle.into()
    }

    /// The rows to catch up before the next step, whoever holds them, where those due before step `since` or later have not
    /// been: in `cycle` steps each row once.
    pub(crate) fn due(&self, since: u64) -> Vec<Range<u32>> {
        let mut due: Vec<Range<u32>> = Vec::new();
        // A whole cycle has every row.
        let since = since.max((self.now + 1).saturating_sub(u64::from(self.cycle) - 1).max(1));
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
        let phase = (step - 1) % u64::from(self.cycle);
        let row = |phase: u64| (groups * phase / u64::from(self.cycle) * GROUP).min(self.input_dim.into()) as u32;
        let end = if phase + 1 == u64::from(self.cycle) { self.input_dim } else { row(phase + 1) };
        row(phase)..end
    }
}

/// Terms after which nothing is left; more than [`MAX_HORIZON`] where they do not fall, or hardly.
pub(crate) fn horizon(adam: &Adam) -> u32 {
    let [beta_1, beta_2] = adam.kernel_betas();
    let ratio = beta_1 / if adam.amsgrad { 1.0 } else { beta_2.sqrt() };
    if ratio >= 1.0 || ratio.is_nan() {
        return u32::MAX;
    }
    // Saturates; beta_1 = 0 has no terms that count, and keeps one.
    (SMALLEST_TERM.ln() / ratio.ln()).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::super::{EpsilonForm, Update};
    use super::*;

    const BETAS: [(f64, f64); 8] = [
        (0.9, 0.999),
        (0.9, 0.98),
        (0.9, 0.99),
        (0.95, 0.999),
        (0.8, 0.95),
        (0.0, 0.999),
        (0.99, 0.999),
        (0.5, 0.9999),
    ];

    /// A learning rate that falls, rises again and jumps, from 1e-3 down to 1e-5.
    fn rate(step: u64) -> f64 {
        let slow = 0.505 + 0.495 * (step as f64 / 40.0).cos();
        if step % 29 == 28 { 1e-5 } else { 1e-3 * slow }
    }

    /// Every form of the settings, for these betas.
    fn forms(betas: (f64, f64)) -> impl Iterator<Item = Adam> {
        (0..16).map(move |bits| {
            Adam::default()
                .with_betas(betas.0, betas.1)
                .with_epsilon_form(if bits & 1 == 0 { EpsilonForm::Keras } else { EpsilonForm::PyTorch })
                .with_weight_decay(if bits & 2 == 0 { 0.0 } else { 1.0 })
                .with_amsgrad(bits & 4 != 0)
                .with_epsilon(if bits & 8 == 0 { 1e-7 } else { 1e-3 })
        })
    }

    /// The sum over the steps after `start`, as dense Adam makes them one by one: what `m` is multiplied by, with the
    /// decay since then taken out.
    fn exact_sum(adam: &Adam, start: u64, steps: u64, root: f64) -> f64 {
        let (mut m, mut s, mut decay, mut sum) = (1.0, root, 1.0, 0.0);
        for step in start + 1..=start + steps {
            let adam = adam.with_learning_rate(rate(step));
            decay *= 1.0 - adam.learning_rate * adam.weight_decay;
            m *= adam.beta_1;
            s *= if adam.amsgrad { 1.0 } else { adam.beta_2.sqrt() };
            sum += adam.step_size(step) * m / (s + adam.step_epsilon(step)) / decay;
        }
        sum
    }

    /// 0 where both are, as for beta_1 = 0.
    fn relative_error(sum: f64, exact: f64) -> f64 {
        if sum == exact { 0.0 } else { (sum / exact - 1.0).abs() }
    }

    fn advanced_to(history: &mut History, adam: &Adam, step: u64) {
        while history.now < step {
            history.advance(&adam.with_learning_rate(rate(history.now + 1)), history.now);
        }
    }

    fn rule_of(history: &History, start: u64) -> Rule {
        let (first, mut changed) = history.changed(history.now);
        changed.nth((start - first) as usize).unwrap().rule
    }

    #[test]
    fn the_rule_is_the_sum_wherever_it_says_so() {
        let mut worst = 0.0f64;
        for adam in BETAS.into_iter().flat_map(forms) {
            for start in [1, 2, 10, 100, 5_000] {
                let mut history = History::new(&adam, 1, start - 1).unwrap();
                let horizon = u64::from(history.horizon());
                let mut counts = vec![1, 2, 3, 10, 60, horizon / 2, horizon];
                counts.retain(|&count| (1..=horizon).contains(&count));
                counts.sort_unstable();
                counts.dedup();
                for count in counts {
                    advanced_to(&mut history, &adam, start + count);
                    let rule = rule_of(&history, start);
                    let least = rule.least_root;
                    assert!(least >= 0.0 && least.is_finite());
                    let given = [0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-2, 1.0, 1e4];
                    let roots = [1.0, 1.01, 1.5, 4.0, 30.0].map(|factor| least * factor).into_iter().chain(given);
                    for root in roots.filter(|&root| root >= least) {
                        let exact = exact_sum(&adam, start, count, root);
                        let sum = (rule.p * root + rule.a) / (root * root + rule.b * root + rule.c);
                        let error = relative_error(sum, exact);
                        worst = worst.max(error);
                        // Not `error > ..`, which a NaN would pass.
                        assert!(
                            error <= 1.0 / f64::from(1 << 24),
                            "{adam:?}, {count} steps after {start}, root {root:e}, least {least:e}: {sum:e} for \
                             {exact:e}, off by {error:e}"
                        );
                    }
                }
            }
        }
        // A bound that nothing comes near would say little.
        assert!(worst > 1e-10, "{worst:e}");
    }

    #[test]
    fn a_final_rule_is_the_sum_of_any_number_of_steps() {
        for adam in BETAS.into_iter().flat_map(forms) {
            let start = 7;
            let mut history = History::new(&adam, 1, start).unwrap();
            let horizon = u64::from(history.horizon());
            advanced_to(&mut history, &adam, start + horizon);
            let rule = rule_of(&history, start);
            // At the next step it is still among those that are handed out, and as it was.
            advanced_to(&mut history, &adam, start + horizon + 1);
            assert_eq!(history.changed(history.now).0, start + 1);
            for root in [rule.least_root, 1e-5, 1e-2] {
                let root = root.max(rule.least_root);
                let exact = exact_sum(&adam, start, 4 * horizon, root);
                let sum = (rule.p * root + rule.a) / (root * root + rule.b * root + rule.c);
                let error = relative_error(sum, exact);
                assert!(error <= 1.0 / f64::from(1 << 23), "{adam:?}, root {root:e}: off by {error:e}");
            }
        }
    }

    #[test]
    fn each_row_is_due_once_a_cycle() {
        for input_dim in [1, 1_000, 1_024, 1_025, 1_000_000, 100_000_000, u32::MAX] {
            let mut history = History::new(&Adam::default(), input_dim, 0).unwrap();
            let cycle = u64::from(history.cycle);
            assert_eq!(u64::from(history.ring()), 4 * cycle);
            // From any step on, so from the middle of a cycle too: a row's next turn is one cycle after its last.
            for first in [0, cycle, 5 * cycle] {
                let mut end = 0;
                let mut longest = 0;
                for now in first..first + cycle {
                    history.now = now;
                    let due = history.due_before(now + 1);
                    assert!(due.start == end && due.end >= end, "{input_dim} rows, step {now}: {due:?} after {end}");
                    longest = longest.max(due.len());
                    end = due.end;
                }
                assert_eq!(end, input_dim);
                // What steps in a row owe is owed together.
                history.now = first + cycle - 1;
                let due = history.due(first + 1);
                assert!(due.len() == 1 && due[0] == (0..input_dim), "{due:?}");
                // A step's share, rounded up to a group.
                assert!(longest as u64 <= u64::from(input_dim).div_ceil(cycle) + 1_024, "{input_dim}: {longest}");
            }
        }
    }

    #[test]
    fn a_cycle_holds_a_horizon() {
        for adam in BETAS.into_iter().flat_map(forms) {
            let history = History::new(&adam, 10, 0).unwrap();
            assert!(history.cycle >= history.horizon() && history.cycle.is_power_of_two());
        }
    }

    #[test]
    fn settings_without_a_deferred_form_are_refused() {
        let refused = [
            // beta_1 above, at and just below sqrt(beta_2), and nothing left of v.
            Adam::default().with_betas(0.99, 0.9),
            Adam::default().with_betas(0.9, 0.81),
            Adam::default().with_betas(0.9994, 0.999),
            Adam::default().with_betas(0.0, 0.0),
            Adam::default().with_betas(0.9999, 0.9).with_amsgrad(true),
            // Nothing, or less, left of the weights, and too little.
            Adam::default().with_learning_rate(0.5).with_weight_decay(2.0),
            Adam::default().with_learning_rate(1.0).with_weight_decay(3.0),
            Adam::default().with_learning_rate(0.5).with_weight_decay(1.0),
        ];
        for adam in refused {
            let message = match adam.validate() {
                Err(Error::InvalidConfig(message)) => message,
                other => panic!("{adam:?}: {other:?}"),
            };
            assert!(message.contains("Update::Dense"), "{message}");
            assert!(History::new(&adam, 10, 0).is_err());
            adam.with_update(Update::Dense).validate().unwrap();
            adam.with_update(Update::Lazy).validate().unwrap();
        }
        Adam::default().with_betas(0.998, 0.999).validate().unwrap();
        Adam::default().with_betas(0.9, 0.0).with_amsgrad(true).validate().unwrap();
        // The horizon is 186 steps: e^-60 over it is 0.276 a step.
        Adam::default().with_learning_rate(0.27).with_weight_decay(1.0).validate().unwrap();
    }

    #[test]
    fn scaled_numbers_go_where_f64_cannot() {
        let mut products = vec![Scaled::ONE];
        for step in 0..20_000 {
            let product = products[step].times(0.3);
            assert!((0.5..=1.0).contains(&product.mantissa), "{product:?}");
            products.push(product);
        }
        // 0.3^20000 is 2^-34739.
        assert_eq!(products[20_000].halvings, 34_739);
        for (earlier, later) in [(0, 0), (0, 1), (5, 12), (19_900, 20_000), (10_000, 10_300)] {
            let quotient = products[earlier].over(products[later]);
            let expected = 0.3f64.powi(earlier as i32 - later as i32);
            assert!((quotient / expected - 1.0).abs() < 1e-12, "{earlier} over {later}: {quotient:e}");
        }
        assert_eq!(products[0].over(products[20_000]), f64::INFINITY);
        assert_eq!(Scaled::ONE.times(1.0), Scaled::ONE);
        assert_eq!(Scaled::ONE.times(0.25), Scaled { mantissa: 0.5, halvings: 1 });
    }
}
