//! Cases made by Keras: tests/golden/text, whose generate.py says what is in them.

use serde::Deserialize;
use serde_json::{Map, Value};
use wgpu_embedding::Error;
use wgpu_embedding::text::{
    IndexMap, Matrix, MatrixMode, PadOptions, Side, Tokenizer, WordSplitter, hashing_trick, one_hot, pad_sequences,
    text_to_word_sequence,
};

/// A matrix's elements may differ from Keras's by this much of their size, for the logarithms are another library's.
const TOLERANCE: f64 = 1e-12;

/// What Keras gave, or the exception it raised.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<T> {
    Is(T),
    Error(String),
}

/// A text's ids, None where Keras has none for the out-of-vocabulary token.
type Ids = Vec<Option<u32>>;

type Rows = Vec<Vec<f64>>;

/// A call's argument.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Argument {
    Texts(Vec<String>),
    Lists(Vec<Vec<String>>),
    Sequences(Vec<Vec<u32>>),
}

#[derive(Debug, Deserialize)]
struct TokenizerCase {
    name: String,
    arguments: Map<String, Value>,
    calls: Vec<(String, Argument)>,
    #[serde(flatten)]
    outcome: TokenizerOutcome,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TokenizerOutcome {
    Fitted(Box<Fitted>),
    Failed { error: String },
}

#[derive(Debug, Deserialize)]
struct Fitted {
    json: String,
    texts: Outcome<Vec<(String, Ids)>>,
    words: Outcome<Vec<(Vec<String>, Ids)>>,
    sequences: Vec<(Vec<u32>, Outcome<String>)>,
    matrix_of: Vec<Vec<u32>>,
    matrices: Option<IndexMap<String, Outcome<Rows>>>,
}

#[derive(Debug, Deserialize)]
struct PaddingCase {
    sequences: Option<Vec<Vec<i32>>>,
    float_sequences: Option<Vec<Vec<f64>>>,
    maxlen: Option<usize>,
    padding: Option<String>,
    truncating: Option<String>,
    value: Option<f64>,
    shape: [usize; 2],
    padded: Rows,
}

#[derive(Debug, Deserialize)]
struct WordCase {
    text: String,
    arguments: Map<String, Value>,
    words: Outcome<Vec<String>>,
    hashed: Vec<(u32, Outcome<Vec<u32>>)>,
}

fn cases<T: serde::de::DeserializeOwned>(file: &str, at_least: usize) -> Vec<T> {
    let path = format!("{}/tests/golden/text/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<T> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= at_least, "{file} has only {} cases", cases.len());
    cases
}

fn splitter(arguments: &Map<String, Value>) -> WordSplitter {
    let mut splitter = WordSplitter::default();
    for (name, value) in arguments {
        match name.as_str() {
            "filters" => splitter.filters = value.as_str().map(str::to_owned),
            "split" => splitter.split = value.as_str().map(str::to_owned),
            "lower" => splitter.lower = value.as_bool().unwrap(),
            _ => {}
        }
    }
    splitter
}

fn tokenizer(arguments: &Map<String, Value>) -> Tokenizer {
    let mut tokenizer = Tokenizer::new().with_splitter(splitter(arguments));
    for (name, value) in arguments.iter().filter(|(_, value)| !value.is_null()) {
        tokenizer = match name.as_str() {
            "num_words" => tokenizer.with_num_words(value.as_u64().unwrap().try_into().unwrap()),
            "oov_token" => tokenizer.with_oov_token(value.as_str().unwrap()),
            "char_level" => tokenizer.with_char_level(value.as_bool().unwrap()),
            "filters" | "split" | "lower" => tokenizer,
            other => panic!("the argument {other}"),
        };
    }
    tokenizer
}

fn fit(tokenizer: &mut Tokenizer, (method, argument): &(String, Argument)) -> Result<(), Error> {
    match (method.as_str(), argument) {
        ("fit_on_texts", Argument::Texts(texts)) => tokenizer.fit_on_texts(texts),
        ("fit_on_texts", Argument::Lists(lists)) => tokenizer.fit_on_texts(lists),
        ("fit_on_sequences", Argument::Sequences(sequences)) => {
            tokenizer.fit_on_sequences(sequences);
            Ok(())
        }
        call => panic!("{call:?}"),
    }
}

/// The same ids, or an error where Keras raises one or gives None.
fn assert_sequence(name: &str, ours: Result<Vec<Vec<u32>>, Error>, keras: &[Option<u32>]) {
    match keras.iter().copied().collect::<Option<Vec<u32>>>() {
        Some(keras) => assert_eq!(ours.unwrap(), [keras], "{name}"),
        None => assert_refused(name, ours, "nothing, and gives None"),
    }
}

fn assert_refused<T: std::fmt::Debug>(name: &str, ours: Result<T, Error>, error: &str) {
    assert!(matches!(ours, Err(Error::InvalidConfig(_))), "{name}: Keras raises {error}, and this gives {ours:?}");
}

fn assert_close(name: &str, ours: &Matrix<f64>, keras: &[Vec<f64>]) {
    assert_eq!(ours.shape(), [keras.len(), keras[0].len()], "{name}");
    for (ours, &keras) in ours.values().iter().zip(keras.iter().flatten()) {
        assert!((ours - keras).abs() <= TOLERANCE * keras.abs(), "{name}: {ours} and {keras}");
    }
}

#[test]
fn tokenizers_equal_keras() {
    let mut compared = 0;
    for case in cases::<TokenizerCase>("tokenizer.json", 70) {
        let name = &case.name;
        let mut tokenizer = tokenizer(&case.arguments);
        let outcome = case.calls.iter().try_for_each(|call| fit(&mut tokenizer, call));
        let expected = match &case.outcome {
            TokenizerOutcome::Fitted(expected) => expected,
            TokenizerOutcome::Failed { error } => {
                assert_refused(name, outcome, error);
                assert_eq!(tokenizer.document_count(), 0, "{name}");
                continue;
            }
        };
        outcome.unwrap();
        // All maps are in it, in their order.
        assert_eq!(tokenizer.to_json(), expected.json, "{name}");
        assert_eq!(Tokenizer::from_json(&expected.json).unwrap(), tokenizer, "{name}");
        for (word, &id) in tokenizer.word_index() {
            assert_eq!(tokenizer.index_word(id), Some(word.as_str()), "{name}");
        }
        match &expected.texts {
            Outcome::Is(texts) => {
                texts.iter().for_each(|(text, ids)| assert_sequence(name, tokenizer.texts_to_sequences([text]), ids));
            }
            Outcome::Error(error) => assert_refused(name, tokenizer.texts_to_sequences(["some text"]), error),
        }
        let Outcome::Is(lists) = &expected.words else { panic!("{name}: lists need no splitting") };
        lists.iter().for_each(|(list, ids)| assert_sequence(name, tokenizer.texts_to_sequences([list]), ids));
        for (ids, text) in &expected.sequences {
            match (tokenizer.sequences_to_texts([ids]), text) {
                (ours, Outcome::Is(text)) => assert_eq!(&ours.unwrap()[0], text, "{name}"),
                (ours, Outcome::Error(error)) => assert_refused(name, ours, error),
            }
        }
        for (mode, matrix) in expected.matrices.iter().flatten() {
            let mode = match mode.as_str() {
                "binary" => MatrixMode::Binary,
                "count" => MatrixMode::Count,
                "freq" => MatrixMode::Freq,
                "tfidf" => MatrixMode::Tfidf,
                other => panic!("{other}"),
            };
            match (tokenizer.sequences_to_matrix(&expected.matrix_of, mode), matrix) {
                (ours, Outcome::Is(matrix)) => assert_close(name, &ours.unwrap(), matrix),
                (ours, Outcome::Error(error)) => assert_refused(name, ours, error),
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} matrices");
}

#[test]
fn what_keras_wrote_is_written_again_to_the_byte() {
    for json in cases::<String>("keras.json", 20) {
        assert_eq!(Tokenizer::from_json(&json).unwrap().to_json(), json);
    }
}

#[test]
fn padding_equals_keras() {
    fn check<T: Clone + Default + PartialEq + std::fmt::Debug>(
        case: &PaddingCase,
        sequences: &[Vec<T>],
        from: impl Fn(f64) -> T,
    ) {
        let side = |side: &Option<String>| match side.as_deref() {
            None | Some("pre") => Side::Pre,
            Some("post") => Side::Post,
            Some(other) => panic!("{other}"),
        };
        let mut options = PadOptions::new().with_padding(side(&case.padding)).with_truncating(side(&case.truncating));
        options.maxlen = case.maxlen;
        if let Some(value) = case.value {
            options.value = from(value);
        }
        let padded = pad_sequences(sequences, &options).unwrap();
        assert_eq!(padded.shape(), case.shape, "{case:?}");
        let keras: Vec<T> = case.padded.iter().flatten().map(|&value| from(value)).collect();
        assert_eq!(padded.values(), keras, "{case:?}");
    }
    for case in cases::<PaddingCase>("padding.json", 500) {
        match (&case.sequences, &case.float_sequences) {
            (Some(sequences), None) => check(&case, sequences, |value| value as i32),
            (None, Some(sequences)) => check(&case, sequences, |value| value),
            _ => panic!("{case:?}"),
        }
    }
}

#[test]
fn words_and_their_hashes_equal_keras() {
    for case in cases::<WordCase>("words.json", 200) {
        let splitter = splitter(&case.arguments);
        match (text_to_word_sequence(&case.text, &splitter), &case.words) {
            (ours, Outcome::Is(words)) => assert_eq!(&ours.unwrap(), words, "{case:?}"),
            (ours, Outcome::Error(error)) => assert_refused(&case.text, ours, error),
        }
        for (n, hashed) in &case.hashed {
            match (hashing_trick(&case.text, *n, &splitter), hashed) {
                (ours, Outcome::Is(hashed)) => assert_eq!(&ours.unwrap(), hashed, "{n}: {case:?}"),
                (ours, Outcome::Error(error)) => assert_refused(&case.text, ours, error),
            }
            assert_eq!(one_hot(&case.text, *n, &splitter), hashing_trick(&case.text, *n, &splitter));
        }
    }
}

#[test]
#[should_panic(expected = "1 and 1.00000000001")]
fn other_matrices_are_noticed() {
    let mut tokenizer = Tokenizer::new();
    tokenizer.fit_on_texts(["a"]).unwrap();
    let matrix = tokenizer.texts_to_matrix(["a"], MatrixMode::Count).unwrap();
    assert_close("", &matrix, &[vec![0.0, 1.0]]);
    assert_close("", &matrix, &[vec![0.0, 1.00000000001]]);
}
