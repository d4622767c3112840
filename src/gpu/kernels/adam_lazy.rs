//! Adam on the batch's rows.

use super::adam::{RowBuilds, TABLE, row_builds, row_dispatches};
use super::{Kernel, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::update::Update;

row_builds!("adam_lazy", TABLE, ["adam_lazy.wgsl"], [], []);

/// One or two dispatches for each shard that the batch has rows of.
pub(crate) fn dispatches(gpu: &Gpu, update: &Update<'_>) -> Result<Vec<Dispatch>> {
    let builds = RowBuilds { short_vec4: &SHORT_VEC4, short_scalar: &SHORT_SCALAR, long: &LONG };
    row_dispatches(gpu, update, builds)
}
