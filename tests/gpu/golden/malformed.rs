//! Cases that are not as the format says: each is refused, in one line that says what is wrong.

use std::collections::{BTreeMap, HashMap};

use safetensors::{Dtype, tensor::TensorView};
use wgpu_embedding::{GpuContext, Update};

use super::case::Case;
use super::run::run;

/// A case of 4 rows by 2, with two steps of 3 lookups and of none, that each test spoils in its own way.
#[derive(Clone)]
pub struct Draft {
    pub metadata: HashMap<String, String>,
    pub tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Draft {
    pub fn new() -> Self {
        let metadata = [
            ("format", "embedding-replay/1"),
            ("input_dim", "4"),
            ("output_dim", "2"),
            ("steps", "2"),
            ("optimizer", "adam"),
            ("update", "dense"),
            ("learning_rate", "0.001"),
            ("beta_1", "0.9"),
            ("beta_2", "0.999"),
            ("epsilon", "1e-7"),
            ("epsilon_form", "keras"),
            ("weight_decay", "0.0"),
            ("amsgrad", "false"),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Self { metadata, tensors: BTreeMap::new() }
            .with_floats("weight", &[4, 2])
            .with_indices(0, &[3], &[0, 3, 3])
            .with_floats("step.0.grad_output", &[3, 2])
            .with_indices(1, &[0], &[])
            .with_floats("step.1.grad_output", &[0, 2])
    }

    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        let found = self.metadata.remove(name).is_some() | self.tensors.remove(name).is_some();
        assert!(found, "there is no {name}");
        self
    }

    pub fn with_floats(mut self, name: &str, shape: &[usize]) -> Self {
        let bytes = vec![0; shape.iter().product::<usize>() * 4];
        self.tensors.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
        self
    }

    pub fn with_indices(mut self, step: u32, shape: &[usize], indices: &[i64]) -> Self {
        let bytes = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
        self.tensors.insert(format!("step.{step}.indices"), (Dtype::I64, shape.to_vec(), bytes));
        self
    }

    /// The same bytes as another type of the same size.
    fn with_dtype(mut self, name: &str, dtype: Dtype) -> Self {
        self.tensors.get_mut(name).unwrap().0 = dtype;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let tensors = self
            .tensors
            .iter()
            .map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        safetensors::serialize(tensors, Some(self.metadata.clone())).unwrap()
    }
}

pub fn refusal(bytes: &[u8]) -> String {
    let message = Case::from_bytes(bytes, None).expect_err("a malformed case was read");
    assert!(!message.contains(char::is_control), "more than one line: {message:?}");
    message
}

pub fn malformed_cases_are_refused_in_one_line() {
    files_that_are_not_whole();
    metadata();
    tensors();
    what_is_allowed();
    super::malformed_format_2::malformed_cases_are_refused();
}

fn files_that_are_not_whole() {
    let whole = Draft::new().bytes();
    Case::from_bytes(&whole, None).unwrap();
    for length in 0..whole.len() {
        let message = refusal(&whole[..length]);
        assert!(message.starts_with("not a whole safetensors file: "), "{length} bytes: {message}");
    }
    for other in [&b"not tensors at all, but longer than eight bytes"[..], &[0xff; 64], &[whole, vec![0]].concat()] {
        assert!(refusal(other).starts_with("not a whole safetensors file: "));
    }
    // Tensors up to the end of u64, each of the size it says: adding to it would overflow.
    let entry = |i: u64| {
        let (start, length) = (i << 60, (1u64 << 60) - i / 15);
        format!(r#""{i}":{{"dtype":"U8","shape":[{length}],"data_offsets":[{start},{}]}}"#, start + length)
    };
    let header = format!("{{{}}}", (0..16).map(entry).collect::<Vec<_>>().join(","));
    let message = refusal(&[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat());
    assert!(message.contains("its tensors would have 18446744073709551615 bytes"), "{message}");
    let no_metadata = safetensors::serialize(Vec::<(&str, TensorView)>::new(), None).unwrap();
    assert_eq!(refusal(&no_metadata), "metadata format is missing");
}

fn metadata() {
    let draft = Draft::new();
    for key in draft.metadata.keys() {
        assert_eq!(refusal(&draft.clone().without(key).bytes()), format!("metadata {key} is missing"));
    }

    let number = |key: &str, value: &str| format!("metadata {key} must be a finite number, and is {value:?}");
    for key in ["learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay"] {
        for value in ["", "NaN", "inf", "-inf", "1e400", "0,1", "1e-3 ", "0x1", "one\ntwo"] {
            assert_eq!(refusal(&draft.clone().with(key, value).bytes()), number(key, value));
        }
    }
    let count =
        |key: &str, value: &str| format!("metadata {key} must be a whole number in 0..=4294967295, and is {value:?}");
    for key in ["input_dim", "output_dim", "steps", "padding_idx"] {
        for value in ["", "-1", "2.0", "1e1", "4294967296", "99999999999999999999999", "none"] {
            assert_eq!(refusal(&draft.clone().with(key, value).bytes()), count(key, value));
        }
    }

    let refused = [
        (
            "format",
            "embedding-replay/3",
            r#"metadata format must be embedding-replay/1 or embedding-replay/2, and is "embedding-replay/3""#,
        ),
        ("optimizer", "sgd", r#"metadata optimizer must be adam or adamw, and is "sgd""#),
        ("update", "sparse", r#"metadata update must be dense or lazy or deferred, and is "sparse""#),
        ("update", "Dense", r#"metadata update must be dense or lazy or deferred, and is "Dense""#),
        ("epsilon_form", "tf", r#"metadata epsilon_form must be keras or pytorch, and is "tf""#),
        ("amsgrad", "True", r#"metadata amsgrad must be true or false, and is "True""#),
        ("input_dim", "0", "invalid configuration: input_dim must be in 1..=4294967294, and is 0"),
        ("output_dim", "0", "invalid configuration: output_dim must be at least 1, and is 0"),
        ("padding_idx", "4", "invalid configuration: padding_idx must be in 0..4, and is 4"),
        (
            "learning_rate",
            "-0.1",
            "invalid configuration: learning_rate must be finite and not negative, and is -0.1",
        ),
        ("beta_1", "1", "invalid configuration: beta_1 must be in 0.0..1.0, and is 1"),
        ("beta_2", "-0.5", "invalid configuration: beta_2 must be in 0.0..1.0, and is -0.5"),
        ("epsilon", "0", "invalid configuration: epsilon must be positive, finite and a normal f32, and is 0e0"),
    ];
    for (key, value, message) in refused {
        assert_eq!(refusal(&draft.clone().with(key, value).bytes()), message);
    }

    // Another update is judged in place of the file's, which must be one all the same.
    let no_deferred_form = draft.clone().with("update", "deferred").with("beta_2", "0.5").bytes();
    assert!(refusal(&no_deferred_form).starts_with("invalid configuration: Update::Deferred needs beta_1"));
    Case::from_bytes(&no_deferred_form, Some(Update::Dense)).unwrap();
    Case::from_bytes(&draft.clone().with("update", "sparse").bytes(), Some(Update::Dense)).unwrap_err();

    let decay = draft.with("weight_decay", "0.01");
    let message = refusal(&decay.bytes());
    assert!(message.starts_with("metadata weight_decay must be 0 with optimizer adam, and is 0.01"), "{message}");
    Case::from_bytes(&decay.with("optimizer", "adamw").bytes(), None).unwrap();
}

fn tensors() {
    let draft = Draft::new();
    for name in draft.tensors.keys() {
        assert_eq!(refusal(&draft.clone().without(name).bytes()), format!("tensor {name} is missing"));
    }
    let refused = [
        (draft.clone().with_floats("weight", &[2, 4]), "tensor weight must be F32 [4, 2], and is F32 [2, 4]"),
        (draft.clone().with_floats("weight", &[8]), "tensor weight must be F32 [4, 2], and is F32 [8]"),
        // Nothing of this size is allocated before the tensor is found to be smaller.
        (
            draft.clone().with("input_dim", "4294967294").with("output_dim", "4294967295"),
            "tensor weight must be F32 [4294967294, 4294967295], and is F32 [4, 2]",
        ),
        (draft.clone().with_dtype("weight", Dtype::U32), "tensor weight must be F32 [4, 2], and is U32 [4, 2]"),
        (
            draft.clone().with_dtype("step.0.indices", Dtype::U64),
            "tensor step.0.indices must be I64 of any shape, and is U64 [3]",
        ),
        (
            draft.clone().with_floats("step.0.grad_output", &[3]),
            "tensor step.0.grad_output must be F32 [3, 2], and is F32 [3]",
        ),
        (
            draft.clone().with_floats("step.1.grad_output", &[1, 2]),
            "tensor step.1.grad_output must be F32 [0, 2], and is F32 [1, 2]",
        ),
        (
            draft.clone().with_dtype("step.0.grad_output", Dtype::I32),
            "tensor step.0.grad_output must be F32 [3, 2], and is I32 [3, 2]",
        ),
        (draft.clone().with("steps", "3"), "tensor step.2.indices is missing"),
        (draft.clone().with("steps", "4294967295"), "tensor step.2.indices is missing"),
        (
            draft.clone().with("steps", "1"),
            r#"tensor "step.1.grad_output" is none of a case whose metadata steps is 1"#,
        ),
        (
            draft.clone().with_floats("step.x\ny", &[1]),
            r#"tensor "step.x\ny" is none of a case whose metadata steps is 2"#,
        ),
        (
            draft.clone().with_indices(0, &[3], &[0, 4, 3]),
            "step 0: index 4 at position 1 is outside the table's rows 0..4",
        ),
        (
            draft.clone().with_indices(0, &[3], &[0, 3, i64::MIN]),
            "step 0: index -9223372036854775808 at position 2 is outside the table's rows 0..4",
        ),
    ];
    for (draft, message) in refused {
        assert_eq!(refusal(&draft.bytes()), message);
    }
}

/// The edges of the format, and what it does not speak of.
fn what_is_allowed() {
    let run = |draft: &Draft| {
        let case = Case::from_bytes(&draft.bytes(), None).unwrap();
        assert_eq!(case.lookup_count(), case.steps.iter().map(|step| step.indices.len()).sum::<usize>());
        run(&case, &GpuContext::reference()).unwrap().to_bytes().unwrap()
    };
    let draft = Draft::new();
    let plain = run(&draft);
    let more = draft.clone().with("made_by", "a test").with_floats("note", &[1]).with_floats("step.1.note", &[1]);
    assert_eq!(run(&more), plain, "what the format does not speak of made a difference");

    let mut no_steps = draft.clone().with("steps", "0");
    no_steps.tensors.retain(|name, _| name == "weight");
    run(&no_steps);
    run(&draft.clone().with_indices(1, &[], &[2]).with_floats("step.1.grad_output", &[2]));
    run(&draft.clone().with_indices(1, &[2, 0, 3], &[]).with_floats("step.1.grad_output", &[2, 0, 3, 2]));
    run(&draft.with("padding_idx", "3").with("update", "lazy").with("learning_rate", "0"));
}
