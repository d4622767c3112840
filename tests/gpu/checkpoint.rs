//! Checkpoints and plain weights of tables on the GPU; tests/host/checkpoint.rs has the files themselves.

use std::fs;

use safetensors::SafeTensors;
use wgpu_embedding::{Adam, Clipping, EmbeddingConfig, Error, Extent, GpuContext, GpuEmbedding, Optimizer, Update};

use crate::support::*;

const ROWS: u32 = 300;
const WIDTH: u32 = 6;

/// One shard, and five of 64 rows.
fn configs() -> [EmbeddingConfig; 2] {
    let config = EmbeddingConfig::new(ROWS, WIDTH).with_seed(3).with_padding_idx(4);
    [config.clone(), config.with_max_shard_bytes(64 * 32)]
}

/// Trains steps of rows, gradients and learning rates of their own; most rows miss most steps.
fn train(embedding: &mut GpuEmbedding, steps: std::ops::Range<u64>) {
    for step in steps {
        embedding.set_learning_rate(0.01 / (1.0 + (step % 7) as f64)).unwrap();
        let batch = embedding.batch(&indices(20, ROWS, Skew::Zipf, step)).unwrap();
        embedding.update(&batch, &fractions(20 * WIDTH as usize, step)).unwrap();
    }
}

#[track_caller]
fn assert_same(what: &str, got: &GpuEmbedding, expected: &GpuEmbedding) {
    assert_eq!(got.step_count(), expected.step_count(), "{what}");
    assert_eq!(got.optimizer(), expected.optimizer(), "{what}");
    assert_same_bits(what, &got.weights().unwrap(), &expected.weights().unwrap());
    let [got, expected] = [got, expected].map(moments);
    if let (Some(got), Some(expected)) = (&got, &expected) {
        assert_same_bits(&format!("{what}, first moment"), &got.first, &expected.first);
        assert_same_bits(&format!("{what}, second moment"), &got.second, &expected.second);
        let [got, expected] = [got, expected].map(|moments| moments.largest.clone().unwrap_or_default());
        assert_same_bits(&format!("{what}, largest moment"), &got, &expected);
    }
    assert_eq!(got.is_some(), expected.is_some(), "{what}");
}

pub fn resumed_runs_have_the_bits_of_unbroken_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let other_context = new_context();
    let all = Adam::pytorch().with_weight_decay(0.1).with_amsgrad(true).with_clipping(Clipping::Norm(0.5));
    // Near sqrt(beta_2), where sums are done term by term.
    let near = Adam::default().with_betas(0.9, 0.85).with_weight_decay(0.01).with_clipping(Clipping::Value(0.1));
    for adam in [Adam::default(), Adam::default().with_weight_decay(0.3), all, near] {
        for update in [Update::Deferred, Update::Dense, Update::Lazy] {
            for config in configs() {
                let what = format!("{update:?}, {adam:?}, {:?}", config.max_shard_bytes);
                let adam = adam.with_update(update);
                let mut unbroken = GpuEmbedding::new(&context(), config.clone(), adam).unwrap();
                train(&mut unbroken, 0..30);
                unbroken.save(&path).unwrap();

                let mut resumed = GpuEmbedding::load(&context(), &path).unwrap();
                assert_eq!(resumed.shard_count(), unbroken.shard_count());
                assert_same(&what, &resumed, &unbroken);
                let mut elsewhere = GpuEmbedding::load(&other_context, &path).unwrap();
                // In the middle of a run of its own, with other settings.
                let other_adam = adam.with_learning_rate(0.5).with_epsilon(1e-3);
                let mut restored = GpuEmbedding::new(&context(), config.clone().with_seed(99), other_adam).unwrap();
                train(&mut restored, 50..55);
                restored.restore(&path).unwrap();
                assert_same(&what, &restored, &unbroken);

                let started = unbroken.weights().unwrap();
                for run in [&mut unbroken, &mut resumed, &mut elsewhere, &mut restored] {
                    train(run, 30..60);
                }
                assert_ne!(unbroken.weights().unwrap(), started, "{what}");
                assert_same(&format!("resumed, {what}"), &resumed, &unbroken);
                assert_same(&format!("elsewhere, {what}"), &elsewhere, &unbroken);
                assert_same(&format!("restored, {what}"), &restored, &unbroken);
            }
        }
    }
}

