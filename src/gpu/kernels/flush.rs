//! Brings rows up to the last step, whether a batch has them or not.

use std::ops::Range;

use super::{Binding, Kernel, WORKGROUP_SIZE, adam, part, shader_struct};
use crate::error::{Error, Result};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::history::{FIRST_POWER, POWERS};
use crate::gpu::table::{Deferred, GpuTable};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "flush",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/row.wgsl"),
        part!("shared/shard.wgsl"),
        part!("shared/adam.wgsl"),
        part!("shared/missed_steps.wgsl"),
        part!("shared/catch_up.wgsl"),
        part!("flush.wgsl"),
    ],
    groups: &[adam::DEFERRED_TABLE, ROWS],
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD", "CLIPPED", "DECAYING", "TERMS", "RING"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("POWERS", POWERS), ("FIRST_POWER", FIRST_POWER)],
};

static ROWS: &[Binding] = &[Binding::uniform::<Rows>(0, "rows")];

shader_struct! {
    /// `Rows` in flush.wgsl.
    pub(crate) struct Rows {
        first_row: u32,
        row_count: u32,
    }
}

/// Bytes of weights that one dispatch brings up to date, so that none takes long enough for a GPU's watchdog; fewer where
/// sums may be done term by term, each of so many terms like another pass over the weights.
const BYTES_PER_DISPATCH: u64 = 64 << 20;
const TERMS_PER_PASS: u64 = 32;

/// Dispatches over these rows of the table.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    deferred: &Deferred,
    rows: Range<u32>,
) -> Result<Vec<Dispatch>> {
    let mut dispatches = Vec::new();
    if rows.is_empty() {
        return Ok(dispatches);
    }
    let constants = [f64::from(u8::from(table.amsgrad)), 0.0];
    let constants: Vec<_> = constants.into_iter().chain(deferred.constants()).collect();
    let pipeline = table.mapping.pipeline(gpu, &KERNEL, &constants)?;
    let passes = match deferred.history.needs_terms() {
        true => 1 + u64::from(deferred.history.horizon()) / TERMS_PER_PASS,
        false => 1,
    };
    let rows_per_dispatch = (BYTES_PER_DISPATCH / passes / table.layout.row_bytes()).max(1) as usize;
    for shard in &table.shards {
        let group = shard.update_group.as_ref().ok_or(Error::Frozen)?;
        let of_shard = rows.start.max(shard.rows.start)..rows.end.min(shard.rows.end);
        for first in of_shard.clone().step_by(rows_per_dispatch) {
            let row_count = (of_shard.end - first).min(rows_per_dispatch as u32);
            let uniform = Rows { first_row: first - shard.rows.start, row_count };
            let uniform =
                gpu.allocate_with("rows to flush", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM)?;
            let rows = gpu.bind("flush", ROWS, &[uniform.as_entire_buffer_binding()])?;
            let groups = [Some(group), Some(&rows), None];
            dispatches.push(gpu.dispatch(&pipeline, groups, table.mapping.workgroups(row_count))?);
        }
    }
    Ok(dispatches)
}
