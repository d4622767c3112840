//! Every call on the GPU, against the CPU reference. Needs an adapter; Mesa's software adapter will do.

#[path = "gpu/support.rs"]
mod support;

#[path = "gpu/gather.rs"]
mod gather;
