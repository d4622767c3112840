//! What holds of any text.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use wgpu_embedding::text::{
    MatrixMode, PadOptions, Side, Tokenizer, WordSplitter, pad_sequences, text_to_word_sequence,
};

/// Failing cases are printed, not written to files.
fn check<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config =
        Config { cases: 500, failure_persistence: Some(Box::new(FileFailurePersistence::Off)), ..Config::default() };
    TestRunner::new(config).run(&strategy, property).unwrap_or_else(|error| panic!("{error}"));
}

/// Texts of few words, so that they repeat, with separators and characters of all kinds between.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let pieces = vec![
        "the",
        "The",
        "cat",
        "ΑΣ",
        "Σ",
        "İ",
        "ß",
        "é",
        "e\u{301}",
        "🙂",
        "👩\u{200d}👧",
        "<oov>",
        "oov",
        " ",
        " ",
        " ",
        "\t",
        "\n",
        "\r",
        ".",
        "!?",
        "'",
        "\u{a0}",
        "\u{7f}",
        "\0",
        "\"",
        "\\",
    ];
    let text = prop_oneof![4 => vec(select(pieces), 0..12).prop_map(|pieces| pieces.concat()), 1 => any::<String>()];
    vec(text, 0..8)
}

/// Tokenizers of all settings, not fitted yet.
fn tokenizers() -> impl Strategy<Value = Tokenizer> {
    let num_words = proptest::option::of(0u32..12);
    let oov_token = proptest::option::of(select(vec!["<oov>", "oov", "", "the", "❓"]));
    let filters = proptest::option::of(select(vec!["", "!", "te é", "🙂Σ\u{a0}"]));
    let split = proptest::option::of(select(vec![" ", "t", "Σ", "th", " c"]));
    (num_words, oov_token, filters, split, any::<(bool, bool)>()).prop_map(
        |(num_words, oov_token, filters, split, (lower, char_level))| {
            let mut tokenizer = Tokenizer::new().with_lower(lower).with_char_level(char_level);
            if let Some(num_words) = num_words {
                tokenizer = tokenizer.with_num_words(num_words);
            }
            if let Some(token) = oov_token {
                tokenizer = tokenizer.with_oov_token(token);
            }
            if let Some(filters) = filters {
                tokenizer = tokenizer.with_filters(filters);
            }
            if let Some(split) = split {
                tokenizer = tokenizer.with_split(split);
            }
            tokenizer
        },
    )
}

#[test]
fn every_id_is_in_range() {
    check((tokenizers(), texts(), texts()), |(mut tokenizer, seen, unseen)| {
        tokenizer.fit_on_texts(&seen).unwrap();
        let oov_id = tokenizer.oov_token().map(|token| tokenizer.word_index()[token]);
        let num_words = tokenizer.num_words().filter(|&num_words| num_words > 0);
        for id in tokenizer.texts_to_sequences(seen.iter().chain(&unseen)).unwrap().into_iter().flatten() {
            prop_assert!((1..tokenizer.input_dim()).contains(&id));
            prop_assert!(num_words.is_none_or(|num_words| id < num_words) || Some(id) == oov_id);
        }
        if let (Some(num_words), None) = (num_words, oov_id) {
            prop_assert!(tokenizer.input_dim() <= num_words);
        }
        Ok(())
    });
}

#[test]
fn ids_are_distinct_and_fall_with_the_counts() {
    check((tokenizers(), texts()), |(mut tokenizer, texts)| {
        tokenizer.fit_on_texts(&texts).unwrap();
        let ids: HashSet<_> = tokenizer.word_index().values().collect();
        prop_assert_eq!(ids.len(), tokenizer.word_index().len());
        prop_assert_eq!(tokenizer.document_count(), texts.len() as u64);
        let count = |word: &str| tokenizer.word_counts().get(word).copied();
        let counts: Vec<_> = (1..).map_while(|id| tokenizer.index_word(id)).skip(1).filter_map(count).collect();
        prop_assert!(counts.is_sorted_by(|a, b| a >= b));
        for (word, &documents) in tokenizer.word_docs() {
            prop_assert!((1..=texts.len() as u64).contains(&documents));
            prop_assert!(documents <= tokenizer.word_counts()[word]);
            prop_assert_eq!(tokenizer.index_docs()[&tokenizer.word_index()[word]], documents);
        }
        Ok(())
    });
}

