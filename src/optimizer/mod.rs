//! What an update computes: Adam and its relatives, host side.

mod adam;

pub use adam::{Adam, EpsilonForm, Update};
