//! What Keras and PyTorch made of the cases in tests/golden/, against what the replay example makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use wgpu_embedding::GpuContext;

use super::support::context;

#[path = "golden/bounds.rs"]
mod bounds;
#[path = "../../examples/replay/case.rs"]
mod case;
#[path = "golden/malformed.rs"]
mod malformed;
#[path = "../../examples/replay/run.rs"]
mod run;

use bounds::{StepSize, bounds};
use case::Case;
use run::run;

pub use malformed::malformed_cases_are_refused_in_one_line;

/// Fewer mean that the folder was not found whole.
const LEAST_CASES: usize = 18;

pub fn the_gpu_agrees_with_keras_and_pytorch() {
    assert_every_case(&context());
}

pub fn the_reference_agrees_with_keras_and_pytorch() {
    assert_every_case(&GpuContext::reference());
}

/// The bounds are worth something only if they tell Keras's and PyTorch's rules from rules that are almost theirs.
pub fn an_almost_right_rule_is_out_of_bounds() {
    let other_rules = [
        ("keras_adam_default", "epsilon_form", "pytorch"),
        ("keras_adam_default", "update", "lazy"),
        ("keras_adam_default", "beta_2", "0.9995"),
        ("keras_adam_amsgrad", "amsgrad", "false"),
        ("keras_adamw", "weight_decay", "0.0041"),
        ("keras_adamw_amsgrad", "amsgrad", "false"),
        ("keras_adam_large_lr", "learning_rate", "0.10001"),
        ("keras_adam_hot_row", "beta_1", "0.901"),
        ("torch_adam", "epsilon_form", "keras"),
        ("torch_adam", "epsilon", "2e-8"),
        ("torch_adam", "update", "lazy"),
        ("torch_adam_padding_idx", "padding_idx", "1"),
        ("torch_adam_padding_idx_nonzero", "padding_idx", "6"),
        ("torch_adam_amsgrad", "amsgrad", "false"),
        ("torch_adam_amsgrad", "epsilon_form", "keras"),
        ("torch_adamw", "weight_decay", "0"),
        ("torch_adamw_amsgrad", "epsilon_form", "keras"),
        ("torch_sparse_adam", "epsilon_form", "pytorch"),
        ("torch_sparse_adam", "update", "dense"),
        ("torch_sparse_adam_padding_idx", "padding_idx", "1"),
        ("torch_sparse_adam_hot_row", "update", "dense"),
        ("torch_sparse_adam_width1", "update", "dense"),
    ];
    for (name, key, value) in other_rules {
        let golden = Golden::read(name);
        let other = Case::from_bytes(&with_metadata(&golden.bytes, key, value)).unwrap();
        // The weights alone: with the framework's own moments, it is the rule for the weights that must tell.
        let mut outcome = golden.expected.clone();
        outcome.0.insert("weight".to_owned(), Floats::of_run(&other, &GpuContext::reference()).0["weight"].clone());
        let rejected = golden.compare(&outcome).is_err_and(|error| error.contains("weight: element"));
        assert!(rejected, "{name} passed with {key} {value}");
    }
}

pub fn the_comparison_rejects_what_it_should() {
    let golden = Golden::read("torch_adam");
    golden.compare(&golden.expected).unwrap();
    let assert_rejected = |what: &str, change: &dyn Fn(&mut Tensors)| {
        let mut outcome = golden.expected.clone();
        change(&mut outcome.0);
        assert!(golden.compare(&outcome).is_err(), "{what} passed");
    };
    for tensor in ["step.9.output", "weight", "m", "v"] {
        for change in [f32::NAN, f32::INFINITY, 1e-5, -1e-5] {
            assert_rejected(&format!("{tensor} with {change} added"), &|tensors| {
                *tensors.get_mut(tensor).unwrap().1.last_mut().unwrap() += change;
            });
        }
    }
    assert_rejected("an outcome without m", &|tensors| drop(tensors.remove("m")));
    assert_rejected("another shape", &|tensors| tensors.get_mut("weight").unwrap().0.reverse());
}

fn assert_every_case(context: &GpuContext) {
    let names = case_names();
    assert!(names.len() >= LEAST_CASES, "only {} cases: {names:?}", names.len());
    for name in names {
        let golden = Golden::read(&name);
        golden.compare(&Floats::of_run(&golden.case, context)).unwrap();
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

fn case_names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files
        .filter_map(|file| file.strip_suffix(".safetensors").map(str::to_owned))
        .filter(|name| !name.ends_with(".expected"))
        .collect();
    names.sort();
    names
}

/// A case of the folder with what a framework made of it.
struct Golden {
    name: String,
    /// The case's file.
    bytes: Vec<u8>,
    case: Case,
    step_size: StepSize,
    expected: Floats,
}

impl Golden {
    fn read(name: &str) -> Self {
        let bytes = fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
        let case = Case::from_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = fs::read(folder().join(format!("{name}.expected.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&expected).unwrap();
        let step_size = match header.metadata().as_ref().unwrap()["made_by"].split(' ').next() {
            Some("keras") => StepSize::F32,
            Some("torch") => StepSize::F64,
            framework => panic!("{name} was made by {framework:?}"),
        };
        Self { name: name.to_owned(), bytes, case, step_size, expected: Floats::from_bytes(&expected) }
    }

    /// Checks that `outcome` has the same tensors, each float of them within its bound.
    fn compare(&self, outcome: &Floats) -> Result<(), String> {
        let name = &self.name;
        if !outcome.0.keys().eq(self.expected.0.keys()) {
            return Err(format!("{name}: other tensors: {:?}", outcome.0.keys()));
        }
        let bounds = bounds(&self.case, self.step_size);
        for (tensor, (shape, expected)) in &self.expected.0 {
            let (got_shape, got) = &outcome.0[tensor];
            if got_shape != shape {
                return Err(format!("{name}: {tensor} has shape {got_shape:?}, expected {shape:?}"));
            }
            assert_eq!(bounds[tensor].len(), expected.len(), "{name}: bounds of {tensor}");
            for (element, ((&got, &expected), bound)) in got.iter().zip(expected).zip(&bounds[tensor]).enumerate() {
                // Not `> bound`, which a NaN would pass.
                let is_within = (f64::from(got) - f64::from(expected)).abs() <= *bound;
                if !is_within {
                    return Err(format!(
                        "{name}: {tensor}: element {element} is {got}, expected {expected} within {bound:e}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Tensors by name, each with its shape.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of an outcome.
#[derive(Debug, Clone)]
struct Floats(Tensors);

impl Floats {
    /// Through the bytes of the file that the example would write.
    fn of_run(case: &Case, context: &GpuContext) -> Self {
        let outcome = run(case, context).unwrap();
        Self::from_bytes(&outcome.to_bytes(context.to_string()).unwrap())
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        let floats = tensors.iter().map(|(name, tensor)| {
            assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
            (name.to_owned(), (tensor.shape().to_vec(), bytemuck::pod_collect_to_vec(tensor.data())))
        });
        Self(floats.collect())
    }
}

/// The same file with one metadata key set.
fn with_metadata(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    metadata.insert(key.to_owned(), value.to_owned());
    safetensors::serialize(SafeTensors::deserialize(bytes).unwrap().tensors(), Some(metadata)).unwrap()
}
