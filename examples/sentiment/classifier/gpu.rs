//! The classifier on the GPU: the crate's recorded calls with the head's passes between them, one submission a batch.

use std::collections::VecDeque;

use wgpu_embedding::wgpu;
use wgpu_embedding::{GpuEmbedding, IndexBatch};

use super::head::Head;
use super::{AdamStep, Classifier, Outcome};
use crate::Result;

/// Submissions that may be unfinished. The crate's recorded calls never wait, so whoever submits holds back: enough to
/// keep the GPU busy, and few enough that the progress shown is the GPU's and that memory does not pile up.
const MAX_IN_FLIGHT: usize = 4;

/// See the module.
pub struct GpuClassifier {
    device: wgpu::Device,
    queue: wgpu::Queue,
    embedding: GpuEmbedding,
    head: Head,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Sentences whose outcomes are on the GPU, not taken yet.
    outcome_count: u32,
}

impl GpuClassifier {
    /// `parameters` are the head's first ones: `output_dim` weights and the bias. Batches have at most `batch_size`
    /// sentences, and outcomes are taken after at most `max_outcomes` of them.
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        embedding: GpuEmbedding,
        parameters: &[f32],
        batch_size: usize,
        max_outcomes: usize,
    ) -> Result<Self> {
        // An error that no scope catches makes wgpu panic, and a large dim may need more memory than there is.
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let head = Head::new(device, parameters, batch_size, max_outcomes);
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(error.into());
        }
        Ok(Self {
            device: device.clone(),
            queue: queue.clone(),
            embedding,
            head,
            in_flight: VecDeque::new(),
            outcome_count: 0,
        })
    }

    fn submit(&mut self, encoder: wgpu::CommandEncoder, sentences: usize) -> Result<()> {
        self.in_flight.push_back(self.queue.submit([encoder.finish()]));
        self.outcome_count += sentences as u32;
        if self.in_flight.len() > MAX_IN_FLIGHT {
            let submission_index = self.in_flight.pop_front();
            self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None })?;
        }
        Ok(())
    }
}

impl Classifier for GpuClassifier {
    fn embedding(&self) -> &GpuEmbedding {
        &self.embedding
    }

    /// This is how a training step is put together.
    fn train(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        let step = AdamStep::next_after(&self.embedding);
        let bound = self.head.bind(&self.device, batch, self.outcome_count, step, labels)?;

        let mut encoder = self.device.create_command_encoder(&Default::default());
        self.embedding.record_lookup(&mut encoder, batch, &self.head.words)?;
        self.head.record_training(&mut encoder, &bound);
        self.embedding.record_update(&mut encoder, batch, &self.head.gradient)?;
        self.submit(encoder, labels.len())
    }

    fn classify(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        let bound = self.head.bind(&self.device, batch, self.outcome_count, AdamStep::default(), labels)?;

        let mut encoder = self.device.create_command_encoder(&Default::default());
        self.embedding.record_lookup(&mut encoder, batch, &self.head.words)?;
        self.head.record_forward(&mut encoder, &bound);
        self.submit(encoder, labels.len())
    }

    /// The only readback.
    fn take_outcomes(&mut self) -> Result<Vec<Outcome>> {
        let count = std::mem::take(&mut self.outcome_count) as usize;
        self.in_flight.clear();
        self.head.read_outcomes(&self.device, &self.queue, count)
    }
}
