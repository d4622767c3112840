//! The layer against the table itself, against Burn's own layer and optimizer, and under misuse.

<<<<<<< HEAD
#[path = "burn/against_burn.rs"]
mod against_burn;
#[path = "burn/lookup.rs"]
mod lookup;
#[path = "burn/misuse.rs"]
mod misuse;
#[path = "burn/module.rs"]
mod module;
#[path = "burn/order.rs"]
mod order;
#[path = "burn/support.rs"]
mod support;
#[path = "burn/update.rs"]
mod update;
=======
#[test]
fn first() {
    let shared = SharedDevice::new().unwrap();
    println!("{}", shared.context());
    let device = shared.device().clone().autodiff();
    let embedding = SparseEmbedding::new(&shared, EmbeddingConfig::new(100, 5).with_seed(1), Adam::default()).unwrap();
    let indices = Tensor::<2, Int>::from_ints([[1, 2, 3], [4, 5, 1]], &device);
    let before = embedding.with_table(|table| table.weights().unwrap());
    let rows = embedding.forward(indices).unwrap();
    let data: Vec<f32> = rows.clone().into_data().into_vec().unwrap();
    assert_eq!(&data[..15], &before[5..20]);
    let mut gradients = rows.powi_scalar(2).sum().backward();
    embedding.update(&mut gradients).unwrap();
    let after = embedding.with_table(|table| table.weights().unwrap());
    assert_ne!(before, after);
    println!("{embedding}");
    println!("{:?}", embedding.update(&mut gradients));
}
>>>>>>> e1
