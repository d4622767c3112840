//! Deferred Adam against dense Adam in f64, beside dense Adam in f32.

use wgpu_embedding::{
    Adam, EmbeddingConfig, EpsilonForm, Error, GpuEmbedding, IndexBatch, Initializer, Mapping, Update, wgpu,
};

use crate::exact::*;
use crate::support::*;

const WIDTH: usize = 8;

/// Trains rows with gradients from 1 to 1e-8 at steps that are `gaps` apart, deferred and dense, and compares what each
/// lookup sees, just before each step and at the end, and the weights then.
fn run(adam: Adam, schedule: Schedule, gaps: &[u64]) -> Errors {
    let rows = 9;
    let indices: Vec<u32> = (0..rows as u32).collect();
    // Weights as small as Keras's, and every row of one sign and of both.
    let start: Vec<f32> = fractions(rows * WIDTH, 1).iter().map(|w| w * 0.05).collect();
    let noise = fractions(rows * WIDTH * gaps.len(), 2);

    let config = EmbeddingConfig::new(rows as u32, WIDTH as u32).with_initializer(Initializer::Matrix(start.clone()));
    let mut tables = [Update::Deferred, Update::Dense]
        .map(|update| GpuEmbedding::new(&context(), config.clone(), adam.with_update(update)).unwrap());
    // They have the same layout, so that batches serve both.
    let batch = tables[0].batch(&indices).unwrap();
    let nothing = tables[0].batch::<[u32]>(&[]).unwrap();
    let mut exact: Vec<Exact> = start.iter().map(|&w| Exact::at(w)).collect();
    let mut errors = Errors::default();
    let empty = buffer(&[0.0f32; 4]);
    let mut step = 0;
    for (number, &gap) in gaps.iter().chain([&1]).enumerate() {
        let mut encoder = encoder();
        for missed in 0..gap {
            step += 1;
            let rate = schedule.rate(step);
            let touched = missed + 1 == gap && number < gaps.len();
            if missed + 1 == gap {
                // The steps until now are submitted; then a lookup just before this one.
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
                let [deferred, dense] = tables.each_ref().map(|table| table.lookup(&batch).unwrap().read().unwrap());
                errors.raise(&deferred, &dense, &weights(&exact));
            }
            let gradient: Vec<f32> = if touched {
                let noise = noise[number * rows * WIDTH..][..rows * WIDTH].iter().enumerate();
                noise.map(|(element, noise)| noise * 10f32.powi(-(element as i32 / WIDTH as i32))).collect()
            } else {
                Vec::new()
            };
            for table in &mut tables {
                table.set_learning_rate(rate).unwrap();
                if touched {
                    table.update(&batch, &gradient).unwrap();
                } else {
                    table.record_update(&mut encoder, &nothing, &empty).unwrap();
                }
            }
            if step % 256 == 0 {
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
            }
            let scalars = ExactStep::new(&adam.with_learning_rate(rate), step);
            for (element, exact) in exact.iter_mut().enumerate() {
                exact.update(&scalars, gradient.get(element).copied().unwrap_or(0.0).into());
            }
        }
        context().submit(encoder).unwrap();
    }
    let [deferred, dense] = tables.each_ref().map(|table| table.lookup(&batch).unwrap().read().unwrap());
    errors.raise(&deferred, &dense, &weights(&exact));
    let [deferred, dense] = tables.each_ref().map(|table| table.weights().unwrap());
    errors.raise(&deferred, &dense, &weights(&exact));
    errors
}

const BETAS: [(f64, f64); 7] =
    [(0.9, 0.999), (0.9, 0.98), (0.9, 0.99), (0.95, 0.999), (0.8, 0.95), (0.0, 0.999), (0.99, 0.999)];

