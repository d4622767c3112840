//! Weights alone, of this crate's and of Python's own files.

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, Initializer};

use super::{load, state, table, train};

/// Made by tests/golden/weights/generate.py.
const EXPORTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/weights/exported.safetensors");

/// A tensor's F32, by the safetensors crate itself.
fn floats(path: &Path, name: &str) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
    tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[track_caller]
fn assert_same_bits(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (element, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.to_bits(), expected.to_bits(), "{what}: element {element} is {got}, expected {expected}");
    }
}

#[test]
fn what_python_exported_loads_as_numpy_converts_it() {
    let path = Path::new(EXPORTED);
    let names = [
        ("model.embed_tokens.weight", "model.embed_tokens.weight"),
        ("half", "half.f32"),
        ("brain", "brain.f32"),
        ("double", "double.f32"),
    ];
    for (name, converted) in names {
        let expected = floats(path, converted);
        let config = EmbeddingConfig::from_safetensors(path, name).unwrap();
        assert_eq!((config.input_dim, config.output_dim), (9, 5));
        // The padding row too is the file's, as from_pretrained has it.
        let made = table(config.with_padding_idx(3).with_trainable(false), Adam::default());
        assert_same_bits(name, &made.weights().unwrap(), &expected);

        let mut filled = table(EmbeddingConfig::new(9, 5), Adam::default());
        train(&mut filled, 0..3);
        let moments = filled.state("exp_avg").unwrap();
        filled.load_weights(path, name).unwrap();
        assert_same_bits(name, &filled.weights().unwrap(), &expected);
        assert_eq!((filled.state("exp_avg").unwrap(), filled.step_count()), (moments, 3));
    }
}

#[test]
fn any_name_goes_out_and_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut run = table(EmbeddingConfig::new(30, 3).with_seed(2), Adam::default());
    train(&mut run, 0..5);
    let weights = run.weights().unwrap();
    for name in ["embed_tokens.weight", "", "ünï\"\\\n 名", "format"] {
        run.save_weights(&path, name).unwrap();
        assert_same_bits(name, &floats(&path, name), &weights);
        let mut other = table(EmbeddingConfig::new(30, 3), Adam::default());
        other.load_weights(&path, name).unwrap();
        assert_same_bits(name, &other.weights().unwrap(), &weights);
    }
    pollster::block_on(run.save_weights_async(&path, "async")).unwrap();
    assert_same_bits("async", &floats(&path, "async"), &weights);
    let error = run.save_weights(&path, "__metadata__").unwrap_err();
    assert!(matches!(&error, Error::InvalidConfig(message) if message.contains("__metadata__")), "{error}");
    let error = run.save_weights(&path, &"n".repeat(100_000_000)).unwrap_err();
    assert!(matches!(&error, Error::InvalidConfig(message) if message.contains("header")), "{error}");
    // Weights alone are no checkpoint, and a checkpoint has weights.
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("no checkpoint") && error.contains("load_weights"), "{error}");
    run.save(&path).unwrap();
    run.load_weights(&path, "weight").unwrap();
    assert_same_bits("of a checkpoint", &run.weights().unwrap(), &weights);
}

#[test]
fn a_tensor_that_is_no_table_of_this_size_is_named_and_changes_nothing() {
    let path = Path::new(EXPORTED);
    let mut run = table(EmbeddingConfig::new(9, 4), Adam::default());
    train(&mut run, 0..3);
    let before = state(&run);
    let cases = [
        ("ids", "must be F32, F16, BF16 or F64, and is I64"),
        ("bias", "must have two dimensions, and has 1, [5]"),
        ("stack", "must have two dimensions, and has 3, [2, 3, 4]"),
        ("half", "[input_dim, output_dim] = [9, 4], and is [9, 5], that of \"half\""),
        ("embed_tokens.weight", "there is no tensor \"embed_tokens.weight\"; there are [\"ids\", "),
    ];
    for (name, expected) in cases {
        let error = run.load_weights(path, name).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(matches!(error, Error::Shape { .. }), name == "half");
        let config = EmbeddingConfig::new(9, 4);
        let initializer = Initializer::Safetensors { path: path.to_owned(), tensor: name.to_owned() };
        let new = GpuEmbedding::new(&GpuContext::reference(), config.with_initializer(initializer), Adam::default());
        assert_eq!(new.unwrap_err(), error);
    }
    assert_eq!(state(&run), before);
    assert_eq!(
        run.load_weights(path, "missing"),
        Err(EmbeddingConfig::from_safetensors(path, "missing").unwrap_err())
    );
}

#[test]
fn missing_names_are_listed_up_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.safetensors");
    let name = |i: usize| format!("{}{i}", "long".repeat(100));
    let header: serde_json::Map<_, _> = (0..1_000)
        .map(|i| (name(i), serde_json::json!({"dtype": "F32", "shape": [0, 1], "data_offsets": [0, 0]})))
        .collect();
    let header = serde_json::Value::from(header).to_string();
    fs::write(&path, super::with_header(header.as_bytes(), &[])).unwrap();
    let error = EmbeddingConfig::from_safetensors(&path, "weight").unwrap_err().to_string();
    assert!(error.ends_with("… and 980 more") || error.ends_with("] and 980 more"), "{error}");
    assert!(error.len() < 4_000, "{} bytes", error.len());
    // And an empty table is refused as one.
    let error = EmbeddingConfig::from_safetensors(&path, &name(1)).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig(_)), "{error}");
}
