//! All optimizers, by the same tests. What Adam alone needs is in adam.rs and deferred.rs.

use wgpu_embedding::{
    Adagrad, Adam, Clipping, EmbeddingConfig, EpsilonForm, Error, Extent, GpuEmbedding, Initializer, Lion,
    MomentumForm, Optimizer, RowWiseAdagrad, RowWiseAdam, Sgd, Update,
};

use crate::optimizer_bounds::{Bounds, State, state};
use crate::support::*;

const UPDATES: [Update; 3] = [Update::Dense, Update::Lazy, Update::Deferred];

/// With the settings that all optimizers have: these updates, decays and clippings, but for what is refused.
macro_rules! variations {
    ($decays:expr, $clippings:expr, [$($settings:expr,)*]) => {{
        let mut all: Vec<Optimizer> = Vec::new();
        for update in UPDATES {
            for decay in $decays {
                for clipping in $clippings {
                    $({
                        let mut settings = $settings.with_update(update).with_weight_decay(decay);
                        settings.clipping = clipping;
                        all.push(settings.into());
                    })*
                }
            }
        }
        all.retain(|optimizer| optimizer.validate().is_ok());
        all
    }};
}

macro_rules! with_all_forms {
    ($decays:expr, $clippings:expr, [$($others:expr,)*]) => {
        variations!($decays, $clippings, [
            Sgd::default().with_learning_rate(0.1),
            Sgd::default().with_momentum(0.9),
            Sgd::default().with_momentum(0.9).with_nesterov(true),
            Sgd::default().with_momentum(0.9).with_momentum_form(MomentumForm::Keras),
            Sgd::default().with_momentum(0.9).with_momentum_form(MomentumForm::Keras).with_nesterov(true),
            Adagrad::default().with_learning_rate(0.1),
            Adagrad::pytorch().with_learning_rate(0.1),
            RowWiseAdagrad::default().with_learning_rate(0.1),
            RowWiseAdagrad::default().with_epsilon_form(EpsilonForm::Keras).with_initial_accumulator(0.1),
            Lion::default().with_learning_rate(0.01),
            RowWiseAdam::default(),
            RowWiseAdam::default().with_epsilon_form(EpsilonForm::Keras).with_epsilon(1e-3),
            $($others,)*
        ])
    };
}

const NO_DECAY: [f64; 1] = [0.0];
const DECAYS: [f64; 2] = [0.0, 0.1];
const NO_CLIPPING: [Option<Clipping>; 1] = [None];
const CLIPPINGS: [Option<Clipping>; 3] = [None, Some(Clipping::Value(3.0)), Some(Clipping::Norm(10.0))];

/// Every form, and Adam.
fn all_forms() -> Vec<Optimizer> {
    with_all_forms!(DECAYS, CLIPPINGS, [Adam::default(), Adam::pytorch().with_amsgrad(true),])
}

/// Trains the same table on both sides and holds them together after each step.
fn train_both(what: &str, config: &EmbeddingConfig, optimizer: &Optimizer, steps: u64, count: usize) {
    let mut both = [context(), wgpu_embedding::GpuContext::reference()]
        .map(|context| GpuEmbedding::new(&context, config.clone(), *optimizer).unwrap());
    let mut before = state(&both[1]);
    let mut bounds = Bounds::new(&before);
    for step in 1..=steps {
        let indices = indices(count, config.input_dim, SKEWS[step as usize % 3], step);
        let gradient = whole_numbers(count * config.output_dim as usize, step + 100);
        for embedding in &mut both {
            let batch = embedding.batch(&indices).unwrap();
            embedding.update(&batch, &gradient).unwrap();
        }
        let after = state(&both[1]);
        bounds.step(optimizer, &before, &after);
        bounds.check(&format!("{what}, {optimizer:?}, step {step}"), optimizer, &state(&both[0]), &after);
        before = after;
    }
}

pub fn every_width_agrees_with_the_reference() {
    for width in WIDTHS {
        for optimizer in with_all_forms!(NO_DECAY, NO_CLIPPING, []) {
            // One row more than a workgroup takes at a time, or so.
            let input_dim = 1_024 / width.div_ceil(4) + 1;
            train_both(&format!("width {width}"), &EmbeddingConfig::new(input_dim, width), &optimizer, 2, 150);
        }
    }
}

