//! Tables in half precision.

use wgpu_embedding::{
    Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer, Mapping, Optimizer, Rounding, RowWiseAdagrad,
    Search, Sgd, Similarity, Storage, Update,
};

use crate::support::*;

const HALVES: [Storage; 2] = [Storage::F16, Storage::Bf16];
const ROUNDINGS: [Rounding; 2] = [Rounding::Nearest, Rounding::Stochastic];

fn config(input_dim: u32, output_dim: u32, storage: Storage) -> EmbeddingConfig {
    EmbeddingConfig::new(input_dim, output_dim).with_storage(storage)
}

/// Steps that move a weight by the very gradient.
fn plain() -> Sgd {
    Sgd::default().with_learning_rate(1.0)
}

/// From one number to the next, near `value`.
fn ulp(storage: Storage, value: f32) -> f32 {
    let (bits, least) = if storage == Storage::F16 { (10, -14) } else { (7, -126) };
    let exponent = ((value.abs().to_bits() >> 23) as i32 - 127).max(least);
    2f32.powi(exponent - bits)
}

/// Numbers of every size, of both signs, ties and what is beside them.
fn numbers(storage: Storage) -> Vec<f32> {
    let mut numbers = fractions(4_000, 3);
    for exponent in -126..128 {
        let power = 2f32.powi(exponent);
        for tail in [0u32, 1, 0x0fff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001, 0x0001_8000, 0x007f_ffff] {
            let number = f32::from_bits(power.to_bits() | tail);
            numbers.extend([number, -number]);
        }
    }
    numbers.extend([0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 65_519.9, 65_520.0, 65_536.0]);
    numbers.extend((1..40).map(|i| i as f32 * ulp(storage, 0.0) / 8.0).filter(|number| number.is_normal()));
    numbers
}

/// The bits of all weights after updates that store these numbers at each of some steps.
fn stored(context: &GpuContext, config: &EmbeddingConfig, numbers: &[f32]) -> Vec<Vec<u32>> {
    let rows: Vec<u32> = (0..config.input_dim).collect();
    let mut embedding = GpuEmbedding::new(context, config.clone(), plain()).unwrap();
    let mut gradient: Vec<f32> = numbers.iter().map(|number| -number).collect();
    gradient.resize(config.element_count() as usize, 0.0);
    let zeros = vec![0.0; gradient.len()];
    (0..3)
        .map(|_| {
            embedding.set_weights(&zeros).unwrap();
            embedding.update(&embedding.batch(&rows).unwrap(), &gradient).unwrap();
            // Which NaN it is may differ.
            embedding.weights().unwrap().into_iter().map(|w| if w.is_nan() { 1 } else { w.to_bits() }).collect()
        })
        .collect()
}

pub fn every_number_is_rounded_as_the_reference_does() {
    for storage in HALVES {
        let numbers = numbers(storage);
        for rounding in ROUNDINGS {
            for width in [64, 5] {
                let rows = numbers.len().div_ceil(width as usize) as u32;
                let config = config(rows, width, storage).with_rounding(rounding).with_seed(1 << 40 | 9);
                let config = config.with_initializer(Initializer::Zeros);
                let [gpu, reference] = [context(), GpuContext::reference()].map(|on| stored(&on, &config, &numbers));
                for (step, (gpu, reference)) in gpu.iter().zip(&reference).enumerate() {
                    for (number, (gpu, reference)) in numbers.iter().zip(gpu.iter().zip(reference)) {
                        let [got, expected] = [gpu, reference].map(|bits| f32::from_bits(*bits));
                        assert_eq!(
                            gpu, reference,
                            "{storage:?}, {rounding:?}, step {step}: {number:e} became {got:e}, expected {expected:e}"
                        );
                    }
                }
                let differ = gpu[0] != gpu[1];
                assert_eq!(differ, rounding == Rounding::Stochastic, "{storage:?}: steps draw their own numbers");
            }
        }
    }
}

