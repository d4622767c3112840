//! Every problem of a file: the error with its place, and the counted skip.

use wgpu_embedding::vectors::Problem;

use super::*;

/// Files with one problem each, what the error says, and how many vectors are left if it is skipped.
fn cases() -> Vec<(&'static [u8], Problem, &'static str, u64)> {
    use Problem::*;
    vec![
        // Text, without and with a header.
        (b"a 1 2\nb 3 4\na 5 6\n", DuplicateWord, "line 3: the word \"a\" stood in the file before, as vector 1;", 2),
        (b"2 1\na 1\na 2\n", DuplicateWord, "line 3: the word \"a\" stood in the file before, as vector 1;", 1),
        (b"a 1 2\nb\xff 3 4\n", InvalidUtf8, "line 2: a line must be UTF-8, and byte 2 of this one is not;", 1),
        (b"a 1 2\nb 3 \xc34\n", InvalidUtf8, "line 2: a line must be UTF-8, and byte 5 of this one is not;", 1),
        (b"a 1 2\n 3 4\n", BadWord, "line 2: the word is empty;", 1),
        (
            b"a 1 2\nb  3 4\n",
            BadWord,
            "line 2: the word is \"b \", and must have single spaces between what is not empty;",
            1,
        ),
        (b"a 1 2\n b 3 4\n", BadWord, "line 2: the word is \" b\", and must have single spaces between", 1),
        (b"a 1 2\nb  c 3 4\n", BadWord, "line 2: the word is \"b  c\", and must have single spaces", 1),
        (b"a 1 2\nb 3\nc 5 6\n", WrongWidth, "line 2: a word and 2 numbers are needed, and there are 1;", 2),
        (b"a 1 2\n\nc 5 6\n", WrongWidth, "line 2: a word and 2 numbers are needed, and the line is blank;", 2),
        (b"a 1 2\nb\nc 5 6\n", WrongWidth, "line 2: a word and 2 numbers are needed, and there are 0;", 2),
        (b"a 1 2\n3 4\nc 5 6\n", WrongWidth, "line 2: a word and 2 numbers are needed, and there are 1;", 2),
        (
            b"a 1 2\nb 3 4 5\n",
            WrongWidth,
            "line 2: there are more numbers than the width: \"3\" stands before them;",
            1,
        ),
        (b"2 2\na 1 2\nb 3 4 5\n", WrongWidth, "line 3: there are more numbers than the width: \"3\"", 1),
        (b"2 2\na 1 2\nb 3\n", WrongWidth, "line 3: a word and 2 numbers are needed, and there are 1;", 1),
        (b"a 1 2\nb 3 x\n", BadNumber, "line 2: field 2 of 2 is \"x\", and must be a number;", 1),
        (b"a 1 2\nb 3 4\nc 0x5 6\n", BadNumber, "line 3: field 1 of 2 is \"0x5\", and must be a number;", 2),
        (b"a 1 2\nb 3 4,5\n", BadNumber, "line 2: field 2 of 2 is \"4,5\", and must be a number;", 1),
        (b"a 1 2\nb 3  4\n", BadNumber, "line 2: field 1 of 2 is \"\", and must be a number;", 1),
        (b"a 1 2\nb\t3\tx\n", WrongWidth, "line 2: a word and 2 numbers are needed, and there are 0;", 1),
        (b"a 1 2\nb 3 nan\n", NotFinite, "line 2: number 2 of 2 is \"nan\", and must be finite in f32;", 1),
        (b"a 1 2\nb -inf 4\n", NotFinite, "line 2: number 1 of 2 is \"-inf\", and must be finite in f32;", 1),
        (b"a 1 2\nb 1e39 4\n", NotFinite, "line 2: number 1 of 2 is \"1e39\", and must be finite in f32;", 1),
        (b"3 1\na 1\nb 2\n", WrongCount, "after line 3: the header says 3 vectors, and the file ends after 2;", 2),
        (b"2 1\n", WrongCount, "after line 1: the header says 2 vectors, and the file ends after 0;", 0),
        (
            b"1 1\na 1\nb 2\n",
            WrongCount,
            "after line 2: the header says 1 vectors, and the file goes on after them;",
            1,
        ),
        (b"0 1\na 1\n", WrongCount, "after line 1: the header says 0 vectors, and the file goes on after them;", 0),
        // Binary; \x00\x00\x80\x3f is 1, \x00\x00\xc0\x7f NaN, \x00\x00\x80\xff minus infinity.
        (
            b"2 1\na \0\0\x80\x3fa \0\0\x80\x3f",
            DuplicateWord,
            "byte 10: the word \"a\" stood in the file before, as vector 1;",
            1,
        ),
        (
            b"2 1\na \0\0\x80\x3f\nb\xff \0\0\x80\x3f\n",
            InvalidUtf8,
            "byte 11: a word must be UTF-8, and \"b\u{fffd}\" is not;",
            1,
        ),
        (
            b"2 1\na \0\0\x80\x3f \0\0\x80\x3f",
            BadWord,
            "byte 10: the word is \"\", and must be neither empty nor hold a",
            1,
        ),
        (
            b"2 1\na \0\0\x80\x3fb\nc \0\0\x80\x3f",
            BadWord,
            "byte 10: the word is \"b\\nc\", and must be neither empty nor",
            1,
        ),
        (
            b"2 1\na \0\0\x80\x3fb \0\0\xc0\x7f",
            NotFinite,
            "byte 10: number 1 of 1 of \"b\" is NaN, and must be finite;",
            1,
        ),
        (
            b"2 1\na \0\0\x80\xffb \0\0\x80\x3f",
            NotFinite,
            "byte 4: number 1 of 1 of \"a\" is -inf, and must be finite;",
            1,
        ),
        (b"2 1\na \0\0\x80\x3f", WrongCount, "byte 10: the header says 2 vectors, and the file ends after 1;", 1),
        (
            b"2 1\na \0\0\x80\x3fb \0\0",
            WrongCount,
            "byte 10: a vector has 4 bytes, and the file ends after 2 of them;",
            1,
        ),
        (b"2 1\na \0\0\x80\x3fbcd", WrongCount, "byte 10: the file ends within a word;", 1),
        (
            b"1 1\na \0\0\x80\x3f\nb",
            WrongCount,
            "byte 11: the header says 1 vectors, and the file goes on after them;",
            1,
        ),
    ]
}

