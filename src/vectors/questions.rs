//! Google's analogy questions: read, and answered.

use std::collections::HashMap;
use std::path::Path;

use crate::error::Result;
use crate::gpu::readback::Waiting;

use super::input::Input;
use super::similar::{Directions, SimilarWords};

/// Questions that are answered at once.
const AT_ONCE: usize = 1024;

/// Candidates for an answer, as in gensim: words that differ from a word of the question by case alone are no answer, and
/// may come first.
const CANDIDATES: usize = 5;

/// Questions of the form "a is to b as c is to what?", by section.
///
/// As in Google's `questions-words.txt` (Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector
/// Space"): a section starts with a line `: name`, and each other line is a question of four words, the last one the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnalogyQuestions {
    sections: Vec<(String, Vec<[String; 4]>)>,
    excluded_lines: Vec<u64>,
}

/// How [`SimilarWords::accuracy`] looks for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnalogyOptions {
    /// Only the first rows are words, for questions and answers alike: the most frequent ones in most files. 300,000.
    pub restrict_vocab: u32,
    /// Whether upper and lower case are the same; of words that are then equal the first row counts. `true`.
    pub case_insensitive: bool,
}

impl Default for AnalogyOptions {
    fn default() -> Self {
        Self { restrict_vocab: 300_000, case_insensitive: true }
    }
}

impl AnalogyOptions {
    /// Other words than the first 300,000.
    pub fn with_restrict_vocab(self, restrict_vocab: u32) -> Self {
        Self { restrict_vocab, ..self }
    }

    /// Whether case matters.
    pub fn with_case_insensitive(self, case_insensitive: bool) -> Self {
        Self { case_insensitive, ..self }
    }
}

/// How many of a section's questions were answered rightly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SectionAccuracy {
    /// The section's name.
    pub section: String,
    /// Rightly answered.
    pub correct: usize,
    /// Wrongly answered.
    pub incorrect: usize,
    /// Not asked, for a word of theirs is not in the vocabulary.
    pub unknown: usize,
}

impl SectionAccuracy {
    /// The share of right answers among the questions that were asked; `None` if none was.
    pub fn accuracy(&self) -> Option<f64> {
        let asked = self.correct + self.incorrect;
        (asked > 0).then(|| self.correct as f64 / asked as f64)
    }

    /// All sections in one, by the name of "total".
    pub fn total(sections: &[Self]) -> Self {
        let mut total = Self { section: "total".to_owned(), ..Self::default() };
        for section in sections {
            total.correct += section.correct;
            total.incorrect += section.incorrect;
            total.unknown += section.unknown;
        }
        total
    }
}