pub fn a_table_takes_the_memory_that_it_says() {
    for (storage, bytes) in [(Storage::F32, 4), (Storage::F16, 2), (Storage::Bf16, 2)] {
        let embedding = GpuEmbedding::new(&context(), config(1_000, 64, storage), RowWiseAdagrad::default()).unwrap();
        let shards = embedding.weight_shards().unwrap();
        assert_eq!(shards.iter().map(|shard| shard.buffer.size()).sum::<u64>(), 64_000 * bytes);
        assert!(shards.iter().all(|shard| shard.storage == storage));
        assert_eq!(embedding.storage(), storage);
    }
}

/// What the host writes is rounded to nearest, and read back as it is.
pub fn the_host_reads_what_is_stored() {
    for storage in HALVES {
        for width in [3, 64] {
            let values = fractions(50 * width as usize, 5);
            let start = config(50, width, storage).with_initializer(Initializer::Matrix(values.clone()));
            let tables = [context(), GpuContext::reference()]
                .map(|context| GpuEmbedding::new(&context, start.clone(), plain()).unwrap());
            let [first, other] = tables.each_ref().map(|table| table.weights().unwrap());
            assert_same_bits("the first values", &first, &other);
            assert_close("the first values", &first, &values, |i| f64::from(ulp(storage, values[i])) / 2.0);
            for mut table in tables {
                table.set_weights(&first).unwrap();
                assert_same_bits("set", &table.weights().unwrap(), &first);
                let rows = table.rows(&[7u32, 3]).unwrap();
                let width = width as usize;
                assert_same_bits(
                    "rows",
                    &rows,
                    &[&first[7 * width..][..width], &first[3 * width..][..width]].concat(),
                );
            }
        }
    }
}

/// Whole numbers, so that GPU and reference have the same sums, and weights that both storages have.
pub fn trained_tables_agree_with_the_reference() {
    for storage in HALVES {
        for rounding in ROUNDINGS {
            for update in [Update::Deferred, Update::Dense, Update::Lazy] {
                for width in [5, 64] {
                    let config = config(60, width, storage).with_rounding(rounding).with_seed(3);
                    let sgd = Sgd::default().with_learning_rate(1.0 / 1024.0).with_update(update);
                    let [gpu, reference] = [context(), GpuContext::reference()].map(|context| {
                        let mut table = GpuEmbedding::new(&context, config.clone(), sgd).unwrap();
                        for step in 0..20 {
                            let indices = indices(100, 60, Skew::Zipf, step);
                            let gradient = whole_numbers(100 * width as usize, step);
                            table.update(&table.batch(&indices).unwrap(), &gradient).unwrap();
                        }
                        table.weights().unwrap()
                    });
                    assert_same_bits(&format!("{storage:?}, {rounding:?}, {update:?}"), &gpu, &reference);
                }
            }
        }
    }
}

fn optimizers() -> [Optimizer; 3] {
    [Adam::default().into(), Adam::pytorch().with_weight_decay(0.1).into(), RowWiseAdagrad::default().into()]
}

fn trained(context: &GpuContext, config: &EmbeddingConfig, optimizer: Optimizer) -> GpuEmbedding {
    let mut table = GpuEmbedding::new(context, config.clone(), optimizer).unwrap();
    for step in 0..30 {
        let indices = indices(150, config.input_dim, Skew::Zipf, step);
        let gradient = fractions(150 * config.output_dim as usize, step);
        table.update(&table.batch(&indices).unwrap(), &gradient).unwrap();
    }
    table
}

pub fn the_same_inputs_give_the_same_bits() {
    for storage in HALVES {
        for width in [6, 64, 300] {
            for optimizer in optimizers() {
                let config = config(400, width, storage).with_seed(5);
                let first = trained(&context(), &config, optimizer).weights().unwrap();
                for mapping in [Mapping::Gpu, Mapping::Cpu] {
                    let other = trained(&context().with_mapping(mapping), &config, optimizer).weights().unwrap();
                    assert_same_bits("another mapping", &other, &first);
                }
                let split = config.clone().with_max_shard_bytes(u64::from(width.div_ceil(4)) * 16 * 128);
                let split = trained(&context(), &split, optimizer);
                assert!(split.shard_count() > 2);
                assert_same_bits("split", &split.weights().unwrap(), &first);
                let seeded = trained(&context(), &config.with_seed(6), optimizer).weights().unwrap();
                assert_ne!(bits(&seeded), bits(&first));
            }
        }
    }
}