#[test]
fn each_is_an_error_with_its_place() {
    for (file, problem, message, _) in cases() {
        for packed in [file.to_vec(), gzip(file)] {
            let error = read(&packed, &ReadOptions::default()).unwrap_err();
            assert!(matches!(&error, Error::Malformed { what, .. } if what == "the input"), "{error:?}");
            let error = error.to_string();
            assert!(error.starts_with(&format!("the input, {message}")), "{file:?}\n{error}\n{message}");
            let remedy = format!("; to skip and count these, ReadOptions::with_skip(Problem::{problem:?})");
            assert!(error.ends_with(&remedy), "{error}");
        }
    }
}

#[test]
fn each_can_be_skipped_and_is_counted() {
    for (file, problem, message, left) in cases() {
        let (vectors, report) = read(file, &ReadOptions::default().with_skip(problem)).unwrap();
        assert_eq!((report.vectors, vectors.len() as u64), (left, left), "{message}");
        for other in Problem::ALL {
            assert_eq!(report.skipped(other), u64::from(other == problem), "{message}");
        }
        // Only what was asked for is skipped.
        let others = Problem::ALL.into_iter().filter(|&other| other != problem);
        assert!(read(file, &others.fold(ReadOptions::default(), ReadOptions::with_skip)).is_err(), "{message}");
    }
    for problem in Problem::ALL {
        assert!(cases().iter().any(|case| case.1 == problem), "no case for {problem}");
    }
}

#[test]
fn many_problems_are_counted_apart_and_the_first_of_two_words_stays() {
    let text = b"a 1 2\na 3 4\nb x 1\nb 5 6\n\xc3 7 8\nc nan 1\na 9 9\n\nd 1 1 1\ne 7 8\n";
    let options = Problem::ALL.into_iter().fold(ReadOptions::default(), ReadOptions::with_skip);
    let (vectors, report) = read(text, &options).unwrap();
    let expected = [("a", [1.0, 2.0]), ("b", [5.0, 6.0]), ("e", [7.0, 8.0])];
    assert!(vectors.iter().eq(expected.iter().map(|(word, vector)| (*word, &vector[..]))));
    let counts = "3 vectors, duplicate word: 2, invalid UTF-8: 1, wrong width: 2, bad number: 1, not finite: 1";
    assert_eq!(report.to_string(), counts);
}

