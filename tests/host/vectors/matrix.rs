//! The matrix of a Tokenizer's word index.

use indexmap::IndexMap;
use wgpu_embedding::vectors::{EmbeddingMatrix, MatrixOptions, embedding_matrix, embedding_matrix_with};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer};

use super::allocation::peak_bytes;
use super::*;

const FILE: &str = "the 1 2\nof 3 4\ncat 5 6\nThe 7 8\n";

fn word_index(words: &[(&str, u32)]) -> IndexMap<String, u32> {
    words.iter().map(|&(word, row)| (word.to_owned(), row)).collect()
}

/// From a reader, from a borrowed reader and from memory; they must agree.
fn matrix(words: &IndexMap<String, u32>, options: &MatrixOptions) -> Result<EmbeddingMatrix, Error> {
    let reader = || VectorReader::new(FILE.as_bytes(), &ReadOptions::default()).unwrap();
    let streamed = embedding_matrix_with(words, reader(), options);
    let mut borrowed = reader();
    assert_eq!(embedding_matrix_with(words, &mut borrowed, options), streamed);
    if streamed.is_ok() {
        assert_eq!(borrowed.report().vectors, 4);
    }
    let (vectors, _) = WordVectors::read(reader()).unwrap();
    assert_eq!(embedding_matrix_with(words, &vectors, options), streamed);
    streamed
}

#[test]
fn as_in_keras() {
    // embedding_matrix = np.zeros((len(word_index) + 1, 2)), and each word's vector in the row of its id.
    let words = word_index(&[("the", 1), ("dog", 2), ("cat", 3)]);
    let result = matrix(&words, &MatrixOptions::default()).unwrap();
    assert_eq!(result.values, [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 5.0, 6.0]);
    assert_eq!((result.rows, result.width, result.found, result.missing), (4, 2, 2, 1));
    assert!(result.missing_words.is_empty());
    let listed = matrix(&words, &MatrixOptions::default().with_list_missing(true)).unwrap();
    assert_eq!(listed.missing_words, ["dog"]);
    let empty = matrix(&IndexMap::new(), &MatrixOptions::default()).unwrap();
    assert_eq!((empty.values, empty.rows, empty.found, empty.missing), (vec![0.0; 2], 1, 0, 0));
}

#[test]
fn num_words_cuts_and_fills() {
    let words = word_index(&[("the", 1), ("dog", 2), ("cat", 3), ("bird", 4)]);
    let options = MatrixOptions::default().with_list_missing(true);
    // Ids below num_words are kept.
    let fewer = matrix(&words, &options.clone().with_num_words(3)).unwrap();
    assert_eq!((fewer.values, fewer.rows), (vec![0.0, 0.0, 1.0, 2.0, 0.0, 0.0], 3));
    assert_eq!((fewer.found, fewer.missing, fewer.missing_words), (1, 1, vec!["dog".to_owned()]));
    let more = matrix(&words, &options.clone().with_num_words(7)).unwrap();
    assert_eq!((more.rows, more.values.len(), more.found, more.missing), (7, 14, 2, 2));
    assert_eq!(more.missing_words, ["dog", "bird"]);
    let error = matrix(&words, &options.with_num_words(0)).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig(_)), "{error}");
}

#[test]
fn missing_words_may_be_drawn() {
    let words = word_index(&[("the", 1), ("dog", 2), ("cat", 3), ("bird", 5)]);
    let options = MatrixOptions::default().with_initializer(Initializer::default()).with_seed(7);
    let result = matrix(&words, &options).unwrap();
    // What a table of this size and seed has in these rows; ids without a word stay zero.
    let config = EmbeddingConfig::new(6, 2).with_seed(7);
    let table = GpuEmbedding::new(&GpuContext::reference(), config, Adam::default()).unwrap().weights().unwrap();
    let expected = [&[0.0, 0.0, 1.0, 2.0], &table[4..6], &[5.0, 6.0, 0.0, 0.0], &table[10..12]].concat();
    assert_eq!(result.values, expected);
    assert!(table[4..6].iter().chain(&table[10..12]).all(|&value| value != 0.0));
    let bad = options.with_initializer(Initializer::Normal { mean: 0.0, stddev: -1.0 });
    assert!(matches!(matrix(&words, &bad), Err(Error::InvalidConfig(_))));
}

#[test]
fn bad_word_indices_and_files() {
    let twice = word_index(&[("the", 1), ("dog", 1)]);
    let error = matrix(&twice, &MatrixOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "the word index, id 1: each id must have one word, and \"dog\" is not the first of this one");
    let error = matrix(&word_index(&[("the", u32::MAX)]), &MatrixOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("invalid configuration: input_dim must be in"), "{error}");
    // Some 10^16 bytes, which no machine has.
    let wide = format!("a{}\n", " 1".repeat(600_000));
    let reader = VectorReader::new(wide.as_bytes(), &ReadOptions::default()).unwrap();
    if cfg!(target_os = "linux") {
        let words = word_index(&[("the", 4_000_000_000)]);
        let (result, peak) = peak_bytes(|| embedding_matrix(&words, reader));
        // Not even a byte a row was taken.
        assert!(peak < 1 << 20, "{peak} bytes");
        let error = result.unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { what: "the embedding matrix", .. }), "{error}");
    }
    let too_wide = WordVectors::new(Vocabulary::default(), Vec::new(), usize::MAX).unwrap();
    let error = embedding_matrix(&word_index(&[("the", 1)]), &too_wide).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig(_)), "{error}");
    let damaged = VectorReader::new(&b"the 1 2\nof 3\n"[..], &ReadOptions::default()).unwrap();
    let error = embedding_matrix(&word_index(&[("the", 1)]), damaged).unwrap_err().to_string();
    assert!(error.starts_with("the input, line 2: a word and 2 numbers are needed"), "{error}");
}

#[test]
fn ids_of_num_words_and_above_do_not_matter() {
    // The rest of a word index is not looked at, as in Keras.
    let words = word_index(&[("the", 1), ("dog", u32::MAX), ("cat", u32::MAX)]);
    let result = matrix(&words, &MatrixOptions::default().with_num_words(2)).unwrap();
    assert_eq!((result.values, result.found, result.missing), (vec![0.0, 0.0, 1.0, 2.0], 1, 0));
}
