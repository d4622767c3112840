//! A committed file of each version of the format: each of them loads for ever.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use wgpu_embedding::{Adam, Clipping, EmbeddingConfig, Initializer, Optimizer, Update};

use super::{load, state, table};

/// Format 1 was written by the last commit that knew no other, format 2 by the first that had it, both by [`made`].
const FORMATS: [u64; 2] = [1, 2];

/// A variable in the environment: a file to write, of the newest format.
const WRITE: &str = "WGPU_EMBEDDING_WRITE_CHECKPOINT";

fn path(format: u64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/host/checkpoint/format_{format}.safetensors"))
}

/// No default but the names of files.
fn adam() -> Adam {
    Adam::pytorch()
        .with_learning_rate(0.01 / 7.0)
        .with_amsgrad(true)
        .with_betas(0.1 + 0.2, 0.7 + 0.1 + 0.1)
        .with_epsilon(1e-7 / 3.0)
        .with_weight_decay(0.1)
        .with_update(Update::Dense)
        .with_clipping(Clipping::NormPyTorch(1.0 / 3.0))
}

fn config() -> EmbeddingConfig {
    let weights: Vec<f32> = (0..21).map(|i| (i as f32 - 10.0) / 7.0).collect();
    EmbeddingConfig::new(7, 3)
        .with_seed(u64::MAX - 6)
        .with_padding_idx(2)
        .with_mask_zero(true)
        .with_input_length(4)
        .with_max_shard_bytes(1 << 20)
        .with_initializer(Initializer::Matrix(weights))
}

fn made() -> wgpu_embedding::GpuEmbedding {
    let mut made = table(config(), adam());
    for step in 0..5u64 {
        made.set_learning_rate(0.01 / (3.0 + step as f64)).unwrap();
        let batch = made.batch(&[step % 7, 2, (step * 3 + 1) % 7, 5]).unwrap();
        let gradient: Vec<f32> = (0..12).map(|i| ((i * 37 + step * 11) % 19) as f32 / 8.0 - 1.0).collect();
        made.update(&batch, &gradient).unwrap();
    }
    made
}

#[test]
fn a_file_of_each_version_loads_and_trains() {
    if let Some(path) = std::env::var_os(WRITE) {
        made().save(path).unwrap();
    }
    for format in FORMATS {
        let bytes = fs::read(path(format)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut loaded = load(&path(format)).unwrap();
        let found = state(&loaded);

        let optimizer = Optimizer::from(adam());
        assert_eq!(loaded.optimizer(), &optimizer, "format {format}");
        // PartialEq takes 0 for -0, and Debug writes every bit.
        assert_eq!(format!("{:?}", loaded.optimizer()), format!("{optimizer:?}"), "format {format}");
        assert_eq!((loaded.input_dim(), loaded.output_dim(), found.step_count), (7, 3, 5), "format {format}");
        assert_eq!(found.rest, (true, true, Some(2), Some(4), u64::MAX - 6), "format {format}");

        let names = ["weight", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        let arrays = [vec![&found.weights], found.arrays.iter().collect()].concat();
        assert_eq!(arrays.len(), names.len());
        for (name, array) in names.into_iter().zip(arrays) {
            let tensor = tensors.tensor(name).unwrap();
            let bits: Vec<_> = tensor.data().as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
            assert!(bits.iter().any(|&bits| bits != 0), "format {format}: {name} is all zero");
            assert_eq!(array, &bits, "format {format}: {name}");
        }

        let mut restored = table(config(), adam());
        restored.restore(path(format)).unwrap();
        for run in [&mut loaded, &mut restored] {
            // Batches of four, for the table's input_length.
            let batch = run.batch(&[0, 2, 5, 6]).unwrap();
            (0..20).for_each(|_| run.update(&batch, &[0.5; 12]).unwrap());
        }
        assert_ne!(state(&loaded).weights, found.weights, "format {format}");
        assert_eq!(state(&loaded), state(&restored), "format {format}");
    }
}

#[test]
fn both_formats_have_the_same_numbers() {
    let [first, second] = FORMATS.map(|format| state(&load(&path(format)).unwrap()));
    assert_eq!(first, second);
}

#[test]
fn an_old_file_is_saved_as_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.safetensors");
    load(&path(1)).unwrap().save(&saved).unwrap();
    assert_eq!(super::Parts::of(&fs::read(&saved).unwrap()).settings()["version"], *FORMATS.last().unwrap());
    assert_eq!(state(&load(&saved).unwrap()), state(&load(&path(1)).unwrap()));
}
