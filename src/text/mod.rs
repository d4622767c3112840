//! Text to indices, as Keras does it: `Tokenizer` and `pad_sequences`.
