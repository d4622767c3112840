//! SparseEmbedding: a table as a layer of a Burn model.

use std::path::Path;
use std::sync::Arc;

use burn::backend::{Cube, GradientCheckpointingStrategy};
use burn::tensor::{Bool, Gradients, Int, Shape, Tensor};
use wgpu_embedding::{EmbeddingConfig, GpuEmbedding, IndexBatch, Optimizer, wgpu};

use crate::bridge::{Memory, allocate, backend_device, into_lazy, resolve_float, resolve_int};
use crate::error::{Error, Result};
use crate::pending::Pending;
use crate::shared_device::SharedDevice;
use crate::state::{Held, SharedState, State};
use crate::step::{self, check_binding, encoder};
use crate::tracked::Tracked;
use crate::words::{into_words, is_padding};

/// An embedding layer for Burn whose training step costs what its batch costs, not what its vocabulary costs.
///
/// It takes the place of `burn::nn::Embedding` and of the optimizer for its weights. Burn differentiates the model around it;
/// the table has its own optimizer, and never a gradient of its own size.
///
/// A training step is
///
/// 1. [`forward`](Self::forward), as often as the model needs;
/// 2. `let mut gradients = loss.backward()`;
/// 3. [`update`](Self::update)`(&mut gradients)`, which takes its own gradients out;
/// 4. Burn's own optimizer, with `GradientsParams::from_grads(gradients, &model)`.
///
/// A clone is the same table, as is what [`valid`](burn::module::Module::valid) gives. It is a
/// [`Module`](burn::module::Module), so that it can be a field of one: its parameters are counted and displayed, but are not
/// visited, so Burn's optimizers and records pass it by; [`save`](Self::save) and [`load`](Self::load) keep it.
///
/// ```
/// use burn::nn::{Linear, LinearConfig};
/// use burn::optim::{AdamConfig, GradientsParams};
/// use burn::prelude::*;
/// use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig};
/// use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};
///
/// #[derive(Module, Debug)]
/// struct Model {
///     embedding: SparseEmbedding,
///     dense: Linear,
/// }
///
/// let shared = SharedDevice::new()?;
/// let device = shared.device().clone().autodiff();
/// let config = EmbeddingConfig::new(1_000, 16).with_seed(7);
/// let mut model = Model {
///     embedding: SparseEmbedding::new(&shared, config, Adam::default())?,
///     dense: LinearConfig::new(4 * 16, 1).init(&device),
/// };
/// let mut optimizer = AdamConfig::new().init();
///
/// let indices = Tensor::<2, Int>::from_ints([[1, 2, 3, 4], [5, 1, 2, 6]], &device);
/// for _ in 0..3 {
///     let rows = model.embedding.forward(indices.clone())?; // [2, 4, 16]
///     let output = model.dense.forward(rows.flatten::<2>(1, 2));
///     let loss = output.powi_scalar(2).mean();
///     let mut gradients = loss.backward();
///     model.embedding.update(&mut gradients)?;
///     let gradients = GradientsParams::from_grads(gradients, &model);
///     model = optimizer.step(0.001, model, gradients);
/// }
/// assert_eq!(model.embedding.with_table(|table| table.step_count()), 3);
/// # Ok::<(), burn_wgpu_embedding::Error>(())
/// ```
#[derive(Clone)]
pub struct SparseEmbedding {
    shared: SharedDevice,
    state: Arc<SharedState>,
    tracks: bool,
    checkpointing: GradientCheckpointingStrategy,
}

impl SparseEmbedding {
    /// Makes a table on the shared device.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::new`].
    pub fn new(shared: &SharedDevice, config: EmbeddingConfig, optimizer: impl Into<Optimizer>) -> Result<Self> {
        Self::from_table(shared, GpuEmbedding::new(shared.context(), config, optimizer)?)
    }

