//! A run that goes on from a checkpoint, and one that was never broken.

use std::fs;

use safetensors::SafeTensors;
use wgpu_embedding::{Adam, Clipping, EmbeddingConfig, Error, Extent, Initializer, Optimizer, Update};

use super::{Parts, State, keeping_all, load, state, table, train};

fn adams() -> Vec<Adam> {
    let mut adams = Vec::new();
    for update in [Update::Deferred, Update::Dense, Update::Lazy] {
        for adam in [Adam::default(), Adam::pytorch().with_weight_decay(0.1).with_amsgrad(true)] {
            adams.push(adam.with_update(update));
            adams.push(adam.with_update(update).with_clipping(Clipping::Norm(0.75)));
        }
    }
    adams
}

#[test]
fn a_resumed_run_has_the_bits_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let config = EmbeddingConfig::new(50, 6).with_seed(3).with_padding_idx(4).with_mask_zero(true);
    for adam in adams() {
        let mut unbroken = table(config.clone(), adam);
        train(&mut unbroken, 0..30);
        unbroken.save(&path).unwrap();
        let saved = state(&unbroken);

        let mut resumed = load(&path).unwrap();
        assert_eq!(state(&resumed), saved, "{adam:?}");
        let mut restored = table(config.clone().with_seed(99), adam.with_learning_rate(0.5));
        train(&mut restored, 5..9);
        restored.restore(&path).unwrap();
        assert_eq!(state(&restored), saved, "{adam:?}");

        for run in [&mut unbroken, &mut resumed, &mut restored] {
            train(run, 30..60);
        }
        assert_ne!(state(&unbroken).weights, saved.weights, "{adam:?}: nothing was trained");
        assert_eq!(state(&resumed), state(&unbroken), "{adam:?}");
        assert_eq!(state(&restored), state(&unbroken), "{adam:?}");
    }
}

#[test]
fn every_optimizer_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let config = EmbeddingConfig::new(50, 6).with_seed(3);
    for optimizer in Optimizer::each().into_iter().flat_map(|optimizer| [optimizer, keeping_all(optimizer)]) {
        for update in [Update::Deferred, Update::Dense, Update::Lazy] {
            let optimizer = optimizer.with_update(update).with_weight_decay(0.1);
            let mut unbroken = table(config.clone(), optimizer);
            train(&mut unbroken, 0..30);
            unbroken.save(&path).unwrap();
            let saved = state(&unbroken);
            let header = Parts::of(&fs::read(&path).unwrap()).header;
            for array in optimizer.state() {
                let shape = match array.extent {
                    Extent::PerElement => serde_json::json!([50, 6]),
                    Extent::PerRow => serde_json::json!([50]),
                };
                assert_eq!(header[array.name]["shape"], shape, "{optimizer:?}");
            }
            let mut resumed = load(&path).unwrap();
            let mut restored = table(config.clone(), optimizer);
            restored.restore(&path).unwrap();
            for run in [&resumed, &restored] {
                assert_eq!(state(run), saved, "{optimizer:?}");
            }
            for run in [&mut unbroken, &mut resumed, &mut restored] {
                train(run, 30..60);
            }
            assert_ne!(state(&unbroken).weights, saved.weights, "{optimizer:?}: nothing was trained");
            assert_eq!(state(&resumed), state(&unbroken), "{optimizer:?}");
            assert_eq!(state(&restored), state(&unbroken), "{optimizer:?}");
        }
    }
}

#[test]
fn everything_about_a_table_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.safetensors");
    let nothing_set = EmbeddingConfig::new(9, 4);
    let all_set = EmbeddingConfig::new(9, 5)
        .with_seed(u64::MAX)
        .with_mask_zero(true)
        .with_padding_idx(8)
        .with_input_length(7)
        .with_initializer(Initializer::Constant(f32::NAN))
        .with_max_shard_bytes(1 << 20);
    for config in [nothing_set.clone(), all_set, nothing_set.with_trainable(false)] {
        let mut made = table(config, Adam::pytorch().with_learning_rate(1.0 / 3.0));
        made.save(&path).unwrap();
        let mut loaded = load(&path).unwrap();
        assert_eq!(state(&loaded), state(&made));
        assert_eq!((loaded.input_dim(), loaded.output_dim()), (made.input_dim(), made.output_dim()));
        // And again, all of it: the same table gives the same bytes.
        let first = fs::read(&path).unwrap();
        loaded.save(&path).unwrap();
        assert!(fs::read(&path).unwrap() == first, "the second file differs");
    }
}

#[test]
fn the_file_is_a_plain_safetensors_file_with_pytorchs_names() {
    let Parts { header, data } = Parts::of_a_checkpoint();
    let mut names: Vec<_> = header.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["__metadata__", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "weight"]);
    for name in ["weight", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"] {
        assert_eq!(header[name]["dtype"], "F32");
        assert_eq!(header[name]["shape"], serde_json::json!([7, 3]));
    }
    assert_eq!(data.len(), 4 * 7 * 3 * 4);
}

