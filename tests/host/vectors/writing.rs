//! Files are written whole or not at all, and only with words that can be read again.

use std::fs;
use std::path::Path;

use wgpu_embedding::vectors::{write_safetensors, write_vectors};

use super::*;

/// What gives the values of rows.
type Rows<'a> = dyn FnMut(&[u32]) -> Result<Vec<f32>, Error> + 'a;

fn vocabulary(words: &[&str]) -> Vocabulary {
    Vocabulary::from_words(words).unwrap()
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors");
    let vectors = WordVectors::new(vocabulary(&["the", "東京"]), vec![0.1, -0.0, 1e-7, 3e38], 2).unwrap();
    let text = "the 0.1 -0.0\n東京 1e-7 3e+38\n";
    let expected: [(Format, Vec<u8>); 3] = [
        (Format::GloveText, text.into()),
        (Format::Word2vecText, format!("2 2\n{text}").into()),
        (
            Format::Word2vecBinary,
            [
                "2 2\nthe ".as_bytes(),
                &0.1f32.to_le_bytes(),
                &(-0.0f32).to_le_bytes(),
                "東京 ".as_bytes(),
                &1e-7f32.to_le_bytes(),
                &3e38f32.to_le_bytes(),
            ]
            .concat(),
        ),
    ];
    for (format, bytes) in expected {
        vectors.save(&path, format).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes, "{format:?}");
    }
    assert_eq!(names_in(directory.path()), ["vectors"]);
    // The extension counts in any case.
    let packed = directory.path().join("VECTORS.TXT.GZ");
    write_vectors(&packed, Format::GloveText, vectors.vocabulary(), 2, |_| Ok([0.1, -0.0, 1e-7, 3e38])).unwrap();
    assert!(fs::read(&packed).unwrap().starts_with(&[0x1f, 0x8b]));
    assert_eq!(WordVectors::load(&packed).unwrap(), vectors);
}

#[test]
fn words_that_could_not_be_read_again_are_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.txt");
    fs::write(&path, "what was there").unwrap();
    let refused = [
        (Format::GloveText, &["", "a\nb", " a", "a ", "a  b", " ", "page 5", "a nan"][..]),
        (Format::Word2vecText, &["", "a\nb", "a b", " ", "\n"]),
        (Format::Word2vecBinary, &["", "a\nb", "a b", " ", "\n"]),
    ];
    for (format, words) in refused {
        for word in words {
            let words = vocabulary(&["fine", word]);
            let mut asked = false;
            let error = write_vectors(&path, format, &words, 1, |rows| {
                asked = true;
                Ok(vec![0.0; rows.len()])
            })
            .unwrap_err();
            let start = format!("what is to be written to {}, row 1: ", path.display());
            assert!(error.to_string().starts_with(&start), "{error}");
            assert!(!asked && fs::read(&path).unwrap() == b"what was there", "{word:?}");
        }
    }
    let marked = vocabulary(&["\u{feff}a", "\u{feff}b"]);
    let write = |path: &Path, format| write_vectors(path, format, &marked, 1, |rows| Ok(vec![0.5; rows.len()]));
    for error in [write(&path, Format::GloveText).unwrap_err(), marked.save(&path).unwrap_err()] {
        assert!(error.to_string().contains("must not begin with U+FEFF"), "{error}");
        assert!(fs::read(&path).unwrap() == b"what was there");
    }
    // Behind a header it may.
    write(&path, Format::Word2vecText).unwrap();
    assert_eq!(*WordVectors::load(&path).unwrap().vocabulary(), marked);
    // These can be read again.
    let words = ["a b", ". . .", "5", "nan", "\u{a0}", "a\tb", "a\r", "\u{feff}a", "5 a"];
    let kept = WordVectors::new(vocabulary(&words), vec![0.5; words.len()], 1).unwrap();
    kept.save(&path, Format::GloveText).unwrap();
    assert_eq!(WordVectors::load(&path).unwrap(), kept);
    for format in [Format::Word2vecText, Format::Word2vecBinary] {
        let kept = WordVectors::new(vocabulary(&words[2..8]), vec![0.5; 6], 1).unwrap();
        kept.save(&path, format).unwrap();
        assert_eq!(WordVectors::load(&path).unwrap(), kept);
    }
}