    /// Takes a table over that was made on the shared device's [`context`](SharedDevice::context).
    ///
    /// # Errors
    ///
    /// [`Error::OtherDevice`].
    pub fn from_table(shared: &SharedDevice, table: GpuEmbedding) -> Result<Self> {
        if table.context() != shared.context() {
            let (required, given) = (shared.context().to_string(), table.context().to_string());
            return Err(Error::OtherDevice { what: "the table", required, given });
        }
        let stand_in = Tensor::<2>::zeros([1, 1], shared.device());
        let stand_in = into_lazy(resolve_float(stand_in)?);
        let state = State { table, pending: Pending::default(), stand_in };
        Ok(Self {
            shared: shared.clone(),
            state: Arc::new(SharedState::new(state)),
            tracks: true,
            checkpointing: GradientCheckpointingStrategy::Disabled,
        })
    }

    /// For models whose device is `device.autodiff().gradient_checkpointing()`: Burn allows one strategy in a graph. To be
    /// called again after [`load`](Self::load).
    pub fn with_gradient_checkpointing(mut self) -> Self {
        self.checkpointing = GradientCheckpointingStrategy::Balanced;
        self
    }

    /// Looks rows up: `[batch, length]` indices give `[batch, length, output_dim]` floats, as `burn::nn::Embedding` does.
    ///
    /// As [`lookup`](Self::lookup), which takes indices of any number of dimensions.
    ///
    /// # Errors
    ///
    /// As [`lookup`](Self::lookup).
    pub fn forward(&self, indices: Tensor<2, Int>) -> Result<Tensor<3>> {
        self.lookup(indices)
    }

    /// Looks rows up: the output has the indices' shape with `output_dim` appended, `O = I + 1`.
    ///
    /// The output is tracked by autodiff, unless the table is frozen or this is what
    /// [`valid`](burn::module::Module::valid) gave; it is f32, whatever the device's default. It sees every update made
    /// before. Of the indices, in any integer type, a copy of 4 bytes each is kept on the device until their gradient is
    /// taken; the rows are written straight into the output's memory. Nothing is waited for, unless the GPU is many submissions
    /// behind.
    ///
    /// An index outside the table gives zeros and no gradient, and is counted, for it is only seen on the GPU, at the lookup
    /// and again at the update: ask [`GpuEmbedding::check`] through [`with_table`](Self::with_table).
    /// [`PADDING`](wgpu_embedding::PADDING), -2 in signed types, gives the same and is not counted. Indices that come from the
    /// host are better given as a [`lookup_batch`](Self::lookup_batch), which checks and sorts them there.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`]; [`Error::OtherDevice`] and [`Error::IndexType`] of the indices; [`Error::Checkpointing`];
    /// [`Error::ForgottenUpdate`];
    /// [`Error::Burn`]; and from the table, where the batch has the wrong length or is too large for the device.
    pub fn lookup<const I: usize, const O: usize>(&self, indices: Tensor<I, Int>) -> Result<Tensor<O>> {
        check_rank::<O>(I)?;
        let device = indices.device();
        if device != *self.shared.device() {
            let (required, given) = (format!("{:?}", self.shared.device()), format!("{device:?}"));
            return Err(Error::OtherDevice { what: "the tensor of indices", required, given });
        }
        if !device.supports_dtype(indices.dtype()) {
            return Err(Error::IndexType { given: format!("{:?}", indices.dtype()) });
        }
        if let Some(given) = device.gradient_checkpointing_strategy()
            && self.tracks
            && given != self.checkpointing
        {
            let (required, given) = (format!("{:?}", self.checkpointing), format!("{given:?}"));
            return Err(Error::Checkpointing { required, given });
        }
        let shape = indices.dims();
        let mut state = self.lock();
        let is_empty = shape.contains(&0);
        let words = (!is_empty).then(|| resolve_int(into_words(indices, state.table.input_dim()))).transpose()?;
        self.record(&mut state, &shape, |table, encoder| {
            let memory = words.as_ref().map(Memory::of).transpose()?;
            let parts: Vec<_> = memory.iter().map(Memory::region).collect();
            Ok(Arc::new(table.record_batch(encoder, &parts, &shape)?))
        })
    }

