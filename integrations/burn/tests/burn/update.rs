//! What an update does: one step of the table itself, whatever the lookups and wherever their gradients lie.

use burn::prelude::*;
use burn_wgpu_embedding::wgpu_embedding::{Adam, GpuEmbedding, Storage, Update};
use burn_wgpu_embedding::{Error, SparseEmbedding};

use crate::support::*;

#[test]
#[ignore = "needs a GPU adapter"]
fn a_step_is_the_tables_own() {
    let (layer, mut twin) = (layer(), twin());
    for step in 0..5 {
        let count = [700, 1, 64, 65, 5_000][step as usize];
        let (values, gradient) = (indices(count, step), fractions(count * WIDTH, step + 10));
        let output: Tensor<2> = match step % 2 {
            0 => layer.lookup(ints(&values, [count])),
            _ => layer.lookup_batch(batch(&layer, &values)),
        }
        .unwrap();
        layer.update(&mut loss_with_gradient(output, &gradient).backward()).unwrap();
        let batch = twin.batch(&values).unwrap();
        twin.update(&batch, &gradient).unwrap();
    }
    assert_eq!(layer.with_table(|table| table.step_count()), 5);
    assert_same_bits("weights", &weights(&layer), &twin.weights().unwrap());
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_table_in_half_precision_is_stepped_as_by_itself() {
    for storage in [Storage::F16, Storage::Bf16] {
        let layer = SparseEmbedding::new(&shared(), config().with_storage(storage), Adam::default()).unwrap();
        let mut twin =
            GpuEmbedding::new(shared().context(), config().with_storage(storage), Adam::default()).unwrap();
        for step in 0..5 {
            let (values, gradient) = (indices(200, step), fractions(200 * WIDTH, step + 10));
            let output: Tensor<2> = layer.lookup(ints(&values, [200])).unwrap();
            assert_same_bits("output", &read(&output), &twin.rows(&values).unwrap());
            layer.update(&mut loss_with_gradient(output, &gradient).backward()).unwrap();
            twin.update(&twin.batch(&values).unwrap(), &gradient).unwrap();
        }
        assert_same_bits("weights", &weights(&layer), &twin.weights().unwrap());
    }
}

/// What one step with all of `parts`' indices and gradients, one after the other, makes of the table.
fn joined(mut twin: GpuEmbedding, parts: &[(&[i32], &[f32])]) -> Vec<f32> {
    let indices: Vec<_> = parts.iter().flat_map(|part| part.0.to_vec()).collect();
    let gradient: Vec<_> = parts.iter().flat_map(|part| part.1.to_vec()).collect();
    let batch = twin.batch(&indices).unwrap();
    twin.update(&batch, &gradient).unwrap();
    twin.weights().unwrap()
}

#[test]
#[ignore = "needs a GPU adapter"]
fn several_lookups_are_one_step() {
    let first = (indices(150, 1), fractions(150 * WIDTH, 2));
    let second = (indices(90, 3), fractions(90 * WIDTH, 4));
    let expected = joined(twin(), &[(&first.0, &first.1), (&second.0, &second.1)]);
    for (from_the_host, name) in [([false, false], "GPU"), ([true, true], "host"), ([true, false], "both")] {
        let layer = layer();
        let lookup = |values: &[i32], from_the_host: bool| -> Tensor<2> {
            match from_the_host {
                true => layer.lookup_batch(batch(&layer, values)),
                false => layer.lookup(ints(values, [values.len()])),
            }
            .unwrap()
        };
        let [one, other] = [(&first, from_the_host[0]), (&second, from_the_host[1])]
            .map(|(part, from_the_host)| loss_with_gradient(lookup(&part.0, from_the_host), &part.1));
        // The graph runs the later one backward first.
        layer.update(&mut (other + one).backward()).unwrap();
        assert_eq!(layer.with_table(|table| table.step_count()), 1);
        assert_same_bits(name, &weights(&layer), &expected);
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn several_lookups_of_a_fixed_length_are_one_step() {
    let layer = SparseEmbedding::new(&shared(), config().with_input_length(5), Adam::default()).unwrap();
    let (values, gradient) = (indices(30, 1), fractions(30 * WIDTH, 2));
    let outputs = [ints(&values[..10], [2, 5]), ints(&values[10..], [4, 5])].map(|part| layer.forward(part).unwrap());
    let loss = loss_with_gradient(Tensor::cat(outputs.to_vec(), 0), &gradient);
    layer.update(&mut loss.backward()).unwrap();
    assert_same_bits("a fixed length", &weights(&layer), &joined(twin(), &[(&values, &gradient)]));
    let error = layer.forward(ints(&[1, 2, 3], [1, 3])).unwrap_err();
    assert!(error.to_string().contains("input_length, 5"), "{error}");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn one_lookup_used_twice_gets_both_gradients() {
    let layer = layer();
    let (values, gradient) = (indices(20, 1), vec![0.5; 20 * WIDTH]);
    let output: Tensor<2> = layer.lookup(ints(&values, [20])).unwrap();
    let loss = (output.clone() * 0.25).sum() + (output * 0.25).sum();
    layer.update(&mut loss.backward()).unwrap();
    assert_same_bits("used twice", &weights(&layer), &joined(twin(), &[(&values, &gradient)]));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_gradient_may_lie_in_any_order() {
    let values = indices(12, 1);
    let gradient = fractions(12 * WIDTH, 2);
    let expected = joined(twin(), &[(&values, &gradient)]);

    // [3, 4, WIDTH], whose gradient comes through a transposition.
    let transposed = layer();
    let output = transposed.forward(ints(&values, [3, 4])).unwrap().swap_dims(0, 2);
    let factors = floats(&gradient, [3, 4, WIDTH]).swap_dims(0, 2);
    transposed.update(&mut (output * factors).sum().backward()).unwrap();
    assert_same_bits("transposed", &weights(&transposed), &expected);

    // One value for all, or for each column.
    let constant = layer();
    let output: Tensor<2> = constant.lookup(ints(&values, [12])).unwrap();
    constant.update(&mut output.sum().backward()).unwrap();
    let expected = joined(twin(), &[(&values, &[1.0; 12 * WIDTH])]);
    assert_same_bits("one value", &weights(&constant), &expected);
    let by_column = layer();
    let output: Tensor<2> = by_column.lookup(ints(&values, [12])).unwrap();
    let columns = fractions(WIDTH, 5);
    let loss = output.sum_dim(0) * floats(&columns, [1, WIDTH]);
    by_column.update(&mut loss.sum().backward()).unwrap();
    let expected = joined(twin(), &[(&values, &columns.repeat(12))]);
    assert_same_bits("a value a column", &weights(&by_column), &expected);

    // Of half the output.
    let half = layer();
    let output: Tensor<2> = half.lookup(ints(&values, [12])).unwrap();
    let loss = output.slice([0..6, 0..WIDTH]) * floats(&gradient[..6 * WIDTH], [6, WIDTH]);
    half.update(&mut loss.sum().backward()).unwrap();
    let expected = [&gradient[..6 * WIDTH], &[0.0; 6 * WIDTH]].concat();
    assert_same_bits("of half", &weights(&half), &joined(twin(), &[(&values, &expected)]));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn lookups_without_a_part_in_the_loss_are_excluded() {
    let layer = layer();
    let (values, gradient) = (indices(20, 1), fractions(20 * WIDTH, 2));
    let unused: Tensor<2> = layer.lookup(ints(&[3, 4], [2])).unwrap();
    let output: Tensor<2> = layer.lookup(ints(&values, [20])).unwrap();
    layer.update(&mut loss_with_gradient(output, &gradient).backward()).unwrap();
    assert_same_bits("without the unused", &weights(&layer), &joined(twin(), &[(&values, &gradient)]));
    // It may still have one of its own, later.
    layer.update(&mut unused.sum().backward()).unwrap();
    assert_eq!(layer.with_table(|table| table.step_count()), 2);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn two_passes_are_updated_in_any_order() {
    let layer = layer();
    let mut twin = twin();
    let outputs: [Tensor<2>; 2] = [[1, 2], [2, 3]].map(|rows| layer.lookup(ints(&rows, [2])).unwrap());
    let [mut first, mut second] = outputs.map(|output| output.sum().backward());
    layer.update(&mut second).unwrap();
    layer.update(&mut first).unwrap();
    for rows in [[2, 3], [1, 2]] {
        let batch = twin.batch(&rows).unwrap();
        twin.update(&batch, &[1.0; 2 * WIDTH]).unwrap();
    }
    assert_same_bits("second first", &weights(&layer), &twin.weights().unwrap());
}

#[test]
#[ignore = "needs a GPU adapter"]
fn accumulated_passes_are_one_step() {
    let layer = layer();
    let parts = [1, 2, 3].map(|seed| (indices(25, seed), fractions(25 * WIDTH, seed + 5)));
    for (pass, (values, gradient)) in parts.iter().enumerate() {
        let output: Tensor<2> = layer.lookup(ints(values, [25])).unwrap();
        let mut gradients = loss_with_gradient(output, gradient).backward();
        match pass {
            0 | 1 => layer.accumulate(&mut gradients).unwrap(),
            _ => layer.update(&mut gradients).unwrap(),
        }
    }
    assert_eq!(layer.with_table(|table| table.step_count()), 1);
    let parts = parts.each_ref().map(|(values, gradient)| (&values[..], &gradient[..]));
    assert_same_bits("three passes", &weights(&layer), &joined(twin(), &parts));
    // What was applied is gone.
    let output: Tensor<2> = layer.lookup(ints(&[1], [1])).unwrap();
    drop(output);
    let mut none = floats::<1>(&[1.0], [1]).require_grad().sum().backward();
    assert_eq!(layer.update(&mut none), Err(Error::NoGradient { waiting: 0 }));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn lookups_see_the_updates_before_them() {
    for update in [Update::Deferred, Update::Dense, Update::Lazy] {
        let adam = Adam::default().with_update(update).with_learning_rate(0.1);
        let layer = SparseEmbedding::new(&shared(), config(), adam).unwrap();
        let mut twin = GpuEmbedding::new(shared().context(), config(), adam).unwrap();
        let every = (0..ROWS as i32).collect::<Vec<_>>();
        for step in 0..4 {
            let values = indices(30, step);
            let output: Tensor<2> = layer.lookup(ints(&values, [30])).unwrap();
            layer.update(&mut output.powi_scalar(2).sum().backward()).unwrap();
            let batch = twin.batch(&values).unwrap();
            let gradient: Vec<_> =
                twin.lookup(&batch).unwrap().read().unwrap().iter().map(|value| 2.0 * value).collect();
            twin.update(&batch, &gradient).unwrap();
            let all: Tensor<2> = layer.lookup(ints(&every, [every.len()])).unwrap();
            assert_same_bits(&format!("{update:?}, step {step}"), &read(&all), &twin.rows(&every).unwrap());
        }
    }
}
