use super::*;

fn form(beta_1: f64, beta_2: f64, inside: bool, amsgrad: bool) -> Form {
    let root = if amsgrad { 1.0 } else { beta_2.sqrt() };
    let horizon = (-(28.0 * 2f64.ln()) / (beta_1 / root).ln()).ceil().max(1.0) as u32;
    Form { beta_1, beta_2, root, inside, horizon }
}

/// What a run did.
struct Run {
    flushes: Vec<u64>,
    /// The steps before which pipelines changed, and what they became.
    needs: Vec<(u64, Need)>,
    plan: NodePlan,
}

/// A table whose rows may be at any step since the last flush, for `steps` steps. Checks at each that the pipelines have
/// what every such row needs.
fn run(form: &Form, steps: u64, rate: impl Fn(u64) -> f64) -> Run {
    let mut plan = NodePlan::new(form, 0);
    let mut measures: Vec<Measure> = vec![Measure::EMPTY];
    let mut needs = vec![(0, plan.need())];
    let mut flushes = Vec::new();
    // What each step's rows need now.
    let mut needed = vec![Need::Two];
    let first_open = |step: u64| step.saturating_sub(form.horizon.into());
    for step in 1..=steps {
        let bias = (1.0 - power(form.beta_2, step)).sqrt();
        let size = rate(step) * bias / (1.0 - power(form.beta_1, step));
        let appended = |start: u64, measure: &Measure| {
            let count = step - start;
            let node = power(1.0 / form.root, count) * if form.inside { bias } else { 1.0 };
            let mut measure = *measure;
            measure.append(node, size * power(form.beta_1 / form.root, count));
            measure
        };
        let open = || (first_open(step)..step).map(|start| (start, appended(start, &measures[start as usize])));
        if plan.should_flush(step - 1, open().map(|(start, measure)| (start, Need::of(&measure)))) {
            flushes.push(step - 1);
            plan.flushed(step - 1);
        }
        for (start, measure) in open().collect::<Vec<_>>() {
            measures[start as usize] = measure;
            needed[start as usize] = Need::of(&measure);
            plan.note(start, needed[start as usize]);
        }
        measures.push(Measure::EMPTY);
        needed.push(Need::Two);
        let worst = needed[plan.oldest as usize..].iter().max().expect("not empty");
        assert!(plan.need() >= *worst, "step {step}: {worst:?} needed");
        if plan.need() != needs.last().expect("not empty").1 {
            needs.push((step, plan.need()));
        }
    }
    Run { flushes, needs, plan }
}

#[test]
fn the_default_betas_never_need_terms() {
    let form = form(0.9, 0.999, true, false);
    for (name, rate) in [("constant", 0), ("warm-up", 1), ("from zero, a jump", 2)] {
        let run = run(&form, 1_500, |step| match rate {
            0 => 1e-3,
            1 => 1e-6 * step as f64,
            _ => [0.0, 1e-5, 1e-3][usize::from(step > 10) + usize::from(step > 300)],
        });
        println!("{name}: flushes {:?}, pipelines {:?}, {:?}", run.flushes, run.needs, run.plan.first);
        assert!(run.needs.iter().all(|&(_, need)| need <= Need::Six));
        assert_eq!(run.needs.last().unwrap().1, Need::Two);
        assert!(run.flushes.len() <= 3 && run.flushes[0] < 100 && *run.flushes.last().unwrap() < 750);
    }
}

#[test]
fn forecasts_are_those_of_the_formulas() {
    let first = |form: &Form| NodePlan::new(form, 0).first;
    let within = |found: Option<u64>, low: u64, high: u64| {
        let found = found.unwrap();
        assert!((low..=high).contains(&found), "{found}");
    };
    let found = first(&form(0.9, 0.999, true, false));
    for (found, (low, high)) in found.into_iter().zip([(700, 730), (139, 150), (60, 66), (20, 23)]) {
        within(found, low, high);
    }
    assert_eq!(first(&form(0.9, 0.999, false, false)), [Some(0); 4]);
    assert_eq!(first(&form(0.9, 0.98, true, false)), [None; 4]);
    assert_eq!(first(&form(0.0, 0.999, true, false)), [Some(0); 4]);
    let found = first(&form(0.95, 0.999, true, false));
    assert!(found[0].is_none() && found[1].is_some());
    // A later step never needs more.
    for (beta_1, beta_2) in [(0.9, 0.999), (0.9, 0.99), (0.95, 0.999), (0.5, 0.9999)] {
        let form = form(beta_1, beta_2, true, false);
        let needs: Vec<_> = (0..800).map(|start| form.forecast(Some(start))).collect();
        assert!(needs.is_sorted_by(|earlier, later| earlier >= later));
    }
}

#[test]
fn every_pair_of_betas_has_its_plan() {
    let pairs = [
        (0.9, 0.999),
        (0.9, 0.98),
        (0.9, 0.99),
        (0.95, 0.999),
        (0.8, 0.95),
        (0.0, 0.999),
        (0.5, 0.9999),
        (0.9, 0.9999),
    ];
    for (beta_1, beta_2) in pairs {
        for (inside, amsgrad) in [(false, false), (true, false), (false, true), (true, true)] {
            let form = form(beta_1, beta_2, inside, amsgrad);
            let run = run(&form, 1_000, |_| 1e-3);
            let late = run.plan.late;
            println!(
                "{beta_1}, {beta_2}, {}{}: late {late:?}, first {:?}, flushes {:?}, pipelines {:?}",
                if inside { "PyTorch" } else { "Keras" },
                if amsgrad { ", amsgrad" } else { "" },
                run.plan.first,
                run.flushes,
                run.needs
            );
            if late == Need::Terms {
                assert!(run.flushes.is_empty() && run.needs == [(0, Need::Terms)]);
            } else {
                assert!(run.needs.iter().all(|&(_, need)| need <= Need::Six));
                assert!(run.flushes.len() <= MOST_FLUSHES);
                assert_eq!(run.needs.last().unwrap().1, late);
            }
            if !inside && late < Need::Terms {
                assert!(run.flushes.is_empty());
            }
        }
    }
}

#[test]
fn terms_that_could_not_be_avoided_end_a_horizon_later() {
    let form = form(0.9, 0.999, true, false);
    let mut plan = NodePlan::new(&form, 5_000);
    assert_eq!(plan.need(), Need::Two);
    plan.note(5_003, Need::Terms);
    plan.note(5_004, Need::Three);
    assert_eq!(plan.need(), Need::Terms);
    assert!(!plan.should_flush(5_003 + 186, []));
    assert!(plan.should_flush(5_004 + 186, []));
    plan.flushed(5_004 + 186);
    assert_eq!(plan.need(), Need::Two);
    // No more than four within a horizon.
    for now in [5_200, 5_210, 5_220] {
        assert!(plan.should_flush(now, [(now - 5, Need::Terms)]));
        plan.flushed(now);
    }
    assert!(!plan.should_flush(5_230, [(5_225, Need::Terms)]));
    assert!(plan.should_flush(5_004 + 186 + 186, [(5_225, Need::Terms)]));
    // The sweep ends them too, and a row before the oldest does not count.
    let mut plan = NodePlan::new(&form, 5_000);
    plan.note(5_003, Need::Four);
    assert!(!plan.should_flush(5_300, [(4_999, Need::Terms)]));
    plan.all_reached(5_004);
    assert_eq!(plan.need(), Need::Two);
}
