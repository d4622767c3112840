//! One step of the table, by the gradients of all its lookups.

use std::sync::Arc;

use burn::tensor::Tensor;
use wgpu_embedding::{GpuEmbedding, IndexBatch, wgpu};

use crate::bridge::{Memory, resolve_float};
use crate::error::Result;
use crate::pending::LookupGradient;

/// Makes the step.
pub(crate) fn record(table: &mut GpuEmbedding, gradients: &[LookupGradient]) -> Result<()> {
    let count = gradients.iter().map(|(batch, _)| batch.len()).sum::<usize>();
    if count == 0 {
        // A step all the same, for a dense optimizer may move every row at each.
        let batch = joined_batch(table, gradients)?;
        return Ok(table.update(&batch, &[])?);
    }
    check_binding(table, "the gradient of all lookups since the last update", count)?;
    let gradient = resolve_float(joined_gradient(gradients))?;
    let batch = joined_batch(table, gradients)?;
    let memory = Memory::of(&gradient)?;
    // Not recorded: this counts the step once it is submitted.
    Ok(table.update(&batch, memory.region())?)
}

/// Checks that so many rows fit a binding of the device, which Burn's own tensors must fit too.
pub(crate) fn check_binding(table: &GpuEmbedding, what: &'static str, rows: usize) -> Result<()> {
    let limits = table.context().device().map(wgpu::Device::limits).unwrap_or_default();
    let required = rows as u64 * u64::from(table.output_dim()) * 4;
    let available = limits.max_storage_buffer_binding_size;
    if required <= available {
        return Ok(());
    }
    let (limit, remedy) = ("max_storage_buffer_binding_size", "use smaller batches, or fewer of them a step");
    Err(wgpu_embedding::Error::TooLarge { what, required, limit, available, remedy }.into())
}

/// All gradients as one, but for empty ones: a single one as it is.
fn joined_gradient(gradients: &[LookupGradient]) -> Tensor<2> {
    let gradients = gradients.iter().filter(|(batch, _)| !batch.is_empty());
    let mut gradients: Vec<_> = gradients.map(|(_, gradient)| gradient.clone()).collect();
    match gradients.len() {
        1 => gradients.remove(0),
        _ => Tensor::cat(gradients, 0),
    }
}

/// All lookups as one batch: a single one as it is.
fn joined_batch(table: &GpuEmbedding, lookups: &[LookupGradient]) -> Result<Arc<IndexBatch>> {
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
    let mut encoder = encoder(table);
    let batch = table.record_batch(&mut encoder, &parts.collect::<Vec<_>>(), &shape)?;
    table.context().submit(encoder)?;
    Ok(Arc::new(batch))
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
