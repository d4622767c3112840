use super::*;

/// What the program prints when a file of this text is asked so, or its error, `FILE` being the file's path.
fn asked(text: &str, line: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors");
    std::fs::write(&file, text).unwrap();
    let options = line.split_whitespace().map(Into::into);
    let arguments = [file.clone().into_os_string(), "--reference".into()].into_iter().chain(options);
    let Command::Find(arguments) = arguments::parse(lexopt::Parser::from_args(arguments)).unwrap() else {
        panic!("help");
    };
    let mut out = Vec::new();
    match run(&arguments, &mut out) {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(error) => {
            assert!(out.is_empty(), "printed before the error: {out:?}");
            Err(error.to_string().replace(file.to_str().unwrap(), "FILE"))
        }
    }
}

const VECTORS: &str = "a 1 0\nb 2 0\nc 0 1\n";

#[test]
fn the_nearest_words_are_printed() {
    let expected =
        "most similar to a:\n  1.000000  b\n  0.000000  c\nmost similar to c:\n  0.000000  a\n  0.000000  b\n";
    assert_eq!(asked(VECTORS, "a c").unwrap(), expected);
    assert_eq!(asked(VECTORS, "a -k 1").unwrap(), "most similar to a:\n  1.000000  b\n");
}

#[test]
fn unknown_words_are_all_named_before_anything_is_printed() {
    let tail = "; words are compared letter by letter, case included";
    assert_eq!(asked(VECTORS, "a x b A x").unwrap_err(), format!("FILE has no vector of \"x\", \"A\"{tail}"));
    assert_eq!(asked(VECTORS, "--analogy a y b").unwrap_err(), format!("FILE has no vector of \"y\"{tail}"));
}

#[test]
fn a_file_without_vectors_is_said_to_have_none() {
    assert_eq!(asked("", "a").unwrap_err(), "FILE has no vectors");
    assert_eq!(asked("0 3\n", "a").unwrap_err(), "FILE has no vectors");
    assert_eq!(asked(VECTORS, "a --limit 0").unwrap_err(), "FILE has no vectors: --limit 0 leaves all of them out");
    let skipped = asked("a nan 1\n", "a --skip-bad").unwrap_err();
    assert_eq!(skipped, "FILE has no vectors that --skip-bad leaves");
}

#[test]
fn errors_name_the_options_that_mend_them() {
    let error = asked("word\n", "word").unwrap_err();
    assert!(error.ends_with("give ReadOptions::with_width (here: --width N)"), "{error}");
    let error = asked("a 1 0\na 1 0\n", "a").unwrap_err();
    assert!(error.ends_with("ReadOptions::with_skip(Problem::DuplicateWord) (here: --skip-bad)"), "{error}");
    assert!(asked("a 1 0\na 1 0\nb 1 0\n", "a --skip-bad").is_ok());
    let error = asked(VECTORS, "a --width 3").unwrap_err();
    assert!(error.starts_with("FILE, line 1: "), "{error}");
    assert!(asked(VECTORS, "a --width 2").is_ok());
}
