//! What a tokenizer takes, and the tokens it finds there.

use super::splitter::WordSplitter;
use crate::error::Result;

mod sealed {
    pub trait Sealed {}
}

/// What [`Tokenizer`](super::Tokenizer) takes for a text:
///
/// - a string (`str`, `String`), which is split in words, or in characters by a `char_level` tokenizer;
/// - a list of strings (slice, array, `Vec`), whose elements are the tokens. As in Keras they are put in lower case where
///   the tokenizer's `lower` says so, and neither filtered nor split.
pub trait Text: sealed::Sealed {
    /// The string, unless it is a list.
    #[doc(hidden)]
    fn as_string(&self) -> Option<&str>;
    /// The list's elements.
    #[doc(hidden)]
    fn for_each_element(&self, each: &mut dyn FnMut(&str));
}

macro_rules! strings {
    ($($string:ty),*) => {
        $(
            impl sealed::Sealed for $string {}
            impl Text for $string {
                fn as_string(&self) -> Option<&str> {
                    Some(self)
                }
                fn for_each_element(&self, _: &mut dyn FnMut(&str)) {}
            }
        )*
    };
}
strings!(str, String, std::borrow::Cow<'_, str>);

macro_rules! lists {
    ($(($($generics:tt)*) $list:ty),*) => {
        $(
            impl<$($generics)*> sealed::Sealed for $list {}
            impl<$($generics)*> Text for $list {
                fn as_string(&self) -> Option<&str> {
                    None
                }
                fn for_each_element(&self, each: &mut dyn FnMut(&str)) {
                    self.iter().for_each(|element| each(element.as_ref()));
                }
            }
        )*
    };
}
lists!((S: AsRef<str>) [S], (S: AsRef<str>) Vec<S>, (S: AsRef<str>, const N: usize) [S; N]);

impl<T: Text + ?Sized> sealed::Sealed for &T {}
impl<T: Text + ?Sized> Text for &T {
    fn as_string(&self) -> Option<&str> {
        T::as_string(self)
    }
    fn for_each_element(&self, each: &mut dyn FnMut(&str)) {
        T::for_each_element(self, each);
    }
}

/// What becomes of a text: its words, or its characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Analysis {
    pub splitter: WordSplitter,
    pub char_level: bool,
}

impl Analysis {
    /// Calls `each` with the text's tokens, in their order. An error comes before the first.
    pub fn for_each_token<T: Text + ?Sized>(&self, text: &T, mut each: impl FnMut(&str)) -> Result<()> {
        let lower = self.splitter.lower;
        match text.as_string() {
            None if lower => text.for_each_element(&mut |element| each(&element.to_lowercase())),
            None => text.for_each_element(&mut each),
            Some(text) if self.char_level => {
                let lowered = lower.then(|| text.to_lowercase());
                let mut bytes = [0; 4];
                for character in lowered.as_deref().unwrap_or(text).chars() {
                    each(character.encode_utf8(&mut bytes));
                }
            }
            Some(text) => self.splitter.for_each_word(text, each)?,
        }
        Ok(())
    }
}
