//! Similar words and analogy questions, on the CPU reference; `gpu::similarity` tests the search itself on the GPU.

use indexmap::IndexMap;
use wgpu_embedding::vectors::{AnalogyOptions, AnalogyQuestions, SectionAccuracy, SimilarWords, Vocabulary};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, Initializer};

fn table(rows: &[[f32; 3]]) -> GpuEmbedding {
    let config = EmbeddingConfig::new(rows.len() as u32, 3).with_initializer(Initializer::Matrix(rows.concat()));
    GpuEmbedding::new(&GpuContext::reference(), config.with_trainable(false), Adam::default()).unwrap()
}

/// Two pairs with the same difference, "Queen" once more in another case, and a word that is none of them.
const WORDS: [&str; 6] = ["man", "king", "woman", "queen", "Queen", "apple"];
const ROWS: [[f32; 3]; 6] =
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.1, 1.0, 1.0], [-1.0, -1.0, -1.0]];

fn questions(text: &str) -> Result<AnalogyQuestions, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("questions.txt");
    std::fs::write(&path, text).unwrap();
    AnalogyQuestions::load(&path)
}

#[test]
fn words_and_rows_without_one() {
    // As a Tokenizer's: row 0 has no word, nor has row 2; rows past the last word are not looked at.
    let word_index = IndexMap::from([("one".to_owned(), 1), ("three".to_owned(), 3)]);
    let vocabulary = Vocabulary::from_word_index(&word_index).unwrap();
    let embedding = table(&[[1.0, 0.0, 0.0]; 6]);
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let found = words.most_similar("one", 10).unwrap();
    assert_eq!(found.iter().map(|found| (found.word, found.row)).collect::<Vec<_>>(), [("three", 3)]);
    assert_eq!(words.most_similar("two", 1).unwrap_err(), Error::UnknownWord { word: "two".to_owned() });
    let small = table(&[[1.0, 0.0, 0.0]; 3]);
    let error = SimilarWords::new(&small, &vocabulary).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "the table", .. }), "{error}");
    assert!(error.to_string().contains("Vocabulary::truncated"), "{error}");
    let fewer = vocabulary.truncated(3);
    assert!(SimilarWords::new(&small, &fewer).unwrap().most_similar("one", 10).unwrap().is_empty());
}

#[test]
fn words_that_cancel_out_and_no_words() {
    let (embedding, vocabulary) = (table(&ROWS), Vocabulary::from_words(WORDS).unwrap());
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let found = words.most_similar_to(&["king"], &["king"], 3).unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.word, found.score)).collect();
    assert_eq!(found, [("man", 0.0), ("woman", 0.0), ("queen", 0.0)]);
    let error = words.most_similar_to(&[], &[], 3).unwrap_err();
    let message = "the words to be similar to must be at least one, positive or negative, and is none";
    assert_eq!(error.to_string(), message);
    assert_eq!(pollster::block_on(words.most_similar_to_async(&[], &[], 3)).unwrap_err(), error);
    assert_eq!(words.most_similar_to(&[], &["apple"], 1).unwrap()[0].word, "Queen");
}

#[test]
fn lengths_do_not_count() {
    let rows = [[2.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.5, 0.5, 0.0], [1.0, 0.1, 0.0], [0.0, 0.0, 0.0]];
    let (embedding, vocabulary) =
        (table(&rows), Vocabulary::from_words(["x", "y", "both", "mostly x", "nil"]).unwrap());
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let found = words.most_similar_to(&["x", "y"], &[], 3).unwrap();
    assert_eq!(found.iter().map(|found| found.word).collect::<Vec<_>>(), ["both", "mostly x", "nil"]);
    assert!((found[0].score - 1.0).abs() < 1e-6 && found[2].score == 0.0);
    let found = words.most_similar_to(&["x"], &["y"], 1).unwrap();
    assert_eq!(found[0].word, "mostly x");
}

#[test]
fn analogies_and_their_accuracy() {
    let (embedding, vocabulary) = (table(&ROWS), Vocabulary::from_words(WORDS).unwrap());
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    assert_eq!(words.analogy("king", "man", "woman", 1).unwrap()[0].word, "queen");

    let text = ": royal\nman king woman queen\r\nMAN KING WOMAN Queen\n\nman king woman apple\nman king woman pear\n\
                : none\n:short\nking man queen woman";
    let questions = questions(text).unwrap();
    assert_eq!(questions.len(), 5);
    let mut done = Vec::new();
    let sections = words.accuracy(&questions, &AnalogyOptions::default(), |count| done.push(count)).unwrap();
    let section = |name: &str, correct, incorrect, unknown| SectionAccuracy {
        section: name.to_owned(),
        correct,
        incorrect,
        unknown,
    };
    let expected = [section("royal", 2, 1, 1), section("none", 0, 0, 0), section("short", 1, 0, 0)];
    assert_eq!(sections, expected);
    assert_eq!(done, [4, 5]);
    assert_eq!(SectionAccuracy::total(&sections), section("total", 3, 1, 1));
    assert_eq!(sections[0].accuracy(), Some(2.0 / 3.0));
    assert_eq!(sections[1].accuracy(), None);

    // With case, "MAN" is no word; among the first three words, nothing can be asked.
    let exact = AnalogyOptions::default().with_case_insensitive(false);
    assert_eq!(words.accuracy(&questions, &exact, |_| ()).unwrap()[0], section("royal", 1, 1, 2));
    let few = AnalogyOptions::default().with_restrict_vocab(3);
    assert_eq!(words.accuracy(&questions, &few, |_| ()).unwrap()[0], section("royal", 0, 0, 4));
}

