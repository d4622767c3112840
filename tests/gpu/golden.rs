//! What Keras and PyTorch made of the cases in tests/golden/, against what the replay example makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use wgpu_embedding::{GpuContext, Update};

use super::support::context;

#[path = "golden/bounds.rs"]
mod bounds;
#[path = "../../examples/replay/case.rs"]
mod case;
#[path = "golden/malformed.rs"]
mod malformed;
#[path = "../../examples/replay/run.rs"]
mod run;

use bounds::{Bounds, Other, bounds, ulp};
use case::Case;
use run::run;

pub use malformed::malformed_cases_are_refused_in_one_line;

/// Fewer mean that the folder was not found whole.
const LEAST_CASES: usize = 18;

/// And of those that are dense.
const LEAST_DENSE_CASES: usize = 14;

/// How far deferred Adam's weights may be from dense Adam's, in ulp of the largest weight. Where arithmetic rounds to
/// nearest it is 3, and mostly dense Adam's: it rounds a weight at every step, and is as far from f64 itself.
const DEFERRED_ULP: f64 = 4.0;

pub fn the_gpu_agrees_with_keras_and_pytorch() {
    assert_every_case(&context());
}

pub fn the_reference_agrees_with_keras_and_pytorch() {
    assert_every_case(&GpuContext::reference());
}

pub fn deferred_is_dense_on_the_gpu() {
    assert_deferred_is_dense(&context());
}

pub fn deferred_is_dense_on_the_reference() {
    assert_deferred_is_dense(&GpuContext::reference());
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
        let other = Case::from_bytes(&with_metadata(&golden.bytes, key, value), None).unwrap();
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

/// Every dense case has rows that miss steps, where another rule must be told from deferred Adam's.
pub fn lazy_does_not_pass_for_deferred() {
    let context = GpuContext::reference();
    for golden in dense_cases() {
        let [dense, lazy] = [Update::Dense, Update::Lazy].map(|update| golden.run(update, &context));
        golden.compare_with_dense(&dense, &dense).unwrap();
        // Each alone: one comparison that fails must not hide another that cannot.
        for prefix in ["step.", "weight", "m", "v"] {
            let mut outcome = dense.clone();
            let is_replaced = |name: &str| name.starts_with(prefix) && name != "v_hat";
            outcome.0.extend(lazy.0.clone().into_iter().filter(|(name, _)| is_replaced(name)));
            let error = golden.compare_with_dense(&outcome, &dense).err().unwrap_or_default();
            assert!(error.starts_with(&format!("{}: {prefix}", golden.name)), "{prefix} of lazy: {error:?}");
        }
    }
}

pub fn the_comparison_with_dense_is_as_fine_as_it_says() {
    let golden = Golden::read("torch_adam");
    let dense = golden.run(Update::Dense, &GpuContext::reference());
    let with_change = |tensor: &str, change: f64| {
        let mut outcome = dense.clone();
        let float = outcome.0.get_mut(tensor).unwrap().1.last_mut().unwrap();
        *float = (f64::from(*float) + change) as f32;
        golden.compare_with_dense(&outcome, &dense)
    };
    let ulp = ulp_of_largest(&dense);
    for tensor in ["step.9.output", "weight"] {
        for sign in [1.0, -1.0] {
            // The changed float is rounded, by half an ulp at most.
            with_change(tensor, sign * (DEFERRED_ULP - 0.5) * ulp).unwrap();
            with_change(tensor, sign * (DEFERRED_ULP + 1.0) * ulp).unwrap_err();
        }
    }
    for tensor in ["step.9.output", "weight", "m", "v"] {
        with_change(tensor, f64::NAN).unwrap_err();
    }
    // Rows caught up by one step too few.
    for (tensor, beta) in [("m", golden.case.optimizer.beta_1), ("v", golden.case.optimizer.beta_2)] {
        let mut outcome = dense.clone();
        outcome.0.get_mut(tensor).unwrap().1.iter_mut().for_each(|float| *float /= beta as f32);
        golden.compare_with_dense(&outcome, &dense).unwrap_err();
    }
}

/// Dense cases are replayed as deferred too, for that must come to the same.
fn assert_every_case(context: &GpuContext) {
    let names = case_names();
    assert!(names.len() >= LEAST_CASES, "only {} cases: {names:?}", names.len());
    for name in names {
        let golden = Golden::read(&name);
        golden.compare(&Floats::of_run(&golden.case, context)).unwrap();
        if golden.case.optimizer.update == Update::Dense {
            golden
                .compare(&golden.run(Update::Deferred, context))
                .unwrap_or_else(|error| panic!("deferred: {error}"));
        }
    }
}

fn assert_deferred_is_dense(context: &GpuContext) {
    for golden in dense_cases() {
        let [dense, deferred] = [Update::Dense, Update::Deferred].map(|update| golden.run(update, context));
        golden.compare_with_dense(&deferred, &dense).unwrap();
    }
}

fn dense_cases() -> Vec<Golden> {
    let mut cases: Vec<_> = case_names().iter().map(|name| Golden::read(name)).collect();
    cases.retain(|golden| golden.case.optimizer.update == Update::Dense);
    assert!(cases.len() >= LEAST_DENSE_CASES, "only {} dense cases", cases.len());
    cases
}

fn ulp_of_largest(outcome: &Floats) -> f64 {
    ulp(outcome.0["weight"].1.iter().map(|weight| f64::from(weight.abs())).fold(0.0, f64::max))
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
    framework: Other,
    expected: Floats,
}

impl Golden {
    fn read(name: &str) -> Self {
        let bytes = fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
        let case = Case::from_bytes(&bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = fs::read(folder().join(format!("{name}.expected.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&expected).unwrap();
        let framework = match header.metadata().as_ref().unwrap()["made_by"].split(' ').next() {
            Some("keras") => Other::Keras,
            Some("torch") => Other::PyTorch,
            framework => panic!("{name} was made by {framework:?}"),
        };
        Self { name: name.to_owned(), bytes, case, framework, expected: Floats::from_bytes(&expected) }
    }

    /// The case with another update.
    fn run(&self, update: Update, context: &GpuContext) -> Floats {
        Floats::of_run(&Case::from_bytes(&self.bytes, Some(update)).unwrap(), context)
    }

    /// Checks `outcome` against what the framework made of the case.
    fn compare(&self, outcome: &Floats) -> Result<(), String> {
        self.compare_within(&bounds(&self.case, self.framework), outcome, &self.expected)
    }

    /// Checks deferred Adam's outcome against dense Adam's on the same device.
    fn compare_with_dense(&self, outcome: &Floats, dense: &Floats) -> Result<(), String> {
        let mut bounds = bounds(&self.case, Other::Itself);
        for (tensor, bounds) in &mut bounds {
            if tensor == "weight" || tensor.starts_with("step.") {
                bounds.fill(DEFERRED_ULP * ulp_of_largest(dense));
            }
        }
        self.compare_within(&bounds, outcome, dense)
    }

    /// Checks that `outcome` has the tensors of `expected`, each float of them within its bound.
    fn compare_within(&self, bounds: &Bounds, outcome: &Floats, expected: &Floats) -> Result<(), String> {
        let name = &self.name;
        if !outcome.0.keys().eq(expected.0.keys()) {
            return Err(format!("{name}: other tensors: {:?}", outcome.0.keys()));
        }
        for (tensor, (shape, expected)) in &expected.0 {
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
