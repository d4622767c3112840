//! Runs a case, and keeps what came out.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::{Dtype, View};
use wgpu_embedding::{Error, GpuContext, GpuEmbedding};

use super::case::{Case, Step};

/// What a case gives: a tensor for each step's output, and the final weights and moments.
#[derive(Debug)]
pub struct Outcome {
    tensors: Vec<(String, Floats)>,
}

#[derive(Debug)]
struct Floats {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Runs every step of the case; an error says which step went wrong.
pub fn run(case: &Case, context: &GpuContext) -> Result<Outcome, String> {
    let text = |error: Error| error.to_string();
    let mut embedding = GpuEmbedding::new(context, case.config.clone(), case.optimizer).map_err(text)?;
    let mut tensors = Vec::new();
    for (number, step) in case.steps.iter().enumerate() {
        let output = run_step(&mut embedding, step).map_err(|error| format!("step {number}: {error}"))?;
        tensors.push((format!("step.{number}.output"), output));
    }

    let mut table = |name: &str, values| {
        let shape = vec![embedding.input_dim() as usize, embedding.output_dim() as usize];
        tensors.push((name.to_owned(), Floats { shape, values }));
    };
    table("weight", embedding.weights().map_err(text)?);
    for (name, array) in [("m", "exp_avg"), ("v", "exp_avg_sq"), ("v_hat", "max_exp_avg_sq")] {
        if embedding.optimizer().state().iter().any(|known| known.name == array) {
            table(name, embedding.state(array).map_err(text)?);
        }
    }
    Ok(Outcome { tensors })
}

/// Gives what the lookup gave before the update.
fn run_step(embedding: &mut GpuEmbedding, step: &Step) -> Result<Floats, Error> {
    let batch = embedding.batch(&(&step.indices, &step.shape))?;
    let output = embedding.lookup(&batch)?;
    embedding.update(&batch, &step.gradient)?;
    Ok(Floats { shape: output.shape().to_vec(), values: output.read()? })
}

impl Outcome {
    /// A safetensors file; `made_by` goes into its metadata.
    pub fn to_bytes(&self, made_by: String) -> Result<Vec<u8>, String> {
        let tensors = self.tensors.iter().map(|(name, tensor)| (name, tensor));
        let metadata = HashMap::from([("made_by".to_owned(), made_by)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| error.to_string())
    }
}

impl View for &Floats {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}
