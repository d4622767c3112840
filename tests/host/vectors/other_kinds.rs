//! Files that are no vectors are named for what they are.

use wgpu_embedding::vectors::{AnalogyQuestions, Problem};

use super::*;

/// A tar archive's first file: its header's name and magic, and its contents.
fn tar(contents: &[u8]) -> Vec<u8> {
    let mut archive = vec![0; 512];
    archive[..8].copy_from_slice(b"some.txt");
    archive[257..262].copy_from_slice(b"ustar");
    archive.extend(contents);
    archive.resize(2048, 0);
    archive
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const TEXT: &str = "sun 0.5 1.5\nsea 2.5 3.5\n";

/// Such files, and what each is called.
fn files() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (tar(TEXT.as_bytes()), "a tar archive; unpack it first"),
        (gzip(TEXT.as_bytes()), "a gzip file; unpack it first"),
        (b"BZh91AY&SY\x01\x02 5\n".to_vec(), "a bzip2 file; unpack it first"),
        (b"\xfd7zXZ\0\0\x04".to_vec(), "an xz file; unpack it first"),
        (b"\x28\xb5\x2f\xfd\x04\n 1 2\n".to_vec(), "a zstd file; unpack it first"),
        (b"\x04\x22\x4d\x18\x64".to_vec(), "an lz4 file; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), "a 7z archive; unpack it first"),
        (utf_16(TEXT), "text in UTF-16; save it as UTF-8 first"),
        (utf_16(&format!("\u{feff}2 2\n{TEXT}")), "text in UTF-16; save it as UTF-8 first"),
        (b"\x80\x04\x95\x20\0\0\0\0\0\0\0}".to_vec(), "a Python pickle (gensim's .model and .kv"),
        (b"\x93NUMPY\x01\0v\0{'descr': '<f4'".to_vec(), "an array of NumPy's (.npy); load it in the program"),
        (b"\x89HDF\r\n\x1a\n\0\0".to_vec(), "an HDF5 file (Keras's .h5 is one); load it in"),
        (
            b"\x28\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\"}".to_vec(),
            "a safetensors file; read it as a table's weights",
        ),
        (b"<!DOCTYPE html>\n<html lang=en>".to_vec(), "an HTML page; download the file itself: a link may lead"),
        (b"<?xml version='1.0'?>\n<Error>".to_vec(), "an XML document; download the file itself"),
        (b"{\n  \"sun\": [0.5, 1.5]\n}".to_vec(), "a JSON document; load it in the program that wrote it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n".to_vec(), "a Git LFS pointer, which"),
        (b"SQLite format 3\0\x10\0".to_vec(), "an SQLite database; load it"),
        (b"%PDF-1.5\n%\xd0\n".to_vec(), "a PDF document; load it"),
        (b"PAR1\x15\0\x15".to_vec(), "a Parquet file; load it"),
        (Vec::new(), "an empty file; look whether its download or its writing went wrong"),
    ]
}

#[test]
fn they_are_named_plain_and_packed() {
    let lenient = Problem::ALL.into_iter().fold(ReadOptions::default(), ReadOptions::with_skip);
    for (file, expected) in files() {
        let expected = format!("the input, byte 0: this is {expected}");
        // A gzip file is read, and one in a gzip file is not.
        let plain = (!file.starts_with(b"\x1f\x8b")).then(|| file.clone());
        for bytes in plain.iter().chain([&gzip(&file)]) {
            let error = read(bytes, &lenient).unwrap_err().to_string();
            assert!(error.starts_with(&expected), "{error}\n{expected}");
            if !file.is_empty() {
                for format in FORMATS {
                    let error = read(bytes, &lenient.with_format(format).with_width(2)).unwrap_err().to_string();
                    assert!(error.starts_with(&expected), "{format:?}: {error}\n{expected}");
                }
            }
        }
    }
}

#[test]
fn a_word_may_look_like_one() {
    for word in ["{\"", "[[", "<html>", "%PDF-1.5", "PAR1", "GGUF", "<?xml", "{ {\"", "ustar"] {
        for header in ["", "1 2\n"] {
            let text = format!("{header}{word} 0.5 1\n");
            let (vectors, _) = read(text.as_bytes(), &ReadOptions::default()).unwrap();
            assert_eq!(vectors.get(word), Some(&[0.5, 1.0][..]), "{text:?}");
        }
    }
    // An empty file may be one without vectors, once its width is given.
    assert_eq!(read(b"", &ReadOptions::default().with_width(2)).unwrap().0.len(), 0);
}

#[test]
fn questions_and_words_name_them_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for (bytes, expected) in [
        (utf_16(": section\r\nking man queen woman\r\n"), "byte 0: this is text in UTF-16; save it as UTF-8 first"),
        (b"<!doctype HTML><html>\n".to_vec(), "byte 0: this is an HTML page; download"),
        (b"PK\x03\x04\x0a\0\0".to_vec(), "byte 0: this is a zip archive; unpack it first"),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        let error = AnalogyQuestions::load(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        // A page is a list of words to a vocabulary, for words may be anything.
        if !bytes.starts_with(b"<") {
            let error = Vocabulary::load(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
