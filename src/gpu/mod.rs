//! The GPU side: pipelines, buffers, recording, readback.

pub(crate) mod allocate;
pub(crate) mod batch;
pub(crate) mod device;
mod grid;
pub mod kernels;
mod layout;
mod mapping;
#[allow(dead_code)]
mod new_plan;
pub(crate) mod plan;
pub(crate) mod readback;
pub(crate) mod record;
pub(crate) mod region;
pub(crate) mod report;
pub(crate) mod scratch;
#[allow(dead_code)]
mod sort;
pub(crate) mod table;

pub(crate) use layout::TableLayout;
