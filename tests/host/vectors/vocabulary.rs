use indexmap::IndexMap;
use wgpu_embedding::vectors::Vocabulary;

fn word_index(words: &[(&str, u32)]) -> IndexMap<String, u32> {
    words.iter().map(|&(word, row)| (word.to_owned(), row)).collect()
}

#[test]
fn words_stand_in_the_rows_they_were_given() {
    let words: Vec<String> = (0..100_000).map(|number| format!("w{number}")).collect();
    let vocabulary = Vocabulary::from_words(&words).unwrap();
    assert_eq!((vocabulary.len(), vocabulary.row_count(), vocabulary.is_empty()), (100_000, 100_000, false));
    for (row, word) in (0..).zip(&words) {
        assert_eq!(vocabulary.row(word), Some(row));
        assert_eq!(vocabulary.word(row), Some(word.as_str()));
    }
    assert_eq!((vocabulary.row("w100000"), vocabulary.word(100_000), vocabulary.word(u32::MAX)), (None, None, None));
    assert!(vocabulary.iter().map(|(_, word)| word).eq(&words));
    let debug = format!("{vocabulary:?}");
    assert!(debug.contains("100000") && debug.len() < 300, "{debug}");
}

#[test]
fn words_are_compared_byte_by_byte() {
    // An empty word, an é of one and of two characters, a no-break space: all distinct.
    let words = ["", "é", "e\u{301}", "É", "\u{a0}", " ", "ab", "a", "b"];
    let vocabulary = Vocabulary::from_words(words).unwrap();
    for (row, word) in (0..).zip(words) {
        assert_eq!((vocabulary.row(word), vocabulary.word(row)), (Some(row), Some(word)));
    }
    assert_eq!(vocabulary, Vocabulary::from_words(words).unwrap());
    // The same text, cut elsewhere.
    assert_ne!(Vocabulary::from_words(["ab", "a"]), Vocabulary::from_words(["a", "ba"]));
}

#[test]
fn duplicates_are_named_with_both_rows() {
    let error = Vocabulary::from_words(["a", "b", "a"]).unwrap_err();
    let message = "the vocabulary, row 2: each word must stand in one row, and \"a\" stands in row 0 already";
    assert_eq!(error.to_string(), message);
    let error = Vocabulary::from_word_index(&word_index(&[("b", 2), ("c", 1), ("a", 2)])).unwrap_err();
    assert_eq!(error.to_string(), "the vocabulary, row 2: it holds one word, and is given to \"a\" and \"b\"");
}

#[test]
fn a_word_index_may_leave_rows_out() {
    let vocabulary = Vocabulary::from_word_index(&word_index(&[("seven", 7), ("one", 1), ("three", 3)])).unwrap();
    assert_eq!((vocabulary.len(), vocabulary.row_count()), (3, 8));
    assert!(vocabulary.iter().eq([(1, "one"), (3, "three"), (7, "seven")]));
    for row in 0..10 {
        assert_eq!(
            vocabulary.word(row).and_then(|word| vocabulary.row(word)),
            [1, 3, 7].contains(&row).then_some(row)
        );
    }
    // In rows 0, 1 and 2 it is what from_words gives, whatever the order of the map.
    let dense = Vocabulary::from_word_index(&word_index(&[("b", 1), ("c", 2), ("a", 0)])).unwrap();
    assert_eq!(dense, Vocabulary::from_words(["a", "b", "c"]).unwrap());
    let empty = Vocabulary::from_word_index(&IndexMap::new()).unwrap();
    assert_eq!((empty.len(), empty.row_count(), empty.word(0), empty.row("")), (0, 0, None, None));
    let error = Vocabulary::from_word_index(&word_index(&[("last", u32::MAX)])).unwrap_err();
    assert!(error.to_string().contains("row 4294967295: \"last\" must stand in a row below 4294967294"), "{error}");
}

#[test]
fn a_truncated_vocabulary_is_that_of_its_words() {
    let all = [("a", 0), ("b", 1), ("c", 4), ("東京", 5), ("e", 9)];
    let vocabulary = Vocabulary::from_word_index(&word_index(&all)).unwrap();
    for rows in [0, 1, 2, 3, 4, 5, 6, 9, 10, u32::MAX] {
        let kept: Vec<_> = all.into_iter().filter(|&(_, row)| row < rows).collect();
        let truncated = vocabulary.clone().truncated(rows);
        assert_eq!(truncated, Vocabulary::from_word_index(&word_index(&kept)).unwrap(), "{rows}");
        for (word, row) in all {
            assert_eq!(truncated.row(word), (row < rows).then_some(row));
            assert_eq!(truncated.word(row), (row < rows).then_some(word));
        }
    }
    let words = (0..1_000).map(|number| format!("w{number}"));
    let truncated = Vocabulary::from_words(words.clone()).unwrap().truncated(10);
    assert_eq!(truncated, Vocabulary::from_words(words.take(10)).unwrap());
    assert_eq!((truncated.row("w9"), truncated.row("w10"), truncated.row_count()), (Some(9), None, 10));
}
