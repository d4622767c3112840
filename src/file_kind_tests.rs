use super::*;

/// What the kind is called, of a file that begins so.
fn name(start: &[u8]) -> Option<&'static str> {
    file_kind(start).map(|kind| kind.name)
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn utf_32(text: &str, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.chars().flat_map(|character| bytes(character.into())).collect()
}

#[test]
fn packed_files() {
    let mut tar = vec![0; 512];
    tar[..9].copy_from_slice(b"some.vec\0");
    assert_eq!(name(&tar), None);
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(name(&tar), Some("a tar archive"));
    assert_eq!(file_kind(&tar).unwrap().to_string(), "this is a tar archive; unpack it first");
    let cases: [(&[u8], &str); 9] = [
        (b"BZh91AY&SY\x11\x22", "a bzip2 file"),
        (b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0", "a bzip2 file"),
        (b"\xfd7zXZ\0\0\x04", "an xz file"),
        (b"\x28\xb5\x2f\xfd\x24\x09", "a zstd file"),
        (b"\x04\x22\x4d\x18\x64\x40", "an lz4 file"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"\x1f\x8b\x08\x00\0\0\0\0\x02\xff", "a gzip file"),
        (b"\x1f\x9d\x90", "a file packed by compress (.Z)"),
    ];
    for (start, expected) in cases {
        assert_eq!(name(start), Some(expected), "{start:?}");
        assert_eq!(file_kind(start).unwrap().remedy, "unpack it first");
    }
}

/// The start of an archive whose first file has this name.
fn zip_of(name: &str) -> Vec<u8> {
    let mut start = b"PK\x03\x04\x14\0\0\0\0\0".to_vec();
    start.resize(30, 0);
    start[26] = name.len() as u8;
    [&start[..], name.as_bytes(), b"contents.npy"].concat()
}

#[test]
fn zip_archives_by_what_is_in_them() {
    assert_eq!(name(&zip_of("glove.txt")), Some("a zip archive"));
    assert_eq!(name(b"PK\x03\x04"), Some("a zip archive"));
    assert_eq!(name(&zip_of("model/data.pkl")), Some("a PyTorch file (a zip archive with a pickle in it)"));
    assert_eq!(name(&zip_of("weight.npy")), Some("arrays of NumPy's (.npz)"));
}

#[test]
fn files_of_programs() {
    let cases: [(&[u8], &str); 11] = [
        (b"\x80\x04\x95\x11\0\0\0\0\0\0\0\x8c", "a Python pickle"),
        (b"\x80\x02}q\0", "a Python pickle"),
        (b"\x93NUMPY\x01\0", "an array of NumPy's"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        (b"SQLite format 3\0\x10", "an SQLite database"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"ARROW1\0\0\xff", "an Arrow file"),
        (b"GGUF\x03\0\0\0", "a GGUF model"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xba\x16\x4f\x2f\x0c\0", "a model of fastText's own"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
    ];
    for (start, expected) in cases {
        assert!(name(start).is_some_and(|name| name.starts_with(expected)), "{start:?}: {:?}", name(start));
    }
}

#[test]
fn a_safetensors_file_is_one_whatever_its_header_s_length() {
    // Lengths that are another kind's first bytes.
    for length in [0x0280_u64, 0x0008_8b1f, 0xfeff, 0xfffe, 40] {
        let start = [&length.to_le_bytes()[..], b"{\"weight\":{\"dtype\":\"F32\""].concat();
        assert_eq!(name(&start), Some("a safetensors file"), "{length}");
    }
    assert_eq!(name(b"\x80\x02\0\0\0\0\0\0"), None);
}

#[test]
fn text_in_other_encodings() {
    // The second is short, and of words outside ASCII but for spaces and digits.
    for text in ["sun 0.5 1.5\nmoon 2.5 3.5\n", "夜 0.5 1\n"] {
        for marked in [text.to_owned(), format!("\u{feff}{text}")] {
            for start in [utf_16(&marked, u16::to_le_bytes), utf_16(&marked, u16::to_be_bytes)] {
                assert_eq!(name(&start), Some("text in UTF-16"), "{start:?}");
            }
            for start in [utf_32(&marked, u32::to_le_bytes), utf_32(&marked, u32::to_be_bytes)] {
                assert_eq!(name(&start), Some("text in UTF-32"), "{start:?}");
            }
        }
        assert_eq!(name(text.as_bytes()), None);
    }
}

#[test]
fn pages_and_documents() {
    for page in ["<!DOCTYPE html>\n<html>", "\n\n  <HTML lang=\"en\">", "\u{feff}<html>"] {
        assert_eq!(name(page.as_bytes()), Some("an HTML page"), "{page}");
    }
    assert_eq!(name(b"<?xml version=\"1.0\"?><Error>"), Some("an XML document"));
    for document in ["{\"a\": 1}", "{\n  \"a\": [", "{}", "[{\"word\": ", "[[0.5, 1", "[\n\"a\""] {
        assert_eq!(name(document.as_bytes()), Some("a JSON document"), "{document}");
    }
    let index = "{\"metadata\": {\"total_size\": 9}, \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}";
    assert_eq!(name(index.as_bytes()), Some("the index of a model in several safetensors files"));
}

#[test]
fn words_with_vectors_are_no_kind() {
    for text in [
        "the 0.1 0.2\n",
        "2 3\nthe 1 2 3\n",
        "</s> 0.1 0.2\n",
        "{ 0.1 0.2\n",
        "[ 0.1 0.2\n",
        "BZhang 0.1 0.2\n",
        "7z 0.1 0.2\n",
        "PK 0.1 0.2\n",
        "version 0.1 0.2\n",
        "nul\0 0 0 0\n",
        "2 2\na \0\0\0\0\0\0\0\0b \0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(name(text.as_bytes()), None, "{text}");
    }
    assert_eq!(name(b""), Some("an empty file"));
}
