//! What can go wrong between the two.

/// Shorthand for a `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong here, each message saying what was required, what was given, and how to mend it.
///
/// Whatever call returns an error has changed nothing, except where its own documentation says otherwise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table's own errors.
    #[error(transparent)]
    Embedding(#[from] wgpu_embedding::Error),

    /// Burn's runtime could not be set up on a device.
    #[error("Burn could not be set up on the device: {reason}")]
    Setup {
        /// What Burn said.
        reason: String,
    },

    /// The caller's device was requested without features that Burn uses on its adapter.
    #[error(
        "the device lacks {missing:?}; request it with required_features: SharedDevice::required_features(&adapter)"
    )]
    MissingFeatures {
        /// What is missing.
        missing: wgpu_embedding::wgpu::Features,
    },

    /// Burn's runtime could not run, hand out or take a tensor's memory.
    #[error("Burn failed at {doing}: {reason}")]
    Burn {
        /// What was being done.
        doing: &'static str,
        /// What Burn said.
        reason: String,
    },

    /// A tensor, or a table, is of another device than the embedding.
    #[error(
        "{what} is on {given}, and the embedding on {required}; make both on one SharedDevice, or move the tensor there \
         with to_device"
    )]
    OtherDevice {
        /// What was given.
        what: &'static str,
        /// The embedding's device.
        required: String,
        /// The other device.
        given: String,
    },

    /// The device computes with no such integers as the indices are.
    #[error("the indices are {given}, which this device does not support; give them as i32 or u32")]
    IndexType {
        /// Their type.
        given: String,
    },

    /// A lookup's output was asked for in a number of dimensions that it does not have.
    #[error(
        "the output of indices of {indices} dimensions has {required}, the row's floats being the last, and {given} were \
         asked for"
    )]
    Rank {
        /// Dimensions of the indices.
        indices: usize,
        /// Dimensions of the output.
        required: usize,
        /// Dimensions asked for.
        given: usize,
    },

    /// Tensors of two strategies of gradient checkpointing would meet in one graph, which Burn does not allow.
    #[error(
        "the indices are of a device with the gradient checkpointing strategy {given}, and the embedding has {required}; \
         make the embedding with_gradient_checkpointing where the model's device has it, and nowhere else"
    )]
    Checkpointing {
        /// The embedding's strategy.
        required: String,
        /// The indices'.
        given: String,
    },

    /// An update found no gradient of any lookup.
    #[error(
        "the gradients hold none of this embedding's lookups ({waiting} wait for theirs); call update once after each \
         loss.backward(), with what it gave, and look up with a table that is trainable and not in validation mode"
    )]
    NoGradient {
        /// Lookups whose graphs are still there, not yet run backward, or whose gradients are in other `Gradients`.
        waiting: usize,
    },

    /// Training steps have gone by, and no update took their gradients.
    #[error(
        "{steps} backward passes have gone by since the last update; call update with the gradients of each, or accumulate \
         them, or discard() them; and where the table is not to train, look up with what valid() gives, or make it with \
         EmbeddingConfig::with_trainable(false)"
    )]
    ForgottenUpdate {
        /// Backward passes whose gradients nobody took.
        steps: usize,
    },
}
