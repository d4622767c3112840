//! The model on the CPU: the crate's host-driven calls, and the loss in plain Rust.

use super::{Model, Tables};
use crate::Result;
use crate::blocks::{Block, Layout, NEGATIVES};
use crate::pipeline::Prepared;

/// See the module.
pub struct ReferenceModel {
    tables: Tables,
    /// Negative samples a pair.
    negative: u32,
    loss: f64,
}

impl ReferenceModel {
    pub fn new(tables: Tables, negative: u32) -> Self {
        Self { tables, negative, loss: 0.0 }
    }
}

impl Model for ReferenceModel {
    fn tables(&self) -> &Tables {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }

    fn train(&mut self, batch: &Prepared) -> Result<()> {
        let Tables { input, output } = &mut self.tables;
        let rows = Rows {
            dim: input.output_dim() as usize,
            inputs: &input.lookup(&batch.inputs)?.read()?,
            outputs: &output.lookup(&batch.outputs)?.read()?,
        };
        let gradients = pairs(&rows, &batch.layout, self.negative);
        input.update(&batch.inputs, &gradients.inputs)?;
        output.update(&batch.outputs, &gradients.outputs)?;
        self.loss += gradients.losses.into_iter().map(f64::from).sum::<f64>();
        Ok(())
    }

    fn take_loss(&mut self) -> Result<f64> {
        Ok(std::mem::take(&mut self.loss))
    }
}

/// What was looked up, `[lookups, dim]` each.
pub struct Rows<'a> {
    pub dim: usize,
    pub inputs: &'a [f32],
    pub outputs: &'a [f32],
}

/// The loss of each block, and its gradients with respect to the rows.
pub struct Gradients {
    pub losses: Vec<f32>,
    pub inputs: Vec<f32>,
    pub outputs: Vec<f32>,
}

/// The twin of scores.wgsl and gradients.wgsl.
pub fn pairs(rows: &Rows<'_>, layout: &Layout, negative: u32) -> Gradients {
    let mut gradients = Gradients {
        losses: vec![0.0; layout.blocks.len()],
        inputs: vec![0.0; rows.inputs.len()],
        outputs: vec![0.0; rows.outputs.len()],
    };
    for (number, block) in layout.blocks.iter().enumerate() {
        let Block { first_input, input_count, first_output, target_count, .. } = *block;
        for input in first_input as usize..(first_input + input_count) as usize {
            for output in first_output as usize..first_output as usize + target_count as usize + NEGATIVES {
                let pairs = (layout.windows[input] & layout.targets[output]).count_ones() as f32;
                if output < (first_output + target_count) as usize {
                    gradients.add(rows, number, (input, output), -1.0, pairs);
                } else {
                    gradients.add(rows, number, (input, output), 1.0, pairs * negative as f32 / NEGATIVES as f32);
                }
            }
        }
    }
    gradients
}

impl Gradients {
    /// Adds `weight * softplus(sign * x.y)` of one input and one output to its block's loss, and its gradients.
    fn add(&mut self, rows: &Rows<'_>, block: usize, (input, output): (usize, usize), sign: f32, weight: f32) {
        if weight == 0.0 {
            return;
        }
        let row = |number: usize| number * rows.dim..(number + 1) * rows.dim;
        let (x, y) = (&rows.inputs[row(input)], &rows.outputs[row(output)]);
        let score: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        self.losses[block] += weight * softplus(sign * score);
        let error = sign * weight * sigmoid(sign * score);
        self.inputs[row(input)].iter_mut().zip(y).for_each(|(gradient, y)| *gradient += error * y);
        self.outputs[row(output)].iter_mut().zip(x).for_each(|(gradient, x)| *gradient += error * x);
    }
}

/// `log(1 + exp(x))`, in a form that does not overflow.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f32) -> f32 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
