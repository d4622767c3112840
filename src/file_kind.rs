//! Files of other kinds than the one that was asked for, told by their first bytes.
//!
//! Readers ask when what they read is not their own format, so that the error names the file for what it is. The examples
//! have this file as it is, for their texts and cases.

use std::fmt;

/// What [`file_kind`] looks at: as many bytes tell every kind that it knows.
pub(crate) const START_BYTES: usize = 512;

/// A kind of file, and what to do with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileKind {
    /// With its article: "a zip archive".
    pub name: &'static str,
    /// What to do to have it read, as an order: "unpack it first".
    pub remedy: &'static str,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is {}; {}", self.name, self.remedy)
    }
}

const UNPACK: &str = "unpack it first";
const UTF_8: &str = "save it as UTF-8 first";
const DOWNLOAD: &str = "download the file itself: a link may lead to a page about it";
const EXPORT: &str = "load it in the program that wrote it, and save it in a format that is read here";

/// Kinds that the same bytes always begin: where they stand, and what they are.
const MAGICS: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x1f\x8b\x08", "a gzip file", UNPACK),
    (0, b"\x1f\x9d", "a file packed by compress (.Z)", UNPACK),
    // After "BZh" and a digit: of a block, and of the end.
    (4, b"1AY&SY", "a bzip2 file", UNPACK),
    (4, b"\x17\x72\x45\x38\x50\x90", "a bzip2 file", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz file", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
    (0, b"\x04\x22\x4d\x18", "an lz4 file", UNPACK),
    (0, b"\x02\x21\x4c\x18", "an lz4 file", UNPACK),
    (0, b"LZIP\x01", "an lzip file", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\xff\xfe\0\0", "text in UTF-32", UTF_8),
    (0, b"\0\0\xfe\xff", "text in UTF-32", UTF_8),
    (0, b"\xff\xfe", "text in UTF-16", UTF_8),
    (0, b"\xfe\xff", "text in UTF-16", UTF_8),
    (0, b"\x93NUMPY", "an array of NumPy's (.npy)", EXPORT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras's .h5 is one)", EXPORT),
    (0, b"\xd0\xcf\x11\xe0", "an older file of Microsoft Office", EXPORT),
    (0, b"SQLite format 3\0", "an SQLite database", EXPORT),
    (0, b"PAR1", "a Parquet file", EXPORT),
    (0, b"ARROW1\0\0", "an Arrow file", EXPORT),
    (0, b"\xff\xff\xff\xff\x10\0\0\0", "an Arrow stream", EXPORT),
    (0, b"FEA1", "a Feather file", EXPORT),
    (0, b"GGUF", "a GGUF model", EXPORT),
    (0, b"%PDF-", "a PDF document", EXPORT),
    (0, b"\xba\x16\x4f\x2f", "a model of fastText's own", "read the .vec file that comes with it"),
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, which stands for a large file",
        "fetch that file with git lfs pull, or download it by itself",
    ),
];

/// What the file is that begins so, if it is of a kind that is known: packed, encoded, of another program, or none.
/// `start` is the file's start, [`START_BYTES`] of it, or all of a shorter file.
///
/// Some kinds begin with printable characters, which a word may begin with too: ask only of what is not otherwise read.
pub(crate) fn file_kind(start: &[u8]) -> Option<FileKind> {
    if start.is_empty() {
        return Some(FileKind {
            name: "an empty file",
            remedy: "look whether its download or its writing went wrong",
        });
    }
    // First: a header's length may have the first bytes of anything.
    if is_safetensors(start) {
        let name = "a safetensors file";
        return Some(FileKind { name, remedy: "read it as a table's weights, not as words with vectors" });
    }
    let is_there =
        |&&(at, magic, ..): &&(usize, &[u8], &str, &str)| start.get(at..).is_some_and(|s| s.starts_with(magic));
    let by_magic = MAGICS.iter().find(is_there).map(|&(.., name, remedy)| FileKind { name, remedy });
    by_magic.or_else(|| zip(start)).or_else(|| pickle(start)).or_else(|| wide_text(start)).or_else(|| markup(start))
}

/// A header's length in eight bytes, of which four tell more than there ever are, and a JSON object.
fn is_safetensors(start: &[u8]) -> bool {
    start.len() > 8 && start[4..8] == [0; 4] && start[8] == b'{'
}

fn zip(start: &[u8]) -> Option<FileKind> {
    // The second begins an archive without files.
    if !(start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")) {
        return None;
    }
    // The first file's name, of which the length stands at byte 26.
    let length = start.get(26..28).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let name = start.get(30..).map_or(&[][..], |rest| &rest[..length.min(rest.len())]);
    Some(if name.ends_with(b"data.pkl") {
        FileKind { name: "a PyTorch file (a zip archive with a pickle in it)", remedy: PYTHON }
    } else if name.ends_with(b".npy") {
        FileKind { name: "arrays of NumPy's (.npz)", remedy: EXPORT }
    } else {
        FileKind { name: "a zip archive", remedy: UNPACK }
    })
}

const PYTHON: &str = "load it in Python and save it anew: word vectors with gensim's save_word2vec_format, tensors with \
                      safetensors.torch.save_file";

/// The protocol's number, and then an instruction, of which none is 0.
fn pickle(start: &[u8]) -> Option<FileKind> {
    let [0x80, 2..=5, instruction, ..] = start else { return None };
    let name = "a Python pickle (gensim's .model and .kv and PyTorch's older .pt are such)";
    (*instruction != 0).then_some(FileKind { name, remedy: PYTHON })
}

/// UTF-16 and UTF-32 without a byte-order mark: most characters are of ASCII and so have zeros beside them.
fn wide_text(start: &[u8]) -> Option<FileKind> {
    let is_wide = |bytes: usize, at: usize| {
        let (mut wide, mut all) = (0, 0);
        for character in start.chunks_exact(bytes) {
            let mut zeros = character.iter().enumerate().filter(|&(place, _)| place != at).map(|(_, &byte)| byte);
            wide += usize::from(
                zeros.all(|byte| byte == 0) && matches!(character[at], b' '..=b'~' | b'\t' | b'\n' | b'\r'),
            );
            all += 1;
        }
        all >= 4 && wide * 4 >= all * 3
    };
    if is_wide(4, 0) || is_wide(4, 3) {
        return Some(FileKind { name: "text in UTF-32", remedy: UTF_8 });
    }
    (is_wide(2, 0) || is_wide(2, 1)).then_some(FileKind { name: "text in UTF-16", remedy: UTF_8 })
}

fn markup(start: &[u8]) -> Option<FileKind> {
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start).trim_ascii_start();
    let is = |tag: &&str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    if ["<!doctype html", "<!--", "<html", "<head", "<body"].iter().any(is) {
        return Some(FileKind { name: "an HTML page", remedy: DOWNLOAD });
    }
    if is(&"<?xml") {
        return Some(FileKind { name: "an XML document", remedy: DOWNLOAD });
    }
    // What follows tells it from a word: an object has a name first; of arrays those of numbers are left aside.
    let (first, rest) = text.split_first()?;
    let is_json = match (first, rest.trim_ascii_start().first()) {
        (b'{', Some(next)) => matches!(next, b'"' | b'}'),
        (b'[', Some(next)) => matches!(next, b'"' | b'{' | b'['),
        _ => false,
    };
    if is_json && contains(text, b"\"weight_map\"") {
        let name = "the index of a model in several safetensors files";
        return Some(FileKind { name, remedy: "read the file that its weight_map gives for the tensor" });
    }
    is_json.then_some(FileKind { name: "a JSON document", remedy: EXPORT })
}

/// By hand, for the examples have this file too, and not all of them memchr.
fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
#[path = "file_kind_tests.rs"]
mod tests;
