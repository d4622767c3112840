//! The files of `shaders/shared/`, with what each declares.

use super::inputs::{CHUNK, DIGITS, HEADER_WORDS, POWERS, STEP_QUADS, TERM_QUADS_PER_THREAD, TILE};
use super::inputs::{Form, LookupLayout, Piece, PlanLayout, RunCount, ShardPlaces, SortPass, Step, Width};
use super::inputs::{NO_CANDIDATE, NOT_A_NUMBER};
use crate::config::{INVALID, PADDING};
use crate::gpu::grid::WORKGROUP_SIZE;
use crate::optimizer::Rule;
use crate::shader::{Binding, Pair, Part, Quad, Words, part};
use crate::storage::Storage;

pub(crate) static ARITHMETIC: Part = part!("shared/arithmetic_native.wgsl");
pub(crate) static GRID: Part = part!("shared/grid.wgsl").mirrors(&[("WORKGROUP_SIZE", WORKGROUP_SIZE)]);

// A table.

pub(crate) static ROW: Part =
    part!("shared/row.wgsl").with_constants(&["DIM", "QUADS", "THREADS", "LOOKUPS", "AHEAD"]);
pub(crate) static SHARD: Part = part!("shared/shard.wgsl").binds(&[Binding::uniform::<ShardPlaces>(0, 0, "shard")]);
pub(crate) static STEP: Part = part!("shared/step.wgsl").binds(&[Binding::uniform::<Step>(0, 1, "step")]);
pub(crate) static CLIPPING: Part = part!("shared/clipping.wgsl").with_constants(&["CLIPPED"]);

static F32: Part = part!("storage/f32.wgsl");
static F32_WRITE: Part = part!("storage/f32_write.wgsl");
static F16: Part = part!("storage/f16.wgsl");
static F16_WRITE: Part = part!("storage/f16_write.wgsl");
static BF16: Part = part!("storage/bf16.wgsl");
static BF16_WRITE: Part = part!("storage/bf16_write.wgsl");
static ROUNDING: Part = part!("storage/rounding.wgsl").with_constants(&["STOCHASTIC"]);

/// How weights are read.
pub(crate) fn unpacking(storage: Storage) -> &'static Part {
    match storage {
        Storage::F32 => &F32,
        Storage::F16 => &F16,
        Storage::Bf16 => &BF16,
    }
}

/// How they are written, beside that.
pub(crate) fn packing(storage: Storage) -> &'static [&'static Part] {
    static SINGLE: [&Part; 1] = [&F32_WRITE];
    static HALF: [&Part; 2] = [&ROUNDING, &F16_WRITE];
    static BRAIN: [&Part; 2] = [&ROUNDING, &BF16_WRITE];
    match storage {
        Storage::F32 => &SINGLE,
        Storage::F16 => &HALF,
        Storage::Bf16 => &BRAIN,
    }
}

/// A shard's weights, to look up.
pub(crate) fn weights_read(storage: Storage) -> [&'static Part; 2] {
    const FILE: Part = part!("shared/weights_read.wgsl");
    static SINGLE: Part = FILE.binds(&[Binding::read::<Quad>(0, 2, "weights")]);
    static HALF: Part = FILE.binds(&[Binding::read::<Pair>(0, 2, "weights")]);
    [unpacking(storage), if storage == Storage::F32 { &SINGLE } else { &HALF }]
}

/// What a shard keeps, to update.
pub(crate) fn table_write(storage: Storage) -> impl Iterator<Item = &'static Part> {
    const FILE: Part = part!("shared/table_write.wgsl");
    const STATE: Binding = Binding::read_write::<Quad>(0, 3, "state");
    const ROWS: Binding = Binding::read_write::<u32>(0, 4, "row_state");
    static SINGLE: Part = FILE.binds(&[Binding::read_write::<Quad>(0, 2, "weights"), STATE, ROWS]);
    static HALF: Part = FILE.binds(&[Binding::read_write::<Pair>(0, 2, "weights"), STATE, ROWS]);
    let table = if storage == Storage::F32 { &SINGLE } else { &HALF };
    [unpacking(storage)].into_iter().chain(packing(storage).iter().copied()).chain([table])
}

