//! The layer against the table itself, against Burn's own layer and optimizer, and under misuse.

#[path = "burn/against_burn.rs"]
mod against_burn;
#[path = "burn/lookup.rs"]
mod lookup;
#[path = "burn/misuse.rs"]
mod misuse;
#[path = "burn/module.rs"]
mod module;
#[path = "burn/order.rs"]
mod order;
#[path = "burn/support.rs"]
mod support;
#[path = "burn/update.rs"]
mod update;
