//! Clipped and scaled updates, against a plain computation in f64.

use wgpu_embedding::{
    Adam, Clipping, EmbeddingConfig, Error, GpuContext, GpuEmbedding, IndexBatch, Update, reference, wgpu,
};

use crate::support::*;

const INPUT_DIM: u32 = 300;
const PADDING: u32 = 11;

/// Where a batch's indices come from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Host,
    Resident,
}

fn config(width: u32) -> EmbeddingConfig {
    EmbeddingConfig::new(INPUT_DIM, width).with_padding_idx(PADDING).with_seed(3)
}

fn batch_of(embedding: &GpuEmbedding, indices: &[u32], source: Source) -> IndexBatch {
    match source {
        Source::Host => embedding.batch(indices).unwrap(),
        Source::Resident => embedding.batch_from_buffer(&buffer(indices), &[indices.len()]).unwrap(),
    }
}

/// The summed gradient and the sum of its absolutes, both as tables.
fn plain_sums(indices: &[u32], gradient: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut sums = vec![0.0; INPUT_DIM as usize * width];
    let mut absolutes = sums.clone();
    for (&row, gradient) in indices.iter().zip(gradient.chunks_exact(width)).filter(|&(&row, _)| row != PADDING) {
        for (column, &g) in gradient.iter().enumerate() {
            sums[row as usize * width + column] += f64::from(g);
            absolutes[row as usize * width + column] += f64::from(g).abs();
        }
    }
    (sums, absolutes)
}

fn plain_norm(sums: &[f64]) -> f64 {
    sums.iter().map(|g| g * g).sum::<f64>().sqrt()
}

fn plain_clip(sums: &[f64], clipping: Clipping) -> Vec<f64> {
    let scale = match clipping {
        Clipping::Norm(limit) => limit / plain_norm(sums).max(limit),
        Clipping::NormPyTorch(limit) => (limit / (plain_norm(sums) + 1e-6)).min(1.0),
        _ => 1.0,
    };
    let limit = if let Clipping::Value(limit) = clipping { limit } else { f64::INFINITY };
    sums.iter().map(|g| (g * scale).clamp(-limit, limit)).collect()
}

/// Two steps from zero moments; the moments show what gradient Adam was given.
fn check_moments(what: &str, got: &Moments, steps: &[(Vec<f64>, Vec<f64>)]) {
    let adam = Adam::default();
    let gains = [adam.beta_1, adam.beta_2].map(|beta| f64::from((1.0 - beta) as f32));
    let elements = got.first.len();
    let (mut m, mut v) = (vec![0.0; elements], vec![0.0; elements]);
    // What the rounding of the sums, their scale and m may come to; sums of 2,000 in chunks of 64 are far better than
    // this, and a wrong scale far worse.
    let (mut of_m, mut of_v) = (vec![0.0; elements], vec![0.0; elements]);
    for (clipped, absolutes) in steps {
        for element in 0..elements {
            let g = clipped[element];
            let error = 2e-5 * absolutes[element];
            m[element] += (g - m[element]) * gains[0];
            v[element] += (g * g - v[element]) * gains[1];
            of_m[element] += gains[0] * error;
            of_v[element] += gains[1] * (2.0 * g.abs() * error + error * error) + 1e-6 * v[element];
        }
    }
    let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    assert_close(&format!("{what}: m"), &got.first, &narrow(&m), |element| of_m[element] + 1e-12);
    assert_close(&format!("{what}: v"), &got.second, &narrow(&v), |element| of_v[element] + 1e-18);
}

/// Two batches: one in which row 0 has most of 2,000 lookups, and a small one.
fn two_batches(width: usize) -> [(Vec<u32>, Vec<f32>); 2] {
    [(2_000, Skew::Zipf, 1), (70, Skew::Uniform, 2)].map(|(count, skew, seed)| {
        let indices = indices(count, INPUT_DIM, skew, seed);
        (indices, fractions(count * width, seed + 10))
    })
}

