//! Runs a case, and keeps what came out.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::{Dtype, View};
use wgpu_embedding::{Error, Extent, GpuContext, GpuEmbedding};

use super::case::{Case, Step};

/// What a case gives: a tensor for each step's output, the final weights, and the optimizer's state.
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

    let shape = vec![embedding.input_dim() as usize, embedding.output_dim() as usize];
    tensors.push(("weight".to_owned(), Floats { shape: shape.clone(), values: embedding.weights().map_err(text)? }));
    for array in embedding.optimizer().state() {
        let shape = match array.extent {
            Extent::PerElement => shape.clone(),
            Extent::PerRow => shape[..1].to_vec(),
        };
        let values = embedding.state(array.name).map_err(text)?;
        tensors.push((array.name.to_owned(), Floats { shape, values }));
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
    /// A safetensors file. Its metadata says nothing of the machine, so that equal runs are equal files.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let made_by = concat!("wgpu-embedding ", env!("CARGO_PKG_VERSION")).to_owned();
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
