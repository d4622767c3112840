//! Keras's LSTM: its four gates in one matrix, so that a word is one matrix product.
//!
//! Burn's `nn::Lstm` computes the same in eight products a word, and writes every word's state into one tensor, of which this
//! model needs the last: on a software adapter, where small kernels are what costs, its epochs are MEASURED times as long.

use burn::module::{Module, Param};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::keras::glorot_uniform;

#[derive(Module, Debug)]
pub struct Lstm {
    /// `[inputs + units, 4 * units]`: of the word over those of the state; the input, forget, cell and output gate.
    weight: Param<Tensor<2>>,
    /// `[4 * units]`
    bias: Param<Tensor<1>>,
}

impl Lstm {
    /// Glorot uniform weights of the word, orthogonal ones of the state, and a bias of 1 in the forget gate, 0 elsewhere.
    pub fn new(inputs: usize, units: usize, random: &mut ChaCha8Rng, device: &Device) -> Self {
        let mut weight = glorot_uniform([inputs, 4 * units], random);
        weight.extend(orthonormal_rows(units, 4 * units, random).into_iter().flatten());
        let bias: Vec<f32> = (0..4 * units).map(|column| f32::from(column / units == 1)).collect();
        Self {
            weight: Param::from_data(TensorData::new(weight, [inputs + units, 4 * units]), device),
            bias: Param::from_data(TensorData::new(bias, [4 * units]), device),
        }
    }

    /// The state after the last word: `[texts, words, inputs]` to `[texts, units]`.
    pub fn last_state(&self, rows: Tensor<3>) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val().unsqueeze::<2>());
        let [texts, ..] = rows.dims();
        let units = self.units();
        let mut state = Tensor::<2>::zeros([texts, units], &rows.device());
        let mut cell = state.clone();
        for word in rows.iter_dim(1) {
            let word_and_state = Tensor::cat(vec![word.squeeze_dim::<2>(1), state], 1);
            let gates = word_and_state.matmul(weight.clone()) + bias.clone();
            let gate = |number: usize| gates.clone().narrow(1, number * units, units);
            cell = sigmoid(gate(1)) * cell + sigmoid(gate(0)) * tanh(gate(2));
            state = sigmoid(gate(3)) * tanh(cell.clone());
        }
        state
    }

    pub fn units(&self) -> usize {
        self.bias.dims()[0] / 4
    }
}

/// Normal rows, made orthonormal one after the other (modified Gram-Schmidt).
fn orthonormal_rows(count: usize, width: usize, random: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut row: Vec<f64> = StandardNormal.sample_iter(&mut *random).take(width).collect();
        for earlier in &rows {
            let along = dot(&row, earlier);
            row.iter_mut().zip(earlier).for_each(|(value, earlier)| *value -= along * earlier);
        }
        let norm = dot(&row, &row).sqrt();
        rows.push(row.iter().map(|value| value / norm).collect());
    }
    rows.iter().map(|row| row.iter().map(|&value| value as f32).collect()).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn rows_are_orthonormal() {
        let rows = orthonormal_rows(100, 400, &mut ChaCha8Rng::seed_from_u64(1));
        for (a, row) in rows.iter().enumerate() {
            for (b, other) in rows.iter().enumerate() {
                let product: f32 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "rows {a} and {b}: {product}");
            }
        }
    }
}
