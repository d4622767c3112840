//! The classifier on the GPU: the crate's recorded calls with the head's passes between them, one submission a batch.

use wgpu_embedding::wgpu;
use wgpu_embedding::{Error, GpuContext, GpuEmbedding, IndexBatch};

use super::head::Head;
use super::{AdamStep, Classifier, Outcome};
use crate::Result;

/// See the module.
pub struct GpuClassifier {
    context: GpuContext,
    device: wgpu::Device,
    embedding: GpuEmbedding,
    head: Head,
    /// Sentences whose outcomes are on the GPU, not taken yet.
    outcome_count: usize,
}

impl GpuClassifier {
    /// `parameters` are the head's first ones: `output_dim` weights and the bias. Batches have at most `batch_size`
    /// sentences, and outcomes are taken after at most `max_outcomes` of them.
    pub fn new(embedding: GpuEmbedding, parameters: &[f32], batch_size: usize, max_outcomes: usize) -> Result<Self> {
        let context = embedding.context().clone();
        let device = context.device().ok_or(Error::NeedsGpu { call: "GpuClassifier::new" })?.clone();
        // An error that no scope catches makes wgpu panic, and a large dim may need more memory than there is.
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let head = Head::new(&device, parameters, batch_size, max_outcomes);
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(error.into());
        }
        Ok(Self { context, device, embedding, head, outcome_count: 0 })
    }
}

impl Classifier for GpuClassifier {
    fn embedding(&self) -> &GpuEmbedding {
        &self.embedding
    }

    /// This is how a training step is put together.
    fn train(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        let step = AdamStep::next_after(&self.embedding);
        let bound = self.head.bind(&self.device, batch, self.outcome_count as u32, step, labels)?;

        let mut encoder = self.device.create_command_encoder(&Default::default());
        self.embedding.record_lookup(&mut encoder, batch, &self.head.words)?;
        self.head.record_training(&mut encoder, &bound);
        self.embedding.record_update(&mut encoder, batch, &self.head.gradient)?;
        // Not the queue's own submit: this one waits where too much is unfinished.
        self.context.submit(encoder)?;
        self.outcome_count += labels.len();
        Ok(())
    }

    fn classify(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        let bound = self.head.bind(&self.device, batch, self.outcome_count as u32, AdamStep::default(), labels)?;

        let mut encoder = self.device.create_command_encoder(&Default::default());
        self.embedding.record_lookup(&mut encoder, batch, &self.head.words)?;
        self.head.record_forward(&mut encoder, &bound);
        self.context.submit(encoder)?;
        self.outcome_count += labels.len();
        Ok(())
    }

    /// The only readback.
    fn take_outcomes(&mut self) -> Result<Vec<Outcome>> {
        let bytes = (std::mem::take(&mut self.outcome_count) * size_of::<Outcome>()) as u64;
        Ok(self.context.read_buffer(self.head.outcomes.slice(..bytes))?)
    }
}
