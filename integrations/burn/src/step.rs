//! One step of the table, by the gradients of all its lookups.

use std::sync::Arc;

use burn::tensor::{DType, Tensor};
use wgpu_embedding::{GpuEmbedding, IndexBatch, wgpu};

use crate::bridge::{Memory, resolve_float};
use crate::error::Result;
use crate::pending::LookupGradient;

/// Records the step, and submits it.
pub(crate) fn record(table: &mut GpuEmbedding, gradients: &[LookupGradient]) -> Result<()> {
    let gradient = resolve_float(joined_gradient(gradients))?;
    let mut encoder = encoder(table);
    let batch = joined_batch(table, &mut encoder, gradients)?;
    let memory = Memory::of(&gradient)?;
    table.record_update(&mut encoder, &batch, memory.region())?;
    Ok(table.context().submit(encoder)?)
}

/// All gradients as one: a single one as it is.
fn joined_gradient(gradients: &[LookupGradient]) -> Tensor<2> {
    let all = gradients.iter().map(|(_, gradient)| gradient.clone().cast(DType::F32));
    match gradients.len() {
        1 => all.last().expect("one"),
        _ => Tensor::cat(all.collect(), 0),
    }
}

/// All lookups as one batch: a single one as it is.
fn joined_batch(
    table: &GpuEmbedding,
    encoder: &mut wgpu::CommandEncoder,
    lookups: &[LookupGradient],
) -> Result<Arc<IndexBatch>> {
    if let [(batch, _)] = lookups {
        return Ok(batch.clone());
    }
    let batches = || lookups.iter().map(|(batch, _)| batch);
    let count = batches().map(|batch| batch.len()).sum::<usize>();
    let shape = match table.input_length() {
        Some(length) => vec![count / length, length],
        None => vec![count],
    };
    // Sorted on the host where the host has them all.
    if let Some(indices) = batches().map(|batch| batch.indices()).collect::<Option<Vec<_>>>() {
        return Ok(Arc::new(table.batch(&(indices.concat(), shape))?));
    }
    let parts = batches().map(|batch| {
        let region = batch.index_buffer().expect("a batch on the GPU");
        let bytes = batch.len() as u64 * 4;
        region.buffer().slice(region.offset()..region.offset() + bytes).into()
    });
    Ok(Arc::new(table.record_batch(encoder, &parts.collect::<Vec<_>>(), &shape)?))
}

pub(crate) fn encoder(table: &GpuEmbedding) -> wgpu::CommandEncoder {
    let device = table.context().device().expect("a table on a shared device");
    device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("sparse embedding") })
}

#[cfg(test)]
mod tests {
    use burn::tensor::Int;
    use wgpu_embedding::{Adam, EmbeddingConfig};

    use super::*;
    use crate::{SharedDevice, SparseEmbedding};

    #[test]
    #[ignore = "needs a GPU adapter"]
    fn a_single_gradient_is_read_where_burn_has_it() {
        let shared = SharedDevice::new().unwrap();
        let embedding = SparseEmbedding::new(&shared, EmbeddingConfig::new(10, 8), Adam::default()).unwrap();
        let batch = Arc::new(embedding.with_table(|table| table.batch(&[1, 2, 3])).unwrap());
        let factor = Tensor::<1, Int>::arange(0..24, shared.device()).float().reshape([3, 8]);
        let of = |gradient: Tensor<2>| {
            let tensor = resolve_float(gradient).unwrap();
            let memory = Memory::of(&tensor).unwrap();
            (memory.region().buffer().clone(), memory.region().offset())
        };
        let lies = of(factor.clone());
        assert_eq!(of(joined_gradient(&[(batch.clone(), factor.clone())])), lies);
        assert_ne!(of(joined_gradient(&[(batch.clone(), factor.clone()), (batch.clone(), factor.clone())])), lies);
        assert_ne!(of(joined_gradient(&[(batch, factor.transpose())])), lies);
        // A software adapter crashes where the process ends in the midst of its work.
        shared.device().sync().unwrap();
    }
}
