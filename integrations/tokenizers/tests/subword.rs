//! Ids of a trained vocabulary, in a table on the CPU reference.

use tokenizers::{PaddingParams, Tokenizer};
use wgpu_embedding::text::{Matrix, PadOptions, Side, pad_sequences};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
use wgpu_embedding_tokenizers::{PADDING, train_bpe};

const SENTENCES: &str = include_str!("../../../examples/data/reviews.positive.txt");
const TEXTS: [&str; 4] = ["the friendly staff", "", "An unheard-of café 🙂\twith\n𝄞", "lovely, lovely, lovely"];

fn trained() -> Tokenizer {
    train_bpe(SENTENCES.lines(), 600).unwrap()
}

fn padded(tokenizer: &Tokenizer) -> Matrix<u32> {
    let encodings = tokenizer.encode_batch(TEXTS.to_vec(), true).unwrap();
    let ids: Vec<_> = encodings.iter().map(|encoding| encoding.get_ids()).collect();
    pad_sequences(&ids, &PadOptions::new().with_padding(Side::Post).with_value(PADDING)).unwrap()
}

#[test]
fn nothing_is_unknown() {
    let tokenizer = trained();
    assert_eq!(tokenizer.get_vocab_size(true), 600);
    assert_eq!(tokenizer.token_to_id("[PAD]"), Some(PADDING));
    for text in TEXTS {
        let encoding = tokenizer.encode(text, true).unwrap();
        assert!(encoding.get_ids().iter().all(|&id| id != PADDING && id < 600));
        // ByteLevel puts a space before the first word.
        assert_eq!(tokenizer.decode(encoding.get_ids(), true).unwrap().trim_start(), text.to_lowercase());
    }
    assert_eq!(train_bpe(["aa"], 0).unwrap().get_vocab_size(true), 257);
}

#[test]
fn padding_is_what_the_library_pads() {
    let mut tokenizer = trained();
    let padded = padded(&tokenizer);
    tokenizer.with_padding(Some(PaddingParams { pad_id: PADDING, ..PaddingParams::default() }));
    let theirs = tokenizer.encode_batch(TEXTS.to_vec(), true).unwrap();
    assert_eq!(padded.rows().len(), theirs.len());
    for (ours, theirs) in padded.rows().zip(&theirs) {
        assert_eq!(ours, theirs.get_ids());
    }
}

#[test]
fn a_step_trains_the_rows_of_the_ids_alone() {
    let tokenizer = trained();
    let padded = padded(&tokenizer);
    let config = EmbeddingConfig::new(600, 4).with_padding_idx(PADDING);
    let adam = Adam::default().with_update(wgpu_embedding::Update::Lazy);
    let mut embedding = GpuEmbedding::new(&GpuContext::reference(), config, adam).unwrap();
    let before = embedding.weights().unwrap();
    let batch = embedding.batch(&padded).unwrap();
    assert_eq!(batch.shape(), padded.shape());
    let output = embedding.lookup(&batch).unwrap().read().unwrap();
    embedding.update(&batch, &output).unwrap();
    let after = embedding.weights().unwrap();
    for (row, (before, after)) in (0..600u32).zip(before.chunks(4).zip(after.chunks(4))) {
        let trained = row != PADDING && padded.values().contains(&row);
        assert_eq!(before != after, trained, "row {row}");
    }
}
