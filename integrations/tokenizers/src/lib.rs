//! Subword ids from Hugging Face's [`tokenizers`], in a table of [`wgpu_embedding`].
//!
//! The two need no glue: an [`Encoding`](tokenizers::Encoding)'s ids are `u32`, and
//! [`pad_sequences`](wgpu_embedding::text::pad_sequences) makes a batch of them. What is here is the vocabulary: trained on
//! sentences by [`train_bpe`], or read from a `tokenizer.json` by [`tokenizers::Tokenizer::from_file`].
//!
//! ```
//! use wgpu_embedding::text::{PadOptions, Side, pad_sequences};
//! use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
//! use wgpu_embedding_tokenizers::{PADDING, train_bpe};
//!
//! let sentences = ["lower and lowest", "newer and newest", "wider and widest"];
//! let tokenizer = train_bpe(sentences, 280)?;
//! let encodings = tokenizer.encode_batch(vec!["newer", "the lowest and the newest"], true)?;
//!
//! let ids: Vec<_> = encodings.iter().map(|encoding| encoding.get_ids()).collect();
//! let padded = pad_sequences(&ids, &PadOptions::new().with_padding(Side::Post).with_value(PADDING))?;
//!
//! let config = EmbeddingConfig::new(tokenizer.get_vocab_size(true) as u32, 8).with_padding_idx(PADDING);
//! let embedding = GpuEmbedding::new(&GpuContext::auto()?, config, Adam::default())?;
//! let output = embedding.lookup(&embedding.batch(&padded)?)?;
//! assert_eq!(output.shape(), [2, ids[1].len(), 8]);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::{NFC, Sequence, utils::Lowercase};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Result, Tokenizer, TokenizerBuilder};

/// The id of `[PAD]`, the vocabulary's first token.
pub const PADDING: u32 = 0;

/// Trains a vocabulary of at most `vocab_size` tokens by byte-pair encoding.
///
/// Sentences are put in lower case. `[PAD]` and the 256 bytes are tokens, so that nothing is unknown; the rest of the
/// vocabulary are the most frequent pairs, merged. A `vocab_size` below 257 counts as 257.
///
/// # Errors
///
/// Whatever `tokenizers` says of it.
pub fn train_bpe<S: AsRef<str> + Send>(
    sentences: impl IntoIterator<Item = S, IntoIter: Send>,
    vocab_size: usize,
) -> Result<Tokenizer> {
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(BPE::default())
        .with_normalizer(Some(Sequence::new(vec![NFC.into(), Lowercase.into()])))
        .with_pre_tokenizer(Some(ByteLevel::default()))
        .with_post_processor(Some(ByteLevel::default()))
        .with_decoder(Some(ByteLevel::default()))
        .build()?;
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        // The first token, so its id is PADDING.
        .special_tokens(vec![AddedToken::from("[PAD]", true)])
        .build();
    tokenizer.train(&mut trainer, sentences.into_iter())?;
    Ok(tokenizer.into())
}
