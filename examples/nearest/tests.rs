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
    let start = "FILE, first lines: the width cannot be told, for no line has a word and numbers; ";
    assert_eq!(asked("word\n", "word").unwrap_err(), format!("{start}give --width N"));
    let skip = "; give --skip-bad to leave out and count whatever is wrong";
    let error = asked("a 1 0\na 1 0\n", "a").unwrap_err();
    assert_eq!(error, format!("FILE, line 2: the word \"a\" stood in the file before, as vector 1{skip}"));
    assert!(asked("a 1 0\na 1 0\nb 1 0\n", "a --skip-bad").is_ok());
    let error = asked("2 2\na 1 0\n", "a").unwrap_err();
    assert!(error.starts_with("FILE, after line 2: ") && error.ends_with(skip), "{error}");
    let error = asked(VECTORS, "a --width 3").unwrap_err();
    assert!(error.starts_with("FILE, line 1: "), "{error}");
    assert!(asked(VECTORS, "a --width 2").is_ok());
    let error = asked("a,1 0\nb,2 0\n", "a").unwrap_err();
    assert!(error.ends_with("; replace the commas, or, where they belong to the words, give --width N"), "{error}");
    let error = asked(VECTORS, "a --format text").unwrap_err();
    assert!(error.ends_with("and is \"a 1 0\"; mend the file there, or give another"), "{error}");
    for text in ["<html>\n<p>", "\u{feff}{\"a\": [1, 0]}"] {
        let error = asked(text, "a --skip-bad").unwrap_err();
        assert!(error.starts_with("FILE, byte 0: this is a") && !error.contains("::"), "{error}");
    }
}

#[test]
fn a_blank_line_costs_no_word() {
    let found = asked("3 2\na 1 0\n\nb 2 0\nc 0 1\n\n", "c -k 2 --skip-bad").unwrap();
    assert_eq!(found, "most similar to c:\n  0.000000  a\n  0.000000  b\n");
}

#[test]
fn questions_report_the_lines_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("questions");
    let answer = |text: &str| {
        std::fs::write(&file, text).unwrap();
        asked(VECTORS, &format!("--questions {}", file.display()))
            .map(|out| out.replace(file.to_str().unwrap(), "ASKED"))
    };
    let table = answer(": s\na b c b\n").unwrap();
    assert!(!table.contains("left out"), "{table}");
    let with_others = answer(": s\nc b\na b c b\n\na b c b b\n").unwrap();
    let said = "lines of ASKED that were left out, for they have not four words: 2, the first is line 2\n";
    assert_eq!(with_others, format!("{table}{said}"));
    for text in ["", ": s\n", ": s\na, b, c\n"] {
        let needed = "a question is a line of four words, below a line ': section'";
        let error = answer(text).unwrap_err();
        assert_eq!(error, format!("{} has no questions; {needed}", file.display()));
    }
}