/// A lookup gives the f32 value that a flush then rounds.
pub fn a_lookup_is_what_a_flush_stores_within_an_ulp() {
    for storage in HALVES {
        for optimizer in optimizers() {
            let table = trained(&context(), &config(400, 64, storage), optimizer);
            let rows: Vec<u32> = (0..400).collect();
            let looked_up = table.rows(&rows).unwrap();
            table.flush().unwrap();
            let stored = table.rows(&rows).unwrap();
            assert_close("flushed", &stored, &looked_up, |i| f64::from(ulp(storage, looked_up[i])));
            assert_same_bits("flushed", &table.weights().unwrap(), &stored);
            if optimizer.name() == "adam" {
                assert_ne!(bits(&looked_up), bits(&stored), "rows were behind");
            }
        }
    }
}

/// Between two stores a row is what f32 makes of the stored one.
pub fn a_row_in_between_is_that_of_f32_from_its_last_store() {
    for storage in HALVES {
        for optimizer in [Adam::default().into(), Sgd::default().with_momentum(0.9).into()] {
            let mut half = trained(&context(), &config(400, 12, storage), optimizer);
            let mut single = trained(&context(), &config(400, 12, Storage::F32), optimizer);
            single.set_weights(&half.weights().unwrap()).unwrap();
            for array in optimizer.state() {
                single.set_state(array.name, &half.state(array.name).unwrap()).unwrap();
            }
            let rows: Vec<u32> = (1..400).collect();
            for step in 0..40 {
                for table in [&mut half, &mut single] {
                    table.update(&table.batch(&[0]).unwrap(), &fractions(12, step)).unwrap();
                }
                let [got, expected] = [&half, &single].map(|table| table.rows(&rows).unwrap());
                assert_same_bits(&format!("{storage:?}, {optimizer:?}, {step} steps later"), &got, &expected);
            }
            let stored = half.weights().unwrap();
            let back: Vec<f32> =
                stored[12..].iter().zip(single.weights().unwrap()[12..].iter()).map(|(h, s)| h - s).collect();
            assert!(back.iter().any(|&difference| difference != 0.0), "a flush rounds");
        }
    }
}

/// Where steps are far below half a unit in the last place, rounding to nearest stalls, and stochastic rounding does not.
pub fn small_steps_are_not_lost() {
    const ELEMENTS: usize = 10_000;
    const STEPS: usize = 2_000;
    let rows: Vec<u32> = (0..ELEMENTS as u32 / 100).collect();
    // In each storage a unit in the last place of weights in 1 .. 2 is far more than a step, and they stay there.
    for (storage, rate) in [(Storage::Bf16, 1e-4), (Storage::F16, 2e-5)] {
        for (rounding, optimizer) in [
            (Rounding::Nearest, Optimizer::from(Sgd::default().with_learning_rate(rate))),
            (Rounding::Stochastic, Sgd::default().with_learning_rate(rate).into()),
            (Rounding::Stochastic, Adam::default().with_learning_rate(rate).into()),
        ] {
            let run = |storage| {
                let config = config(rows.len() as u32, 100, storage).with_rounding(rounding).with_seed(2);
                let config = config.with_initializer(Initializer::Constant(1.5));
                let mut table = GpuEmbedding::new(&context(), config, optimizer).unwrap();
                let batch = table.batch(&rows).unwrap();
                let gradient = vec![1.0; ELEMENTS];
                (0..STEPS).for_each(|_| table.update(&batch, &gradient).unwrap());
                table.weights().unwrap()
            };
            let (half, single) = (run(storage), run(Storage::F32));
            let deviations: Vec<f64> = half.iter().zip(&single).map(|(h, s)| f64::from(*h) - f64::from(*s)).collect();
            let moved = 1.5 - f64::from(single[0]);
            let mean = deviations.iter().sum::<f64>() / ELEMENTS as f64;
            if rounding == Rounding::Nearest {
                assert!(half.iter().all(|&w| w == 1.5), "{storage:?}: rounding to nearest stalls");
                continue;
            }
            assert!(mean.abs() <= 0.005 * moved, "{storage:?}, {optimizer:?}: {mean:e} of {moved}");
            let rms =
                (deviations.iter().map(|deviation| deviation * deviation).sum::<f64>() / ELEMENTS as f64).sqrt();
            let (step, unit) = (moved / STEPS as f64, f64::from(ulp(storage, 1.5)));
            let expected = (STEPS as f64 * step * (unit - step)).sqrt();
            assert!((rms / expected - 1.0).abs() < 0.1, "{storage:?}, {optimizer:?}: rms {rms}, expected {expected}");
        }
    }
}

