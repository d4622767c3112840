//! Texts to ids, and back.

use super::analysis::Text;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

impl Tokenizer {
    /// Each text's ids, those of its words that it knows and that `num_words` leaves in; the others become the
    /// out-of-vocabulary token's id, or are dropped where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if `split` is empty or `filters` is `None`, and texts have to be split; or if an unknown
    /// word needs the id of an out-of-vocabulary token that has none, because the tokenizer was not fitted since that was
    /// set. (Keras gives `None` among the ids.)
    pub fn texts_to_sequences<T: Text>(&self, texts: impl IntoIterator<Item = T>) -> Result<Vec<Vec<u32>>> {
        let oov_id = self.oov_id();
        let to_sequence = |text: T| {
            let mut sequence = Vec::new();
            let mut oov_is_missing = false;
            self.analysis.for_each_token(&text, |token| match self.word_index.get(token) {
                Some(&id) if self.keeps(id) => sequence.push(id),
                Some(_) => sequence.extend(oov_id),
                None => {
                    sequence.extend(oov_id);
                    oov_is_missing |= self.oov_token.is_some() && oov_id.is_none();
                }
            })?;
            if oov_is_missing { Err(self.oov_token_has_no_id()) } else { Ok(sequence) }
        };
        texts.into_iter().map(to_sequence).collect()
    }

    /// Each sequence's words with a space between them. Ids that are no word's, or that `num_words` leaves out, become the
    /// out-of-vocabulary token, or are dropped where there is none; so 0, the padding, is that token too.
    ///
    /// ```
    /// use wgpu_embedding::text::Tokenizer;
    ///
    /// let mut tokenizer = Tokenizer::new().with_oov_token("<OOV>");
    /// tokenizer.fit_on_texts(["the cat saw the dog"])?;
    /// assert_eq!(tokenizer.sequences_to_texts([[2, 5, 99, 0]])?, ["the dog <OOV> <OOV>"]);
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if the out-of-vocabulary token is needed and has no id, because the tokenizer was not
    /// fitted since it was set, as in Keras.
    pub fn sequences_to_texts<S: AsRef<[u32]>>(&self, sequences: impl IntoIterator<Item = S>) -> Result<Vec<String>> {
        let oov_token = self.oov_id().and(self.oov_token());
        let to_text = |sequence: S| {
            let mut words = Vec::new();
            for &id in sequence.as_ref() {
                match self.index_word(id) {
                    Some(word) if self.keeps(id) => words.push(word),
                    Some(_) => words.extend(oov_token),
                    None if self.oov_token.is_some() && oov_token.is_none() => return Err(self.oov_token_has_no_id()),
                    None => words.extend(oov_token),
                }
            }
            Ok(words.join(" "))
        };
        sequences.into_iter().map(to_text).collect()
    }

    fn oov_token_has_no_id(&self) -> Error {
        let token = self.oov_token().unwrap_or_default();
        Error::InvalidConfig(format!(
            "oov_token must have an id to stand for an unknown word, and {token:?} has none; set it before fit_on_texts"
        ))
    }
}
