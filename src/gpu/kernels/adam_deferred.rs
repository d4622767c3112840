//! Adam on the batch's rows, after the steps that they have missed.

use super::adam::{DEFERRED_TABLE, RowBuilds, row_builds, row_dispatches};
use super::{Kernel, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::history::{FIRST_POWER, POWERS};
use crate::gpu::update::Update;

row_builds!(
    "adam_deferred",
    DEFERRED_TABLE,
    ["shared/missed_steps.wgsl", "shared/catch_up.wgsl", "adam_deferred.wgsl"],
    ["DECAYING", "TERMS", "RING"],
    [("POWERS", POWERS), ("FIRST_POWER", FIRST_POWER)]
);

/// One or two dispatches for each shard that the batch has rows of.
pub(crate) fn dispatches(gpu: &Gpu, update: &Update<'_>) -> Result<Vec<Dispatch>> {
    let builds = RowBuilds { short_vec4: &SHORT_VEC4, short_scalar: &SHORT_SCALAR, long: &LONG };
    row_dispatches(gpu, update, builds)
}
