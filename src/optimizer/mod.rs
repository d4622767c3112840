//! What an update computes: Adam and its relatives, host side.

mod adam;

pub(crate) use adam::check_learning_rate;
pub use adam::{Adam, EpsilonForm, Update};
