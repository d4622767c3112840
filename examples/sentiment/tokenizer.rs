//! Words to numbers, as Keras's `Tokenizer(num_words=...)` and `pad_sequences(maxlen=...)` do.

use std::collections::HashMap;

/// Words kept of a sentence; `maxlen` in Keras.
pub const LENGTH: usize = 40;

/// The number that fills a sentence up to [`LENGTH`]; no word has it.
pub const PADDING: u32 = 0;

/// A sentence as the embedding takes it: [`PADDING`] first, then its words.
pub type Words = [u32; LENGTH];

/// Characters that separate words, as the space does. The apostrophe is not among them: "don't" is one word.
const FILTERS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// Numbers the words it was fitted on from 1, the most frequent first.
pub struct Tokenizer {
    numbers: HashMap<String, u32>,
}

impl Tokenizer {
    /// Keeps the `num_words - 1` most frequent words of `texts`; of equally frequent ones, those seen first.
    pub fn fit<'a>(texts: impl IntoIterator<Item = &'a str>, num_words: u32) -> Self {
        let mut position = HashMap::new();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for text in texts {
            for word in split(text) {
                let position = *position.entry(word).or_insert_with_key(|word| {
                    counts.push((word.clone(), 0));
                    counts.len() - 1
                });
                counts[position].1 += 1;
            }
        }
        // A stable sort, so that ties keep their first-seen order.
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let numbers = counts.into_iter().zip(1..num_words).map(|((word, _), number)| (word, number)).collect();
        Self { numbers }
    }

    /// Rows that an embedding of these words needs: one for each, and one for the padding.
    pub fn table_rows(&self) -> u32 {
        self.numbers.len() as u32 + 1
    }

    /// The numbers of the words it knows; the others are dropped.
    fn numbers(&self, text: &str) -> Vec<u32> {
        split(text).filter_map(|word| self.numbers.get(&word).copied()).collect()
    }

    /// The last [`LENGTH`] words that it knows, padded in front.
    pub fn words(&self, text: &str) -> Words {
        let numbers = self.numbers(text);
        let kept = &numbers[numbers.len().saturating_sub(LENGTH)..];
        let mut words = [PADDING; LENGTH];
        words[LENGTH - kept.len()..].copy_from_slice(kept);
        words
    }
}

fn split(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower
        .split(|character| character == ' ' || FILTERS.contains(character))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_in_keras() {
        let words: Vec<_> = split("It's GOOD--really_good,\tisn't it?\u{a0}(ÉTÉ)").collect();
        // A no-break space is neither a space nor a filter in Keras.
        assert_eq!(words, ["it's", "good", "really", "good", "isn't", "it", "\u{a0}", "été"]);
        assert_eq!(split(" ... !? ").count(), 0);
    }

    #[test]
    fn frequent_words_come_first_and_ties_in_the_order_seen() {
        let texts = ["the cat saw the dog", "a dog saw a bird"];
        let tokenizer = Tokenizer::fit(texts, 100);
        // the 2, cat 1, saw 2, dog 2, a 2, bird 1
        let order = ["the", "saw", "dog", "a", "cat", "bird"];
        for (number, word) in (1..).zip(order) {
            assert_eq!(tokenizer.numbers(word), [number], "{word}");
        }
        assert_eq!(tokenizer.table_rows(), 7);
        // As num_words does in Keras: numbers below it are kept, so one word fewer than it says.
        let small = Tokenizer::fit(texts, 3);
        assert_eq!(small.numbers("the dog saw the cat"), [1, 2, 1]);
        assert_eq!(small.table_rows(), 3);
    }

    #[test]
    fn padding_goes_in_front_and_the_last_words_stay() {
        let text: Vec<_> = (0..LENGTH + 2).map(|number| format!("word{number}")).collect();
        let tokenizer = Tokenizer::fit([text.join(" ").as_str()], 1_000);
        assert_eq!(tokenizer.words(""), [PADDING; LENGTH]);
        let short = tokenizer.words("word4 unknown word0");
        assert_eq!(short[LENGTH - 3..], [PADDING, 5, 1]);
        let long = tokenizer.words(&text.join(" "));
        assert_eq!((long[0], long[LENGTH - 1]), (3, LENGTH as u32 + 2));
    }
}
