//! What the golden cases cannot say: forms of texts, sizes, and batches made of sequences.

use std::borrow::Cow;

use wgpu_embedding::text::{
    Matrix, MatrixMode, PadOptions, Side, Tokenizer, WordSplitter, hashing_trick, one_hot, pad_sequences,
};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};

fn fitted(tokenizer: Tokenizer) -> Tokenizer {
    let mut tokenizer = tokenizer;
    tokenizer.fit_on_texts(["the cat saw the dog", "a dog"]).unwrap();
    tokenizer
}

#[test]
fn texts_come_in_many_forms() {
    let expected = fitted(Tokenizer::new());
    let mut others = vec![Tokenizer::new(); 6];
    others[0].fit_on_texts(vec!["the cat saw the dog".to_owned(), "a dog".to_owned()]).unwrap();
    others[1].fit_on_texts("the cat saw the dog\na dog".lines()).unwrap();
    others[2].fit_on_texts([Cow::Borrowed("the cat saw the dog"), Cow::Owned("a dog".to_owned())]).unwrap();
    others[3].fit_on_texts([&["the", "cat", "saw", "the", "dog"][..], &["a", "dog"]]).unwrap();
    others[4].fit_on_texts([vec!["THE", "cat", "saw", "the", "dog"], vec!["a", "Dog"]]).unwrap();
    others[5].fit_on_texts([["the", "cat", "saw"]]).unwrap();
    others[5].fit_on_texts([["the", "dog"], ["a", "dog"]]).unwrap();
    for other in &others[..5] {
        assert_eq!(other, &expected);
    }
    assert_eq!(others[5].word_index(), expected.word_index());
    assert_eq!(others[5].document_count(), 3);
}

#[test]
fn a_token_set_after_fitting_has_no_id() {
    let tokenizer = fitted(Tokenizer::new()).with_oov_token("<oov>");
    assert_eq!(tokenizer.texts_to_sequences(["the cat"]).unwrap(), [[1, 3]]);
    let error = tokenizer.texts_to_sequences(["the zebra"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid configuration: oov_token must have an id to stand for an unknown word, and \"<oov>\" has none; set it \
         before fit_on_texts"
    );
    assert_eq!(tokenizer.sequences_to_texts([[1, 0]]).unwrap_err(), error);
    // As for Keras, a word that num_words leaves out is not unknown: it is dropped.
    let tokenizer = tokenizer.with_num_words(2);
    assert_eq!(tokenizer.texts_to_sequences(["the cat"]).unwrap(), [[1]]);
    assert_eq!(tokenizer.sequences_to_texts([[1, 3]]).unwrap(), ["the"]);
}

#[test]
fn tables_have_a_row_for_each_id() {
    let input_dim = |tokenizer| fitted(tokenizer).input_dim();
    assert_eq!(Tokenizer::new().input_dim(), 1);
    assert_eq!(input_dim(Tokenizer::new()), 6);
    assert_eq!(input_dim(Tokenizer::new().with_num_words(0)), 6);
    assert_eq!(input_dim(Tokenizer::new().with_num_words(3)), 3);
    assert_eq!(input_dim(Tokenizer::new().with_num_words(100)), 6);
    assert_eq!(input_dim(Tokenizer::new().with_oov_token("?")), 7);
    // The token's id is given, though it is not below num_words.
    assert_eq!(input_dim(Tokenizer::new().with_oov_token("?").with_num_words(1)), 2);
    assert_eq!(input_dim(Tokenizer::new().with_oov_token("dog").with_num_words(2)), 4);
}

#[test]
fn settings_that_split_nothing_are_errors_and_change_nothing() {
    let empty_split = Tokenizer::new().with_split("");
    let mut no_filters = WordSplitter::default();
    no_filters.filters = None;
    let no_filters = Tokenizer::new().with_splitter(no_filters);
    for (tokenizer, problem) in
        [(empty_split, "split must be at least one"), (no_filters, "filters must be a string")]
    {
        let mut fitted = tokenizer.clone();
        for error in [
            fitted.fit_on_texts(["a b"]).unwrap_err(),
            tokenizer.texts_to_sequences(["a b"]).unwrap_err(),
            tokenizer.texts_to_matrix(["a b"], MatrixMode::Count).unwrap_err(),
            hashing_trick("a b", 9, tokenizer.splitter()).unwrap_err(),
        ] {
            assert!(matches!(&error, Error::InvalidConfig(message) if message.starts_with(problem)), "{error}");
        }
        assert_eq!(fitted, tokenizer);
        fitted.fit_on_texts([["a", "b"]]).unwrap();
        assert_eq!(fitted.word_index().len(), 2);
    }
    for n in [0, 1] {
        let error = one_hot("a b", n, &WordSplitter::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("invalid configuration: n must be at least 2, for numbers from 1 to n - 1, and is {n}")
        );
    }
}

#[test]
fn sizes_beyond_memory_are_errors() {
    let error = pad_sequences(&[vec![1u32], vec![2]], &PadOptions::new().with_maxlen(usize::MAX)).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "the padded batch", .. }), "{error}");
    let error = pad_sequences(&[[1u32]], &PadOptions::new().with_maxlen(usize::MAX / 4)).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "the padded batch", .. }), "{error}");
    let tokenizer = Tokenizer::new().with_num_words(u32::MAX);
    let error = tokenizer.sequences_to_matrix(&vec![[1]; 1 << 20], MatrixMode::Count).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "the matrix", .. }), "{error}");
}

