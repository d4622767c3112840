//! Text to indices, as Keras does it: [`Tokenizer`] and [`pad_sequences`].
//!
//! A model prepared in Python moves over as it is: the same words get the same ids, and
//! [`Tokenizer::from_json`] reads what Keras's `Tokenizer.to_json` wrote.
//!
//! ```
//! use wgpu_embedding::text::{PadOptions, Tokenizer, pad_sequences};
//! use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
//!
//! let texts = ["The cat sat on the mat.", "The dog sat."];
//! let mut tokenizer = Tokenizer::new().with_num_words(10_000).with_oov_token("<OOV>");
//! tokenizer.fit_on_texts(texts)?;
//! let sequences = tokenizer.texts_to_sequences(["The bird sat on the dog."])?;
//! assert_eq!(sequences, [[2, 1, 3, 5, 2, 7]]); // 1 is the unknown bird
//!
//! let padded = pad_sequences(&sequences, &PadOptions::new().with_maxlen(8))?;
//! let context = GpuContext::auto()?;
//! let config = EmbeddingConfig::new(tokenizer.input_dim(), 16).with_mask_zero(true);
//! let embedding = GpuEmbedding::new(&context, config, Adam::default())?;
//! let output = embedding.lookup(&embedding.batch(&padded)?)?;
//! assert_eq!(output.shape(), [1, 8, 16]);
//! # Ok::<(), wgpu_embedding::Error>(())
//! ```
//!
//! Keras calls these functions deprecated, and they are what countless models were trained with. The sources followed are
//! `keras/src/legacy/preprocessing/text.py` and `keras/src/utils/sequence_utils.py` of Keras 3.15; tests/golden/text has
//! cases that Keras itself made. Where a quirk of Keras has to be known, the item's documentation says so.
//!
//! # Unicode
//!
//! Lower case is Python's `str.lower` and Rust's `str::to_lowercase`: both follow Unicode's full mapping, with the dotted
//! capital I as two characters and the final sigma by its context. They differ only where the two were built with
//! different versions of Unicode. Between Rust 1.95 (Unicode 17) and Python 3.11 (Unicode 14) these are 55 capital letters,
//! U+A7DC and Garay among them, that Python does not know yet; and whether a sigma is final beside one of some 300
//! characters, new ones all but U+0295 and U+1171E.
//!
//! Characters are code points, as in Python, so an emoji of several is several tokens of a `char_level` tokenizer. A Python
//! string may hold half of a surrogate pair, which is no character, and has no form here: JSON with one is refused.

mod analysis;
mod hashing;
mod json;
mod matrix;
mod padding;
mod sequences;
mod splitter;
mod tokenizer;
mod vectorize;

pub use analysis::Text;
pub use hashing::{hashing_trick, one_hot};
pub use indexmap::IndexMap;
pub use matrix::Matrix;
pub use padding::{PadOptions, Side, pad_sequences};
pub use splitter::{WordSplitter, text_to_word_sequence};
pub use tokenizer::Tokenizer;
pub use vectorize::MatrixMode;
