use super::super::{Adam, EpsilonForm, Update};
use super::*;

const BETAS: [(f64, f64); 8] =
    [(0.9, 0.999), (0.9, 0.98), (0.9, 0.99), (0.95, 0.999), (0.8, 0.95), (0.0, 0.999), (0.99, 0.999), (0.5, 0.9999)];

/// A learning rate that falls, rises again and jumps, from 1e-3 down to 1e-5.
fn rate(step: u64) -> f64 {
    let slow = 0.505 + 0.495 * (step as f64 / 40.0).cos();
    if step % 29 == 28 { 1e-5 } else { 1e-3 * slow }
}

/// Forms of the settings, for these betas: half of all, with every pair of choices.
fn forms(betas: (f64, f64)) -> impl Iterator<Item = Adam> {
    (0..16u32).filter(|bits| bits.count_ones().is_multiple_of(2)).map(move |bits| {
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

/// The sum as the quotients give it.
fn sum_of(rule: &Quotients, adam: &Adam, root: f64) -> f64 {
    let quotients = rule.weights.iter().zip(rule.nodes);
    quotients.map(|(weight, node)| weight / (root + adam.epsilon * node)).sum()
}

fn advanced_to(history: &mut History, adam: &Adam, step: u64) {
    while history.now < step {
        history.advance(&adam.with_learning_rate(rate(history.now + 1)).into(), history.now);
    }
}

fn rule_of(history: &History, start: u64) -> Quotients {
    let (first, mut changed) = history.changed(history.now);
    changed.nth((start - first) as usize).unwrap().rule
}

#[test]
fn the_rule_is_the_sum_wherever_it_says_so() {
    let mut worst = 0.0f64;
    for adam in BETAS.into_iter().flat_map(forms) {
        for start in [1, 10, 5_000] {
            let mut history = History::new(&adam.into(), 1, start - 1).unwrap();
            let horizon = u64::from(history.horizon());
            let mut counts = vec![1, 2, 3, 10, 60, horizon / 2, horizon];
            // The longest horizons take the longest: there the first counts do.
            let most = if horizon > 500 { 60 } else { horizon };
            counts.retain(|&count| (1..=most).contains(&count));
            counts.sort_unstable();
            counts.dedup();
            for count in counts {
                advanced_to(&mut history, &adam, start + count);
                let rule = rule_of(&history, start);
                let least = rule.least * adam.epsilon;
                assert!(least >= 0.0 && least.is_finite());
                let given = [0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-2, 1.0, 1e4];
                let roots = [1.0, 1.01, 1.5, 4.0, 30.0].map(|factor| least * factor).into_iter().chain(given);
                for root in roots.filter(|&root| root >= least) {
                    let exact = exact_sum(&adam, start, count, root);
                    let sum = sum_of(&rule, &adam, root);
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
        let mut history = History::new(&adam.into(), 1, start).unwrap();
        let horizon = u64::from(history.horizon());
        advanced_to(&mut history, &adam, start + horizon);
        let rule = rule_of(&history, start);
        // At the next step it is still among those that are handed out, and as it was.
        advanced_to(&mut history, &adam, start + horizon + 1);
        assert_eq!(history.changed(history.now).0, start + 1);
        let least = rule.least * adam.epsilon;
        for root in [least, 1e-5, 1e-2] {
            let root = root.max(least);
            let exact = exact_sum(&adam, start, 4 * horizon, root);
            let sum = sum_of(&rule, &adam, root);
            let error = relative_error(sum, exact);
            assert!(error <= 1.0 / f64::from(1 << 23), "{adam:?}, root {root:e}: off by {error:e}");
        }
    }
}

#[test]
fn each_row_is_due_once_a_cycle() {
    for input_dim in [1, 1_000, 1_024, 1_025, 1_000_000, 100_000_000, u32::MAX] {
        let mut history = History::new(&Optimizer::default(), input_dim, 0).unwrap();
        let cycle = u64::from(history.pace.cycle);
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
        let history = History::new(&adam.into(), 10, 0).unwrap();
        assert!(history.pace.cycle >= history.horizon() && history.pace.cycle.is_power_of_two());
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
        assert!(History::new(&adam.into(), 10, 0).is_err());
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

/// Without a gradient every step moves a row as far as its rate says, and nothing dies out.
const CUT_COURSE: Course = Course { ratio: 1.0, cut: Some(256), ..Course::DECAY };

#[test]
fn a_cut_of_an_optimizers_own_bounds_its_terms() {
    assert_eq!(CUT_COURSE.horizon(), 256);
    assert_eq!(Course { cut: None, ..CUT_COURSE }.horizon(), u32::MAX);
    assert_eq!(Course { ratio: f64::NAN, ..CUT_COURSE }.horizon(), u32::MAX);
    // Terms that die out before the cut are as few as without it.
    let falling = Course { ratio: 0.5, ..CUT_COURSE };
    assert_eq!(falling.horizon(), Course { cut: None, ..falling }.horizon());
}

#[test]
fn a_cut_of_an_optimizers_own_leaves_the_cycle_and_adds_segments() {
    for input_dim in [1, 100_000, 200_000, 1_000_000, u32::MAX] {
        let [own, other] = [CUT_COURSE, Course::DECAY].map(|course| course.pace(input_dim));
        assert_eq!((own.cut, other.cut), (256, 4_096));
        assert_eq!(own.cycle, other.cycle);
        // Rows are brought to whole cuts, in one piece of the ring.
        assert!(own.cycle.is_multiple_of(own.cut) && own.ring().is_multiple_of(own.cycle));
        assert_eq!(CUT_COURSE.most_segments(input_dim), own.ring() / 256 + 1);
    }
    assert_eq!(CUT_COURSE.most_segments(1), 65);
    assert_eq!(CUT_COURSE.most_segments(u32::MAX), 513);
    assert_eq!(Course::DECAY.most_segments(u32::MAX), 33);
}

/// Learning rates that rise as the terms fall, long after the first steps, need more quotients than the forecast has.
#[test]
fn a_measure_that_was_kept_short_is_made_whole() {
    let adam = Adam::default().with_epsilon_form(EpsilonForm::PyTorch);
    let start = 2_000;
    let rising =
        |step: u64| Optimizer::from(adam.with_learning_rate(1e-9 * power(1.0 / 0.9, (step - start).min(150))));
    let mut history = History::new(&adam.into(), 1, start).unwrap();
    assert!(history.steps[0].measure.is_short());
    let mut counts = Vec::new();
    for step in start + 1..start + 150 {
        history.advance(&rising(step), history.now);
        let whole = history.whole_measure(start, None);
        assert_eq!(rule_of(&history, start), whole.quotients(), "step {step}");
        counts.push(rule_of(&history, start).count);
    }
    assert_eq!((counts[0], counts[1]), (1, 2));
    assert!(counts.contains(&3), "{counts:?}");
    assert!(!history.steps[0].measure.is_short());
}