#[test]
fn elements_of_any_type_are_padded() {
    let rows = |matrix: Matrix<&'static str>| matrix.rows().map(|row| row.join("|")).collect::<Vec<_>>();
    assert_eq!(rows(pad_sequences(&[vec!["a"], vec!["b", "c"]], &PadOptions::new()).unwrap()), ["|a", "b|c"]);
    let vectors = [vec![[1.0f32, 2.0]], vec![[3.0, 4.0], [5.0, 6.0]]];
    let padded = pad_sequences(&vectors, &PadOptions::new().with_padding(Side::Post)).unwrap();
    assert_eq!(padded.values(), [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0], [5.0, 6.0]]);
    let bytes: [&[u8]; 2] = [&[255], &[]];
    assert_eq!(pad_sequences(&bytes, &PadOptions::new()).unwrap().into_values(), [255, 0]);
}

#[test]
fn a_matrix_without_rows_or_columns_is_one() {
    let none: [Vec<u32>; 0] = [];
    let padded = |sequences: &[Vec<u32>], options| pad_sequences(sequences, &options).unwrap();
    assert_eq!(padded(&none, PadOptions::new()).shape(), [0, 0]);
    assert_eq!(padded(&none, PadOptions::new().with_maxlen(3)).shape(), [0, 3]);
    for side in [Side::Pre, Side::Post] {
        let options = PadOptions::new().with_maxlen(0).with_truncating(side).with_padding(side);
        let matrix = padded(&[vec![1, 2], vec![]], options);
        assert_eq!((matrix.shape(), matrix.values().len(), matrix.rows().len()), ([2, 0], 0, 2));
        assert_eq!((matrix.row(1), matrix.row(2)), (Some(&[][..]), None));
        assert_eq!(matrix.select_rows(&[1, 1, 0]).unwrap().shape(), [3, 0]);
    }
}

#[test]
fn rows_are_selected_by_number() {
    let matrix = pad_sequences(&[vec![1u32], vec![2, 3], vec![4]], &PadOptions::new()).unwrap();
    assert_eq!(matrix.select_rows(&[1, 1]).unwrap().values(), [2, 3, 2, 3]);
    assert_eq!(matrix.select_rows(&[]).unwrap().shape(), [0, 2]);
    let error = matrix.select_rows(&[0, 3]).unwrap_err().to_string();
    assert_eq!(error, "a row's number must be below the matrix's 3 rows, and is 3");
    assert_eq!((matrix.row(2), matrix.row(3)), (Some(&[0, 4][..]), None));
    assert_eq!(matrix.rows().next_back(), Some(&[0, 4][..]));
}

#[test]
fn padded_sequences_are_batches_as_they_are() {
    let tokenizer = fitted(Tokenizer::new().with_oov_token("?"));
    let sequences = tokenizer.texts_to_sequences(["the dog", "", "a zebra saw the cat"]).unwrap();
    let config = EmbeddingConfig::new(tokenizer.input_dim(), 2).with_mask_zero(true).with_input_length(4);
    let embedding = GpuEmbedding::new(&GpuContext::reference(), config, Adam::default()).unwrap();
    let padded = pad_sequences(&sequences, &PadOptions::new().with_maxlen(4)).unwrap();
    let batch = embedding.batch(&padded).unwrap();
    assert_eq!(batch.shape(), [3, 4]);
    assert_eq!(embedding.lookup(&batch).unwrap().shape(), [3, 4, 2]);
    let mask: Vec<_> = padded.values().iter().map(|&id| id != 0).collect();
    assert_eq!(embedding.mask(&batch).unwrap(), Some(mask));
    let minibatches = vec![padded.select_rows(&[2, 0]).unwrap(), padded.select_rows(&[1]).unwrap()];
    let shapes: Vec<_> = embedding.stream(minibatches).map(|batch| batch.unwrap().shape().to_vec()).collect();
    assert_eq!(shapes, [[2, 4], [1, 4]]);
    // Another value may be no row of the table.
    let signed: Vec<Vec<i64>> = sequences.iter().map(|ids| ids.iter().map(|&id| id.into()).collect()).collect();
    let padded = pad_sequences(&signed, &PadOptions::new().with_maxlen(4).with_value(-1)).unwrap();
    let error = embedding.batch(&padded).unwrap_err();
    assert_eq!(error, Error::IndexOutOfRange { position: 0, value: -1, input_dim: tokenizer.input_dim() });
}
