//! The cases of tests/golden/, what the frameworks made of them, and the comparison with an outcome.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use wgpu_embedding::{GpuContext, Optimizer, Update};

use super::bounds::{Bounds, Other, bounds, ulp};
use super::case::Case;
use super::run::run;

/// Fewer mean that the folder was not found whole.
const LEAST_CASES: usize = 44;

/// And of those that are dense.
const LEAST_DENSE_CASES: usize = 16;

/// Optimizers that no framework here makes a case of: FBGEMM's row-wise Adam runs on CUDA alone.
const WITHOUT_CASES: [&str; 1] = ["rowwise_adam"];

/// What the arrays of the expected files of format 1 are called.
const NAMES_OF_FORMAT_1: [(&str, &str); 3] = [("m", "exp_avg"), ("v", "exp_avg_sq"), ("v_hat", "max_exp_avg_sq")];

/// How far the weights of the deferred update may be from those of the dense one, in ulp of the largest weight. Where arithmetic rounds to
/// nearest it is 3 for Adam, and mostly the dense one's: it rounds a weight at every step, and is as far from f64 itself.
pub const DEFERRED_ULP: f64 = 4.0;

/// All cases of the optimizers that the crate has, each of which must have one.
pub fn cases() -> Vec<Golden> {
    let names = case_names();
    assert!(names.len() >= LEAST_CASES, "only {} cases: {names:?}", names.len());
    let cases: Vec<_> = names.iter().filter_map(|name| Golden::read_known(name)).collect();
    println!("{} of {} cases are of optimizers that are not there yet", names.len() - cases.len(), names.len());
    for name in Optimizer::each().iter().map(Optimizer::name).filter(|name| !WITHOUT_CASES.contains(name)) {
        assert!(cases.iter().any(|golden| golden.case.optimizer.name() == name), "no case of {name}");
    }
    cases
}

pub fn dense_cases() -> Vec<Golden> {
    let mut cases = cases();
    cases.retain(|golden| golden.case.optimizer.update() == Update::Dense);
    assert!(cases.len() >= LEAST_DENSE_CASES, "only {} dense cases", cases.len());
    cases
}

/// Whether cases may name it.
pub fn is_known(optimizer: &str) -> bool {
    optimizer == "adamw" || Optimizer::each().iter().any(|known| known.name() == optimizer)
}

pub fn ulp_of_largest(outcome: &Floats) -> f64 {
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
pub struct Golden {
    pub name: String,
    /// The case's file.
    pub bytes: Vec<u8>,
    pub case: Case,
    framework: Other,
    pub expected: Floats,
}

impl Golden {
    /// Gives none of an optimizer that the crate does not have yet.
    pub fn read_known(name: &str) -> Option<Self> {
        let bytes = fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let optimizer = header.metadata().as_ref().unwrap()["optimizer"].as_str();
        is_known(optimizer).then(|| Self::read(name))
    }

    pub fn read(name: &str) -> Self {
        let bytes = fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
        let case = Case::from_bytes(&bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = fs::read(folder().join(format!("{name}.expected.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&expected).unwrap();
        let framework = match header.metadata().as_ref().unwrap()["made_by"].split(' ').next() {
            Some("keras") => Other::Keras,
            Some("torch") => Other::PyTorch,
            Some("fbgemm") => Other::Fbgemm,
            framework => panic!("{name} was made by {framework:?}"),
        };
        let mut expected = Floats::from_bytes(&expected);
        for (old, new) in NAMES_OF_FORMAT_1 {
            if let Some(array) = expected.0.remove(old) {
                expected.0.insert(new.to_owned(), array);
            }
        }
        Self { name: name.to_owned(), bytes, case, framework, expected }
    }

    /// The case with another update.
    pub fn run(&self, update: Update, context: &GpuContext) -> Floats {
        Floats::of_run(&Case::from_bytes(&self.bytes, Some(update)).unwrap(), context)
    }

    /// Checks `outcome` against what the framework made of the case.
    pub fn compare(&self, outcome: &Floats) -> Result<(), String> {
        self.compare_within(&bounds(&self.case, self.framework), outcome, &self.expected)
    }

    /// Checks the deferred update's outcome against the dense one's on the same device.
    pub fn compare_with_dense(&self, outcome: &Floats, dense: &Floats) -> Result<(), String> {
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
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of an outcome.
#[derive(Debug, Clone)]
pub struct Floats(pub Tensors);

impl Floats {
    /// Through the bytes of the file that the example would write.
    pub fn of_run(case: &Case, context: &GpuContext) -> Self {
        let outcome = run(case, context).unwrap();
        Self::from_bytes(&outcome.to_bytes().unwrap())
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
pub fn with_metadata(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    metadata.insert(key.to_owned(), value.to_owned());
    safetensors::serialize(SafeTensors::deserialize(bytes).unwrap().tensors(), Some(metadata)).unwrap()
}