pub fn clipped_gradients_are_those_of_a_plain_computation() {
    let hot = two_batches(1)[0].0.iter().filter(|&&row| row == 0).count();
    assert!(hot > 64, "no run of more than a chunk: {hot}");
    for clipping in [Clipping::Value(0.25), Clipping::Norm(0.5), Clipping::NormPyTorch(0.5), Clipping::Norm(1e6)] {
        for width in [1usize, 4, 5, 64] {
            let batches = two_batches(width);
            let steps: Vec<_> = batches
                .iter()
                .map(|(indices, gradient)| {
                    let (sums, mut absolutes) = plain_sums(indices, gradient, width);
                    let clipped = plain_clip(&sums, clipping);
                    if clipping != Clipping::Norm(1e6) {
                        assert!(clipped != sums, "{clipping:?} clips nothing");
                    }
                    if !matches!(clipping, Clipping::Value(_)) {
                        let scale = plain_norm(&clipped) / plain_norm(&sums);
                        absolutes.iter_mut().for_each(|absolute| *absolute *= scale);
                    }
                    (clipped, absolutes)
                })
                .collect();
            let whole = config(width as u32);
            let split = whole.clone().with_max_shard_bytes(64 * 16 * width.div_ceil(4) as u64);
            for update in [Update::Deferred, Update::Dense, Update::Lazy] {
                let adam = Adam::default().with_update(update).with_clipping(clipping).with_amsgrad(width == 5);
                let sources = [
                    (context(), &whole, Source::Host),
                    (context(), &whole, Source::Resident),
                    (context(), &split, Source::Host),
                    (context(), &split, Source::Resident),
                    (GpuContext::reference(), &whole, Source::Host),
                ];
                for (context, config, source) in sources {
                    let what =
                        format!("{clipping:?}, width {width}, {update:?}, {source:?}, {:?}", context.backend());
                    let mut embedding = GpuEmbedding::new(&context, config.clone(), adam).unwrap();
                    for (indices, gradient) in &batches {
                        let batch = batch_of(&embedding, indices, source);
                        embedding.update(&batch, gradient).unwrap();
                        if update == Update::Lazy {
                            // It leaves the moments of other rows; one step shows it all.
                            break;
                        }
                    }
                    let steps = &steps[..embedding.step_count() as usize];
                    check_moments(&what, &moments(&embedding).unwrap(), steps);
                }
            }
        }
    }
}

type State = (Vec<u32>, Vec<u32>, Vec<u32>);

fn state(embedding: &GpuEmbedding) -> State {
    let moments = moments(embedding).unwrap();
    (bits(&embedding.weights().unwrap()), bits(&moments.first), bits(&moments.second))
}

/// Two updates on the GPU, and what they leave.
fn trained(adam: Adam, width: usize, source: Source) -> State {
    let mut embedding = GpuEmbedding::new(&context(), config(width as u32), adam).unwrap();
    for (indices, gradient) in two_batches(width) {
        let batch = batch_of(&embedding, &indices, source);
        embedding.update(&batch, &gradient).unwrap();
    }
    state(&embedding)
}

pub fn pytorchs_norm_has_its_epsilon() {
    // A norm of 3e-6 to one of 1e-6: a third in Keras's form, a quarter in PyTorch's.
    for (clipping, share) in [(Clipping::Norm(1e-6), 1.0 / 3.0), (Clipping::NormPyTorch(1e-6), 0.25)] {
        for mut embedding in pair(&config(4), &Adam::default().with_clipping(clipping)) {
            let batch = embedding.batch(&[2]).unwrap();
            embedding.update(&batch, &[0.0, -3e-6, 0.0, 0.0]).unwrap();
            let moments = moments(&embedding).unwrap();
            let expected = (-3e-6 * share * 0.1) as f32;
            assert_close("m", &moments.first[9..10], &[expected], |_| 1e-12);
        }
    }
}