#[test]
fn a_word_of_the_question_in_another_case_is_no_answer() {
    // "King" is the nearest, and but for its case a word of the question.
    let rows = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.01, 0.0], [1.0, 0.8, 0.0]];
    let (embedding, vocabulary) = (table(&rows), Vocabulary::from_words(["man", "king", "King", "emperor"]).unwrap());
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let questions = questions(": s\nman king king emperor").unwrap();
    assert_eq!(words.accuracy(&questions, &AnalogyOptions::default(), |_| ()).unwrap()[0].correct, 1);
    let exact = AnalogyOptions::default().with_case_insensitive(false);
    assert_eq!(words.accuracy(&questions, &exact, |_| ()).unwrap()[0].correct, 0);
}

#[test]
fn answers_too_are_among_the_first_words_only() {
    // "better" has the very direction asked for.
    let rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, 1.0, 1.0]];
    let vocabulary = Vocabulary::from_words(["man", "king", "woman", "queen", "better"]).unwrap();
    let embedding = table(&rows);
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let questions = questions(": s\nman king woman queen").unwrap();
    for (restrict_vocab, correct) in [(4, 1), (5, 0)] {
        let options = AnalogyOptions::default().with_restrict_vocab(restrict_vocab);
        assert_eq!(words.accuracy(&questions, &options, |_| ()).unwrap()[0].correct, correct, "{restrict_vocab}");
    }
}

#[test]
fn of_words_equal_but_for_case_the_first_row_counts() {
    // With the last, the answer would be "apple".
    let rows =
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [-1.0, 0.0, 0.0]];
    let vocabulary = Vocabulary::from_words(["man", "king", "woman", "queen", "KING", "apple"]).unwrap();
    let embedding = table(&rows);
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let questions = questions(": s\nman king woman queen\nMan King Woman Queen").unwrap();
    assert_eq!(words.accuracy(&questions, &AnalogyOptions::default(), |_| ()).unwrap()[0].correct, 2);
}

#[test]
fn four_words_of_the_question_in_other_cases_may_come_before_the_answer() {
    let near = [1.001, 1.002, 1.003, 1.004].map(|y| [1.0, y, 0.0]);
    let rows = [&[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]], &near[..], &[[1.0, 0.5, 0.0]]].concat();
    let vocabulary = Vocabulary::from_words(["man", "king", "King", "KING", "kING", "kiNG", "emperor"]).unwrap();
    let embedding = table(&rows);
    let words = SimilarWords::new(&embedding, &vocabulary).unwrap();
    let questions = questions(": s\nman king king emperor").unwrap();
    assert_eq!(words.accuracy(&questions, &AnalogyOptions::default(), |_| ()).unwrap()[0].correct, 1);
}

#[test]
fn questions_may_begin_with_a_byte_order_mark() {
    let text = ": s\na b c d\n";
    assert_eq!(questions(&format!("\u{feff}{text}")).unwrap(), questions(text).unwrap());
}

#[test]
fn malformed_questions_are_named_with_their_line() {
    let section = "a section, a line of the form ': name', must come before the first question";
    for (text, place, problem) in [("a b c d\n", "line 1", section), ("\na b c\n: s\na b c d\n", "line 2", section)] {
        match questions(text).unwrap_err() {
            Error::Malformed { place: found, problem: said, .. } => {
                assert_eq!((&found[..], &said[..]), (place, problem))
            }
            other => panic!("{other}"),
        }
    }
    assert!(matches!(AnalogyQuestions::load("no such file"), Err(Error::File { .. })));
}

#[test]
fn lines_without_four_words_are_excluded_and_listed() {
    // As gensim leaves them out: too few, too many; a blank line and a section's are none of them.
    for (text, expected) in [
        (": s\na b c d\n\na b c\n", &[4][..]),
        (": s\na b c d e\na b c d\r\n: t\r\nword\r\n", &[2, 5]),
        (": s\n\t\na\tb c\td\n\na, b, c\n", &[5]),
    ] {
        let found = questions(text).unwrap();
        assert_eq!((found.excluded_lines(), found.len()), (expected, 1), "{text:?}");
        assert!(found.sections().next().unwrap().1 == [["a", "b", "c", "d"].map(str::to_owned)]);
    }
    assert!(questions(": s\na b c d\n").unwrap().excluded_lines().is_empty());
}
