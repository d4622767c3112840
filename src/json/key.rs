//! A whole number in quotes.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected, Visitor};

use super::{Whole, WholeNumber, expecting};
use crate::error::quoted;

/// A [`Whole`] as the name of a field, which JSON has in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct WholeKey<T>(pub T);

impl<'de, T: WholeNumber> Deserialize<'de> for WholeKey<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OfText(PhantomData)).map(Self)
    }
}

struct OfText<T>(PhantomData<T>);

impl<T: WholeNumber> Visitor<'_> for OfText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting::<T>(f)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let whole = serde_json::from_str::<Whole<T>>(text);
        whole.map(|whole| whole.0).map_err(|_| E::invalid_value(Unexpected::Str(&quoted(text)), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn keys_are_whole_numbers_in_quotes() {
        for (json, number) in [("7", 7u32), ("7.0", 7), ("5e3", 5000), ("-0.0", 0)] {
            assert_eq!(parse(&format!("\"{json}\"")), Ok(WholeKey(number)), "{json}");
        }
        for key in ["\"\"", "\"one\"", "\"01\"", "\"1.5\"", "\"-1\""] {
            let error = parse::<WholeKey<u32>>(key).unwrap_err();
            assert!(
                error.contains("invalid value: string \"") && error.contains("expected a whole number"),
                "{error}"
            );
        }
    }
}
