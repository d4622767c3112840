//! The text module against Keras's own results, by properties, and on hostile JSON.

#[path = "text/golden.rs"]
mod golden;
#[path = "text/hostile.rs"]
mod hostile;
#[path = "text/properties.rs"]
mod properties;
#[path = "text/tokenizer.rs"]
mod tokenizer;