pub fn decay_and_clipping_agree_with_the_reference() {
    for optimizer in with_all_forms!(DECAYS, CLIPPINGS, []) {
        train_both("width 6", &EmbeddingConfig::new(60, 6), &optimizer, 12, 100);
    }
}

/// Rows of more quads than workgroup memory has places for their squares, and of just as many.
pub fn row_terms_of_the_widest_rows() {
    for width in [5_000, 8_192, 8_196, 20_003] {
        for update in UPDATES {
            let optimizer = RowWiseAdagrad::default().with_learning_rate(0.1).with_update(update);
            train_both(&format!("width {width}"), &EmbeddingConfig::new(3, width), &optimizer.into(), 2, 70);
        }
    }
}

/// Of gradients with one number in four columns nothing but the order of the sum can differ, and a row's first sum is of
/// nothing else. Few numbers are added in a row, of as many rows as show it, so that no difference drowns in the sum.
pub fn row_terms_are_summed_in_their_order() {
    let widths = WIDTHS.into_iter().chain([2_600, 5_000, 9_000]).map(|width| (width, 1));
    for (width, apart) in widths.chain([(1_024, 16), (5_000, 256), (20_003, 2_048), (40_000, 2_048)]) {
        for update in UPDATES {
            let sums = [context(), wgpu_embedding::GpuContext::reference()].map(|context| {
                let optimizer = RowWiseAdagrad::default().with_update(update);
                let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(40, width), optimizer).unwrap();
                let mut gradient = fractions(30 * width as usize, width.into());
                for (number, row) in gradient.chunks_exact_mut(width as usize).enumerate() {
                    for (column, g) in row.iter_mut().enumerate() {
                        if column % 4 != 0 || column / 4 % apart != number % apart {
                            *g = 0.0;
                        }
                    }
                }
                let batch = embedding.batch(&(5..35).collect::<Vec<u32>>()).unwrap();
                embedding.update(&batch, &gradient).unwrap();
                embedding.state("sum").unwrap()
            });
            assert_same_bits(&format!("width {width}, {update:?}"), &sums[0], &sums[1]);
        }
    }
}

/// What some steps of fractions leave, as bits; `input_dim` rows, of which the first 200 are trained.
fn bits_after_training(config: EmbeddingConfig, optimizer: &Optimizer, resident: bool) -> Vec<Vec<u32>> {
    let (rows, width) = (config.input_dim as usize, config.output_dim as usize);
    let mut embedding = GpuEmbedding::new(&context(), config, *optimizer).unwrap();
    // The first rows of a larger table are those of a smaller one.
    embedding.set_weights(&fractions(rows * width, 7)).unwrap();
    for step in 0..5 {
        let indices = indices(300, 200, SKEWS[step % 3], step as u64);
        let gradient = fractions(300 * width, step as u64);
        let batch = if resident {
            embedding.batch_from_buffer(&buffer(&indices), &[indices.len()]).unwrap()
        } else {
            embedding.batch(&indices).unwrap()
        };
        embedding.update(&batch, &gradient).unwrap();
    }
    let State { weights, arrays } = state(&embedding);
    let of_trained_rows = |values: &[f32]| bits(&values[..values.len() / rows * 200]);
    std::iter::once(&weights).chain(&arrays).map(|values| of_trained_rows(values)).collect()
}

pub fn the_same_bits_everywhere() {
    for optimizer in all_forms() {
        let run = |config| bits_after_training(config, &optimizer, false);
        let config = EmbeddingConfig::new(200, 12);
        let first = run(config.clone());
        assert_eq!(first, run(config.clone()), "{optimizer:?}: two runs");
        let resident = bits_after_training(config.clone(), &optimizer, true);
        assert_eq!(first, resident, "{optimizer:?}: the sort on the GPU");
        assert_eq!(first, run(config.with_max_shard_bytes(64 * 144)), "{optimizer:?}: shards");
        assert_eq!(first, run(EmbeddingConfig::new(3_000, 12)), "{optimizer:?}: a large table");
    }
}