/// Every array comes back, of each weight and of each row, from a table of several shards.
pub fn every_optimizer_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let arrays = |table: &GpuEmbedding| -> Vec<f32> {
        let names = table.optimizer().state().into_iter().map(|array| array.name);
        table.weights().unwrap().into_iter().chain(names.flat_map(|name| table.state(name).unwrap())).collect()
    };
    for optimizer in Optimizer::each() {
        for (config, update) in configs().into_iter().zip([Update::Lazy, Update::Deferred]) {
            let settings = [("momentum", "0.9"), ("amsgrad", "true")];
            // Each where there is such a setting.
            let optimizer = settings.into_iter().fold(optimizer.with_update(update), |optimizer, (name, value)| {
                optimizer.with_setting(name, value).unwrap_or(optimizer)
            });
            let mut unbroken = GpuEmbedding::new(&context(), config.clone(), optimizer).unwrap();
            train(&mut unbroken, 0..30);
            unbroken.save(&path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            for array in optimizer.state() {
                let tensor = tensors.tensor(array.name).unwrap();
                let shape = match array.extent {
                    Extent::PerElement => vec![ROWS as usize, WIDTH as usize],
                    Extent::PerRow => vec![ROWS as usize],
                };
                assert_eq!(tensor.shape(), shape, "{optimizer:?}: {}", array.name);
                let saved: Vec<f32> = bytemuck::pod_collect_to_vec(tensor.data());
                let what = format!("{optimizer:?}: {}", array.name);
                assert_same_bits(&what, &saved, &unbroken.state(array.name).unwrap());
            }
            let mut resumed = GpuEmbedding::load(&context(), &path).unwrap();
            let mut restored = GpuEmbedding::new(&context(), config, optimizer).unwrap();
            train(&mut restored, 50..55);
            restored.restore(&path).unwrap();
            for run in [&mut unbroken, &mut resumed, &mut restored] {
                train(run, 30..60);
            }
            let expected = arrays(&unbroken);
            for run in [resumed, restored] {
                assert_same_bits(&format!("{optimizer:?}"), &arrays(&run), &expected);
            }
        }
    }
}

pub fn a_checkpoint_is_the_same_on_every_context_and_split() {
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    for (config, trainable) in configs().into_iter().zip([true, false]) {
        let adam = Adam::default().with_amsgrad(true);
        let mut made = GpuEmbedding::new(&context(), config.with_trainable(trainable), adam).unwrap();
        if trainable {
            train(&mut made, 0..10);
        }
        pollster::block_on(made.save_async(&here)).unwrap();
        let mut on_the_reference = GpuEmbedding::load(&GpuContext::reference(), &here).unwrap();
        assert_same("on the reference", &on_the_reference, &made);
        on_the_reference.save(&there).unwrap();
        assert!(fs::read(&here).unwrap() == fs::read(&there).unwrap(), "the files differ");
        assert_same("back", &GpuEmbedding::load(&context(), &there).unwrap(), &made);
        // And into a table that is split otherwise.
        let config = EmbeddingConfig::new(ROWS, WIDTH).with_padding_idx(4).with_trainable(trainable);
        let config = config.with_max_shard_bytes(128 * 32);
        let mut split = GpuEmbedding::new(&context(), config, adam).unwrap();
        split.restore(&there).unwrap();
        assert_eq!(split.shard_count(), 3);
        assert_same("split otherwise", &split, &made);
    }
}

pub fn a_refused_restore_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    for config in configs() {
        let run = || {
            let mut run = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
            train(&mut run, 0..20);
            run
        };
        let (mut asked, mut left_alone) = (run(), run());
        let mut other = GpuEmbedding::new(&context(), config.clone(), Adam::default().with_amsgrad(true)).unwrap();
        other.save(&path).unwrap();
        let error = asked.restore(&path).unwrap_err();
        assert!(matches!(error, Error::CheckpointMismatch { .. }), "{error}");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(asked.restore(&path), Err(Error::Malformed { .. })));
        assert!(matches!(asked.load_weights(&path, "weight"), Err(Error::Malformed { .. })));
        // Not even the last bits, which a flush would change.
        for run in [&mut asked, &mut left_alone] {
            train(run, 20..40);
        }
        assert_same("after refusals", &asked, &left_alone);
    }
}

pub fn a_restored_table_keeps_its_batches_and_buffers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    for config in configs() {
        let mut table = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
        let batch = table.batch(&indices(20, ROWS, Skew::Zipf, 1)).unwrap();
        let gradient = fractions(20 * WIDTH as usize, 1);
        let buffers = |table: &GpuEmbedding| -> Vec<_> {
            table.weight_shards().unwrap().iter().map(|shard| shard.buffer.clone()).collect()
        };
        let before = buffers(&table);
        table.save(&path).unwrap();
        table.update(&batch, &gradient).unwrap();
        let once = table.weights().unwrap();
        table.update(&batch, &gradient).unwrap();
        table.restore(&path).unwrap();
        assert_eq!(buffers(&table), before);
        let output = table.lookup(&batch).unwrap();
        assert_eq!(output.read().unwrap(), table.rows(&indices(20, ROWS, Skew::Zipf, 1)).unwrap());
        table.update(&batch, &gradient).unwrap();
        assert_same_bits("the same step again", &table.weights().unwrap(), &once);
    }
}

