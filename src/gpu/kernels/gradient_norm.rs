//! The squares of a summed gradient.

use super::inputs::Width;
use super::scatter_add::any_runs;
use super::{Kernel, parts};
use crate::shader::{Binding, Part, part};

static GRADIENT_NORM: Part = part!("gradient_norm.wgsl").binds(&[Binding::read_write::<f32>(0, 0, "squares")]);

/// Of a gradient of this width.
pub(crate) fn kernel(width: Width) -> Kernel {
    let table = [&parts::ARITHMETIC, &parts::GRID, &parts::ROW];
    let own = [&parts::ROW_SQUARE, &GRADIENT_NORM];
    Kernel::new("gradient_norm", table.into_iter().chain(any_runs(width)).chain(own))
}
