//! Tokenizer: a vocabulary counted from texts.

use std::cmp::Reverse;
use std::collections::HashMap;

use indexmap::IndexMap;

use super::analysis::{Analysis, Text};
use super::splitter::WordSplitter;
use crate::error::Result;

/// Keras's `Tokenizer`: gives each word an id by how frequent it is, and turns texts into ids.
///
/// The arguments are Keras's, with Keras's defaults, and are set by the `with_` methods. What they mean when texts are
/// turned into ids may be set after fitting too, as Keras's attributes may.
///
/// ```
/// use wgpu_embedding::text::Tokenizer;
///
/// let mut tokenizer = Tokenizer::new().with_num_words(4);
/// tokenizer.fit_on_texts(["the cat saw the dog", "A dog saw a bird!"])?;
/// // By falling count; of equally frequent words, the one seen first. num_words takes none away here.
/// let words: Vec<_> = tokenizer.word_index().keys().collect();
/// assert_eq!(words, ["the", "saw", "dog", "a", "cat", "bird"]);
/// // But of these, only ids below num_words are given.
/// assert_eq!(tokenizer.texts_to_sequences(["The dog saw the cat."])?, [[1, 3, 2, 1]]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// Keras's `analyzer`, a function of one's own that splits texts, is a list of words given in place of the text (see
/// [`Text`]), with `lower` off.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tokenizer {
    pub(super) num_words: Option<u32>,
    pub(super) oov_token: Option<String>,
    pub(super) analysis: Analysis,
    pub(super) document_count: u64,
    pub(super) word_counts: IndexMap<String, u64>,
    pub(super) word_docs: IndexMap<String, u64>,
    pub(super) index_docs: IndexMap<u32, u64>,
    pub(super) word_index: IndexMap<String, u32>,
    /// Of each id, where its word is in `word_index`.
    pub(super) index_word: HashMap<u32, usize>,
}

impl Tokenizer {
    /// One that has seen no text yet, with Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps ids below `num_words`: the `num_words - 1` most frequent words, the out-of-vocabulary token among them.
    ///
    /// All by default, and with 0, as in Keras. It concerns only what turns texts into ids and ids into texts or matrices:
    /// [`word_index`](Self::word_index) has all words.
    #[doc(alias = "nb_words")]
    pub fn with_num_words(self, num_words: u32) -> Self {
        Self { num_words: Some(num_words), ..self }
    }

    /// Gives unknown words, and those that `num_words` leaves out, this token's id, which is 1.
    ///
    /// Without it, the default, they are dropped. Set it before fitting. If texts that are fitted on have the token as a
    /// word, it gets that word's id, as in Keras, and 1 is no one's.
    pub fn with_oov_token(self, oov_token: impl Into<String>) -> Self {
        Self { oov_token: Some(oov_token.into()), ..self }
    }

    /// Takes each character for a token, the space among them, in place of each word; nothing is filtered or split then.
    pub fn with_char_level(mut self, char_level: bool) -> Self {
        self.analysis.char_level = char_level;
        self
    }

    /// Sets the characters that separate words as `split` does: [`WordSplitter::filters`].
    pub fn with_filters(self, filters: impl Into<String>) -> Self {
        self.change_splitter(|splitter| splitter.with_filters(filters))
    }

    /// Sets whether texts are put in lower case first: [`WordSplitter::lower`].
    pub fn with_lower(self, lower: bool) -> Self {
        self.change_splitter(|splitter| splitter.with_lower(lower))
    }

    /// Sets what separates words: [`WordSplitter::split`].
    pub fn with_split(self, split: impl Into<String>) -> Self {
        self.change_splitter(|splitter| splitter.with_split(split))
    }

    /// Sets `filters`, `lower` and `split` at once.
    pub fn with_splitter(self, splitter: WordSplitter) -> Self {
        self.change_splitter(|_| splitter)
    }

    fn change_splitter(mut self, change: impl FnOnce(WordSplitter) -> WordSplitter) -> Self {
        self.analysis.splitter = change(self.analysis.splitter);
        self
    }

    /// Counts the words of these texts, in addition to what was counted before, and numbers all words anew.
    ///
    /// Ids run from 1, by falling count; of equally frequent words, those seen first come first. An earlier call's ids are
    /// void. Texts are strings or lists of words: see [`Text`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) if `split` is empty or `filters` is `None`, and texts have to
    /// be split. Then nothing has been counted.
    pub fn fit_on_texts<T: Text>(&mut self, texts: impl IntoIterator<Item = T>) -> Result<()> {
        let Self { analysis, word_counts, word_docs, document_count, .. } = self;
        // Of each word, by its position, the text it was last met in, numbered from 1.
        let mut last_met = vec![0u64; word_counts.len()];
        for (number, text) in (1..).zip(texts) {
            analysis.for_each_token(&text, |token| {
                let position = match word_counts.get_full_mut(token) {
                    Some((position, _, count)) => {
                        *count = count.saturating_add(1);
                        position
                    }
                    None => {
                        last_met.push(0);
                        word_counts.insert_full(token.to_owned(), 1).0
                    }
                };
                if std::mem::replace(&mut last_met[position], number) != number {
                    count_one(word_docs, token);
                }
            })?;
            *document_count = document_count.saturating_add(1);
        }
        self.number_words();
        Ok(())
    }

