//! The GPU side: pipelines, buffers, recording, readback.

pub(crate) mod allocate;
pub(crate) mod batch;
pub(crate) mod device;
pub(crate) mod gradient;
mod grid;
pub(crate) mod history;
pub(crate) mod host_sort;
mod kernel;
pub mod kernels;
mod layout;
mod lookups;
pub(crate) mod mapping;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod readback;
pub(crate) mod record;
pub(crate) mod region;
pub(crate) mod report;
pub(crate) mod scratch;
pub(crate) mod similarity;
mod sort;
pub(crate) mod state;
pub(crate) mod table;
mod table_kernels;
pub(crate) mod transfer;
pub(crate) mod update;

pub(crate) use layout::TableLayout;
