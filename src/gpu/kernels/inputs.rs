//! What host and kernels share beside arrays: constants, structs, and the small enums that choose a kernel's parts.

use crate::shader::shader_struct;

/// The most items that are summed one after the other; `CHUNK` in shaders/shared/plan_layout.wgsl.
pub(crate) const CHUNK: u32 = 64;

/// Words of a plan's header; `HEADER_WORDS` in shaders/shared/plan_layout.wgsl.
pub(crate) const HEADER_WORDS: u32 = 4;

/// Lookups that a workgroup sorts at once; `TILE` in shaders/shared/sort_source.wgsl.
pub(crate) const TILE: u32 = 2048;

/// Digits of a pass of the sort, at most; `DIGITS` in shaders/shared/sort_source.wgsl.
pub(crate) const DIGITS: u32 = 1024;

/// A sort of at most so many blocks has no `sort_scan`; `FEW_BLOCKS` in shaders/sort_scatter.wgsl.
pub(crate) const FEW_BLOCKS: u32 = 32;

/// Powers in a table of the history; `POWERS` in shaders/shared/history.wgsl.
pub(crate) const POWERS: u32 = 256;

/// Quads that a step has; `STEP_QUADS` in shaders/shared/history.wgsl.
pub(crate) const STEP_QUADS: u32 = 5;

/// Quads of a row that one thread updates, at most, where an update needs a row term: a float for each is in workgroup memory
/// then, `MOST_QUADS` of shaders/shared/row_square.wgsl, which are half of what WebGPU grants.
pub(crate) const TERM_QUADS_PER_THREAD: u32 = 8;

/// Keys of scores that are no float's: of a row that was left out, or is not there, and of any NaN.
pub(crate) const NO_CANDIDATE: u32 = 0;
pub(crate) const NOT_A_NUMBER: u32 = 1;

shader_struct! {
    /// Where the sections of a batch's lookups begin, in words: `LookupLayout` in shaders/shared/lookups.wgsl.
    pub(crate) struct LookupLayout {
        /// Lookups in the batch.
        count: u32,
        rows: u32,
        places: u32,
        positions: u32,
        shards: u32,
    }
}

shader_struct! {
    /// Which rows a shard holds, by their places: `ShardPlaces` in shaders/shared/shard.wgsl.
    pub(crate) struct ShardPlaces {
        first_place: u32,
        place_count: u32,
        input_dim: u32,
        number: u32,
        /// Of stochastic rounding.
        seed: u32,
    }
}

shader_struct! {
    /// What is the same for all optimizers in a step: `Step` in shaders/shared/step.wgsl.
    pub(crate) struct Step {
        /// The step, modulo 2^32.
        number: u32,
        /// `learning_rate * weight_decay`.
        decay_rate: f32,
        /// What a summed gradient is multiplied by; clipping by the norm computes it on the GPU.
        gradient_scale: f32,
        /// The largest size of an element of a scaled gradient.
        gradient_limit: f32,
    }
}

impl Step {
    /// Where `number` is, in bytes.
    pub(crate) const NUMBER: u64 = std::mem::offset_of!(Self, number) as u64;

    /// Where `gradient_scale` is, in floats.
    pub(crate) const GRADIENT_SCALE: u32 = std::mem::offset_of!(Self, gradient_scale) as u32 / 4;
}

shader_struct! {
    /// Some rows of a shard: `FlushedRows` in flush.wgsl.
    pub(crate) struct FlushedRows {
        first_place: u32,
        place_count: u32,
        /// The step up to which they are brought, or one of flush.wgsl's two words for one.
        until: u32,
    }
}

shader_struct! {
    /// Where a plan's sections begin, in words: `PlanLayout` in shaders/shared/plan_layout.wgsl.
    pub(crate) struct PlanLayout {
        /// Lookups in the batch, valid or not.
        lookup_count: u32,
        order: u32,
        rows: u32,
        places: u32,
        starts: u32,
        blocks: u32,
        shards: u32,
    }
}

shader_struct! {
    /// A pass of the sort: `SortPass` in shaders/shared/sort_source.wgsl.
    pub(crate) struct SortPass {
        count: u32,
        input_dim: u32,
        padding_idx: u32,
        position_bits: u32,
        shift: u32,
        digit_bits: u32,
        key_bits: u32,
        block_count: u32,
        rows_per_shard: u32,
        shard_count: u32,
    }
}

shader_struct! {
    /// `RunCount` in shaders/shared/run_count.wgsl.
    pub(crate) struct RunCount {
        heads: u32,
        valid: u32,
    }
}

shader_struct! {
    /// The rows that are compared at once, and the queries: `Piece` in shaders/shared/piece.wgsl.
    pub(crate) struct Piece {
        first_row: u32,
        first_of_shard: u32,
        row_count: u32,
        query_count: u32,
        group_count: u32,
        excluded_count: u32,
    }
}

/// Whether rows of `output_dim` floats are whole quads, so that the caller's arrays are read and written four at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// `output_dim` is a multiple of 4.
    Quads,
    /// Any other.
    Floats,
}

impl Width {
    pub(crate) const ALL: [Self; 2] = [Self::Quads, Self::Floats];

    pub(crate) fn of(output_dim: u32) -> Self {
        if output_dim.is_multiple_of(4) { Self::Quads } else { Self::Floats }
    }
}

/// Which runs an update takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Those of at most a chunk, summed straight from the gradient.
    Short(Width),
    /// Those of more, summed from their partial sums.
    Long,
}

impl Runs {
    pub(crate) const ALL: [Self; 3] = [Self::Short(Width::Quads), Self::Short(Width::Floats), Self::Long];
}

/// Which lookups a gather goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// All of the batch.
    All,
    /// Those of the shard.
    OfShard,
}

impl Lookup {
    pub(crate) const ALL: [Self; 2] = [Self::All, Self::OfShard];
}

/// How lookups are stored between the dispatches of a sort; shaders/shared/sort_source.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the caller's indices.
    Indices = 0,
    /// Key and position in one word.
    Packed = 1,
    /// All keys, then all positions.
    Pairs = 2,
}
