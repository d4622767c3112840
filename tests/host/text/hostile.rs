//! JSON that no Tokenizer wrote.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use wgpu_embedding::Error;
use wgpu_embedding::text::{IndexMap, MatrixMode, Tokenizer};

/// Every mutation is read; those that are still a tokenizer are used, too.
const MUTATIONS: usize = 10_000;

fn fitted() -> Tokenizer {
    let mut tokenizer = Tokenizer::new().with_num_words(6).with_oov_token("<oov>");
    tokenizer.fit_on_texts(["the cat saw the dog", "a dog, é \u{1f642}", "\"quoted\" \\ <oov> oov"]).unwrap();
    tokenizer.fit_on_sequences([[1, 2, 90]]);
    tokenizer
}

/// The JSON with one field of config replaced, or taken out.
fn with_field(field: &str, value: Option<Value>) -> String {
    let mut json: Value = serde_json::from_str(&fitted().to_json()).unwrap();
    let config = json["config"].as_object_mut().unwrap();
    match value {
        Some(value) => config.insert(field.to_owned(), value),
        None => config.remove(field),
    };
    json.to_string()
}

fn assert_malformed(json: &str, place: &str, part_of_problem: &str) {
    match Tokenizer::from_json(json) {
        Err(Error::Malformed { what, place: there, problem }) => {
            assert_eq!((what.as_str(), there.as_str()), ("the tokenizer's JSON", place), "{problem}");
            assert!(problem.contains(part_of_problem), "{problem:?} has no {part_of_problem:?}");
        }
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn bad_ids_are_named() {
    let cases = [
        (r#"{"the": 0, "dog": 2}"#, "the id of \"the\" must be at least 1, and is 0"),
        (r#"{"the": -1}"#, "integer `-1`, expected a whole number from 0 to 4294967295"),
        (r#"{"the": 4294967296}"#, "integer `4294967296`, expected a whole number"),
        (r#"{"the": 99999999999999999999999}"#, "expected a whole number"),
        (r#"{"the": 1.5}"#, "floating point `1.5`, expected a whole number"),
        (r#"{"the": "1"}"#, "expected a whole number"),
        (r#"{"the": null}"#, "expected a whole number"),
        (r#"{"the": 2, "dog": 2}"#, "each id must be one word's, and 2 is of \"the\" and of \"dog\""),
        (r#"["the"]"#, "expected a map"),
        (r#"{"the": 1"#, "EOF"),
        (r#"{"the": 1} x"#, "trailing characters"),
        (r#"{"\ud800": 1}"#, "line 1 column"),
        ("", "EOF"),
    ];
    for (word_index, problem) in cases {
        assert_malformed(&with_field("word_index", Some(word_index.into())), "config.word_index", problem);
    }
    let cases = [
        (r#"{"1": "cat"}"#, "1 is of \"cat\", which has"),
        (r#"{"7000": "the"}"#, "7000 is of \"the\", which has 2 there"),
        (r#"{"1": "zebra"}"#, "which has no id there"),
        ("{}", "must have the 10 words of word_index, and has 0"),
        (r#"{"one": "the"}"#, "string \"one\", expected a whole number from 0 to 4294967295"),
        (r#"{"-1": "the"}"#, "string \"-1\", expected a whole number"),
        (r#"{"01": "the"}"#, "string \"01\", expected a whole number"),
        (r#"{"2": 3}"#, "expected a string"),
    ];
    for (index_word, problem) in cases {
        assert_malformed(&with_field("index_word", Some(index_word.into())), "config.index_word", problem);
    }
}

#[test]
fn bad_fields_are_named() {
    for field in [
        "num_words",
        "filters",
        "lower",
        "split",
        "char_level",
        "oov_token",
        "document_count",
        "word_counts",
        "word_docs",
        "index_docs",
        "index_word",
        "word_index",
    ] {
        assert_malformed(&with_field(field, None), "the document", &format!("missing field `{field}`"));
        assert_malformed(&with_field(field, Some(Value::Array(vec![]))), "the document", "invalid type: sequence");
    }
    assert_malformed(&with_field("analyser", Some("x".into())), "the document", "unknown field `analyser`");
    assert_malformed(&with_field("num_words", Some((-1).into())), "the document", "integer `-1`, expected a whole");
    assert_malformed(
        &with_field("num_words", Some(10.5.into())),
        "the document",
        "floating point `10.5`, expected a",
    );
    assert_malformed(&with_field("document_count", Some((-1).into())), "the document", "integer `-1`");
    assert_malformed(&with_field("lower", Some(1.into())), "the document", "expected a boolean");
    for field in ["word_counts", "word_docs", "index_docs"] {
        let place = format!("config.{field}");
        assert_malformed(
            &with_field(field, Some(r#"{"1": -1}"#.into())),
            &place,
            "integer `-1`, expected a whole number",
        );
        assert_malformed(
            &with_field(field, Some(r#"{"1": 1e30}"#.into())),
            &place,
            "expected a whole number from 0 to 18446744073709551615",
        );
        assert_malformed(&with_field(field, Some("[]".into())), &place, "expected a map");
    }
    let uncounted = with_field("word_docs", Some(r#"{"zebra": 1}"#.into()));
    assert_malformed(&uncounted, "config.word_docs", "\"zebra\" must be in word_counts, and is not");

    let json = fitted().to_json();
    let other_class = json.replacen("\"Tokenizer\"", "\"TextVectorization\"", 1);
    assert_malformed(&other_class, "class_name", "must be \"Tokenizer\", and is \"TextVectorization\"");
    assert_malformed(&json.replacen("class_name", "name", 1), "the document", "missing field `class_name`");
    assert_malformed(&json.replacen("config", "settings", 1), "the document", "missing field `config`");
    for not_one in ["", "null", "[]", "3", "\"\"", "{", "nan", "\u{feff}{}"] {
        assert_malformed(not_one, "the document", "line 1 column");
    }
    assert_malformed(&"[".repeat(1_000_000), "the document", "line 1 column");
}

#[test]
fn whole_numbers_may_have_become_floats() {
    let tokenizer = fitted();
    let mut json: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
    // As a program writes them that knows floats alone.
    let float = |number: &Value| number.as_u64().map_or(number.clone(), |number| (number as f64).into());
    for field in ["num_words", "document_count"] {
        json["config"][field] = float(&json["config"][field]);
    }
    for field in ["word_counts", "word_docs", "index_docs", "index_word", "word_index"] {
        // In their order.
        let map: IndexMap<String, Value> = serde_json::from_str(json["config"][field].as_str().unwrap()).unwrap();
        let key = |key: String| if field.starts_with("index") { format!("{key}.0") } else { key };
        let map: IndexMap<_, _> = map.into_iter().map(|(name, value)| (key(name), float(&value))).collect();
        json["config"][field] = serde_json::to_string(&map).unwrap().into();
    }
    let text = json.to_string();
    assert!(text.contains("\"num_words\":6.0") && text.contains("{\\\"2.0\\\":"), "{text}");
    let read = Tokenizer::from_json(&text.replace("\"num_words\":6.0", "\"num_words\":0.6e1")).unwrap();
    assert_eq!(read, tokenizer);
    assert_malformed(&with_field("document_count", Some(1e16.into())), "the document", "floating point `1e+16`");
}

#[test]
fn errors_are_short_whatever_the_document_is() {
    let json = fitted().to_json();
    let twice = serde_json::to_string(&json).unwrap();
    let decode = "it must be a JSON object, and is a JSON string that holds one; decode it once more, in Python with \
                  json.loads";
    assert_malformed(&twice, "the document", decode);
    assert_malformed(&format!(" \n{twice}"), "the document", decode);
    assert_malformed(&serde_json::to_string(&twice).unwrap(), "the document", decode);
    assert_malformed(
        r#""\"word\"""#,
        "the document",
        r#"invalid type: string "\"word\"", expected an object with class_name and config"#,
    );
    assert_eq!(Tokenizer::from_json(&format!("\u{feff}{json}")), Ok(fitted()));
    // One of its maps alone.
    let counts: Value = serde_json::from_str(&json).unwrap();
    let counts = serde_json::to_string(&counts["config"]["word_counts"]).unwrap();
    assert_malformed(&with_field("word_counts", Some(counts.into())), "config.word_counts", decode);

    let long = "long".repeat(1 << 18);
    let word = |json: &str| json.replace("LONG", &long);
    for json in [
        serde_json::to_string(&long).unwrap(),
        with_field(&long, Some(1.into())),
        with_field("num_words", Some(long.clone().into())),
        with_field("lower", Some(long.clone().into())),
        with_field("document_count", Some(1e300.into())),
        with_field("word_index", Some(word(r#"{"LONG": 0}"#).into())),
        with_field("word_index", Some(word(r#"{"LONG": 1, "b LONG": 1}"#).into())),
        with_field("word_index", Some(word(r#""LONG""#).into())),
        with_field("index_word", Some(word(r#"{"1": "LONG"}"#).into())),
        with_field("index_word", Some(word(r#"{"LONG": "the"}"#).into())),
        with_field("word_docs", Some(word(r#"{"LONG": 1}"#).into())),
        with_field("word_docs", Some(word(r#"{"the": "LONG"}"#).into())),
        json.replacen("\"Tokenizer\"", &format!("\"{long}\""), 1),
        json.replacen("class_name", &long, 1),
    ] {
        let error = Tokenizer::from_json(&json).unwrap_err().to_string();
        assert!(error.len() < 600, "{} bytes: {}", error.len(), &error[..error.len().min(900)]);
    }
}

#[test]
fn counts_at_their_limit_stay_there() {
    let mut json: Value = serde_json::from_str(&fitted().to_json()).unwrap();
    json["config"]["document_count"] = u64::MAX.into();
    for field in ["word_counts", "word_docs", "index_docs"] {
        let counts = json["config"][field].as_str().unwrap().replace(": 1", &format!(": {}", u64::MAX));
        json["config"][field] = counts.into();
    }
    let mut tokenizer = Tokenizer::from_json(&json.to_string()).unwrap();
    assert_eq!((tokenizer.document_count(), tokenizer.word_counts()["cat"]), (u64::MAX, u64::MAX));
    tokenizer.fit_on_texts(["cat"]).unwrap();
    tokenizer.fit_on_sequences([[2]]);
    assert_eq!((tokenizer.document_count(), tokenizer.word_counts()["cat"]), (u64::MAX, u64::MAX));
}

/// The largest id there is must not need a table as large.
#[test]
fn far_ids_take_no_room() {
    let mut json: Value = serde_json::from_str(&Tokenizer::new().to_json()).unwrap();
    json["config"]["word_index"] = r#"{"far": 4294967295}"#.into();
    json["config"]["index_word"] = r#"{"4294967295": "far"}"#.into();
    let tokenizer = Tokenizer::from_json(&json.to_string()).unwrap();
    assert_eq!(tokenizer.texts_to_sequences(["far out"]).unwrap(), [[u32::MAX]]);
    assert_eq!(tokenizer.index_word(u32::MAX), Some("far"));
    assert_eq!(tokenizer.input_dim(), u32::MAX);
    assert_eq!(tokenizer.texts_to_matrix(["far"], MatrixMode::Binary).unwrap().shape(), [1, 2]);
}

#[test]
fn mutations_are_read_or_refused() {
    let json = fitted().to_json();
    let document: Value = serde_json::from_str(&json).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut read, mut refused) = (0, 0);
    for number in 0..MUTATIONS {
        let mutated = if number % 2 == 0 {
            mutate(&json, &mut random)
        } else {
            // Inside of one of the strings that hold JSON of their own, or another field.
            let mut document = document.clone();
            let config = document["config"].as_object_mut().unwrap();
            let field = config.keys().nth(random.random_range(0..config.len())).unwrap().clone();
            let value = config.get_mut(&field).unwrap();
            *value = match value.as_str() {
                Some(string) => mutate(string, &mut random).into(),
                None => serde_json::from_str(&mutate(&value.to_string(), &mut random)).unwrap_or(Value::Null),
            };
            document.to_string()
        };
        match Tokenizer::from_json(&mutated) {
            Ok(tokenizer) => {
                read += 1;
                assert_eq!(Tokenizer::from_json(&tokenizer.to_json()).as_ref(), Ok(&tokenizer));
                use_it(tokenizer);
            }
            Err(Error::Malformed { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(read > MUTATIONS / 20 && refused > MUTATIONS / 2, "{read} read, {refused} refused");
}

/// One to three changes of a byte or a stretch, repaired to UTF-8.
fn mutate(text: &str, random: &mut ChaCha8Rng) -> String {
    const PIECES: [&str; 14] = [
        "0",
        "-1",
        "4294967296",
        "18446744073709551616",
        "1e999",
        "null",
        "true",
        "\"",
        "\\",
        "{",
        "}",
        ":",
        ",",
        "\\ud800",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.random_range(1..=3) {
        let start = random.random_range(0..=bytes.len());
        let end = (start + random.random_range(0..4)).min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(start),
            1 => drop(bytes.drain(start..end)),
            2 => bytes[start..end].iter_mut().for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            3 => bytes[start..end].iter_mut().for_each(|byte| *byte = random.random_range(b'0'..=b'9')),
            4 => drop(bytes.splice(start..end, PIECES[random.random_range(0..PIECES.len())].bytes())),
            _ => {
                let copy = bytes[start..end].to_vec();
                drop(bytes.splice(start..start, copy));
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every call; any outcome will do, but a panic.
fn use_it(mut tokenizer: Tokenizer) {
    let sequences = tokenizer.texts_to_sequences(["the cat \u{1f642} zebra"]);
    let _ = tokenizer.sequences_to_texts(sequences.unwrap_or_default());
    let _ = tokenizer.sequences_to_texts([[0, 1, 2, 3, u32::MAX]]);
    let _ = tokenizer.input_dim();
    // A matrix as wide as the JSON says would be the caller's own wish.
    if tokenizer.num_words().is_none_or(|num_words| num_words < 1_000_000) {
        for mode in [MatrixMode::Binary, MatrixMode::Count, MatrixMode::Freq, MatrixMode::Tfidf] {
            let _ = tokenizer.sequences_to_matrix(&[[0, 1, 2, 2, 90, u32::MAX]], mode);
        }
    }
    let _ = tokenizer.fit_on_texts(["the zebra"]);
    tokenizer.fit_on_sequences([[0, 1, u32::MAX]]);
    let _ = tokenizer.to_json();
}
