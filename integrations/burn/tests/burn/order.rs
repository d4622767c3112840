//! Burn's work and the table's, in order on one queue.

use burn::prelude::*;
use burn::tensor::Distribution;
use burn_wgpu_embedding::SparseEmbedding;

use crate::support::*;

/// A training step whose every result is checked against the table's twin, among tensors of Burn's that come and go and so
/// give their memory to lookups, and take it from gradients.
#[test]
#[ignore = "needs a GPU adapter"]
fn memory_changes_hands_between_burn_and_the_table() {
    let (layer, mut twin) = (layer(), twin());
    let device = training_device();
    for step in 0..60 {
        let count = 64 + 37 * (step as usize % 7);
        let values = indices(count, step);
        let noise: Vec<_> =
            (1..4).map(|size| Tensor::<2>::random([count, size * WIDTH], Distribution::Default, &device)).collect();
        let sums = noise.into_iter().map(|noise| noise.exp().sum()).reduce(|one, other| one + other).unwrap();
        let output: Tensor<2> = layer.lookup(ints(&values, [count])).unwrap();
        let garbage = Tensor::<2>::ones([count, WIDTH], &device) * f32::NAN;
        let gradient = fractions(count * WIDTH, step + 100);
        let loss = loss_with_gradient(output.clone(), &gradient);
        drop(garbage * sums.unsqueeze());
        let mut gradients = loss.backward();
        layer.update(&mut gradients).unwrap();
        drop(gradients);
        let after = Tensor::<2>::ones([count, WIDTH], &device) * f32::NAN;

        let batch = twin.batch(&values).unwrap();
        let expected = twin.lookup(&batch).unwrap().read().unwrap();
        twin.update(&batch, &gradient).unwrap();
        drop(after + 1.0);
        // Not at every step, for to read is to wait.
        if step % 5 == 4 {
            assert_same_bits(&format!("step {step}"), &read(&output), &expected);
            assert_same_bits(&format!("step {step}"), &weights(&layer), &twin.weights().unwrap());
        }
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn the_same_steps_give_the_same_bits() {
    let [one, other] = [(); 2].map(|()| {
        let layer = layer();
        for step in 0..10 {
            let output = layer.forward(ints(&indices(320, step), [32, 10])).unwrap();
            let loss = output.tanh().powi_scalar(2).sum();
            layer.update(&mut loss.backward()).unwrap();
        }
        weights(&layer)
    });
    assert_same_bits("two runs", &one, &other);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_step_may_go_from_thread_to_thread() {
    fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(work).join().unwrap()
    }
    let (layer, mut twin) = (layer(), twin());
    for step in 0..10 {
        let (values, gradient) = (indices(100, step), fractions(100 * WIDTH, step + 20));
        let batch = twin.batch(&values).unwrap();
        let expected = twin.lookup(&batch).unwrap().read().unwrap();
        twin.update(&batch, &gradient).unwrap();

        let indices = elsewhere(move || ints(&values, [100]) + 0);
        let there = layer.clone();
        let output: Tensor<2> = elsewhere(move || there.lookup(indices).unwrap());
        assert_same_bits("a lookup", &read(&output), &expected);
        let mut gradients = elsewhere(move || loss_with_gradient(output, &gradient).backward());
        let there = layer.clone();
        elsewhere(move || there.update(&mut gradients).unwrap());
        assert_same_bits("weights", &weights(&layer), &twin.weights().unwrap());
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn threads_train_their_own_tables_at_once() {
    let train = |seed: u64| {
        let layer: SparseEmbedding = layer();
        for step in 0..15 {
            let output = layer.forward(ints(&indices(200, seed * 100 + step), [20, 10])).unwrap();
            layer.update(&mut output.powi_scalar(2).sum().backward()).unwrap();
        }
        weights(&layer)
    };
    let alone = [1, 2, 3].map(train);
    let together = [1, 2, 3].map(|seed| std::thread::spawn(move || train(seed)));
    for (alone, together) in alone.iter().zip(together) {
        assert_same_bits("at once", &together.join().unwrap(), alone);
    }
}