pub fn a_nan_reaches_its_own_row_and_no_other() {
    for optimizer in all_forms() {
        let mut embedding = GpuEmbedding::new(&context(), EmbeddingConfig::new(40, 5), optimizer).unwrap();
        let batch = embedding.batch(&[7, 8, 9, 8]).unwrap();
        let mut gradient = [1.0; 20];
        gradient[8] = f32::NAN;
        embedding.update(&batch, &gradient).unwrap();
        embedding.update(&batch, &[1.0; 20]).unwrap();
        let row_wise = optimizer.state().iter().any(|array| array.extent == Extent::PerRow);
        let (row, element) = (8 * 5..9 * 5, 8 * 5 + 3);
        let State { weights, arrays } = state(&embedding);
        for (at, value) in weights.iter().enumerate() {
            let expected = if row_wise { row.contains(&at) } else { at == element };
            assert_eq!(value.is_nan(), expected, "{optimizer:?}: weight {at} is {value}");
        }
        for (array, values) in optimizer.state().iter().zip(&arrays) {
            for (at, value) in values.iter().enumerate() {
                let expected = if array.extent == Extent::PerRow { at == 8 } else { at == element };
                assert_eq!(value.is_nan(), expected, "{optimizer:?}: {} {at} is {value}", array.name);
            }
        }
    }
}

/// Squares beyond f32 stay at the largest one, so that the weight moves on; infinite gradients do not.
pub fn large_gradients_are_taken() {
    let adagrads: [Optimizer; 3] =
        [Adagrad::default().into(), Adagrad::pytorch().into(), RowWiseAdagrad::default().into()];
    for optimizer in adagrads {
        for context in [context(), wgpu_embedding::GpuContext::reference()] {
            let what = format!("{optimizer:?} on {context}");
            let config = EmbeddingConfig::new(2, 5).with_initializer(Initializer::Zeros);
            let mut embedding = GpuEmbedding::new(&context, config, optimizer).unwrap();
            let batch = embedding.batch(&[1]).unwrap();
            embedding.update(&batch, &[1e25, -1e20, 1.0, 0.0, 0.0]).unwrap();
            let State { weights, arrays } = state(&embedding);
            assert!(weights.iter().chain(&arrays[0]).all(|value| value.is_finite()), "{what}: {weights:?}");
            assert_eq!(*arrays[0].iter().max_by(|a, b| a.total_cmp(b)).unwrap(), f32::MAX, "{what}");
            embedding.update(&batch, &[-1e25, -1e20, 1.0, 0.0, 0.0]).unwrap();
            let after = embedding.weights().unwrap();
            assert!(after[5] > weights[5], "{what}: it moves on: {after:?}");

            embedding.update(&batch, &[0.0, f32::NEG_INFINITY, 0.0, 0.0, 0.0]).unwrap();
            let weights = embedding.weights().unwrap();
            let row_wise = optimizer.state()[0].extent == Extent::PerRow;
            for (at, value) in weights.iter().enumerate() {
                assert_eq!(value.is_nan(), if row_wise { at >= 5 } else { at == 6 }, "{what}: {weights:?}");
            }
        }
    }
}

/// Padding columns stay zero: what a caller's own passes read beside the row.
pub fn columns_beyond_the_row_stay_zero() {
    for optimizer in all_forms() {
        let mut embedding = GpuEmbedding::new(&context(), EmbeddingConfig::new(20, 5), optimizer).unwrap();
        for step in 0..3 {
            let batch = embedding.batch(&[1, 5, 1, 19]).unwrap();
            embedding.update(&batch, &fractions(20, step)).unwrap();
        }
        for shard in embedding.weight_shards().unwrap() {
            assert_eq!(shard.row_floats, 8);
            for row in read(shard.buffer).chunks_exact(8) {
                assert_eq!(row[5..], [0.0; 3], "{optimizer:?}");
            }
        }
    }
}

