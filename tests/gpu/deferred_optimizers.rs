//! Deferred updates of every optimizer that moves rows without a gradient, against the dense optimizer in f64, beside the
//! dense one in f32. Adam's are in deferred.rs.

use wgpu_embedding::{
    Adagrad, EmbeddingConfig, EpsilonForm, GpuContext, GpuEmbedding, Initializer, MomentumForm, Optimizer,
    RowWiseAdagrad, RowWiseAdam, Sgd, Update,
};

use crate::exact::{Errors, Schedule, report};
use crate::exact_optimizers::Exact;
use crate::support::*;

const WIDTH: usize = 8;
const ROWS: usize = 9;
const SCHEDULES: [Schedule; 3] = [Schedule::Constant, Schedule::WarmUpAndCosine, Schedule::Sudden];

/// With the update of a dense table and a deferred one.
type Both = [Optimizer; 2];

macro_rules! both {
    ($($settings:expr,)*) => {
        vec![$([$settings.with_update(Update::Deferred).into(), $settings.with_update(Update::Dense).into()],)*]
    };
}

/// Every form that moves rows without a gradient, with this weight decay.
fn settings(decay: f64) -> Vec<Both> {
    let momentum = Sgd::default().with_momentum(0.9).with_weight_decay(decay);
    let keras = momentum.with_momentum_form(MomentumForm::Keras);
    let mut all = both![momentum, momentum.with_nesterov(true), keras, keras.with_nesterov(true),];
    let adam = RowWiseAdam::default().with_weight_decay(decay);
    let keras = adam.with_epsilon_form(EpsilonForm::Keras);
    all.extend(both![adam, adam.with_betas(0.9, 0.98), keras, keras.with_epsilon(1e-3),]);
    if decay != 0.0 {
        let row_wise = RowWiseAdagrad::default().with_weight_decay(decay);
        all.extend(both![
            Sgd::default().with_weight_decay(decay),
            Adagrad::default().with_weight_decay(decay),
            Adagrad::pytorch().with_weight_decay(decay),
            row_wise,
            row_wise.with_epsilon_form(EpsilonForm::Keras).with_initial_accumulator(0.1),
        ]);
    }
    all
}

/// Trains rows at steps that are `gaps` apart, deferred on the GPU and dense in `dense_context`, and compares what each
/// lookup sees, just before each step and at the end, and the weights then. The gradients of the rows fall from 1 to 1e-8;
/// the last row never has one.
fn run([deferred, dense]: Both, schedule: Schedule, gaps: &[u64], dense_context: &GpuContext) -> Errors {
    let touched: Vec<u32> = (0..ROWS as u32 - 1).collect();
    let start: Vec<f32> = fractions(ROWS * WIDTH, 1).iter().map(|w| w * 0.05).collect();
    let config = EmbeddingConfig::new(ROWS as u32, WIDTH as u32).with_initializer(Initializer::Matrix(start.clone()));
    let mut deferred = GpuEmbedding::new(&context(), config.clone(), deferred).unwrap();
    let mut dense = GpuEmbedding::new(dense_context, config, dense).unwrap();
    let [batch, dense_batch] = [&deferred, &dense].map(|table| table.batch(&touched).unwrap());
    let [nothing, dense_nothing] = [&deferred, &dense].map(|table| table.batch::<[u32]>(&[]).unwrap());
    let mut exact = Exact::new(&start, WIDTH);
    let mut errors = Errors::default();
    let all: Vec<u32> = (0..ROWS as u32).collect();
    let empty = buffer(&[0.0f32; 4]);
    let mut step = 0;
    for (number, &gap) in gaps.iter().chain([&1]).enumerate() {
        let mut encoder = encoder();
        for missed in 1..=gap {
            step += 1;
            let rate = schedule.rate(step);
            deferred.set_learning_rate(rate).unwrap();
            dense.set_learning_rate(rate).unwrap();
            let mut gradient = Vec::new();
            if missed == gap {
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
                errors.raise(&deferred.rows(&all).unwrap(), &dense.rows(&all).unwrap(), &exact.weights);
                gradient = fractions(touched.len() * WIDTH, 2 + number as u64);
                for (element, g) in gradient.iter_mut().enumerate() {
                    *g *= 10f32.powi(-(element as i32 / WIDTH as i32));
                }
                deferred.update(&batch, &gradient).unwrap();
                dense.update(&dense_batch, &gradient).unwrap();
            } else {
                deferred.record_update(&mut encoder, &nothing, &empty).unwrap();
                dense.update(&dense_nothing, &[][..]).unwrap();
            }
            if step % 512 == 0 {
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
            }
            exact.update(deferred.optimizer(), step, &gradient);
        }
    }
    errors.raise(&deferred.rows(&all).unwrap(), &dense.rows(&all).unwrap(), &exact.weights);
    errors.raise(&deferred.weights().unwrap(), &dense.weights().unwrap(), &exact.weights);
    errors
}