pub(crate) static TABLE_READ: Part = part!("shared/table_read.wgsl")
    .binds(&[Binding::read::<Quad>(0, 3, "state"), Binding::read::<u32>(0, 4, "row_state")]);
pub(crate) static QUAD: Part = part!("shared/quad.wgsl").with_constants(&["ARRAYS"]);
pub(crate) static STORE_QUAD: Part = part!("shared/store_quad.wgsl");
pub(crate) static ROW_STATE: Part = part!("shared/row_state.wgsl").with_constants(&["ROW_WORDS", "ROW_NUMBERS"]);
pub(crate) static ROW_SQUARE: Part =
    part!("shared/row_square.wgsl").mirrors(&[("MOST_QUADS", WORKGROUP_SIZE * TERM_QUADS_PER_THREAD)]);
static ROW_TERM: Part = part!("shared/row_term.wgsl").with_constants(&["MEAN_FACTOR"]);
static NO_ROW_TERM: Part = part!("shared/no_row_term.wgsl");

/// How a rule's number of a row is made, if it keeps one.
pub(crate) fn row_term(rule: &dyn Rule) -> &'static [&'static Part] {
    static SOME: [&Part; 2] = [&ROW_SQUARE, &ROW_TERM];
    static NONE: [&Part; 1] = [&NO_ROW_TERM];
    if rule.has_row_term() { &SOME } else { &NONE }
}

pub(crate) static HISTORY: Part = part!("shared/history.wgsl")
    .binds(&[Binding::read::<Words>(0, 5, "history")])
    .with_constants(&["DECAYING", "TERMS", "RING", "CUT", "PAIRS"])
    .mirrors(&[("POWERS", POWERS), ("STEP_QUADS", STEP_QUADS)]);
pub(crate) static CURRENT_ROWS: Part = part!("shared/current_rows.wgsl");
pub(crate) static BEHIND_ROWS: Part = part!("shared/behind_rows.wgsl");
pub(crate) static SEGMENTS: Part = part!("shared/segments.wgsl");

// A batch.

pub(crate) static SENTINELS: Part =
    part!("shared/sentinels.wgsl").mirrors(&[("INVALID", INVALID), ("PADDING", PADDING)]);
pub(crate) static LOOKUPS: Part = part!("shared/lookups.wgsl")
    .binds(&[Binding::uniform::<LookupLayout>(1, 0, "batch"), Binding::read::<u32>(1, 1, "lookups")]);
pub(crate) static ALL_LOOKUPS: Part = part!("shared/all_lookups.wgsl");
pub(crate) static SHARD_LOOKUPS: Part = part!("shared/shard_lookups.wgsl");
pub(crate) static PLAN_LAYOUT: Part =
    part!("shared/plan_layout.wgsl").mirrors(&[("CHUNK", CHUNK), ("HEADER_WORDS", HEADER_WORDS)]);
pub(crate) static PLAN: Part = part!("shared/plan.wgsl")
    .binds(&[Binding::uniform::<PlanLayout>(1, 0, "batch"), Binding::read::<u32>(1, 1, "plan")]);

// What is summed, and how.

static GRADIENT_VEC4: Part = part!("shared/gradient_vec4.wgsl").binds(&[Binding::read::<Quad>(2, 0, "gradient")]);
static GRADIENT_SCALAR: Part = part!("shared/gradient_scalar.wgsl").binds(&[Binding::read::<f32>(2, 0, "gradient")]);
static OUTPUT_VEC4: Part = part!("shared/output_vec4.wgsl").binds(&[Binding::read_write::<Quad>(2, 1, "output")]);
static OUTPUT_SCALAR: Part = part!("shared/output_scalar.wgsl").binds(&[Binding::read_write::<f32>(2, 1, "output")]);