#[test]
fn an_error_on_the_way_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.txt");
    fs::write(&path, "what was there").unwrap();
    // More than one piece: the error comes after a MiB is written.
    let words = sample(300_000, 1);
    let count = words.len();
    for format in FORMATS {
        let write = |rows: &mut Rows<'_>| write_vectors(&path, format, words.vocabulary(), 8, rows).unwrap_err();
        let mut asked = 0;
        let error = write(&mut |rows| {
            asked += rows.len();
            let fail = asked == count;
            if fail { Err(Error::Frozen) } else { Ok(vec![0.25; rows.len() * 8]) }
        });
        assert_eq!((error, asked), (Error::Frozen, count));
        let error = write(&mut |rows| Ok(vec![0.0; rows.len() * 8 - 1]));
        assert!(matches!(error, Error::Shape { what: "what the rows' closure gives", .. }), "{error}");
        let error =
            write(&mut |rows| Ok(rows.iter().flat_map(|&row| [if row == 17 { f32::NAN } else { 1.0 }; 8]).collect()));
        let message = "row 17: number 1 of \"東京17\" is NaN, and must be finite";
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(names_in(directory.path()), ["vectors.txt"]);
        assert_eq!(fs::read(&path).unwrap(), b"what was there");
    }
    let error = write_vectors(&path, Format::GloveText, words.vocabulary(), 0, |_| Ok(Vec::new())).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig(_)));
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = sample(2, 2);
    let nowhere = directory.path().join("missing/vectors.txt");
    let error = vectors.save(&nowhere, Format::GloveText).unwrap_err();
    assert!(matches!(&error, Error::File { doing: "writing", path, .. } if *path == nowhere), "{error:?}");
    let error = vectors.save(directory.path(), Format::GloveText).unwrap_err();
    assert!(error.to_string().ends_with("there is something that is not a file"), "{error}");
    assert!(names_in(directory.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn the_new_file_is_readable_like_others_and_links_are_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let [plain, ours, link] = ["plain", "ours", "link"].map(|name| directory.path().join(name));
    fs::write(&plain, "").unwrap();
    symlink(&ours, &link).unwrap();
    fs::write(&ours, "").unwrap();
    sample(2, 2).save(&link, Format::GloveText).unwrap();
    assert_eq!(WordVectors::load(&ours).unwrap(), sample(2, 2));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn a_bare_name_is_written_here() {
    // Relative to the working directory, where tests run: the package's root.
    let path = Path::new("target").join("bare-name-test.txt");
    sample(2, 2).save(&path, Format::GloveText).unwrap();
    assert_eq!(WordVectors::load(&path).unwrap(), sample(2, 2));
    fs::remove_file(&path).unwrap();
}

#[test]
fn rows_may_have_gaps() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.bin");
    let word_index = [("b", 4), ("a", 1)].into_iter().map(|(word, row)| (word.to_owned(), row)).collect();
    let words = Vocabulary::from_word_index(&word_index).unwrap();
    let values: Vec<f32> = (0..10).map(|value| value as f32).collect();
    let vectors = WordVectors::new(words.clone(), values, 2).unwrap();
    assert_eq!(
        (vectors.len(), vectors.get("a"), vectors.get("b")),
        (2, Some(&[2.0, 3.0][..]), Some(&[8.0, 9.0][..]))
    );
    vectors.save(&path, Format::Word2vecBinary).unwrap();
    let again = WordVectors::load(&path).unwrap();
    assert!(again.iter().eq([("a", &[2.0, 3.0][..]), ("b", &[8.0, 9.0])]));
    for values in [vec![0.0; 8], vec![0.0; 11]] {
        let error = WordVectors::new(words.clone(), values, 2).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "the values", .. }), "{error}");
    }
    assert!(matches!(WordVectors::new(words.clone(), Vec::new(), 0), Err(Error::InvalidConfig(_))));

    // A words file keeps the gaps.
    for name in ["words.txt", "words.txt.gz"] {
        let path = directory.path().join(name);
        words.save(&path).unwrap();
        assert_eq!(Vocabulary::load(&path).unwrap(), words);
    }
    assert_eq!(fs::read(directory.path().join("words.txt")).unwrap(), b"\na\n\n\nb\n");
}

