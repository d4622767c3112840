//! What an update computes: Adam and its relatives, host side.

mod adam;
mod history;

pub use adam::{Adam, Clipping, EpsilonForm, Update};
pub(crate) use history::{History, Scaled, Step, horizon};