#[test]
fn data_starts_at_a_multiple_of_8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let run = table(EmbeddingConfig::new(3, 2), Adam::default());
    // Names of eight lengths: whatever the header's, one of them is right by chance.
    for length in 1..=8 {
        run.save_weights(&path, &"n".repeat(length)).unwrap();
        let bytes = fs::read(&path).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert_eq!((8 + header) % 8, 0, "a name of {length}");
        assert_eq!(bytes.len() as u64, 8 + header + 3 * 2 * 4);
    }
}

#[test]
fn a_restored_table_keeps_its_own_max_shard_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let config = EmbeddingConfig::new(50, 4);
    let max_shard_bytes = || Parts::of(&fs::read(&path).unwrap()).settings()["table"]["max_shard_bytes"].clone();
    let mut unsplit = table(config.clone(), Adam::default());
    train(&mut unsplit, 0..3);
    unsplit.save(&path).unwrap();
    assert_eq!(max_shard_bytes(), serde_json::Value::Null);

    let mut split = table(config.with_max_shard_bytes(256), Adam::default());
    split.restore(&path).unwrap();
    assert_eq!(state(&split), state(&unsplit));
    split.save(&path).unwrap();
    assert_eq!(max_shard_bytes(), 256);
    // And on from there.
    let mut loaded = load(&path).unwrap();
    loaded.save(&path).unwrap();
    assert_eq!((max_shard_bytes(), state(&loaded)), (256.into(), state(&unsplit)));
}

#[test]
fn a_checkpoint_that_another_program_wrote_again_loads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut run = table(EmbeddingConfig::new(20, 4), Adam::default());
    train(&mut run, 0..5);
    run.save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    // The format's own library writes the tensors by their names.
    let again = safetensors::serialize(tensors, header.metadata().clone()).unwrap();
    assert_ne!(again, bytes);
    fs::write(&path, again).unwrap();
    assert_eq!(state(&load(&path).unwrap()), state(&run));
}

#[test]
fn a_checkpoint_of_another_table_is_refused_with_all_that_differs() {
    const STATE: &str = "the optimizer's state is [\"exp_avg\", \"exp_avg_sq\", \"max_exp_avg_sq\"] in the file and \
                         [\"exp_avg\", \"exp_avg_sq\"] here";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let config = EmbeddingConfig::new(20, 4);
    let adam = Adam::default();
    let others = [
        (EmbeddingConfig::new(21, 4), adam, "input_dim is 21 in the file and 20 here"),
        (EmbeddingConfig::new(20, 5), adam, "output_dim is 5 in the file and 4 here"),
        (config.clone().with_trainable(false), adam, "trainable is false in the file and true here"),
        (config.clone().with_mask_zero(true), adam, "mask_zero is true in the file and false here"),
        (config.clone().with_padding_idx(0), adam, "padding_idx is Some(0) in the file and None here"),
        (config.clone().with_input_length(3), adam, "input_length is Some(3) in the file and None here"),
        (config.clone(), adam.with_update(Update::Lazy), "the update is Lazy in the file and Deferred here"),
        (config.clone(), adam.with_amsgrad(true), STATE),
        (
            EmbeddingConfig::new(2, 4).with_mask_zero(true),
            adam.with_amsgrad(true),
            "input_dim is 2 in the file and 20 here; mask_zero is true in the file and false here; the optimizer's state is \
             [\"exp_avg\", \"exp_avg_sq\", \"max_exp_avg_sq\"] in the file and [\"exp_avg\", \"exp_avg_sq\"] here",
        ),
    ];
    let run = || {
        let mut run = table(config.clone(), adam);
        train(&mut run, 0..4);
        run
    };
    let (mut asked, mut left_alone) = (run(), run());
    // Reading brings rows up to date, which shows in the last bits: so both are read.
    assert_eq!(state(&asked), state(&left_alone));
    let batch = asked.batch(&[1, 2]).unwrap();
    for (config, adam, expected) in others {
        table(config, adam).save(&path).unwrap();
        let before = state(&asked);
        let error = asked.restore(&path).unwrap_err();
        let Error::CheckpointMismatch { path: named, differences } = &error else { panic!("{error}") };
        assert_eq!(named, &path);
        assert!(differences.starts_with(expected), "{differences}");
        assert!(error.to_string().contains(expected));
        assert_eq!(state(&asked), before);
    }
    // Frozen on both sides, Adam's settings are of no weight.
    table(config.clone().with_trainable(false), adam.with_amsgrad(true)).save(&path).unwrap();
    table(config.clone().with_trainable(false), adam).restore(&path).unwrap();

    for run in [&mut asked, &mut left_alone] {
        train(run, 4..8);
        run.update(&batch, &[0.5; 8]).unwrap();
    }
    assert_eq!(state(&asked), state(&left_alone));
}

#[test]
fn batches_made_before_a_restore_still_serve() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut run = table(EmbeddingConfig::new(20, 4), Adam::default());
    let batch = run.batch(&[1, 2]).unwrap();
    run.save(&path).unwrap();
    let State { weights, .. } = state(&run);
    run.update(&batch, &[1.0; 8]).unwrap();
    run.restore(&path).unwrap();
    assert_eq!(state(&run).weights, weights);
    run.update(&batch, &[1.0; 8]).unwrap();
    assert_eq!(run.step_count(), 1);
}