#[test]
fn words_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.txt");
    let words = sample(1_000, 1).vocabulary().clone();
    words.save(&path).unwrap();
    assert_eq!(Vocabulary::load(&path).unwrap(), words);
    Vocabulary::default().save(&path).unwrap();
    assert_eq!(Vocabulary::load(&path).unwrap(), Vocabulary::default());
    for word in ["", "a\nb", "a\r"] {
        let error = vocabulary(&["fine", word]).save(&path).unwrap_err().to_string();
        assert!(error.starts_with("the vocabulary, row 1: a word of a file must be neither empty"), "{error}");
    }
    let cases: [(&[u8], &str); 3] = [
        (b"a\nb\n\na\n", "line 4: each word must come once, and \"a\" stands in line 1 already"),
        (b"\n\nb\nb\n", "line 4: each word must come once, and \"b\" stands in line 3 already"),
        (b"a\nb\xff\n", "line 2: a word must be UTF-8, and this is not"),
    ];
    for (file, message) in cases {
        fs::write(&path, file).unwrap();
        let error = Vocabulary::load(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}, {message}", path.display()));
    }
    for file in ["a b\r\nc", "\u{feff}a b\nc\n"] {
        fs::write(&path, file).unwrap();
        assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary(&["a b", "c"]));
    }
    // A single row without a word, at the start or within.
    for (file, row) in [("\na\n", 1), ("a\n\nb\n", 2), ("a\nb\nc\n\nd\n", 4)] {
        fs::write(&path, file).unwrap();
        let words = Vocabulary::load(&path).unwrap();
        let last = file.trim_end().rsplit('\n').next().unwrap();
        assert_eq!(
            (words.row(last), words.word(row), words.row_count()),
            (Some(row), Some(last), row + 1),
            "{file:?}"
        );
        assert_eq!(words.word(row - 1), None, "{file:?}");
    }
}

#[test]
fn safetensors_hold_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.safetensors");
    // 700,000 x 3: several pieces, the last one not full.
    let value = |row: u32, column: u32| if row == 5 { f32::NAN } else { (row * 3 + column) as f32 };
    for rows in [0u32, 1, 700_000] {
        write_safetensors(&path, "embed_tokens.weight", rows, 3, |rows| {
            Ok(rows.iter().flat_map(|&row| [0, 1, 2].map(|column| value(row, column))).collect::<Vec<f32>>())
        })
        .unwrap();
        let bytes = fs::read(&path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = file.tensor("embed_tokens.weight").unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F32, &[rows as usize, 3][..]));
        assert_eq!(file.len(), 1);
        let expected = (0..rows).flat_map(|row| [0, 1, 2].map(|column| value(row, column).to_le_bytes()));
        assert!(tensor.data().as_chunks().0.iter().copied().eq(expected));
        assert_eq!((bytes.len() - tensor.data().len()) % 8, 0);
    }
    for (name, width) in [("__metadata__", 3), ("weight", 0), ("weight", usize::MAX)] {
        let error = write_safetensors(&path, name, 3, width, |_| Ok(Vec::new())).unwrap_err();
        assert!(matches!(error, Error::InvalidConfig(_)), "{error}");
    }
    let error = write_safetensors(&path, "weight", 3, 2, |_| Ok([0.0; 5])).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    assert_eq!(names_in(directory.path()), ["vectors.safetensors"]);
}
