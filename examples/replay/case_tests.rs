use safetensors::tensor::TensorView;

use super::*;

/// A case of one step, with one entry of its metadata changed.
fn case(key: &str, value: &str) -> Result<Case, String> {
    let metadata = [
        ("format", FORMAT),
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

#[test]
fn whole_numbers_may_be_written_as_floats() {
    for (key, value) in [("input_dim", "2.0"), ("output_dim", "1e0"), ("steps", "1.00"), ("padding_idx", "0.0")] {
        let case = case(key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!((case.config.input_dim, case.config.output_dim, case.steps.len()), (2, 1, 1));
        assert_eq!(case.config.padding_idx, (key == "padding_idx").then_some(0));
    }
    for value in ["1.5", "-1", "4294967296.0", ""] {
        let error = case("input_dim", value).unwrap_err();
        let expected = format!("metadata input_dim must be a whole number in 0..=4294967295, and is {value:?}");
        assert_eq!(error, expected);
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