    /// Makes `word_index` from the counts.
    fn number_words(&mut self) {
        let mut words: Vec<_> = self.word_counts.iter().collect();
        // Stable, so that ties keep the order they were seen in.
        words.sort_by_key(|&(_, count)| Reverse(count));
        let words = self.oov_token.iter().chain(words.into_iter().map(|(word, _)| word));
        // A token that is a word too keeps its place in front, and takes its later id: so does Python's dict(zip()).
        // Words beyond the last u32 would go without an id.
        self.word_index = words.cloned().zip(1..=u32::MAX).collect();
        self.index_word = positions_by_id(&self.word_index);
        for (word, &texts) in &self.word_docs {
            if let Some(&id) = self.word_index.get(word) {
                self.index_docs.insert(id, texts);
            }
        }
    }

    /// Counts sequences of ids as texts, for [`MatrixMode::Tfidf`](super::MatrixMode::Tfidf), where no text was fitted on.
    pub fn fit_on_sequences<S: AsRef<[u32]>>(&mut self, sequences: impl IntoIterator<Item = S>) {
        let mut last_met = HashMap::new();
        for (number, sequence) in (1u64..).zip(sequences) {
            for &id in sequence.as_ref() {
                if last_met.insert(id, number) != Some(number) {
                    let texts = self.index_docs.entry(id).or_default();
                    *texts = texts.saturating_add(1);
                }
            }
            self.document_count = self.document_count.saturating_add(1);
        }
    }

    /// Each word's id, in Keras's order: the out-of-vocabulary token, then words by falling count.
    pub fn word_index(&self) -> &IndexMap<String, u32> {
        &self.word_index
    }

    /// The word of an id, if it has one: Keras's `index_word[id]`.
    pub fn index_word(&self, id: u32) -> Option<&str> {
        let (word, _) = self.word_index.get_index(*self.index_word.get(&id)?)?;
        Some(word)
    }

    /// How often each word was met, in the order in which they first were.
    pub fn word_counts(&self) -> &IndexMap<String, u64> {
        &self.word_counts
    }

    /// In how many texts each word was met. In Keras the order is arbitrary; here they are as they were first met.
    pub fn word_docs(&self) -> &IndexMap<String, u64> {
        &self.word_docs
    }

    /// In how many texts each id was met; in [`word_docs`](Self::word_docs)' order.
    ///
    /// As in Keras, only ids have an entry that a word has, or that [`fit_on_sequences`](Self::fit_on_sequences) met.
    pub fn index_docs(&self) -> &IndexMap<u32, u64> {
        &self.index_docs
    }

    /// How many texts and sequences it was fitted on.
    pub fn document_count(&self) -> u64 {
        self.document_count
    }

    /// The number below which ids are kept, if it was set.
    pub fn num_words(&self) -> Option<u32> {
        self.num_words
    }

    /// The out-of-vocabulary token, if it was set.
    pub fn oov_token(&self) -> Option<&str> {
        self.oov_token.as_deref()
    }

    /// Whether characters are the tokens.
    pub fn char_level(&self) -> bool {
        self.analysis.char_level
    }

    /// How texts become words: Keras's `filters`, `lower` and `split`.
    pub fn splitter(&self) -> &WordSplitter {
        &self.analysis.splitter
    }

    /// The rows that a table needs for the ids it gives and for padding, which is 0: one more than its largest id.
    ///
    /// For an [`EmbeddingConfig`](crate::EmbeddingConfig); no more than `num_words`, where that is set and not 0, but for one case:
    /// the out-of-vocabulary token's id, 1, is always given, so with `num_words` of 1 and such a token it is 2.
    pub fn input_dim(&self) -> u32 {
        let largest = self.word_index.values().copied().filter(|&id| self.keeps(id)).chain(self.oov_id()).max();
        largest.unwrap_or(0).saturating_add(1)
    }

    /// Whether `num_words` leaves this id in.
    pub(super) fn keeps(&self, id: u32) -> bool {
        self.num_words.is_none_or(|num_words| num_words == 0 || id < num_words)
    }

    /// The out-of-vocabulary token's id; none before fitting.
    pub(super) fn oov_id(&self) -> Option<u32> {
        self.word_index.get(self.oov_token.as_ref()?).copied()
    }
}

/// Where each id's word is.
pub(super) fn positions_by_id(word_index: &IndexMap<String, u32>) -> HashMap<u32, usize> {
    word_index.values().enumerate().map(|(position, &id)| (id, position)).collect()
}

fn count_one(counts: &mut IndexMap<String, u64>, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count = count.saturating_add(1),
        None => {
            counts.insert(word.to_owned(), 1);
        }
    }
}