#[test]
fn what_no_skip_can_mend() {
    let everything = Problem::ALL.into_iter().fold(ReadOptions::default(), ReadOptions::with_skip);
    let header = "line 1: the header must be two whole numbers, the count and the width, and is";
    let text = everything.with_format(Format::Word2vecText);
    for (file, given) in
        [("", "\"\""), ("a 1 2\n", "\"a 1 2\""), ("3\n", "\"3\""), ("3 4 5\n", "\"3 4 5\""), ("-3 4\n", "\"-3 4\"")]
    {
        let error = read(file.as_bytes(), &text).unwrap_err().to_string();
        assert_eq!(error, format!("the input, {header} {given}"));
    }
    let long = "1".repeat(1_000);
    let error = read(long.as_bytes(), &text).unwrap_err().to_string();
    assert!(error.ends_with("1\"…") && error.len() < 200, "{error}");

    // What they come packed in, or beside.
    for (start, message) in
        [("PK\x03\x04", "this is a zip archive"), ("\u{ba}\x16\x4f\x2f", "this is a model of fastText's own")]
    {
        let file: Vec<u8> = start.chars().map(|byte| byte as u8).chain(std::iter::repeat_n(0, 10_000)).collect();
        let error = read(&file, &everything).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the input, byte 0: {message}")), "{error}");
    }

    // Gzip: cut off at any byte, or with a wrong checksum, or followed by something else.
    let file = "2 2\na 1 2\nb 3 4\n".as_bytes();
    let packed = gzip(file);
    for length in 2..packed.len() {
        let error = read(&packed[..length], &everything).unwrap_err().to_string();
        assert!(error.contains("of what it unpacks to: the gzip data is damaged or cut off ("), "{length}: {error}");
    }
    let mut wrong = packed.clone();
    let checksum = wrong.len() - 6;
    wrong[checksum] ^= 1;
    for damaged in [wrong, [&packed[..], b"more"].concat(), [&packed[..], b"\0\0more"].concat()] {
        let error = read(&damaged, &everything).unwrap_err().to_string();
        assert!(error.starts_with("the input, byte 16 of what it unpacks to: the gzip data is damaged"), "{error}");
    }
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let mut reader = VectorReader::new(&b"a 1\nb x\nc 3\n"[..], &ReadOptions::default()).unwrap();
    assert!(reader.next_vector().unwrap().is_some());
    assert!(reader.next_vector().is_err());
    assert_eq!(reader.next_vector().unwrap(), None);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.txt");
    let error = WordVectors::load(&missing).unwrap_err();
    assert!(matches!(&error, Error::File { doing: "opening", path, .. } if *path == missing), "{error:?}");
    // A directory opens, and cannot be read.
    let error = WordVectors::load(directory.path()).unwrap_err();
    assert!(matches!(&error, Error::File { path, .. } if path == directory.path()), "{error:?}");
    let damaged = directory.path().join("damaged.txt");
    std::fs::write(&damaged, "a 1 2\nb 3\n").unwrap();
    let error = WordVectors::load(&damaged).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}, line 2: a word and 2 numbers", damaged.display())), "{error}");

    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "unplugged"))
        }
    }
    let reader = VectorReader::new(std::io::Read::chain(&b"1000 1\na 1\n"[..], Broken), &ReadOptions::default());
    let error = reader.unwrap_err();
    assert_eq!(error.to_string(), "reading the input failed: unplugged");
}

#[test]
fn a_binary_word_has_an_end_within_its_bound() {
    let bound = 64 << 10;
    let file = |length: usize, rest: &[u8]| [b"2 1\n", &vec![b'w'; length][..], rest].concat();
    let options = ReadOptions::default().with_format(Format::Word2vecBinary).with_skip(Problem::WrongCount);
    let (vectors, _) = read(&file(bound, b" \0\0\x80\x3f"), &options).unwrap();
    assert_eq!(vectors.get(&"w".repeat(bound)), Some(&[1.0][..]));
    // Cut off within a word that might have ended, and one that is too long already.
    assert_eq!(read(&file(bound, b""), &options).unwrap().1.skipped(Problem::WrongCount), 1);
    for rest in [&b" \0\0\x80\x3f"[..], b""] {
        let error = read(&file(bound + 1, rest), &options).unwrap_err().to_string();
        let message = "the input, byte 4: a word must end in a space within 65536 bytes, and this does not";
        assert_eq!(error, message);
    }
}

#[test]
fn places_count_a_byte_order_mark() {
    let error = |file: &str| read(file.as_bytes(), &ReadOptions::default()).unwrap_err().to_string();
    let place = |file: &str| error(file).split(": ").next().unwrap().to_owned();
    // As in the file: a text's lines and a binary file's bytes.
    assert_eq!(place("\u{feff}a 1\nb x\n"), "the input, line 2");
    assert_eq!(place("\u{feff}2 1\na \0\0\0\0a \0\0\0\0"), "the input, byte 13");
}