/// The caller's gradient.
pub(crate) fn gradient(width: Width) -> &'static Part {
    match width {
        Width::Quads => &GRADIENT_VEC4,
        Width::Floats => &GRADIENT_SCALAR,
    }
}

/// The caller's output.
pub(crate) fn output(width: Width) -> &'static Part {
    match width {
        Width::Quads => &OUTPUT_VEC4,
        Width::Floats => &OUTPUT_SCALAR,
    }
}

pub(crate) static ADD_UP_TO: Part = part!("shared/add_up_to.wgsl");
pub(crate) static SUM_LOOKUPS: Part = part!("shared/sum_lookups.wgsl");
pub(crate) static PARTIAL_SLOTS: Part = part!("shared/partial_slots.wgsl");
pub(crate) static SUM_CHUNKS: Part = part!("shared/sum_chunks.wgsl");
pub(crate) static SUM_PARTIALS: Part =
    part!("shared/sum_partials.wgsl").binds(&[Binding::read::<Quad>(2, 2, "partial_sums")]);
pub(crate) static ANY_RUN: Part = part!("shared/any_run.wgsl");
pub(crate) static SHORT_RUNS: Part = part!("shared/short_runs.wgsl");
pub(crate) static LONG_RUNS: Part = part!("shared/long_runs.wgsl");

// The sort.

pub(crate) static SORT_SOURCE: Part = part!("shared/sort_source.wgsl")
    .binds(&[Binding::uniform::<SortPass>(0, 0, "sort"), Binding::read::<u32>(0, 1, "source")])
    .with_constants(&["SOURCE"])
    .mirrors(&[
        ("TILE", TILE),
        ("DIGITS", DIGITS),
        ("INDICES", Form::Indices as u32),
        ("PACKED", Form::Packed as u32),
        ("PAIRS", Form::Pairs as u32),
    ]);
pub(crate) static SORT_TILE: Part = part!("shared/sort_tile.wgsl");
pub(crate) static WORKGROUP_SCAN: Part = part!("shared/workgroup_scan.wgsl");
pub(crate) static WRITE_PLAN: Part = part!("shared/write_plan.wgsl")
    .binds(&[Binding::uniform::<PlanLayout>(0, 2, "batch"), Binding::read_write::<u32>(0, 3, "plan")]);
pub(crate) static RUN_COUNT: Part = part!("shared/run_count.wgsl");

/// What run_heads counts and run_plan reads.
pub(crate) const fn run_counts(number: u32, is_written: bool) -> Binding {
    if is_written {
        Binding::read_write::<RunCount>(0, number, "counts")
    } else {
        Binding::read::<RunCount>(0, number, "counts")
    }
}

// The search.

pub(crate) static PIECE: Part = part!("shared/piece.wgsl").binds(&[Binding::uniform::<Piece>(0, 0, "piece")]);

/// What a similarity is computed of: weights that are kept so, queries, and keys for their scores.
pub(crate) fn compared(storage: Storage) -> [&'static Part; 2] {
    const FILE: Part = part!("shared/compared.wgsl").with_constants(&["QUADS", "COSINE", "QUERIES"]);
    const QUERIES: Binding = Binding::read::<Quad>(0, 2, "queries");
    const KEYS: Binding = Binding::read_write::<u32>(0, 3, "keys");
    static SINGLE: Part = FILE.binds(&[Binding::read::<Quad>(0, 1, "weights"), QUERIES, KEYS]);
    static HALF: Part = FILE.binds(&[Binding::read::<Pair>(0, 1, "weights"), QUERIES, KEYS]);
    [unpacking(storage), if storage == Storage::F32 { &SINGLE } else { &HALF }]
}

pub(crate) static SCORE_KEY: Part =
    part!("shared/score_key.wgsl").mirrors(&[("NO_CANDIDATE", NO_CANDIDATE), ("NOT_A_NUMBER", NOT_A_NUMBER)]);