#[test]
fn fitting_in_parts_is_fitting_at_once() {
    check((tokenizers(), texts(), texts()), |(tokenizer, first, second)| {
        let (mut at_once, mut in_parts) = (tokenizer.clone(), tokenizer);
        at_once.fit_on_texts(first.iter().chain(&second)).unwrap();
        in_parts.fit_on_texts(&first).unwrap();
        in_parts.fit_on_texts(&second).unwrap();
        prop_assert_eq!(at_once.word_index().as_slice(), in_parts.word_index().as_slice());
        prop_assert_eq!(at_once.word_counts().as_slice(), in_parts.word_counts().as_slice());
        // The order of index_docs is that of the first call's words.
        prop_assert_eq!(at_once, in_parts);
        Ok(())
    });
}

#[test]
fn texts_of_filtered_words_come_back() {
    check(texts(), |texts| {
        let mut tokenizer = Tokenizer::new();
        tokenizer.fit_on_texts(&texts).unwrap();
        let back = tokenizer.sequences_to_texts(tokenizer.texts_to_sequences(&texts).unwrap()).unwrap();
        for (text, back) in texts.iter().zip(back) {
            prop_assert_eq!(text_to_word_sequence(text, &WordSplitter::default()).unwrap().join(" "), back);
        }
        Ok(())
    });
}

#[test]
fn words_given_as_lists_are_the_words_of_the_text() {
    check(texts(), |texts| {
        let splitter = WordSplitter::default();
        let lists: Vec<_> = texts.iter().map(|text| text_to_word_sequence(text, &splitter).unwrap()).collect();
        // A second lowering changes a word that ends in a capital sigma by itself no more.
        let (mut of_texts, mut of_lists) = (Tokenizer::new(), Tokenizer::new().with_lower(false));
        of_texts.fit_on_texts(&texts).unwrap();
        of_lists.fit_on_texts(&lists).unwrap();
        prop_assert_eq!(of_texts.word_index().as_slice(), of_lists.word_index().as_slice());
        prop_assert_eq!(of_texts.texts_to_sequences(&texts), of_lists.texts_to_sequences(&lists));
        Ok(())
    });
}

#[test]
fn json_comes_back_equal() {
    check((tokenizers(), texts(), vec(vec(any::<u32>(), 0..3), 0..3)), |(mut tokenizer, texts, sequences)| {
        tokenizer.fit_on_texts(&texts).unwrap();
        tokenizer.fit_on_sequences(&sequences);
        let json = tokenizer.to_json();
        prop_assert!(json.is_ascii());
        let back = Tokenizer::from_json(&json).unwrap();
        prop_assert_eq!(back.to_json(), json);
        prop_assert_eq!(back, tokenizer);
        Ok(())
    });
}

#[test]
fn matrices_count_each_id_below_their_width() {
    check((tokenizers(), texts()), |(mut tokenizer, texts)| {
        tokenizer.fit_on_texts(&texts).unwrap();
        let sequences = tokenizer.texts_to_sequences(&texts).unwrap();
        let Ok(counts) = tokenizer.sequences_to_matrix(&sequences, MatrixMode::Count) else {
            prop_assert!(tokenizer.word_index().is_empty());
            return Ok(());
        };
        prop_assert_eq!(&counts, &tokenizer.texts_to_matrix(&texts, MatrixMode::Count).unwrap());
        for (sequence, row) in sequences.iter().zip(counts.rows()) {
            let below = sequence.iter().filter(|&&id| (id as usize) < row.len()).count();
            prop_assert_eq!(row.iter().sum::<f64>(), below as f64);
        }
        Ok(())
    });
}

#[test]
fn padding_is_on_its_side_and_truncation_keeps_the_other_end() {
    let side = || prop_oneof![Just(Side::Pre), Just(Side::Post)];
    let strategy = (vec(vec(1i64..100, 0..9), 0..6), proptest::option::of(0usize..12), side(), side());
    check(strategy, |(sequences, maxlen, padding, truncating)| {
        let mut options = PadOptions::new().with_padding(padding).with_truncating(truncating).with_value(-7);
        options.maxlen = maxlen;
        let padded = pad_sequences(&sequences, &options).unwrap();
        let length = maxlen.unwrap_or(sequences.iter().map(Vec::len).max().unwrap_or(0));
        prop_assert_eq!(padded.shape(), [sequences.len(), length]);
        for (row, sequence) in padded.rows().zip(&sequences) {
            prop_assert_eq!(row.len(), length);
            let kept = sequence.len().min(length);
            let (fill, elements) = match padding {
                Side::Pre => row.split_at(length - kept),
                Side::Post => (&row[kept..], &row[..kept]),
            };
            prop_assert!(fill.iter().all(|&value| value == -7));
            match truncating {
                Side::Pre => prop_assert!(sequence.ends_with(elements)),
                Side::Post => prop_assert!(sequence.starts_with(elements)),
            }
        }
        Ok(())
    });
}