pub fn what_is_below_the_limit_keeps_its_bits() {
    for update in [Update::Deferred, Update::Dense, Update::Lazy] {
        let adam = Adam::default().with_update(update);
        for (width, source) in [(4, Source::Host), (5, Source::Resident)] {
            let expected = trained(adam, width, source);
            for clipping in [Clipping::Value(1e6), Clipping::Norm(1e6), Clipping::NormPyTorch(1e6)] {
                let got = trained(adam.with_clipping(clipping), width, source);
                assert!(got == expected, "{clipping:?} changed a small gradient, {update:?}");
            }
        }
    }
}

pub fn a_batch_of_nothing_is_clipped_to_nothing() {
    for clipping in [Clipping::Value(0.1), Clipping::Norm(0.1), Clipping::NormPyTorch(0.1)] {
        let adam = Adam::default().with_clipping(clipping);
        for embedding in &mut pair(&config(5), &adam) {
            let before = state(embedding);
            for indices in [&[][..], &[PADDING, PADDING]] {
                let batch = embedding.batch(indices).unwrap();
                let gradient = vec![1.0; indices.len() * 5];
                assert_eq!(embedding.gradient_norm(&batch, &gradient).unwrap(), 0.0);
                embedding.update(&batch, &gradient).unwrap();
            }
            assert!(state(embedding) == before);
            assert_eq!(embedding.step_count(), 2);
        }
    }
}

pub fn a_nan_is_clipped_in_its_own_row_alone() {
    for clipping in [Clipping::Value(0.25), Clipping::Norm(0.5), Clipping::NormPyTorch(0.5)] {
        for update in [Update::Deferred, Update::Dense, Update::Lazy] {
            let adam = Adam::default().with_update(update).with_clipping(clipping);
            for mut embedding in pair(&config(4), &adam) {
                let batch = embedding.batch(&[7, 8, 9, 8]).unwrap();
                let mut gradient = [0.125f32; 16];
                gradient[6] = f32::NAN;
                embedding.update(&batch, &gradient).unwrap();
                let moments = moments(&embedding).unwrap();
                let what = format!("{clipping:?}, {update:?}");
                for values in [&embedding.weights().unwrap(), &moments.first, &moments.second] {
                    for (element, value) in values.iter().enumerate() {
                        assert_eq!(value.is_nan(), element == 8 * 4 + 2, "{what}: element {element} is {value}");
                    }
                }
                // The norm is no number, and scales nothing.
                let gain = (1.0 - adam.beta_1) as f32;
                assert_eq!(moments.first[7 * 4], 0.125 * gain, "{what}");
                assert_eq!(moments.first[8 * 4], 0.25 * gain, "{what}");
                assert!(embedding.gradient_norm(&batch, &gradient).unwrap().is_nan());
            }
        }
    }
}

pub fn the_norm_is_that_of_the_dense_gradient() {
    for width in [1usize, 4, 5, 300] {
        let split = config(width as u32).with_max_shard_bytes(64 * 16 * width.div_ceil(4) as u64);
        for (config, source) in [(config(width as u32), Source::Host), (split, Source::Resident)] {
            // A frozen table has gradients too.
            let embedding = GpuEmbedding::new(&context(), config.with_trainable(false), Adam::default()).unwrap();
            let mut encoder = encoder();
            let output = buffer(&[POISON; 200]);
            let mut expected = vec![POISON; 200];
            for (number, (indices, gradient)) in two_batches(width).iter().enumerate() {
                let batch = batch_of(&embedding, indices, source);
                let exact = plain_norm(&plain_sums(indices, gradient, width).0);
                let norm = embedding.gradient_norm(&batch, gradient).unwrap();
                assert_close("the norm", &[norm], &[exact as f32], |_| 1e-5 * exact);
                // A CPU adds as the reference does, so there the tree itself shows.
                if context().adapter_info().unwrap().device_type == wgpu::DeviceType::Cpu {
                    let sums = reference::scatter_add(gradient, width, indices, |row| row != PADDING);
                    assert_same_bits("the norm, the reference", &[norm], &[reference::gradient_norm(&sums)]);
                }
                let offset = 256 * number as u64;
                let gradient = buffer(gradient);
                embedding.record_gradient_norm(&mut encoder, &batch, &gradient, output.slice(offset..)).unwrap();
                expected[64 * number] = norm;
            }
            queue().submit([encoder.finish()]);
            assert_same_bits("recorded norms", &read(&output), &expected);
        }
    }
}