    /// Looks the rows of a host-made batch up, checked and sorted when it was made: by [`GpuEmbedding::batch`], or ahead on a
    /// worker thread by [`GpuEmbedding::stream`]. Otherwise as [`lookup`](Self::lookup), `O` being one more than the
    /// dimensions of the batch.
    ///
    /// ```
    /// use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig};
    /// use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};
    ///
    /// let shared = SharedDevice::new()?;
    /// let embedding = SparseEmbedding::new(&shared, EmbeddingConfig::new(1_000, 16), Adam::default())?;
    /// let batches = vec![vec![[1, 2, 3], [4, 5, 1]], vec![[7, 7, 7], [2, 9, 4]]];
    /// for batch in embedding.with_table(|table| table.stream(batches)) {
    ///     let rows = embedding.lookup_batch::<3>(batch?)?;
    ///     assert_eq!(rows.dims(), [2, 3, 16]);
    ///     let mut gradients = rows.powi_scalar(2).sum().backward();
    ///     embedding.update(&mut gradients)?;
    /// }
    /// # Ok::<(), burn_wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`lookup`](Self::lookup), and [`BatchMismatch`](wgpu_embedding::Error::BatchMismatch). A batch tells no strategy of
    /// checkpointing: where the model has another than the embedding, Burn panics at the next layer. A batch of
    /// [`GpuEmbedding::batch_from_buffer`] needs a buffer with the usage `COPY_SRC` to be updated together with other lookups.
    pub fn lookup_batch<const O: usize>(&self, batch: impl Into<Arc<IndexBatch>>) -> Result<Tensor<O>> {
        let batch = batch.into();
        check_rank::<O>(batch.shape().len())?;
        let shape = batch.shape().to_vec();
        self.record(&mut self.lock(), &shape, |_, _| Ok(batch))
    }

    /// Records a lookup into a new tensor of Burn's, and submits it.
    fn record<const O: usize>(
        &self,
        state: &mut State,
        shape: &[usize],
        batch: impl FnOnce(&GpuEmbedding, &mut wgpu::CommandEncoder) -> Result<Arc<IndexBatch>>,
    ) -> Result<Tensor<O>> {
        let State { table, pending, stand_in } = state;
        let tracks = self.tracks && table.trainable();
        if tracks {
            pending.make_room()?;
        }
        let width = table.output_dim() as usize;
        let count = shape.iter().product::<usize>();
        let output_shape = Shape::from([shape, &[width]].concat());
        let mut encoder = encoder(table);
        if count == 0 {
            // Nothing to look up, and no memory to look it up into; the batch is made to be checked. The output has its shape
            // from the start, for Burn's reshape takes a 0 for something else.
            let batch = batch(table, &mut encoder)?;
            let empty = Tensor::<O>::empty(output_shape, self.shared.device());
            if !tracks {
                return Ok(empty);
            }
            let empty = empty.try_into_primitive::<Cube>().expect("a tensor of the shared device");
            let (output, tracked) = Tracked::new(empty, stand_in, self.checkpointing);
            pending.push(batch, tracked);
            return Ok(output);
        }
        check_binding(table, "the lookup's output", count)?;
        let output = allocate(&backend_device(self.shared.device()), [count, width].into());
        let memory = Memory::of(&output)?;
        let batch = batch(table, &mut encoder)?;
        table.record_lookup(&mut encoder, &batch, memory.region())?;
        table.context().submit(encoder)?;
        let output = into_lazy(output);
        let output = if tracks {
            let (output, tracked) = Tracked::new::<2>(output, stand_in, self.checkpointing);
            pending.push(batch, tracked);
            output
        } else {
            Tensor::from_primitive::<Cube>(output)
        };
        Ok(output.reshape(output_shape))
    }

    /// One step: sums the gradients of all lookups whose gradients are in `gradients` per row, and the optimizer updates the table.
    ///
    /// Call it after `loss.backward()`, and before `gradients` go to `GradientsParams::from_grads`, which keeps none but
    /// those of Burn's own parameters. All lookups count as one batch, in the order in which they were made. A gradient
    /// that is row-major is read where Burn has it; Burn copies it on the device where it lies otherwise (after a
    /// `swap_dims`, or where one value was expanded, as by the mean of a whole tensor), and joins those of several lookups into
    /// one, which must fit one binding of the device. Nothing is waited for, unless the GPU is many submissions behind.
    ///
    /// Lookups that got no gradient, because they had no part in the loss, are no error as long as one did.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`]; [`Frozen`](wgpu_embedding::Error::Frozen); [`Error::Burn`]; and from the table, where the device
    /// has no room. After an error no step was made, and the gradients that were taken wait for the next call, or for
    /// [`discard`](Self::discard).
    pub fn update(&self, gradients: &mut Gradients) -> Result<()> {
        let State { table, pending, .. } = &mut *self.lock();
        if !table.trainable() {
            return Err(wgpu_embedding::Error::Frozen.into());
        }
        pending.take(gradients)?;
        step::record(table, pending.gradients())?;
        pending.applied();
        Ok(())
    }

