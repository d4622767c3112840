//! Burn's LSTM with Keras's first weights, drawn on the host.

use burn::module::Param;
use burn::nn::{GateController, Initializer, Lstm, LstmConfig};
use burn::tensor::{Device, TensorData};
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::keras::glorot_uniform;

/// Glorot uniform weights of the inputs, orthogonal ones of the state, and one bias a gate, of 1 in the forget gate.
///
/// Burn has two biases a gate, of which it needs one: their sum is what counts.
pub fn lstm(inputs: usize, units: usize, random: &mut ChaCha8Rng, device: &Device) -> Lstm {
    let mut lstm = LstmConfig::new(inputs, units, true).init(device);
    // Keras has the gates' weights side by side in one matrix, and draws them so.
    let orthogonal = orthonormal_rows(units, 4 * units, random);
    let gates = [
        (&mut lstm.input_gate, 0.0),
        (lstm.forget_gate.as_mut().expect("it is left out on demand only"), 1.0),
        (&mut lstm.cell_gate, 0.0),
        (&mut lstm.output_gate, 0.0),
    ];
    for (number, (gate, bias)) in gates.into_iter().enumerate() {
        let GateController { input_transform, hidden_transform } = gate;
        input_transform.weight = glorot_uniform([inputs, units], inputs + 4 * units, random, device);
        input_transform.bias = Some(Initializer::Constant { value: bias }.init([units], device));
        let columns = orthogonal.iter().flat_map(|row| &row[number * units..][..units]).copied();
        let weight = TensorData::new(columns.collect::<Vec<f32>>(), [units, units]);
        hidden_transform.weight = Param::from_data(weight, device);
        hidden_transform.bias = None;
    }
    lstm
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

    #[test]
    #[ignore = "needs a GPU adapter"]
    fn gates_differ_and_the_forget_gate_has_a_bias_of_one() {
        let shared = burn_wgpu_embedding::SharedDevice::new().unwrap();
        let lstm = lstm(3, 4, &mut ChaCha8Rng::seed_from_u64(1), shared.device());
        let forget = lstm.forget_gate.as_ref().unwrap();
        let gates = [&lstm.input_gate, forget, &lstm.cell_gate, &lstm.output_gate];
        let state: Vec<Vec<f32>> =
            gates.iter().map(|gate| gate.hidden_transform.weight.val().try_into_vec_as().unwrap()).collect();
        for (number, gate) in gates.iter().enumerate() {
            let bias = gate.input_transform.bias.as_ref().unwrap().val();
            let bias: Vec<f32> = bias.try_into_vec_as().unwrap();
            assert_eq!(bias, [if number == 1 { 1.0 } else { 0.0 }; 4]);
            assert!(state[..number].iter().all(|earlier| *earlier != state[number]));
        }
    }
}
