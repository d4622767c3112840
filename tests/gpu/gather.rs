use super::support::*;
use wgpu_embedding::*;

#[test]
fn smoke() {
    for context in [context(), GpuContext::reference()] {
        println!("{context}");
        for dim in [1, 3, 4, 5, 64] {
            let mut e = GpuEmbedding::new(&context, EmbeddingConfig::new(100, dim), Adam::default()).unwrap();
            let w = e.weights().unwrap();
            let b = e.batch(&[[1, 2, 3], [3, 99, 0]]).unwrap();
            let out = e.lookup(&b).unwrap();
            let o = out.read().unwrap();
            assert_eq!(o[..dim as usize], w[dim as usize..2 * dim as usize]);
            e.update(&b, &out).unwrap();
            let w2 = e.weights().unwrap();
            println!("{:?} {:?}", &w[..3], &w2[..3]);
            let g = e.row_gradient(&b, &out).unwrap();
            println!("{:?} {:?}", g.rows, &g.sums.read().unwrap()[..2]);
            let d = e.dense_gradient(&b, &out).unwrap();
            println!("{:?}", &d.read().unwrap()[..2]);
        }
    }
}
