//! Writes word vectors, streamed in pieces.

use std::path::Path;

use super::gzip::Output;
use super::options::Format;
use super::text::{check_spaces, check_tabs, quoted};
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// Floats that are asked for at once: 4 MiB.
const PIECE_FLOATS: usize = 1 << 20;

/// Writes a file of word vectors, in the order of the vocabulary's rows, gzipped if the path ends in `.gz`.
///
/// `rows` is asked for the values of some rows at a time, `[rows.len(), width]`, at most about 4 MiB: so the rows of
/// a [`GpuEmbedding`](crate::GpuEmbedding) stream out, and the table is never on the host as a whole. Text has the
/// shortest decimal numbers that read back to the same f32.
///
/// The file is written under a temporary name beside its own, and renamed when it is whole: whoever opens it sees the
/// old file or the new one, and an error leaves what was there.
///
/// ```
/// use wgpu_embedding::vectors::{Format, Vocabulary, WordVectors, write_vectors};
/// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("trained.txt.gz");
/// let embedding = GpuEmbedding::new(&GpuContext::auto()?, EmbeddingConfig::new(3, 8), Adam::default())?;
/// let vocabulary = Vocabulary::from_words(["the", "of", "and"])?;
/// write_vectors(&path, Format::Word2vecText, &vocabulary, 8, |rows| embedding.rows(rows))?;
/// assert_eq!(WordVectors::load(&path)?.values(), embedding.weights()?);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// # Errors
///
/// Before anything is written: [`Error::Malformed`] with the row of a word that the format cannot carry: an empty
/// word, one with a newline; in text one that ends in a tab; in the word2vec formats one with a space; in GloVe's one
/// with a space at either end, two in a row, or a space or tab before a number, and a first word that begins with a
/// byte-order mark (U+FEFF).
/// [`Error::InvalidConfig`] if the width is 0.
///
/// Later: what `rows` returns; [`Error::Shape`] if it gives another number of floats; [`Error::Malformed`] if one is
/// not finite; [`Error::File`].
pub fn write_vectors<V: AsRef<[f32]>>(
    path: impl AsRef<Path>,
    format: Format,
    vocabulary: &Vocabulary,
    width: usize,
    rows: impl FnMut(&[u32]) -> Result<V>,
) -> Result<()> {
    let path = path.as_ref();
    if width == 0 {
        return Err(Error::InvalidConfig("the width must be at least 1, and is 0".to_owned()));
    }
    for (row, word) in vocabulary.iter() {
        check_word(format, word).map_err(|problem| malformed(path, row, problem))?;
    }
    if let Some((row, word)) = vocabulary.iter().next()
        && format == Format::GloveText
        && word.starts_with('\u{feff}')
    {
        let needed = "must not begin with U+FEFF, which is taken for a byte-order mark there";
        return Err(malformed(path, row, format!("the first word {needed}, and is {}", quoted(word))));
    }
    let mut file = Output::create(path)?;
    if format != Format::GloveText {
        file.write(format!("{} {width}\n", vocabulary.len()).as_bytes())?;
    }
    let all_rows = vocabulary.iter().map(|(row, _)| row);
    let mut words = vocabulary.iter();
    let (mut bytes, mut decimal) = (Vec::new(), zmij::Buffer::new());
    for_each_row(all_rows, width, rows, |values| {
        let Some((row, word)) = words.next() else { return Ok(()) };
        if let Some(column) = values.iter().position(|value| !value.is_finite()) {
            let (value, word) = (values[column], quoted(word));
            let problem = format!("number {} of {word} is {value}, and must be finite", column + 1);
            return Err(malformed(path, row, problem));
        }
        bytes.clear();
        bytes.extend_from_slice(word.as_bytes());
        match format {
            Format::Word2vecBinary => {
                bytes.push(b' ');
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Format::GloveText | Format::Word2vecText => {
                for value in values {
                    bytes.push(b' ');
                    bytes.extend_from_slice(decimal.format_finite(*value).as_bytes());
                }
                bytes.push(b'\n');
            }
        }
        file.write(&bytes)
    })?;
    file.finish()
}

/// Asks for the rows in pieces, and hands each row's values on.
pub(super) fn for_each_row<V: AsRef<[f32]>>(
    mut rows: impl Iterator<Item = u32>,
    width: usize,
    mut values_of: impl FnMut(&[u32]) -> Result<V>,
    mut row: impl FnMut(&[f32]) -> Result<()>,
) -> Result<()> {
    let piece_rows = (PIECE_FLOATS / width).max(1);
    let mut piece: Vec<u32> = Vec::new();
    loop {
        piece.clear();
        piece.extend(rows.by_ref().take(piece_rows));
        if piece.is_empty() {
            return Ok(());
        }
        let values = values_of(&piece)?;
        let (values, required) = (values.as_ref(), piece.len() * width);
        if values.len() != required {
            return Err(Error::Shape {
                what: "what the rows' closure gives",
                required: format!("{} rows of {width} = {required} floats", piece.len()),
                given: format!("{} floats", values.len()),
            });
        }
        values.chunks_exact(width).try_for_each(&mut row)?;
    }
}

fn check_word(format: Format, word: &str) -> Result<(), String> {
    if word.is_empty() || word.contains('\n') {
        return Err(format!("the word is {}, and must be neither empty nor hold a newline", quoted(word)));
    }
    if format != Format::Word2vecBinary && word.ends_with('\t') && !word.trim_matches('\t').is_empty() {
        let needed = "must not end in a tab, which is taken for a part of the space behind it";
        return Err(format!("the word is {}, and {needed}", quoted(word)));
    }
    match format {
        Format::GloveText => check_spaces(word)
            .and_then(|()| check_tabs(word))
            .map_err(|(_, problem)| format!("{problem}, so that {} could not be read again", quoted(word))),
        Format::Word2vecText | Format::Word2vecBinary if word.contains(' ') => {
            Err(format!("the word is {}, and this format's words must hold no space", quoted(word)))
        }
        Format::Word2vecText | Format::Word2vecBinary => Ok(()),
    }
}

fn malformed(path: &Path, row: u32, problem: String) -> Error {
    Error::Malformed {
        what: format!("what is to be written to {}", path.display()),
        place: format!("row {row}"),
        problem,
    }
}
