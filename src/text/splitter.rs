//! A text's words: Keras's `text_to_word_sequence`.

use crate::error::{Error, Result};

/// Keras's default `filters`: all ASCII punctuation but the apostrophe, tab and newline.
const DEFAULT_FILTERS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// How a text becomes words: Keras's arguments `filters`, `lower` and `split`.
///
/// The text is put in lower case, each character of `filters` is replaced by `split`, and what stands between one `split`
/// and the next is a word. Nothing else separates words: a carriage return or a no-break space is part of its word.
///
/// ```
/// use wgpu_embedding::text::{WordSplitter, text_to_word_sequence};
///
/// let words = text_to_word_sequence("It's  GOOD--really_good!", &WordSplitter::default())?;
/// assert_eq!(words, ["it's", "good", "really", "good"]);
///
/// let lines = WordSplitter::default().with_filters("").with_split("\n").with_lower(false);
/// assert_eq!(text_to_word_sequence("One line.\nAnother.", &lines)?, ["One line.", "Another."]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WordSplitter {
    /// Characters that separate words as `split` does. As in Keras, `None` is of use only where no text is split, with
    /// characters or lists of words for tokens; for no filters it is `Some` of an empty string.
    pub filters: Option<String>,
    /// Whether to put the text in lower case first; true by default.
    pub lower: bool,
    /// What separates words, one character or several; a space by default. `None` is Python's `str.split(None)`: any
    /// white space separates words, and characters of `filters` are taken out without separating any.
    pub split: Option<String>,
}

impl Default for WordSplitter {
    fn default() -> Self {
        Self { filters: Some(DEFAULT_FILTERS.to_owned()), lower: true, split: Some(" ".to_owned()) }
    }
}

impl WordSplitter {
    /// Sets [`filters`](Self::filters).
    pub fn with_filters(self, filters: impl Into<String>) -> Self {
        Self { filters: Some(filters.into()), ..self }
    }

    /// Sets [`lower`](Self::lower).
    pub fn with_lower(self, lower: bool) -> Self {
        Self { lower, ..self }
    }

    /// Sets [`split`](Self::split).
    pub fn with_split(self, split: impl Into<String>) -> Self {
        Self { split: Some(split.into()), ..self }
    }

    /// Calls `each` with the text's words, in their order.
    pub(super) fn for_each_word(&self, text: &str, mut each: impl FnMut(&str)) -> Result<()> {
        let Some(filters) = self.filters.as_deref().map(Characters::new) else {
            let needed = "filters must be a string where texts are split, \"\" for none, and is None";
            return Err(Error::InvalidConfig(needed.to_owned()));
        };
        let lowered;
        let text = if self.lower {
            lowered = text.to_lowercase();
            &lowered
        } else {
            text
        };
        let mut words =
            |words: &mut dyn Iterator<Item = &str>| words.filter(|word| !word.is_empty()).for_each(&mut each);
        let Some(split) = &self.split else {
            let kept: String = text.chars().filter(|&character| !filters.contain(character)).collect();
            words(&mut kept.split(is_python_space));
            return Ok(());
        };
        let mut characters = split.chars();
        match (characters.next(), characters.next()) {
            (None, _) => {
                let needed = "split must be at least one character, and is empty";
                return Err(Error::InvalidConfig(needed.to_owned()));
            }
            // A filter that turns into one character separates as that does, so nothing need be replaced.
            (Some(split), None) => {
                words(&mut text.split(|character| character == split || filters.contain(character)));
            }
            // Several characters may join with the text around a filter, so this is done literally.
            (Some(_), Some(_)) => {
                let mut replaced = String::with_capacity(text.len());
                for character in text.chars() {
                    if filters.contain(character) {
                        replaced.push_str(split);
                    } else {
                        replaced.push(character);
                    }
                }
                words(&mut replaced.split(split.as_str()));
            }
        }
        Ok(())
    }
}

/// A text's words, as Keras's `text_to_word_sequence(text, filters, lower, split)`.
///
/// # Errors
///
/// [`Error::InvalidConfig`] if `split` is empty or `filters` is `None`.
pub fn text_to_word_sequence(text: &str, splitter: &WordSplitter) -> Result<Vec<String>> {
    let mut words = Vec::new();
    splitter.for_each_word(text, |word| words.push(word.to_owned()))?;
    Ok(words)
}

/// A set of characters, quick to ask of ASCII.
struct Characters {
    ascii: u128,
    others: Vec<char>,
}

impl Characters {
    fn new(characters: &str) -> Self {
        let mut set = Self { ascii: 0, others: Vec::new() };
        for character in characters.chars() {
            if character.is_ascii() {
                set.ascii |= 1 << u32::from(character);
            } else {
                set.others.push(character);
            }
        }
        set.others.sort_unstable();
        set
    }

    fn contain(&self, character: char) -> bool {
        if character.is_ascii() {
            self.ascii >> u32::from(character) & 1 == 1
        } else {
            !self.others.is_empty() && self.others.binary_search(&character).is_ok()
        }
    }
}

/// Python's `str.isspace`: Unicode's white space, and the four ASCII separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}
