use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use wgpu_embedding::{GpuContext, Optimizer};

use crate::case::Case;
use crate::run::run;

/// A case of one step, with one entry of its metadata changed.
fn case(key: &str, value: &str) -> Result<Case, String> {
    let metadata = [
        ("format", "embedding-replay/1"),
        ("input_dim", "2"),
        ("output_dim", "1"),
        ("steps", "1"),
        ("optimizer", "adam"),
        ("update", "dense"),
        ("learning_rate", "0.1"),
        ("beta_1", "0.9"),
        ("beta_2", "0.999"),
        ("epsilon", "1e-7"),
        ("weight_decay", "0"),
        ("epsilon_form", "keras"),
        ("amsgrad", "false"),
        (key, value),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let (weight, index, gradient) = ([0; 8], [0; 8], [0; 4]);
    let tensors = [
        ("weight", TensorView::new(Dtype::F32, vec![2, 1], &weight).unwrap()),
        ("step.0.indices", TensorView::new(Dtype::I64, vec![1], &index).unwrap()),
        ("step.0.grad_output", TensorView::new(Dtype::F32, vec![1, 1], &gradient).unwrap()),
    ];
    Case::from_bytes(&safetensors::serialize(tensors, Some(metadata.into())).unwrap(), None)
}

/// A case of format 2 that keeps its weights in half precision.
fn half(storage: &str, rounding: &str) -> Result<Case, String> {
    let metadata = [
        ("format", "embedding-replay/2"),
        ("input_dim", "2"),
        ("output_dim", "1"),
        ("steps", "1"),
        ("optimizer", "sgd"),
        ("update", "deferred"),
        ("learning_rate", "1"),
        ("storage", storage),
        ("rounding", rounding),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let [weight, gradient] = [[1.001f32, 1.001], [0.5, 0.0]].map(|values| values.map(f32::to_le_bytes).concat());
    let index = [0; 8];
    let tensors = [
        ("weight", TensorView::new(Dtype::F32, vec![2, 1], &weight).unwrap()),
        ("step.0.indices", TensorView::new(Dtype::I64, vec![1], &index).unwrap()),
        ("step.0.grad_output", TensorView::new(Dtype::F32, vec![1, 1], &gradient[..4]).unwrap()),
    ];
    Case::from_bytes(&safetensors::serialize(tensors, Some(metadata.into())).unwrap(), None)
}

#[test]
fn weights_in_half_precision_come_out_in_f32() {
    for (storage, expected) in
        [("bf16", [0.5f32, 1.0]), ("f16", [0.5 + 1.0 / 1024.0, 1.0 + 1.0 / 1024.0]), ("f32", [1.001 - 0.5, 1.001])]
    {
        for rounding in ["nearest", "stochastic"] {
            let bytes = run(&half(storage, rounding).unwrap(), &GpuContext::reference()).unwrap().to_bytes().unwrap();
            let file = SafeTensors::deserialize(&bytes).unwrap();
            let weight = file.tensor("weight").unwrap();
            assert_eq!(weight.dtype(), Dtype::F32);
            assert_eq!(weight.data(), expected.map(f32::to_le_bytes).concat(), "{storage}, {rounding}");
        }
    }
    for (storage, rounding, expected) in [
        ("f64", "nearest", "metadata storage must be f32 or f16 or bf16"),
        ("bf16", "up", "metadata rounding must be nearest or stochastic"),
    ] {
        let error = half(storage, rounding).err().unwrap();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn errors_are_short() {
    let long = "9x".repeat(1 << 20);
    for key in ["format", "input_dim", "learning_rate", "update"] {
        let error = case(key, &long).unwrap_err();
        assert!(error.starts_with(&format!("metadata {key} must be ")) && error.len() < 400, "{key}: {error}");
    }
    let header = format!("{{\"__metadata__\": \"{long}\"}}");
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let error = Case::from_bytes(&bytes, None).unwrap_err();
    assert!(error.starts_with("not a whole safetensors file: ") && error.len() < 400, "{error}");
}

#[test]
fn files_of_other_kinds_are_named() {
    for (bytes, name) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid"[..], "a Git LFS pointer"),
        (b"PK\x03\x04\0\0\0\0\0\0\0", "a zip archive"),
        (b"{\"weight_map\": {}}", "the index of a model in several safetensors files"),
    ] {
        let error = Case::from_bytes(bytes, None).unwrap_err();
        assert!(error.starts_with(&format!("not a whole safetensors file: this is {name}")), "{error}");
    }
}

#[test]
fn equal_runs_are_equal_files_that_say_nothing_of_the_machine() {
    let run = || run(&case("update", "deferred").unwrap(), &GpuContext::reference()).unwrap().to_bytes().unwrap();
    let bytes = run();
    assert!(run() == bytes, "two runs differ");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let made_by = concat!("wgpu-embedding ", env!("CARGO_PKG_VERSION"));
    let expected = HashMap::from([("made_by".to_owned(), made_by.to_owned())]);
    assert_eq!(header.metadata().as_ref(), Some(&expected));
    // The state by PyTorch's names, of which a case of format 1 has no others either.
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = tensors.names();
    names.sort();
    assert_eq!(names, ["exp_avg", "exp_avg_sq", "step.0.output", "weight"]);
    assert_eq!(tensors.tensor("exp_avg").unwrap().shape(), [2, 1]);
}

#[test]
fn the_help_names_every_optimizer() {
    let help = super::help();
    let names = Optimizer::each();
    assert!(names.iter().all(|optimizer| help.contains(optimizer.name())), "{help}");
    assert!(!help.contains("OPTIMIZERS") && help.lines().all(|line| line.len() <= 100), "{help}");
}