pub fn state_goes_in_and_comes_out() {
    for optimizer in with_all_forms!(NO_DECAY, NO_CLIPPING, [Adam::default(),]) {
        for context in [context(), wgpu_embedding::GpuContext::reference()] {
            let config = EmbeddingConfig::new(150, 5).with_max_shard_bytes(64 * 64);
            let mut embedding = GpuEmbedding::new(&context, config, optimizer).unwrap();
            let batch = embedding.batch(&[3, 149]).unwrap();
            let fresh = state(&embedding);
            for (array, values) in optimizer.state().iter().zip(&fresh.arrays) {
                let length = if array.extent == Extent::PerRow { 150 } else { 750 };
                assert_eq!(values, &vec![array.first_value; length], "{optimizer:?}: {}", array.name);
            }
            embedding.update(&batch, &fractions(10, 1)).unwrap();
            let trained = state(&embedding);
            for (number, array) in optimizer.state().iter().enumerate() {
                assert_ne!(trained.arrays[number], fresh.arrays[number], "{optimizer:?}: {}", array.name);
                let given: Vec<f32> = (0..trained.arrays[number].len()).map(|at| at as f32 + 0.5).collect();
                embedding.set_state(array.name, &given).unwrap();
                assert_eq!(embedding.state(array.name).unwrap(), given);
                assert!(matches!(embedding.set_state(array.name, &given[1..]), Err(Error::Shape { .. })));
            }
            assert_eq!(embedding.weights().unwrap(), trained.weights);
            let unknown = embedding.state("nothing");
            assert!(matches!(unknown, Err(Error::UnknownState { .. })), "{unknown:?}");
        }
    }
}

pub fn a_frozen_table_has_no_state() {
    for optimizer in with_all_forms!(NO_DECAY, NO_CLIPPING, []) {
        for context in [context(), wgpu_embedding::GpuContext::reference()] {
            let config = EmbeddingConfig::new(10, 4).with_trainable(false);
            let embedding = GpuEmbedding::new(&context, config, optimizer).unwrap();
            for name in ["sum", "momentum_buffer"] {
                match embedding.state(name) {
                    Err(Error::UnknownState { name: named, known }) => {
                        assert_eq!((&named[..], &known[..]), (name, &[][..]));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

pub fn a_table_keeps_its_optimizer() {
    let momentum = Sgd::default().with_momentum(0.9).with_update(Update::Dense);
    let refused: [(Optimizer, Optimizer); 6] = [
        (Sgd::default().into(), Adagrad::default().into()),
        (Adagrad::default().into(), RowWiseAdagrad::default().into()),
        (Sgd::default().with_update(Update::Dense).into(), momentum.into()),
        (momentum.into(), momentum.with_momentum_form(MomentumForm::Keras).into()),
        (momentum.into(), momentum.with_nesterov(true).into()),
        (Adagrad::default().into(), Adagrad::default().with_update(Update::Lazy).into()),
    ];
    for (made, asked) in refused {
        for context in [context(), wgpu_embedding::GpuContext::reference()] {
            let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), made).unwrap();
            match embedding.set_optimizer(asked) {
                Err(Error::InvalidConfig(message)) => {
                    assert!(message.contains(made.name()) && message.contains(asked.name()), "{message}");
                    let nesterov = made == momentum.into() && asked == momentum.with_nesterov(true).into();
                    assert!(!nesterov || message.contains("momentum with nesterov was asked for"), "{message}");
                }
                other => panic!("{made:?}, {asked:?}: {other:?}"),
            }
            assert_eq!(embedding.optimizer(), &made);
        }
    }
    // Of other settings the next step is a step of theirs, on both sides.
    let config = EmbeddingConfig::new(10, 4);
    let run = |context| {
        let mut embedding = GpuEmbedding::new(&context, config.clone(), Adagrad::default()).unwrap();
        let batch = embedding.batch(&[1, 2]).unwrap();
        embedding.update(&batch, &fractions(8, 1)).unwrap();
        embedding.set_optimizer(Adagrad::pytorch().with_epsilon(0.5)).unwrap();
        embedding.update(&batch, &fractions(8, 2)).unwrap();
        embedding.weights().unwrap()
    };
    let expected = run(wgpu_embedding::GpuContext::reference());
    assert_close("after set_optimizer", &run(context()), &expected, |_| 1e-7);
}
