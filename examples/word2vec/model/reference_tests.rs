use super::*;

/// Three inputs, two targets; the last input is in nobody's window.
fn layout() -> Layout {
    let block = Block { first_input: 0, input_count: 3, first_output: 0, target_count: 2, left: 0 };
    let targets = [0b01, 0b10].into_iter().chain((0..NEGATIVES).map(|negative| [0b11, 0b10, 0b00][negative % 3]));
    Layout { blocks: vec![block], windows: vec![0b10, 0b11, 0b00], targets: targets.collect(), ..Layout::default() }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let dim = 3;
    let layout = layout();
    let inputs: Vec<_> = (0..3 * dim).map(|index| (index as f32).sin()).collect();
    let outputs: Vec<_> = (0..(2 + NEGATIVES) * dim).map(|index| (0.7 * index as f32).cos()).collect();
    let loss = |inputs: &[f32], outputs: &[f32]| pairs(&Rows { dim, inputs, outputs }, &layout, 5).losses[0];
    let gradients = pairs(&Rows { dim, inputs: &inputs, outputs: &outputs }, &layout, 5);
    let shifted = |values: &[f32], index: usize, shift: f32| {
        let mut values = values.to_vec();
        values[index] += shift;
        values
    };
    const STEP: f32 = 1.0 / 64.0;
    for index in 0..inputs.len() {
        let slope = (loss(&shifted(&inputs, index, STEP), &outputs)
            - loss(&shifted(&inputs, index, -STEP), &outputs))
            / (2.0 * STEP);
        assert!((slope - gradients.inputs[index]).abs() < 1e-3, "{index}: {slope} {}", gradients.inputs[index]);
    }
    for index in 0..outputs.len() {
        let slope = (loss(&inputs, &shifted(&outputs, index, STEP))
            - loss(&inputs, &shifted(&outputs, index, -STEP)))
            / (2.0 * STEP);
        assert!((slope - gradients.outputs[index]).abs() < 1e-3, "{index}: {slope} {}", gradients.outputs[index]);
    }
    assert_eq!(gradients.inputs[2 * dim..], [0.0; 3]);
}

#[test]
fn the_loss_is_that_of_its_pairs() {
    // All scores are 0, so a pair costs ln 2, and so does each of its 5 negative samples, those with its own word
    // less.
    let layout = layout();
    let rows = Rows { dim: 1, inputs: &[0.0; 3], outputs: &[1.0; 2 + NEGATIVES] };
    let loss = pairs(&rows, &layout, 5).losses[0] / std::f32::consts::LN_2;
    let negatives: u32 =
        layout.targets[2..].iter().map(|of| (of & 0b10).count_ones() + (of & 0b11).count_ones()).sum();
    assert!((loss - 3.0 - negatives as f32 * 5.0 / NEGATIVES as f32).abs() < 1e-4, "{loss}");
}

#[test]
fn extreme_scores_stay_finite() {
    assert_eq!((softplus(0.0), sigmoid(0.0)), (std::f32::consts::LN_2, 0.5));
    assert_eq!((softplus(1e4), sigmoid(1e4)), (1e4, 1.0));
    assert_eq!((softplus(-1e4), sigmoid(-1e4)), (0.0, 0.0));
    assert!(softplus(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
}