pub fn a_scale_multiplies_the_gradient() {
    let width = 5;
    let [(indices, gradient), _] = two_batches(width);
    // A power of two, so that scaling the sum or its terms makes no difference.
    let scaled: Vec<f32> = gradient.iter().map(|g| g * 0.25).collect();
    for update in [Update::Deferred, Update::Dense, Update::Lazy] {
        for clipping in [None, Some(Clipping::Value(0.05))] {
            let adam = Adam::default().with_update(update);
            let adam = clipping.map_or(adam, |clipping| adam.with_clipping(clipping));
            let new = |context| GpuEmbedding::new(&context, config(width as u32), adam).unwrap();
            for source in [Source::Host, Source::Resident] {
                let mut plain = new(context());
                let mut host = new(context());
                let mut recorded = new(context());
                let batch = batch_of(&plain, &indices, source);
                let factors = buffer(&[1e30f32, 8.0, 1e30, 0.25]);
                let on_the_gpu = buffer(&gradient);
                let mut encoder = encoder();
                for _ in 0..2 {
                    plain.update(&batch, &scaled).unwrap();
                    host.update_scaled(&batch, &gradient, 0.25).unwrap();
                    let factor = factors.slice(12..);
                    recorded.record_update_scaled(&mut encoder, &batch, &on_the_gpu, factor).unwrap();
                }
                queue().submit([encoder.finish()]);
                let expected = state(&plain);
                assert!(state(&host) == expected, "{adam:?}, {source:?}");
                assert!(state(&recorded) == expected, "{adam:?}, {source:?}, recorded");
            }
            let [mut plain, mut host] = [(); 2].map(|()| new(GpuContext::reference()));
            let batch = plain.batch(&indices).unwrap();
            plain.update(&batch, &scaled).unwrap();
            host.update_scaled(&batch, &gradient, 0.25).unwrap();
            assert!(state(&host) == state(&plain), "{adam:?}, the reference");
        }
    }
}

pub fn a_scale_is_read_when_its_commands_run() {
    // Each of two updates on one encoder takes the factor that the buffer then holds.
    let mut expected = GpuEmbedding::new(&context(), config(4), Adam::default()).unwrap();
    let mut recorded = GpuEmbedding::new(&context(), config(4), Adam::default()).unwrap();
    let batch = expected.batch(&[1, 2, 1]).unwrap();
    let gradient = fractions(12, 5);
    let on_the_gpu = buffer(&gradient);
    let (factor, sources) = (buffer(&[0.0f32; 4]), buffer(&[2.0f32, 0.5]));
    let mut encoder = encoder();
    for (number, scale) in [(0, 2.0), (1, 0.5)] {
        expected.update_scaled(&batch, &gradient, scale).unwrap();
        encoder.copy_buffer_to_buffer(&sources, number * 4, &factor, 4, 4);
        recorded.record_update_scaled(&mut encoder, &batch, &on_the_gpu, factor.slice(4..8)).unwrap();
    }
    queue().submit([encoder.finish()]);
    assert!(state(&recorded) == state(&expected));
}