impl AnalogyQuestions {
    /// Reads a file, plain or gzip, with or without a UTF-8 byte-order mark. Blank lines are skipped. A line without four
    /// words is no question: as in gensim it is left out, and [`excluded_lines`](Self::excluded_lines) has it.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`](crate::Error::Malformed) with the line that stands before the first section, or is not
    /// UTF-8, and for a file of another kind; [`Error::File`](crate::Error::File).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let mut input = Input::open(path.as_ref())?;
        input.refuse_other_kinds(false)?;
        let mut questions = Self::default();
        let mut number = 0;
        while let Some(line) = input.line()? {
            number += 1;
            let problem = match std::str::from_utf8(line) {
                Err(_) => "a line must be UTF-8, and this is not".to_owned(),
                Ok(line) => match questions.take_line(line, number) {
                    Ok(()) => continue,
                    Err(problem) => problem,
                },
            };
            return Err(input.malformed(input.line_place(), problem));
        }
        Ok(questions)
    }

    fn take_line(&mut self, line: &str, number: u64) -> Result<(), String> {
        if let Some(name) = line.strip_prefix(':') {
            self.sections.push((name.trim().to_owned(), Vec::new()));
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match (&words[..], self.sections.last_mut()) {
            ([], _) => {}
            (_, None) => {
                return Err("a section, a line of the form ': name', must come before the first question".to_owned());
            }
            (&[a, b, c, answer], Some((_, questions))) => questions.push([a, b, c, answer].map(str::to_owned)),
            _ => self.excluded_lines.push(number),
        }
        Ok(())
    }

    /// The numbers, from 1, of the lines that were left out, for they have not four words.
    pub fn excluded_lines(&self) -> &[u64] {
        &self.excluded_lines
    }

    /// The names of the sections, each with its questions: a, b, c and the answer.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = (&str, &[[String; 4]])> {
        self.sections.iter().map(|(name, questions)| (name.as_str(), &questions[..]))
    }

    /// How many questions there are.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|(_, questions)| questions.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl SimilarWords<'_> {
    /// Answers questions, and counts the right answers by section: the word most similar to b - a + c is compared with the
    /// answer given (Mikolov's 3CosAdd), as gensim's `evaluate_word_analogies` does.
    ///
    /// `progress` is called with the number of questions that are done, now and then.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::nearest`](crate::GpuEmbedding::nearest); [`Error::NotFinite`](crate::Error::NotFinite) if the
    /// vector of a word that is asked for is not.
    #[doc(alias = "evaluate_word_analogies")]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn accuracy(
        &self,
        questions: &AnalogyQuestions,
        options: &AnalogyOptions,
        progress: impl FnMut(usize),
    ) -> Result<Vec<SectionAccuracy>> {
        crate::gpu::readback::block_on(|waiting| self.accuracy_with(questions, options, progress, waiting))
    }

    /// The async form of [`accuracy`](Self::accuracy).
    pub async fn accuracy_async(
        &self,
        questions: &AnalogyQuestions,
        options: &AnalogyOptions,
        progress: impl FnMut(usize),
    ) -> Result<Vec<SectionAccuracy>> {
        self.accuracy_with(questions, options, progress, Waiting::Yield).await
    }

    async fn accuracy_with(
        &self,
        questions: &AnalogyQuestions,
        options: &AnalogyOptions,
        mut progress: impl FnMut(usize),
        waiting: Waiting,
    ) -> Result<Vec<SectionAccuracy>> {
        let known = KnownWords::new(self, options);
        let mut done = 0;
        let mut sections = Vec::new();
        for (name, questions) in questions.sections() {
            let mut section = SectionAccuracy { section: name.to_owned(), ..SectionAccuracy::default() };
            for questions in questions.chunks(AT_ONCE) {
                let asked: Vec<[u32; 4]> = questions.iter().filter_map(|question| known.rows(question)).collect();
                let correct = self.count_correct(&known, &asked, waiting).await?;
                section.correct += correct;
                section.incorrect += asked.len() - correct;
                section.unknown += questions.len() - asked.len();
                done += questions.len();
                progress(done);
            }
            sections.push(section);
        }
        Ok(sections)
    }

    async fn count_correct(&self, known: &KnownWords<'_>, asked: &[[u32; 4]], waiting: Waiting) -> Result<usize> {
        let width = self.embedding().output_dim() as usize;
        let mut rows: Vec<u32> = asked.iter().flat_map(|question| &question[..3]).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let directions = Directions::new(&self.embedding().rows_with(&rows, waiting).await?, width);
        let mut queries = Vec::with_capacity(asked.len() * width);
        for [a, b, c, _] in asked {
            let mut query = vec![0.0; width];
            for (row, factor) in [(a, -1.0), (b, 1.0), (c, 1.0)] {
                let number = rows.binary_search(row).expect("the rows of all questions");
                directions.add_to(&mut query, number, factor);
            }
            queries.extend(query.into_iter().map(|value| value as f32));
        }
        let own = asked.iter().map(|question| question[..3].to_vec()).collect();
        let search = self.search(CANDIDATES).with_rows(0..known.row_count).with_excluded_of_each(own);
        let found = self.embedding().nearest_with(&queries, &search, waiting).await?;
        let is_correct = |(question, found): &(&[u32; 4], Vec<crate::Neighbour>)| {
            let [a, b, c, expected] = question.map(|row| known.spelling(row));
            let answer = found.iter().map(|best| known.spelling(best.row)).find(|word| ![&a, &b, &c].contains(&word));
            answer == Some(expected)
        };
        Ok(asked.iter().zip(found).filter(is_correct).count())
    }
}

/// The words that count, by their spelling.
struct KnownWords<'a> {
    words: &'a SimilarWords<'a>,
    row_count: u32,
    case_insensitive: bool,
    by_spelling: HashMap<String, u32>,
}

impl<'a> KnownWords<'a> {
    fn new(words: &'a SimilarWords<'_>, options: &AnalogyOptions) -> Self {
        let row_count = options.restrict_vocab.min(words.vocabulary().row_count());
        let mut known =
            Self { words, row_count, case_insensitive: options.case_insensitive, by_spelling: HashMap::new() };
        // Without regard to case, several words may be one: the first of them.
        if known.case_insensitive {
            for (row, word) in words.vocabulary().iter().take_while(|&(row, _)| row < row_count) {
                known.by_spelling.entry(word.to_uppercase()).or_insert(row);
            }
        }
        known
    }

    fn rows(&self, question: &[String; 4]) -> Option<[u32; 4]> {
        let [a, b, c, answer] = question;
        Some([self.row(a)?, self.row(b)?, self.row(c)?, self.row(answer)?])
    }

    fn row(&self, word: &str) -> Option<u32> {
        match self.case_insensitive {
            true => self.by_spelling.get(&word.to_uppercase()).copied(),
            false => self.words.vocabulary().row(word).filter(|&row| row < self.row_count),
        }
    }

    /// What must be equal for two words to be the same.
    fn spelling(&self, row: u32) -> String {
        let word = self.words.vocabulary().word(row).expect("rows without a word are left out");
        if self.case_insensitive { word.to_uppercase() } else { word.to_owned() }
    }
}
