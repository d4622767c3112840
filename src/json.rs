//! JSON that other programs may have written: whole numbers that became floats, and errors of bounded length.

#[cfg(feature = "text")]
mod key;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

#[cfg(feature = "text")]
pub(crate) use key::WholeKey;

/// Floats count by ones up to here: a larger one may stand for another whole number than it is.
const MOST_FLOAT: f64 = (1u64 << 53) as f64;

/// Characters of a parser's complaint: as many of its start, and of its end, where it says what was expected.
const MAX_START: usize = 120;
const MAX_END: usize = 80;

/// Parses JSON. An error says what is wrong, and where, in a few words.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| {
        if is_encoded_again(json) {
            return "it must be a JSON object, and is a JSON string that holds one; decode it once more, in Python with \
                    json.loads"
                .to_owned();
        }
        problem(&error)
    })
}

/// Whether the document is a JSON string that holds a document, or holds a string that does.
fn is_encoded_again(json: &str) -> bool {
    let is_one = |inside: String| inside.trim_start().starts_with(['{', '[']) || is_encoded_again(&inside);
    json.trim_start().starts_with('"') && serde_json::from_str(json).is_ok_and(is_one)
}

/// What a parser complains of, which may repeat the whole document.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (start, end) = match text.rfind(" at line ") {
        Some(place) => text.split_at(place),
        None => (text.as_str(), ""),
    };
    let printable: String =
        start.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let length = printable.chars().count();
    if length <= MAX_START + MAX_END {
        return format!("{printable}{end}");
    }
    let last: String = printable.chars().skip(length - MAX_END).collect();
    let first: String = printable.chars().take(MAX_START).collect();
    format!("{first}…{last}{end}")
}

/// A whole number, also one that was written as a float: `7`, `7.0`, `7e2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Whole<T>(pub T);

impl<'de, T: WholeNumber> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(OfNumber(PhantomData)).map(Self)
    }
}

/// For a field that is a plain number.
pub(crate) fn whole<'de, T: WholeNumber, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Whole::deserialize(deserializer).map(|whole| whole.0)
}

/// For a field that may be null, but must be there: serde would take a missing one for null.
pub(crate) fn whole_or_null<'de, T: WholeNumber, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Whole<T>>::deserialize(deserializer)?.map(|whole| whole.0))
}

pub(crate) trait WholeNumber: TryFrom<u64> {
    const MOST: u64;
}

impl WholeNumber for u32 {
    const MOST: u64 = u32::MAX as u64;
}

impl WholeNumber for u64 {
    const MOST: u64 = u64::MAX;
}

impl WholeNumber for usize {
    const MOST: u64 = usize::MAX as u64;
}

fn expecting<T: WholeNumber>(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "a whole number from 0 to {}", T::MOST)
}

struct OfNumber<T>(PhantomData<T>);

impl<T: WholeNumber> Visitor<'_> for OfNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting::<T>(f)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        let whole = u64::try_from(value).ok().and_then(|value| T::try_from(value).ok());
        whole.ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        let is_whole = value.fract() == 0.0 && (0.0..=MOST_FLOAT).contains(&value);
        let whole = is_whole.then(|| T::try_from(value as u64).ok()).flatten();
        whole.ok_or_else(|| E::invalid_type(Unexpected::Float(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_as_floats_too() {
        for (json, number) in
            [("7", 7), ("7.0", 7), ("5e3", 5000), ("1.5e1", 15), ("-0.0", 0), ("9007199254740992.0", 1u64 << 53)]
        {
            assert_eq!(parse(json), Ok(Whole(number)), "{json}");
        }
        assert_eq!(parse("18446744073709551615"), Ok(Whole(u64::MAX)));
        assert_eq!(parse("4294967295.0"), Ok(Whole(u32::MAX)));
        for json in ["1.5", "-1", "-1.0", "4294967296", "4294967296.0", "1e300", "null", "\"1\"", "true"] {
            let error = parse::<Whole<u32>>(json).unwrap_err();
            assert!(
                error.contains("expected a whole number from 0 to 4294967295 at line 1 column"),
                "{json}: {error}"
            );
            assert!(error.len() < 400, "{error}");
        }
        // Not the number that was meant, for sure.
        assert!(parse::<Whole<u64>>("1e16").is_err());
    }

    #[test]
    fn errors_do_not_repeat_the_document() {
        let long = "x".repeat(1 << 20);
        for json in [format!("\"{long}\""), format!("{{\"{long}\": 1}}"), format!("[\"{long}\"]"), "9".repeat(300)] {
            let error = parse::<Vec<Option<bool>>>(&json).unwrap_err();
            assert!(
                error.len() < 400 && error.contains("expected ") && error.contains(" at line 1 column "),
                "{error}"
            );
        }
        let [object, nothing] = ["\"{\\\"a\\\": 1}\"", "\"a\""].map(|json| parse::<Vec<bool>>(json).unwrap_err());
        assert!(object.ends_with("decode it once more, in Python with json.loads"), "{object}");
        assert!(nothing.starts_with("invalid type: string \"a\", expected a sequence"), "{nothing}");
    }
}