pub fn the_nearest_rows_are_those_of_the_stored_weights() {
    for storage in HALVES {
        for width in [6, 64] {
            let half = trained(&context(), &config(400, width, storage), Adam::default().into());
            let weights = Initializer::Matrix(half.weights().unwrap());
            let single = config(400, width, Storage::F32).with_initializer(weights);
            let single = GpuEmbedding::new(&context(), single, Adam::default()).unwrap();
            let queries = fractions(5 * width as usize, 1);
            for similarity in [Similarity::Cosine, Similarity::Dot] {
                let search = Search::new(10).with_similarity(similarity);
                let [got, expected] = [&half, &single].map(|table| table.nearest(&queries, &search).unwrap());
                assert_eq!(got, expected, "{storage:?}, {similarity:?}");
            }
        }
    }
}

pub fn checkpoints_hold_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    for storage in HALVES {
        for rounding in ROUNDINGS {
            for optimizer in optimizers() {
                let path = folder.path().join("checkpoint");
                let config = config(400, 10, storage).with_rounding(rounding).with_seed(11);
                let mut table = trained(&context(), &config, optimizer);
                table.save(&path).unwrap();
                let bytes = std::fs::read(&path).unwrap();
                let mut loaded = GpuEmbedding::load(&context(), &path).unwrap();
                assert_eq!((loaded.storage(), loaded.rounding()), (storage, rounding));
                let on_the_host = GpuEmbedding::load(&GpuContext::reference(), &path).unwrap();
                assert_same_bits("loaded", &on_the_host.weights().unwrap(), &table.weights().unwrap());
                // Of another seed until it is restored.
                let mut restored = trained(&context(), &config.clone().with_seed(12), optimizer);
                restored.restore(&path).unwrap();
                for (what, mut other) in [("restored", restored), ("on the host", on_the_host)] {
                    other.save(&path).unwrap();
                    assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}");
                    if what == "on the host" {
                        continue;
                    }
                    for step in 100..110 {
                        let indices = indices(50, 400, Skew::Uniform, step);
                        let gradient = fractions(500, step);
                        for table in [&mut loaded, &mut other] {
                            table.update(&table.batch(&indices).unwrap(), &gradient).unwrap();
                        }
                    }
                    assert_same_bits(what, &other.weights().unwrap(), &loaded.weights().unwrap());
                }
                let single = config.with_storage(Storage::F32);
                let mut single = GpuEmbedding::new(&context(), single, optimizer).unwrap();
                let error = single.restore(&path).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("storage is {} in the file and f32 here", storage.name())),
                    "{error}"
                );
            }
        }
    }
}

pub fn plain_weights_go_out_and_in_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for storage in HALVES {
        let table = trained(&context(), &config(400, 10, storage), Adam::default().into());
        table.save_weights(&path, "weight").unwrap();
        let weights = table.weights().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() < 400 * 10 * 2 + 200);
        for context in [context(), GpuContext::reference()] {
            let mut other = GpuEmbedding::new(&context, config(400, 10, storage), Adam::default()).unwrap();
            other.load_weights(&path, "weight").unwrap();
            assert_same_bits("loaded", &other.weights().unwrap(), &weights);
            other.save_weights(&path, "weight").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }

        // On a GPU they are never anything else: a signalling NaN, which a conversion makes quiet, comes back as it was.
        let mut with_nan = bytes.clone();
        let end = with_nan.len();
        let nan: u16 = if storage == Storage::F16 { 0x7c01 } else { 0x7f81 };
        with_nan[end - 2..].copy_from_slice(&nan.to_le_bytes());
        std::fs::write(&path, &with_nan).unwrap();
        let mut other = GpuEmbedding::new(&context(), config(400, 10, storage), Adam::default()).unwrap();
        other.load_weights(&path, "weight").unwrap();
        other.save_weights(&path, "weight").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), with_nan);
    }
}