pub fn it_is_no_further_from_f64_than_dense_f32() {
    let gaps = [1, 2, 10, 165, 166, 167, 1, 2];
    let long_gaps = [1, 2, 10, 165, 166, 167, 1_000, 1, 2];
    let mut failed = Vec::new();
    report("| beta_1 | beta_2 | weight decay | deferred, ulp | dense f32, ulp |\n|--|--|--|--|--|");
    for (number, (beta_1, beta_2)) in BETAS.into_iter().enumerate() {
        for weight_decay in [0.0, 0.1] {
            let mut worst = Errors::default();
            let schedules = [Schedule::Constant, Schedule::WarmUpAndCosine, Schedule::Sudden];
            for (schedule_number, schedule) in schedules.into_iter().enumerate() {
                for form in 0..4 {
                    let epsilon_form = if form & 1 == 0 { EpsilonForm::Keras } else { EpsilonForm::PyTorch };
                    let adam = Adam::default()
                        .with_betas(beta_1, beta_2)
                        .with_weight_decay(weight_decay)
                        .with_amsgrad(form & 2 != 0)
                        .with_epsilon_form(epsilon_form);
                    // The longest gap takes longest: one in four has it, each setting with some of the others.
                    let is_long = (number + schedule_number + usize::from(weight_decay > 0.0)) % 4 == form;
                    let errors = run(adam, schedule, if is_long { &long_gaps } else { &gaps });
                    worst = worst.max(errors);
                    // Not the opposite, which a NaN would pass.
                    let held = errors.deferred <= errors.dense + 1.0 && errors.deferred <= 12.0;
                    if !held {
                        failed.push(format!("{errors:.2?} {schedule:?} {adam:?}"));
                    }
                }
            }
            let Errors { deferred, dense } = worst;
            report(&format!("| {beta_1} | {beta_2} | {weight_decay} | {deferred:.2} | {dense:.2} |"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A deferred table and a dense one on the same adapter, whose divisions may be off by a few roundings, and their f64 twin;
/// for runs of very many steps, of which few have a gradient.
struct Long {
    deferred: GpuEmbedding,
    dense: GpuEmbedding,
    exact: Vec<Exact>,
    batch_of_none: IndexBatch,
    encoder: wgpu::CommandEncoder,
    empty: wgpu::Buffer,
    width: usize,
}

impl Long {
    fn new(adam: Adam, rows: usize, width: usize) -> Self {
        let start: Vec<f32> = fractions(rows * width, 1).iter().map(|w| w * 0.05).collect();
        let config = EmbeddingConfig::new(rows as u32, width as u32);
        let config = config.with_initializer(Initializer::Matrix(start.clone()));
        let [deferred, dense] = [Update::Deferred, Update::Dense]
            .map(|update| GpuEmbedding::new(&context(), config.clone(), adam.with_update(update)).unwrap());
        Self {
            // They have the same layout, so that batches serve both.
            batch_of_none: deferred.batch::<[u32]>(&[]).unwrap(),
            deferred,
            dense,
            exact: start.iter().map(|&w| Exact::at(w)).collect(),
            encoder: encoder(),
            empty: buffer(&[0.0f32; 4]),
            width,
        }
    }

    /// One step on these rows, rising, or on none.
    fn step(&mut self, rate: f64, rows: &[u32], gradient: &[f32]) {
        let batch = (!rows.is_empty()).then(|| (self.deferred.batch(rows).unwrap(), buffer(gradient)));
        let (batch, gradient_buffer) = match &batch {
            Some((batch, gradient)) => (batch, gradient),
            None => (&self.batch_of_none, &self.empty),
        };
        for table in [&mut self.deferred, &mut self.dense] {
            table.set_learning_rate(rate).unwrap();
            table.record_update(&mut self.encoder, batch, gradient_buffer).unwrap();
        }
        let (adam, step) = (adam_of(&self.deferred), self.deferred.step_count());
        if step % 512 == 0 {
            self.submit();
        }
        let scalars = ExactStep::new(&adam, step);
        let mut gradients = rows.iter().zip(gradient.chunks_exact(self.width)).peekable();
        for (row, elements) in self.exact.chunks_exact_mut(self.width).enumerate() {
            let gradient = gradients.next_if(|&(&next, _)| next as usize == row).map(|(_, gradient)| gradient);
            for (column, element) in elements.iter_mut().enumerate() {
                element.update(&scalars, gradient.map_or(0.0, |gradient| gradient[column].into()));
            }
        }
    }

    fn submit(&mut self) {
        context().submit(std::mem::replace(&mut self.encoder, encoder())).unwrap();
    }

    /// Compares what a lookup of every row sees.
    fn errors(&mut self) -> Errors {
        self.submit();
        let rows: Vec<u32> = (0..self.deferred.input_dim()).collect();
        let mut errors = Errors::default();
        let dense = self.dense.weights().unwrap();
        errors.raise(&self.deferred.rows(&rows).unwrap(), &dense, &weights(&self.exact));
        errors
    }

    /// Compares all weights, and flushes.
    fn flushed_errors(&mut self) -> Errors {
        self.submit();
        let mut errors = Errors::default();
        errors.raise(&self.deferred.weights().unwrap(), &self.dense.weights().unwrap(), &weights(&self.exact));
        errors
    }
}

#[track_caller]
fn assert_held(what: &str, errors: Errors) {
    report(&format!("{what}: {errors:.2?}"));
    // Not the opposite, which a NaN would pass.
    let held = errors.deferred <= errors.dense.max(1.5) && errors.deferred <= 12.0;
    assert!(held, "{what}: {errors:.2?}");
}

pub fn a_gap_of_100_000_steps() {
    // Each schedule and each decay has the longest gap once; the host takes most of the time.
    for (schedule, weight_decay, gap) in [
        (Schedule::Constant, 0.1, 100_000),
        (Schedule::WarmUpAndCosine, 0.0, 100_000),
        (Schedule::Constant, 0.0, 10_000),
        (Schedule::WarmUpAndCosine, 0.1, 10_000),
    ] {
        let adam = Adam::default().with_weight_decay(weight_decay);
        let what = format!("{schedule:?}, weight decay {weight_decay}, {gap} steps");
        let mut long = Long::new(adam, 3, 4);
        let gradient = fractions(2 * 4, 2);
        // Row 2 never has a gradient; the weight decay alone moves it.
        for step in 1..=40 {
            long.step(schedule.rate(step), &[0, 1], &gradient);
        }
        for step in 41..=40 + gap {
            long.step(schedule.rate(step), &[], &[]);
        }
        assert_held(&what, long.errors());
        long.step(schedule.rate(41 + gap), &[1, 2], &gradient);
        assert_held(&what, long.errors());
        assert_held(&what, long.flushed_errors());
    }
}

/// Rows left alone for more than one, two and three cycles of 512 steps, in which each row is caught up once, and rows
/// that come back about when the ring of 2,048 steps wraps.
pub fn rows_left_alone_for_cycles() {
    let periods = [60u64, 100, 511, 512, 513, 600, 1_024, 1_500, 2_047, 2_048, 2_049, u64::MAX];
    let rows = periods.len() + 2;
    for (weight_decay, amsgrad, schedule) in
        [(0.0, false, Schedule::Constant), (0.1, false, Schedule::Sudden), (0.1, true, Schedule::WarmUpAndCosine)]
    {
        let adam = Adam::default().with_weight_decay(weight_decay).with_amsgrad(amsgrad);
        let what = format!("{schedule:?}, weight decay {weight_decay}, amsgrad {amsgrad}");
        let mut long = Long::new(adam, rows, WIDTH);
        for step in 1..=2_600 {
            // The last but one has a gradient at step 2 alone, the last never.
            let touched = |&row: &u32| match periods.get(row as usize) {
                Some(period) => (step - 1) % period == 0,
                None => row as usize == periods.len() && step == 2,
            };
            let touched: Vec<u32> = (0..rows as u32).filter(touched).collect();
            let gradient = fractions(touched.len() * WIDTH, step);
            long.step(schedule.rate(step), &touched, &gradient);
            // Lookups, which leave the table as it is, at each end of a cycle.
            if matches!(step % 512, 0 | 1 | 511) {
                assert_held(&format!("{what}, step {step}"), long.errors());
            }
        }
        assert_held(&format!("{what}, in the end"), long.flushed_errors());
    }
}

/// A rate that is high for an instant at which the ring has just been overwritten shows rows that were not caught up.
pub fn the_ring_is_read_before_it_is_overwritten() {
    // Row r is touched at step r + 1 alone, and the rates differ from step to step.
    let rate = |step: u64| if step.is_multiple_of(3) { 1e-2 } else { 1e-4 };
    let mut long = Long::new(Adam::default().with_weight_decay(0.01), 60, 4);
    for step in 1..=2_700u64 {
        let row = (step - 1) as u32;
        let gradient = fractions(4, step);
        if row < 60 {
            long.step(rate(step), &[row], &gradient);
        } else {
            long.step(rate(step), &[], &[]);
        }
        if step % 100 == 60 {
            assert_held(&format!("step {step}"), long.errors());
        }
    }
}

pub fn more_than_65_536_steps() {
    let mut long = Long::new(Adam::default().with_weight_decay(0.1), 3, 2);
    for step in 1..=66_000u64 {
        let rate = Schedule::WarmUpAndCosine.rate(step % 1_600);
        if step % 5_000 == 3 || (65_530..65_550).contains(&step) {
            long.step(rate, &[0, 1], &fractions(4, step));
        } else {
            long.step(rate, &[], &[]);
        }
        if step % 13_000 == 0 || step == 65_536 || step == 65_540 {
            assert_held(&format!("step {step}"), long.errors());
        }
    }
    assert_held("in the end", long.flushed_errors());
}

/// Weights from zero, so that they show how far the missed steps have moved them, to f32's full precision; against the
/// same steps in f64 from the moments that the table has.
///
/// Epsilon large and small beside sqrt(v): at v near epsilon the rule of two nodes must give way to the sum.
pub fn moved_as_far_as_dense_whatever_epsilon_is() {
    // From 1e4 to 1e-17, both signs; below that v leaves f32. And none.
    let rows = 23;
    let mut gradient: Vec<f32> = fractions(rows * WIDTH, 3);
    for (element, g) in gradient.iter_mut().enumerate() {
        let decade = 4 - (element / WIDTH) as i32;
        // Not near zero, nor across decades.
        *g = (1.0 + g.abs()).copysign(*g) * 10f32.powi(decade);
        if decade < -17 {
            *g = 0.0;
        }
    }
    // Near the end of f32, so that sqrt(v) is past 1e18 with the smaller beta_2.
    gradient[0] = 1.8e19;
    let betas = [(0.9, 0.999), (0.9, 0.98), (0.8, 0.95), (0.0, 0.999), (0.95, 0.999), (0.99, 0.999)];
    let mut worst = 0.0f64;
    let mut number = 0;
    for (beta_1, beta_2) in betas {
        for epsilon in [1e-30, 1e-8, 1e-7, 1e-3, 1.0] {
            for epsilon_form in [EpsilonForm::Keras, EpsilonForm::PyTorch] {
                for first_step in [1, 3, 40] {
                    number += 1;
                    let adam = Adam::default()
                        .with_betas(beta_1, beta_2)
                        .with_epsilon(epsilon)
                        .with_epsilon_form(epsilon_form)
                        .with_amsgrad(number % 3 == 0)
                        .with_weight_decay(if number % 2 == 0 { 0.1 } else { 0.0 });
                    worst = worst.max(moved(adam, first_step, &gradient));
                }
            }
        }
    }
    report(&format!("largest relative error of the distance moved: {worst:.1e}"));
}

/// The largest relative error.
fn moved(adam: Adam, first_step: u64, gradient: &[f32]) -> f64 {
    let rows: Vec<u32> = (0..(gradient.len() / WIDTH) as u32).collect();
    let config = EmbeddingConfig::new(rows.len() as u32, WIDTH as u32);
    let mut table = GpuEmbedding::new(&context(), config, adam).unwrap();
    let batch = table.batch(&rows).unwrap();
    let nothing = table.batch::<[u32]>(&[]).unwrap();
    let empty = buffer(&[0.0f32; 4]);
    let rate = |step: u64| if step % 5 == 4 { 1e-4 } else { 1e-3 };
    let miss = |table: &mut GpuEmbedding, steps: u64| {
        let mut encoder = encoder();
        for _ in 0..steps {
            table.set_learning_rate(rate(table.step_count() + 1)).unwrap();
            table.record_update(&mut encoder, &nothing, &empty).unwrap();
        }
        context().submit(encoder).unwrap();
    };
    miss(&mut table, first_step - 1);
    table.update(&batch, gradient).unwrap();
    table.set_weights(&vec![0.0; gradient.len()]).unwrap();
    let moments = moments(&table).unwrap();
    let roots = moments.largest.as_ref().unwrap_or(&moments.second);
    let mut exact: Vec<[f64; 3]> =
        moments.first.iter().zip(roots).map(|(&m, &s)| [0.0, m.into(), f64::from(s).sqrt()]).collect();
    let mut worst = 0.0f64;
    let mut step = first_step;
    for steps in [1, 2, 30, 200] {
        miss(&mut table, steps);
        for _ in 0..steps {
            step += 1;
            let adam = adam.with_learning_rate(rate(step));
            for [w, m, root] in &mut exact {
                *m *= adam.beta_1;
                *root *= if adam.amsgrad { 1.0 } else { adam.beta_2.sqrt() };
                *w = *w * (1.0 - adam.learning_rate * adam.weight_decay)
                    - adam.step_size(step) * *m / (*root + adam.step_epsilon(step));
            }
        }
        let got = table.lookup(&batch).unwrap().read().unwrap();
        for (element, (&got, &[expected, ..])) in got.iter().zip(&exact).enumerate() {
            // Below that f32 has no normal numbers.
            let error = (f64::from(got) - expected).abs() / expected.abs().max(1e-30);
            assert!(
                error <= 1e-5,
                "{adam:?}, {step} steps, the gradient at step {first_step} was {:e}: moved by {got:e}, not \
                 {expected:e}",
                gradient[element]
            );
            worst = worst.max(error);
        }
    }
    worst
}

/// Betas that are only just accepted, for which the rule's moments overflow f64: the terms must do.
pub fn no_accepted_betas_give_nan() {
    for betas in [(0.5, 0.26), (0.8, 0.65), (0.8, 0.66), (0.9, 0.82), (0.95, 0.91), (0.995, 0.9999)] {
        let adam = Adam::default().with_betas(betas.0, betas.1);
        // A NaN is infinitely far.
        let near = |what: &str, errors: Errors| assert!(errors.deferred <= 8.0, "{betas:?}, {what}: {errors:?}");
        let mut long = Long::new(adam, 2, 4);
        long.step(1e-3, &[0], &[1.0, -1e-4, 1e-8, 0.0]);
        for step in 2..=4_300u64 {
            long.step(1e-3, &[], &[]);
            if matches!(step, 2 | 10 | 1_000 | 2_000 | 4_300) {
                near(&format!("step {step}"), long.errors());
            }
        }
        near("flushed", long.flushed_errors());
    }
}

/// Betas so near to each other that a sum has thousands of terms, in rows of as many quads as a thread may have: more
/// rounds than a software adapter's loops may take if nobody takes care.
pub fn sums_of_thousands_of_terms() {
    let width = 64;
    let adam = Adam::default().with_betas(0.998, 0.999);
    let config = EmbeddingConfig::new(4, width).with_initializer(Initializer::Zeros);
    let [missed, expected] = pair(&config, &adam).map(|mut table| {
        // So small beside epsilon that no rule covers them.
        let batch = table.batch(&[1, 2]).unwrap();
        table.update(&batch, &vec![1e-9; 2 * width as usize]).unwrap();
        let other = table.batch(&[0]).unwrap();
        for _ in 0..4_300 {
            table.update(&other, &vec![1e-9; width as usize]).unwrap();
        }
        [table.rows(&[1, 2]).unwrap(), table.weights().unwrap()[width as usize..][..2 * width as usize].to_vec()]
    });
    assert!(expected[0].iter().all(|&weight| weight < -1e-6), "{:?}", expected[0][0]);
    for missed in &missed {
        assert_close("thousands of terms", missed, &expected[0], |at| 1e-3 * f64::from(expected[0][at].abs()));
    }

    // A table whose threads have many quads each, made for few terms, is not trusted with so many.
    let many_quads = context().with_mapping(Mapping::Cpu);
    let mut table = GpuEmbedding::new(&many_quads, config, Adam::default()).unwrap();
    let changed = table.set_optimizer(adam);
    if context().adapter_info().is_some_and(|info| info.device_type == wgpu::DeviceType::Cpu) {
        assert!(matches!(changed, Err(Error::InvalidConfig(_))), "{changed:?}");
    } else {
        changed.unwrap();
    }
}