    /// Takes the gradients of this backward pass, and keeps them for the next [`update`](Self::update): so that one step is
    /// made of several passes. They are added, as Burn's `GradientsAccumulator` does, and not averaged. The last pass's may be
    /// given to `accumulate` or to `update` itself.
    ///
    /// Each pass's gradient is kept until then, and joined to the others: together they must fit one binding of the device.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`]; [`Frozen`](wgpu_embedding::Error::Frozen).
    pub fn accumulate(&self, gradients: &mut Gradients) -> Result<()> {
        let State { table, pending, .. } = &mut *self.lock();
        if !table.trainable() {
            return Err(wgpu_embedding::Error::Frozen.into());
        }
        pending.take(gradients)
    }

    /// Forgets all lookups that wait for their gradients, and all gradients that were taken and not applied: where a step is
    /// to be left out, because its loss is NaN, say, or its gradients were only looked at.
    pub fn discard(&self) {
        self.lock().pending.discard();
    }

    /// Keras's mask of indices, `index != 0`, of their shape; false also where they are
    /// [`PADDING`](wgpu_embedding::PADDING). `None` unless the table has [`mask_zero`](EmbeddingConfig::with_mask_zero).
    pub fn mask<const D: usize>(&self, indices: Tensor<D, Int>) -> Option<Tensor<D, Bool>> {
        self.lock().table.mask_zero().then(|| {
            let mask = indices.clone().not_equal_elem(0);
            match is_padding(&indices) {
                Some(padding) => mask.bool_and(padding.bool_not()),
                None => mask,
            }
        })
    }

    /// Changes the learning rate, from the next update.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::set_learning_rate`].
    pub fn set_learning_rate(&self, learning_rate: f64) -> Result<()> {
        Ok(self.lock().table.set_learning_rate(learning_rate)?)
    }

    /// Does with the table whatever [`GpuEmbedding`] can: reads and sets weights, makes and streams batches, finds the rows
    /// nearest to others, checks for bad indices. It sees every update made before.
    ///
    /// Put no other table in its place; [`GpuEmbedding::restore`] makes it what a file says. If there is one all the same, all
    /// lookups and gradients are discarded, and if it is not of the shared device, later calls panic.
    ///
    /// # Panics
    ///
    /// Other threads wait meanwhile. If `call` itself uses this embedding, or a clone, or prints one, it would wait for ever,
    /// and panics.
    pub fn with_table<T>(&self, call: impl FnOnce(&mut GpuEmbedding) -> T) -> T {
        let mut state = self.lock();
        let size = |table: &GpuEmbedding| (table.input_dim(), table.output_dim());
        let before = size(&state.table);
        let value = call(&mut state.table);
        if size(&state.table) != before {
            state.pending.discard();
        }
        value
    }

    /// Saves the table with its optimizer, whole or not at all, as [`GpuEmbedding::save`] does.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(self.lock().table.save(path)?)
    }

    /// Makes a table of what [`save`](Self::save) wrote; its training goes on where that one's was.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::load`].
    pub fn load(shared: &SharedDevice, path: impl AsRef<Path>) -> Result<Self> {
        Self::from_table(shared, GpuEmbedding::load(shared.context(), path)?)
    }

    /// Whether lookups are tracked by autodiff.
    pub(crate) fn set_tracks(&mut self, tracks: bool) {
        self.tracks = tracks;
    }

    pub(crate) fn shared(&self) -> &SharedDevice {
        &self.shared
    }

    fn lock(&self) -> Held<'_> {
        self.state.lock()
    }
}

/// Checks that a lookup's output is asked for in one dimension more than its indices have.
fn check_rank<const O: usize>(indices: usize) -> Result<()> {
    if O == indices + 1 { Ok(()) } else { Err(Error::Rank { indices, required: indices + 1, given: O }) }
}
