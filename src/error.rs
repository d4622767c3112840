//! The crate's one error type.

/// Shorthand for a `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, each message saying what was required, what was given, and how to mend it.
///
/// Whatever call returns an error has changed nothing, except where its own documentation says otherwise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter answered. Returned by [`GpuContext::gpu`](crate::GpuContext::gpu), which never falls back.
    #[error(
        "no GPU adapter was found ({reason}); install your GPU's Vulkan, Metal or DX12 driver, or on \
         Linux the software adapter (Debian and Ubuntu: the package mesa-vulkan-drivers), or use \
         GpuContext::auto(), which falls back to the CPU reference"
    )]
    NoAdapter {
        /// What wgpu said of each backend it tried.
        reason: String,
    },

    /// `WGPU_ADAPTER_NAME` is set, and no adapter has that name.
    #[error(
        "WGPU_ADAPTER_NAME is {wanted:?}, and the adapters found are {found:?}; set it to part of one of these names"
    )]
    AdapterNotFound {
        /// The variable's value.
        wanted: String,
        /// The names of the adapters there are.
        found: Vec<String>,
    },

    /// The adapter would not give a device.
    #[error("the adapter {adapter} gave no device: {reason}")]
    NoDevice {
        /// The adapter's own name.
        adapter: String,
        /// What wgpu said.
        reason: String,
    },

    /// The device lacks a limit that the kernels need.
    #[error(
        "the device's limit {limit} is {available}, and the kernels need {required}; request the device with \
         required_limits: adapter.limits()"
    )]
    DeviceLimit {
        /// The field of `wgpu::Limits`.
        limit: &'static str,
        /// What the kernels need.
        required: u64,
        /// What the device grants.
        available: u64,
    },

    /// The call records or reads GPU commands, and this context is the CPU reference.
    #[error(
        "{call} needs a GPU, and this context is the CPU reference; use the host-driven lookup and update, which \
         work on both, or GpuContext::gpu()"
    )]
    NeedsGpu {
        /// The call that was made.
        call: &'static str,
    },

    /// The device was made without timestamps.
    #[error(
        "timing kernels needs a device with wgpu::Features::TIMESTAMP_QUERY; request it, where the adapter has it, and use \
         GpuContext::from_wgpu"
    )]
    NoTimestamps,

    /// A configuration value is out of its range.
    #[error("invalid configuration: {0}")]
    InvalidConfig(String),

    /// A host index names no row of the table.
    #[error("index {value} at position {position} is outside the table's rows 0..{input_dim}")]
    IndexOutOfRange {
        /// Position in the flattened batch, from 0.
        position: usize,
        /// The value found there.
        value: i128,
        /// Rows in the table.
        input_dim: u32,
    },

    /// Indices that were already on the GPU named no row of the table.
    ///
    /// Their output was zeros, they gave no gradient, and no row was touched. This reports what happened since
    /// the last report; reporting clears it, so the same call made again goes through.
    #[error(
        "{count} GPU-resident indices were outside the table's rows 0..{input_dim}, the first at position \
         {first_position} of its batch; their outputs were zeros and their gradients were dropped"
    )]
    GpuIndicesOutOfRange {
        /// How many were met since the last report.
        count: u64,
        /// The lowest position in its flattened batch at which one was met.
        first_position: u32,
        /// Rows in the table.
        input_dim: u32,
    },

    /// Something has another shape or length than the call needs.
    #[error("{what} must be {required}, and is {given}")]
    Shape {
        /// What was measured.
        what: &'static str,
        /// What the call needs.
        required: String,
        /// What was given.
        given: String,
    },

    /// A number is NaN or infinite where that means nothing.
    #[error("{what} must be finite, and hold {value} at position {position}")]
    NotFinite {
        /// What holds it.
        what: &'static str,
        /// Its position there, from 0.
        position: usize,
        /// The number.
        value: String,
    },

    /// A GPU buffer's region is too small.
    #[error("{what} needs {required} bytes, and the buffer region given has {given}")]
    BufferTooSmall {
        /// What the buffer is for.
        what: &'static str,
        /// Bytes needed.
        required: u64,
        /// Bytes given, after the offset.
        given: u64,
    },

    /// A GPU buffer was created without a usage that the call needs.
    #[error("{what} needs a buffer with usage {required:?}, and the buffer given has {given:?}")]
    BufferUsage {
        /// What the buffer is for.
        what: &'static str,
        /// Usages needed.
        required: wgpu::BufferUsages,
        /// Usages the buffer has.
        given: wgpu::BufferUsages,
    },

    /// A GPU buffer's offset is not a multiple of the device's alignment.
    #[error(
        "{what} starts at byte {offset} of its buffer, which is not a multiple of {alignment}, as this device requires; \
         multiples of 256 always are"
    )]
    BufferAlignment {
        /// What the buffer is for.
        what: &'static str,
        /// The offset given, in bytes.
        offset: u64,
        /// The device's alignment, in bytes.
        alignment: u32,
    },

    /// Something is larger than one binding or one buffer of this device.
    #[error("{what} needs {required} bytes, and this device's {limit} is {available}; {remedy}")]
    TooLarge {
        /// What was to be bound or allocated.
        what: &'static str,
        /// Bytes needed.
        required: u64,
        /// The field of `wgpu::Limits`.
        limit: &'static str,
        /// Bytes there are.
        available: u64,
        /// How to mend it.
        remedy: &'static str,
    },

    /// Something is larger than the kernels can number, on any device; it may come wherever `TooLarge` may.
    #[error("{what} needs {required} bytes, and the kernels, which count in u32, take {available} at most; {remedy}")]
    BeyondKernels {
        /// What was to be bound.
        what: &'static str,
        /// Bytes needed.
        required: u64,
        /// Bytes that the kernels take.
        available: u64,
        /// How to mend it.
        remedy: &'static str,
    },

    /// A kernel would need more workgroups than a dispatch may have.
    #[error(
        "{kernel} needs {required} workgroups, and a dispatch has {available} at most; use a smaller batch or table"
    )]
    TooManyWorkgroups {
        /// The kernel.
        kernel: &'static str,
        /// Workgroups needed.
        required: u64,
        /// Workgroups that WebGPU guarantees to a dispatch.
        available: u64,
    },

    /// The device ran out of memory.
    #[error("the device could not allocate {required} bytes for {what}: {reason}")]
    OutOfMemory {
        /// What was to be allocated.
        what: &'static str,
        /// Bytes asked for.
        required: u64,
        /// What wgpu said.
        reason: String,
    },

    /// The batch was made for a table of another layout, or with another context.
    #[error("the batch was made for {made_for}, and this table is {this}; make it with this embedding's batch()")]
    BatchMismatch {
        /// The table the batch was made for.
        made_for: String,
        /// The table it was given to.
        this: String,
    },

    /// A GPU object belongs to another device, or was destroyed.
    #[error("{what} does not belong to this context's device, or was destroyed: {reason}")]
    ForeignObject {
        /// What the object is for.
        what: &'static str,
        /// What wgpu said.
        reason: String,
    },

    /// The update was asked of a table that does not train.
    #[error(
        "the table is frozen (trainable = false), so it has no optimizer state and cannot be updated; build it \
         with with_trainable(true)"
    )]
    Frozen,

    /// The optimizer keeps no state of this name.
    #[error("there is no state {name:?}; this table's optimizer keeps {known:?}")]
    UnknownState {
        /// The name that was asked for.
        name: String,
        /// The names that there are; none on a frozen table.
        known: Vec<&'static str>,
    },

    /// So many recorded updates in a row were dropped with their encoders that rows cannot be caught up any more.
    #[error(
        "{count} recorded updates in a row were dropped unsubmitted, and at most {most} can be made up for; set_optimizer() \
         with the same settings goes on from what was submitted, as if these steps had not been"
    )]
    DroppedSteps {
        /// How many were dropped.
        count: u64,
        /// How many may be.
        most: u64,
    },

    /// The vocabulary has no such word.
    #[error("the vocabulary has no word {word:?}; words are compared letter by letter, case included")]
    UnknownWord {
        /// The word.
        word: String,
    },

    /// A file could not be opened, read, written or renamed.
    #[error("{doing} {} failed: {reason}", .path.display())]
    File {
        /// What was being done: "reading", "writing", "renaming", "syncing the folder of".
        doing: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's kind of error.
        kind: std::io::ErrorKind,
        /// Its words.
        reason: String,
    },

    /// A checkpoint is whole, but of another table than the one that was to take it over.
    #[error("{} is a checkpoint of another table: {differences}", .path.display())]
    CheckpointMismatch {
        /// The file.
        path: std::path::PathBuf,
        /// All that differs, in the file and here.
        differences: String,
    },

    /// Something that was read is not what its format says.
    #[error("{what}, {place}: {problem}")]
    Malformed {
        /// The file's path, or what was read where it was no file.
        what: String,
        /// The line or the byte, or the field.
        place: String,
        /// What is wrong there, and what would be right.
        problem: String,
    },

    /// The device was lost or did not answer.
    #[error("the device failed while {doing}: {reason}")]
    Device {
        /// What was being done.
        doing: &'static str,
        /// What wgpu said.
        reason: String,
    },
}

/// Characters of a name or a word in an error.
const MAX_QUOTED: usize = 120;

/// Text of a file's, of bounded length.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