pub fn plain_weights_go_out_and_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for config in configs() {
        let new =
            |update| GpuEmbedding::new(&context(), config.clone(), Adam::default().with_update(update)).unwrap();
        let mut other = new(Update::Dense);
        train(&mut other, 0..3);
        other.save_weights(&path, "embed_tokens.weight").unwrap();
        let weights = other.weights().unwrap();

        let from_file = EmbeddingConfig::from_safetensors(&path, "embed_tokens.weight").unwrap();
        let made = GpuEmbedding::new(&context(), from_file.with_trainable(false), Adam::default()).unwrap();
        assert_same_bits("made of it", &made.weights().unwrap(), &weights);

        // Of rows that have missed steps, what they are by now.
        let [stale, read] = [(); 2].map(|()| {
            let mut table = new(Update::Deferred);
            train(&mut table, 0..20);
            table
        });
        let stale_path = folder.path().join("stale.safetensors");
        stale.save_weights(&stale_path, "weight").unwrap();
        let from_file = EmbeddingConfig::from_safetensors(&stale_path, "weight").unwrap();
        let made = GpuEmbedding::new(&GpuContext::reference(), from_file, Adam::default()).unwrap();
        assert_same_bits("rows that have missed steps", &made.weights().unwrap(), &read.weights().unwrap());

        // With rows that have missed steps, which are of the weights before.
        let [mut loaded, mut set] = [(); 2].map(|()| new(Update::Deferred));
        for table in [&mut loaded, &mut set] {
            train(table, 3..20);
        }
        loaded.load_weights(&path, "embed_tokens.weight").unwrap();
        set.set_weights(&weights).unwrap();
        assert_same_bits("loaded", &loaded.weights().unwrap(), &weights);
        for table in [&mut loaded, &mut set] {
            train(table, 20..40);
        }
        assert_same("trained on", &loaded, &set);
    }
}

pub fn runs_go_on_at_any_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    // Where u32 wraps, where powi ends, and the last step that a checkpoint may have.
    for step in [(1u64 << 32) - 15, (1 << 31) - 15, 1 << 53] {
        let [deferred, dense] = [Update::Deferred, Update::Dense].map(|update| {
            let adam = Adam::pytorch().with_update(update).with_weight_decay(0.1);
            let mut made = GpuEmbedding::new(&context(), configs()[1].clone(), adam).unwrap();
            train(&mut made, 0..10);
            made.save(&path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let (length, _) = SafeTensors::read_metadata(&bytes).unwrap();
            let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
            let later = header.replace(r#"\"step\":10"#, &format!(r#"\"step\":{step}"#));
            assert_ne!(later, header);
            let bytes = [&(later.len() as u64).to_le_bytes(), later.as_bytes(), &bytes[8 + length..]].concat();
            fs::write(&path, bytes).unwrap();
            let mut run = GpuEmbedding::load(&context(), &path).unwrap();
            train(&mut run, 10..40);
            assert_eq!(run.step_count(), step + 30);
            run.weights().unwrap()
        });
        let largest = dense.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
        // 30 steps of f32's rounding, on either side.
        assert_close(&format!("{step}"), &deferred, &dense, |_| 60.0 * f64::from(f32::EPSILON * largest));
    }
}

pub fn after_too_many_dropped_steps_a_restore_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut table = GpuEmbedding::new(&context(), configs()[0].clone(), Adam::default()).unwrap();
    train(&mut table, 0..10);
    table.save(&path).unwrap();
    let saved = fs::read(&path).unwrap();
    let mut unbroken = GpuEmbedding::load(&context(), &path).unwrap();

    let batch = table.batch(&[1, 2]).unwrap();
    let gradient = buffer(&[1.0f32; 2 * WIDTH as usize]);
    let error = loop {
        let mut dropped = encoder();
        if let Err(error) = table.record_update(&mut dropped, &batch, &gradient) {
            break error;
        }
    };
    assert!(matches!(error, Error::DroppedSteps { .. }), "{error}");
    // What cannot be brought up to date is not saved, and the old file stays.
    assert!(matches!(table.save(&path), Err(Error::DroppedSteps { .. })));
    assert!(fs::read(&path).unwrap() == saved);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    table.restore(&path).unwrap();
    for run in [&mut table, &mut unbroken] {
        train(run, 10..20);
    }
    assert_same("after a restore", &table, &unbroken);
}
