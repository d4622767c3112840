//! What a lookup gives.

use burn::prelude::*;
use burn::tensor::{DType, IntDType};
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig, Error as TableError};
use burn_wgpu_embedding::{Error, SparseEmbedding};

use crate::support::*;

fn rows_of(layer: &SparseEmbedding, indices: &[i32]) -> Vec<f32> {
    layer.with_table(|table| table.rows(indices)).unwrap()
}

#[test]
#[ignore = "needs a GPU adapter"]
fn the_output_is_the_tables_rows() {
    let layer = layer();
    // About a workgroup, a sort's tile, and none.
    for count in [1, 3, 255, 256, 257, 5_000] {
        let indices = indices(count, count as u64);
        let output: Tensor<2> = layer.lookup(ints(&indices, [count])).unwrap();
        assert_eq!(output.dims(), [count, WIDTH]);
        assert_same_bits("a lookup", &read(&output), &rows_of(&layer, &indices));
        let output: Tensor<2> = layer.lookup_batch(batch(&layer, &indices)).unwrap();
        assert_same_bits("a lookup of a host batch", &read(&output), &rows_of(&layer, &indices));
    }
    let indices = indices(24, 1);
    let forward = layer.forward(ints(&indices, [4, 6])).unwrap();
    assert_eq!(forward.dims(), [4, 6, WIDTH]);
    let four: Tensor<4> = layer.lookup(ints(&indices, [2, 3, 4])).unwrap();
    assert_eq!(four.dims(), [2, 3, 4, WIDTH]);
    assert_same_bits("four dimensions", &read(&four), &read(&forward));
    let shaped = layer.with_table(|table| table.batch(&(indices, [2, 3, 4]))).unwrap();
    let four: Tensor<4> = layer.lookup_batch(shaped).unwrap();
    assert_same_bits("four dimensions of a host batch", &read(&four), &read(&forward));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn indices_may_lie_in_any_order() {
    let layer = layer();
    let values = indices(60, 2);
    let tensor = ints(&values, [6, 10]);
    let expected = |positions: &mut dyn Iterator<Item = usize>| {
        let indices: Vec<_> = positions.map(|at| values[at]).collect();
        rows_of(&layer, &indices)
    };
    let transposed = layer.forward(tensor.clone().swap_dims(0, 1)).unwrap();
    assert_eq!(transposed.dims(), [10, 6, WIDTH]);
    let mut positions = (0..10).flat_map(|column| (0..6).map(move |row| row * 10 + column));
    assert_same_bits("transposed", &read(&transposed), &expected(&mut positions));

    // From inside of a tensor, at an offset that is no multiple of 256.
    let part = layer.forward(tensor.clone().slice([1..5, 3..8])).unwrap();
    let mut positions = (1..5).flat_map(|row| (3..8).map(move |column| row * 10 + column));
    assert_same_bits("a slice", &read(&part), &expected(&mut positions));

    let expanded = layer.forward(tensor.clone().slice([0..1, 0..10]).expand([3, 10])).unwrap();
    let mut positions = (0..3).flat_map(|_| 0..10);
    assert_same_bits("expanded", &read(&expanded), &expected(&mut positions));

    // Computed, and not yet run.
    let computed = layer.forward(tensor.clone() * 3 - tensor.clone() - tensor).unwrap();
    assert_same_bits("computed", &read(&computed), &expected(&mut (0..60)));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn indices_may_have_any_integer_type() {
    let layer = layer();
    let values = [0, 3, 127, 5];
    let expected = rows_of(&layer, &values);
    for dtype in
        [IntDType::I32, IntDType::U32, IntDType::I64, IntDType::U64, IntDType::I8, IntDType::U8, IntDType::I16]
    {
        let indices = ints(&values, [4]).cast(dtype);
        let output = layer.lookup::<1, 2>(indices);
        if !shared().device().supports_dtype(dtype) {
            assert!(![IntDType::I32, IntDType::U32].contains(&dtype));
            assert_eq!(output.unwrap_err(), Error::IndexType { given: format!("{:?}", DType::from(dtype)) });
            continue;
        }
        let output = output.unwrap();
        assert_same_bits(&format!("{dtype:?}"), &read(&output), &expected);
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn indices_outside_give_zeros_and_are_counted() {
    let layer = layer();
    let zeros = vec![0.0; WIDTH];
    let expected = [rows_of(&layer, &[1]), zeros.clone(), zeros, rows_of(&layer, &[2])].concat();
    let before = weights(&layer);
    let output: Tensor<2> = layer.lookup(ints(&[1, -1, ROWS as i32, 2], [4])).unwrap();
    assert_same_bits("outside", &read(&output), &expected);
    let error = layer.with_table(|table| table.check()).unwrap_err();
    assert_eq!(error, TableError::GpuIndicesOutOfRange { count: 2, first_position: 1, input_dim: ROWS });

    // Padding is neither a row nor counted.
    let indices = ints(&[1, -2, 0, 2], [4]);
    let output: Tensor<2> = layer.lookup(indices.clone()).unwrap();
    let expected = [rows_of(&layer, &[1]), vec![0.0; WIDTH], rows_of(&layer, &[0, 2])].concat();
    assert_same_bits("padding", &read(&output), &expected);
    output.sum().backward();
    layer.with_table(|table| table.check()).unwrap();
    layer.discard();

    // They have no gradient either.
    let output: Tensor<2> = layer.lookup(ints(&[-1, 4, i32::MIN], [3])).unwrap();
    layer.update(&mut output.sum().backward()).unwrap();
    layer.with_table(|table| table.check()).unwrap_err();
    let after = weights(&layer);
    let row = |values: &[f32], row: usize| values[row * WIDTH..][..WIDTH].to_vec();
    let changed: Vec<_> = (0..ROWS as usize).filter(|&at| row(&before, at) != row(&after, at)).collect();
    assert_eq!(changed, [4]);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn long_indices_outside_name_no_row() {
    if !shared().device().supports_dtype(IntDType::I64) {
        return;
    }
    let layer = layer();
    // 2^32 + 1 would be row 1 if it lost its upper half.
    let values = TensorData::new(vec![1_i64, (1 << 32) + 1, -1, i64::MIN, i64::MAX, u32::MAX.into()], [6]);
    let indices = Tensor::<1, Int>::from_data(values, (&training_device(), DType::I64));
    let expected = [rows_of(&layer, &[1]), vec![0.0; 5 * WIDTH]].concat();
    let output: Tensor<2> = layer.lookup(indices).unwrap();
    assert_same_bits("outside", &read(&output), &expected);

    let values = TensorData::new(vec![1_u64, (1 << 32) + 1, u64::MAX, u32::MAX.into()], [4]);
    let indices = Tensor::<1, Int>::from_data(values, (&training_device(), DType::U64));
    let output: Tensor<2> = layer.lookup(indices).unwrap();
    assert_same_bits("outside, unsigned", &read(&output), &expected[..4 * WIDTH]);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn no_indices_give_an_empty_output() {
    let (layer, mut twin) = (layer(), twin());
    let empty: [i32; 0] = [];
    for shape in [[0, 5], [3, 0]] {
        let output = layer.forward(ints(&[], shape)).unwrap();
        assert_eq!(output.dims(), [shape[0], shape[1], WIDTH]);
        assert!(layer.valid().forward(ints(&[], shape)).unwrap().dims() == output.dims());
        // As burn::nn::Embedding's; and a step, at which dense Adam moves what moved before.
        layer.update(&mut output.sum().backward()).unwrap();
        let batch = twin.batch(&empty).unwrap();
        twin.update(&batch, &[]).unwrap();
    }
    // Beside another lookup it is no hindrance.
    let output: Tensor<2> = layer.lookup_batch(batch(&layer, &empty)).unwrap();
    assert_eq!(output.dims(), [0, WIDTH]);
    let other: Tensor<2> = layer.lookup(ints(&[1], [1])).unwrap();
    layer.update(&mut Tensor::cat(vec![output.clone(), other], 0).sum().backward()).unwrap();
    let one = twin.batch(&[1]).unwrap();
    twin.update(&one, &[1.0; WIDTH]).unwrap();
    let empty: Tensor<2> = layer.lookup_batch(batch(&layer, &empty)).unwrap();
    layer.update(&mut empty.sum().backward()).unwrap();
    let none = twin.batch(&Vec::<u32>::new()).unwrap();
    twin.update(&none, &[]).unwrap();
    assert_eq!(layer.with_table(|table| table.step_count()), 4);
    assert_same_bits("with empty steps", &weights(&layer), &twin.weights().unwrap());
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_table_in_many_buffers_gives_the_same() {
    let config = config().with_max_shard_bytes(32 * 64);
    let split = SparseEmbedding::new(&shared(), config, Adam::default()).unwrap();
    assert!(split.with_table(|table| table.shard_count()) > 2);
    let whole = layer();
    for step in 0..3 {
        let values = indices(300, step);
        let [given, expected] = [&split, &whole].map(|layer| {
            let output: Tensor<2> = layer.lookup(ints(&values, [300])).unwrap();
            layer.update(&mut output.clone().powi_scalar(2).sum().backward()).unwrap();
            read(&output)
        });
        assert_same_bits("a lookup", &given, &expected);
    }
    assert_same_bits("weights", &weights(&split), &weights(&whole));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn an_output_past_a_binding_is_an_error() {
    let layer = SparseEmbedding::new(&shared(), EmbeddingConfig::new(10, 1_000), Adam::default()).unwrap();
    let limit = shared().context().device().unwrap().limits().max_storage_buffer_binding_size;
    let count = (limit / 4_000 + 1) as usize;
    let batch = layer.with_table(|table| table.batch(&vec![1; count]));
    let error = layer.lookup_batch::<2>(batch.unwrap()).unwrap_err();
    assert!(matches!(error, Error::Embedding(TableError::TooLarge { .. })), "{error}");
    // And nothing waits for it.
    let output: Tensor<2> = layer.lookup(ints(&[1], [1])).unwrap();
    layer.update(&mut output.sum().backward()).unwrap();
}

#[test]
#[ignore = "needs a GPU adapter"]
fn the_mask_is_kerass() {
    let masked = SparseEmbedding::new(&shared(), config().with_mask_zero(true), Adam::default()).unwrap();
    let indices = ints(&[0, 0, 3, 1, 0, 2], [2, 3]);
    let mask: Vec<bool> = masked.mask(indices.clone()).unwrap().try_into_vec_as().unwrap();
    assert_eq!(mask, [false, false, true, true, false, true]);
    assert!(layer().mask(indices).is_none());
}