pub fn two_scales_are_refused_and_change_nothing() {
    for clipping in [Clipping::Norm(1.0), Clipping::NormPyTorch(1.0)] {
        for mut embedding in pair(&config(4), &Adam::default().with_clipping(clipping)) {
            let batch = embedding.batch(&[1, 2]).unwrap();
            embedding.update(&batch, &[1.0; 8]).unwrap();
            let before = state(&embedding);
            let refused = |result| match result {
                Err(Error::InvalidConfig(message)) => assert!(message.contains("not by both"), "{message}"),
                other => panic!("{other:?}"),
            };
            refused(embedding.update_scaled(&batch, &[1.0; 8], 0.5));
            if embedding.context().device().is_some() {
                let (gradient, factor) = (buffer(&[1.0f32; 8]), buffer(&[0.5f32; 4]));
                let mut encoder = encoder();
                refused(embedding.record_update_scaled(&mut encoder, &batch, &gradient, &factor));
                queue().submit([encoder.finish()]);
            }
            assert_eq!(embedding.step_count(), 1);
            assert!(state(&embedding) == before);
        }
    }
}

pub fn a_wrong_scale_buffer_is_named() {
    let mut embedding = GpuEmbedding::new(&context(), config(4), Adam::default()).unwrap();
    let batch = embedding.batch(&[1, 2]).unwrap();
    let gradient = buffer(&[1.0f32; 8]);
    let factor = buffer(&[0.5f32; 4]);
    let no_copy = buffer_with_usage(&[0.5f32; 4], wgpu_embedding::wgpu::BufferUsages::STORAGE);
    let before = state(&embedding);
    let mut encoder = encoder();
    let error = embedding.record_update_scaled(&mut encoder, &batch, &gradient, &no_copy).unwrap_err();
    assert!(matches!(error, Error::BufferUsage { .. }), "{error}");
    let error = embedding.record_update_scaled(&mut encoder, &batch, &gradient, factor.slice(2..6)).unwrap_err();
    assert!(matches!(error, Error::BufferAlignment { .. }), "{error}");
    let error = embedding.record_update_scaled(&mut encoder, &batch, &gradient, factor.slice(4..6)).unwrap_err();
    assert!(matches!(error, Error::BufferTooSmall { .. }), "{error}");
    queue().submit([encoder.finish()]);
    assert_eq!(embedding.step_count(), 0);
    assert!(state(&embedding) == before);
}

pub fn limits_out_of_range_are_refused() {
    let limits = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-60, 1e39];
    for limit in limits {
        for clipping in [Clipping::Value(limit), Clipping::Norm(limit), Clipping::NormPyTorch(limit)] {
            let adam = Adam::default().with_clipping(clipping);
            for context in [context(), GpuContext::reference()] {
                match GpuEmbedding::new(&context, config(4), adam) {
                    Err(Error::InvalidConfig(message)) => assert!(message.starts_with("clipping"), "{message}"),
                    other => panic!("{clipping:?}: {other:?}"),
                }
                let mut embedding = GpuEmbedding::new(&context, config(4), Adam::default()).unwrap();
                assert!(embedding.set_optimizer(adam).is_err());
                assert_eq!(embedding.optimizer().clipping(), None);
            }
        }
    }
}

pub fn the_reference_scales_as_it_says() {
    use reference::gradient_scale;
    assert_eq!(gradient_scale(4.0, Clipping::Norm(1.0)), 0.25);
    assert_eq!(gradient_scale(1.0, Clipping::Norm(1.0)), 1.0);
    assert_eq!(gradient_scale(0.5, Clipping::Norm(1.0)), 1.0);
    assert_eq!(gradient_scale(f32::NAN, Clipping::Norm(1.0)), 1.0);
    assert_eq!(gradient_scale(f32::INFINITY, Clipping::Norm(1.0)), 0.0);
    assert_eq!(gradient_scale(4.0, Clipping::Value(1.0)), 1.0);
    assert!(gradient_scale(1.0, Clipping::NormPyTorch(1.0)) < 1.0);
}
