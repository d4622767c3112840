//! How many workgroups a dispatch needs, folded in two dimensions.

use crate::error::{Error, Result};

/// Threads in a workgroup, in every kernel; `WORKGROUP_SIZE` in shaders/shared/grid.wgsl.
pub const WORKGROUP_SIZE: u32 = 256;

/// The most workgroups in one dimension that WebGPU guarantees; more is never asked for.
const MAX_PER_DIMENSION: u64 = 65_535;

/// The size of a kernel's dispatch: `[x, y]` workgroups.
///
/// `x * y` is at least `workgroups`, and exceeds it by less than one row of the grid.
///
/// # Errors
///
/// [`Error::TooManyWorkgroups`] where even the folded grid would be too large: past 65,535^2 workgroups.
pub(crate) fn fold(kernel: &'static str, workgroups: u64) -> Result<[u32; 2]> {
    let available = MAX_PER_DIMENSION * MAX_PER_DIMENSION;
    if workgroups > available {
        return Err(Error::TooManyWorkgroups { kernel, required: workgroups, available });
    }
    if workgroups == 0 {
        return Ok([0, 0]);
    }
    let y = workgroups.div_ceil(MAX_PER_DIMENSION);
    let x = workgroups.div_ceil(y);
    Ok([x as u32, y as u32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_cover_their_work_and_stay_in_the_limits() {
        for workgroups in [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 1 << 24, 65_535 * 65_535] {
            let [x, y] = fold("gather", workgroups).unwrap();
            assert!(u64::from(x) <= MAX_PER_DIMENSION && u64::from(y) <= MAX_PER_DIMENSION);
            let covered = u64::from(x) * u64::from(y);
            assert!(covered >= workgroups && covered < workgroups + u64::from(x).max(1), "{workgroups}: {x} x {y}");
        }
        let error = fold("gather", 65_535 * 65_535 + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "gather needs 4294836226 workgroups, and a dispatch has 4294836225 at most; use a smaller batch or table"
        );
    }
}