/// The forms that differ, for a table.
fn describe(optimizer: &Optimizer) -> String {
    let form = match optimizer {
        Optimizer::Sgd(sgd) if sgd.momentum == 0.0 => String::new(),
        Optimizer::Sgd(sgd) => {
            let nesterov = if sgd.nesterov { ", nesterov" } else { "" };
            format!("momentum {}, {:?}{nesterov}", sgd.momentum, sgd.momentum_form)
        }
        Optimizer::Adagrad(adagrad) => format!("{:?}", adagrad.epsilon_form),
        Optimizer::RowWiseAdagrad(adagrad) => format!("{:?}", adagrad.epsilon_form),
        Optimizer::RowWiseAdam(RowWiseAdam { beta_2, epsilon, epsilon_form, .. }) => {
            format!("beta_2 {beta_2}, {epsilon_form:?}, epsilon {epsilon}")
        }
        other => panic!("{other:?}"),
    };
    format!("{} | {form} | {}", optimizer.name(), optimizer.weight_decay())
}

/// These settings by these schedules, and the largest errors of each as a table.
#[track_caller]
fn assert_held(what: &str, cases: &[(Both, &[Schedule])], gaps: &[u64], dense_context: &GpuContext) {
    let mut failed = Vec::new();
    let mut table = format!(
        "{what}\n| optimizer | form | weight decay | learning rate | deferred, ulp | dense f32, ulp |\n|--|--|--|--|--|--|"
    );
    for &(both, schedules) in cases {
        let mut worst = Errors::default();
        for &schedule in schedules {
            let errors = run(both, schedule, gaps, dense_context);
            worst = worst.max(errors);
            // Not the opposite, which a NaN would pass.
            let held = errors.deferred <= errors.dense + 1.0 && errors.deferred <= 12.0;
            if !held {
                failed.push(format!("{what}: {errors:.2?} {schedule:?} {:?}", both[0]));
            }
        }
        let Errors { deferred, dense } = worst;
        table += &format!("\n| {} | {schedules:?} | {deferred:.2} | {dense:.2} |", describe(&both[0]));
    }
    report(&table);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn all_settings() -> impl Iterator<Item = Both> {
    [0.0, 0.1].into_iter().flat_map(settings)
}

pub fn short_gaps() {
    let mut cases: Vec<(Both, &[Schedule])> = all_settings().map(|both| (both, &SCHEDULES[..])).collect();
    // Sums of some 2,000 terms, and of few.
    let sgd = Sgd::default().with_weight_decay(0.1);
    let momenta = both![sgd.with_momentum(0.99), sgd.with_momentum(0.5), sgd.with_momentum(1e-3),];
    cases.extend(momenta.into_iter().map(|both| (both, &SCHEDULES[2..])));
    assert_held("gaps of up to 165 steps", &cases, &[1, 2, 10, 165, 1, 2], &context());
    // Close to 1, where f32's momentum would leave the sums off by several ulp.
    let sgd = Sgd::default();
    let momenta =
        both![sgd.with_momentum(0.99), sgd.with_momentum(0.995), sgd.with_momentum(0.995).with_nesterov(true),];
    let cases: Vec<(Both, &[Schedule])> = momenta.into_iter().map(|both| (both, &SCHEDULES[..1])).collect();
    assert_held("gaps of 7 steps", &cases, &[7; 40], &context());
}

pub fn gaps_of_thousands_of_steps() {
    let each = all_settings().enumerate();
    let cases: Vec<_> = each.map(|(number, both)| (both, std::slice::from_ref(&SCHEDULES[number % 3]))).collect();
    // The longest gap takes longest: half of the settings have it, in turn.
    let (long, short): (Vec<_>, Vec<_>) = cases.chunks(2).map(|cases| (cases[0], cases.get(1).copied())).unzip();
    let short: Vec<_> = short.into_iter().flatten().collect();
    assert_held("gaps of 1,000 and 5,000 steps", &long, &[3, 1_000, 2, 5_000, 1], &GpuContext::reference());
    assert_held("gaps of 1,000 steps", &short, &[3, 1_000, 2, 165, 1], &GpuContext::reference());
}

#[track_caller]
fn assert_longest_held(settings: Vec<Both>) {
    let each = settings.into_iter().enumerate();
    let cases: Vec<_> = each.map(|(number, both)| (both, std::slice::from_ref(&SCHEDULES[number % 3]))).collect();
    assert_held("a gap of 100,000 steps", &cases, &[3, 100_000], &GpuContext::reference());
}

pub fn a_gap_of_100_000_steps() {
    let momentum = Sgd::default().with_momentum(0.9).with_momentum_form(MomentumForm::Keras).with_nesterov(true);
    assert_longest_held(both![momentum.with_weight_decay(0.1), RowWiseAdam::default().with_weight_decay(0.1),]);
}

pub fn a_gap_of_100_000_steps_of_decay() {
    assert_longest_held(both![
        Sgd::default().with_weight_decay(0.1),
        Adagrad::default().with_weight_decay(0.1),
        RowWiseAdagrad::default().with_weight_decay(0.1),
    ]);
}
