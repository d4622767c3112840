//! Text as it is met in practice: short numbers, blank lines, other separators.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::vectors::Problem;

use super::*;

/// All that a file of this text has, or the error.
fn all(text: &[u8], options: &ReadOptions) -> Result<Vec<(String, Vec<f32>)>, String> {
    let (vectors, _) = read(text, options).map_err(|error| error.to_string())?;
    Ok(vectors.iter().map(|(word, vector)| (word.to_owned(), vector.to_vec())).collect())
}

fn expected(vectors: &[(&str, &[f32])]) -> Result<Vec<(String, Vec<f32>)>, String> {
    Ok(vectors.iter().map(|&(word, vector)| (word.to_owned(), vector.to_vec())).collect())
}

fn lenient() -> ReadOptions {
    Problem::ALL.into_iter().fold(ReadOptions::default(), ReadOptions::with_skip)
}

fn format(bytes: &[u8]) -> Format {
    VectorReader::new(bytes, &ReadOptions::default()).unwrap().format()
}

#[test]
fn short_numbers_under_a_header_are_text() {
    // So short that the next line's word stands where a binary file has the first one's numbers.
    type Vectors<'a> = &'a [(&'a str, &'a [f32])];
    let cases: [(&[u8], Vectors); 7] = [
        ("2 3\nsun 4 0 1\nété 0 7 2\n".as_bytes(), &[("sun", &[4.0, 0.0, 1.0]), ("été", &[0.0, 7.0, 2.0])]),
        ("2 1\nx 5\n日 6".as_bytes(), &[("x", &[5.0]), ("日", &[6.0])]),
        ("2 2\r\nx 5 6\r\n日 7 8\r\n".as_bytes(), &[("x", &[5.0, 6.0]), ("日", &[7.0, 8.0])]),
        (b"2 2\nx 5 6\nnul\0 7 8\n", &[("x", &[5.0, 6.0]), ("nul\0", &[7.0, 8.0])]),
        // A space in the word, and then a character outside ASCII; nothing behind the first line.
        ("1 2\nn° é 5 6".as_bytes(), &[("n° é", &[5.0, 6.0])]),
        (
            "2 4\nx\t1 0 0 1\nœuf\t0 1 1 0\n".as_bytes(),
            &[("x", &[1.0, 0.0, 0.0, 1.0]), ("œuf", &[0.0, 1.0, 1.0, 0.0])],
        ),
        // Fewer than are announced, with more room than the file has.
        ("1 300\n".as_bytes(), &[]),
    ];
    for (text, vectors) in cases {
        assert_eq!(format(text), Format::Word2vecText, "{text:?}");
        let options = ReadOptions::default().with_skip(Problem::WrongCount);
        assert_eq!(all(text, &options), expected(vectors), "{text:?}");
        assert_eq!(all(text, &options.with_format(Format::Word2vecText)), expected(vectors), "{text:?}");
    }
}

#[test]
fn flawed_lines_under_a_header_are_text_too() {
    // Neither line is one of two numbers.
    let text = "2 2\nx 5 y\né 7 z\n".as_bytes();
    assert_eq!(format(text), Format::Word2vecText);
    assert_eq!(all(text, &lenient()), Ok(Vec::new()));
    // A word that is no UTF-8.
    let text = b"2 2\nd\xe9j 5 6\nx 7 8\n";
    assert_eq!(format(text), Format::Word2vecText);
    assert_eq!(all(text, &lenient()), expected(&[("x", &[7.0, 8.0])]));
}

#[test]
fn binary_files_are_still_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.bin");
    // Small whole numbers and halves, of all widths: zeros in them, line ends, spaces, printable bytes.
    let bytes = [0x0000_0020_u32, 0x3f0a_0a41, 0x410a_2035, 0x3d20_3120, 0x3f80_0000, 0, 0x3e0a_3220, 0xbf31_0a20];
    let mut told = 0;
    for width in 4..12 {
        for first in 0..bytes.len() {
            let words = ["10", "1", "東京"];
            let values = (0..3 * width).map(|place| f32::from_bits(bytes[(first + place) % bytes.len()])).collect();
            let vectors = WordVectors::new(Vocabulary::from_words(words).unwrap(), values, width).unwrap();
            vectors.save(&path, Format::Word2vecBinary).unwrap();
            let plain = std::fs::read(&path).unwrap();
            assert_eq!(format(&plain), Format::Word2vecBinary, "{width} from {first}");
            assert_eq!(read(&plain, &ReadOptions::default()).unwrap().0, vectors);
            told += 1;
        }
    }
    assert_eq!(told, 64);
    // One number a word: the first has digits and a line end in its bits, the others have not.
    assert_eq!(format(b"3 1\na 5\n\x80\x3fb \0\0\x80\x3fc\xc3\xa9 \n\xff\0\x3d"), Format::Word2vecBinary);
}

#[test]
fn a_blank_line_is_none_of_the_announced_vectors() {
    let cases: [(&str, &str, u64); 6] = [
        ("3 2\nsun 1 0\n\nsea 1 1\nsky 0 1\n", "line 3", 1),
        ("3 2\n\n \t\nsun 1 0\nsea 1 1\n\r\nsky 0 1", "line 2", 3),
        // Before the header, and in a file without one.
        ("\n\n3 2\nsun 1 0\nsea 1 1\nsky 0 1\n", "line 1", 2),
        (" \r\n3 2\r\nsun 1 0\r\n\r\nsea 1 1\r\nsky 0 1\r\n\r\n", "line 1", 2),
        ("\n\t\nsun 1 0\nsea 1 1\nsky 0 1\n", "line 1", 2),
        ("sun 1 0\nsea 1 1\n \n\nsky 0 1\n\n", "line 3", 2),
    ];
    for (text, place, blank) in cases {
        let error = all(text.as_bytes(), &ReadOptions::default()).unwrap_err();
        assert!(error.starts_with(&format!("the input, {place}: a ")), "{text:?}: {error}");
        assert!(error.contains(" the line is blank; to skip and count these, "), "{error}");
        let (vectors, report) =
            read(text.as_bytes(), &ReadOptions::default().with_skip(Problem::WrongWidth)).unwrap();
        assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(["sun", "sea", "sky"]), "{text:?}");
        assert_eq!((report.vectors, report.skipped(Problem::WrongWidth)), (3, blank), "{text:?}");
        assert_eq!(report.skipped(Problem::WrongCount), 0, "{text:?}");
    }
}

#[test]
fn a_flawed_line_is_one_of_the_announced_vectors() {
    let text = b"4 2\nsun 1 0\nsea 1\nsun 3 3\nsky 0 1\n";
    let (vectors, report) = read(text, &lenient()).unwrap();
    assert_eq!(vectors.len(), 2);
    assert_eq!(report.to_string(), "2 vectors, duplicate word: 1, wrong width: 1");
    // The place of a wrong count is that of a line, blank ones before it counted.
    let error =
        all(b"3 1\n\nsun 1\n\nsea 2\n\n\n", &ReadOptions::default().with_skip(Problem::WrongWidth)).unwrap_err();
    assert!(
        error.starts_with("the input, after line 5: the header says 3 vectors, and the file ends after 2;"),
        "{error}"
    );
}

#[test]
fn blank_lines_at_the_end_are_no_fault() {
    for end in ["\n", "\n\n\n", "\n \t\r\n", "\n\x0b\n\t", "\r\n\r\n"] {
        for text in ["sun 1 0\nsea 1 1", "2 2\nsun 1 0\nsea 1 1"] {
            let text = format!("{text}{end}");
            let vectors = all(text.as_bytes(), &ReadOptions::default());
            assert_eq!(vectors, expected(&[("sun", &[1.0, 0.0]), ("sea", &[1.0, 1.0])]), "{text:?}");
        }
    }
    // More than the window holds, in the middle and at the end; before a header they would hide it.
    let many = "\n".repeat(1 << 20);
    let text = format!("{}2 1\nsun 1\n{many}sea 2\n{many}", "\n".repeat(200_000));
    let (_, report) = read(text.as_bytes(), &lenient()).unwrap();
    assert_eq!((report.vectors, report.skipped(Problem::WrongWidth)), (2, 200_000 + (1 << 20)));
}

#[test]
fn tabs_and_runs_of_spaces_separate_fields() {
    let wanted = expected(&[("sun", &[1.5, 2.5, -3.5]), ("sea", &[4.0, 5.0, 6.0])]);
    for lines in [
        "sun\t1.5 2.5 -3.5\nsea\t4 5 6\n",
        "sun\t1.5\t2.5\t-3.5\nsea\t4\t5\t6\n",
        "sun\t1.5\t2.5\t-3.5\t\r\nsea\t4\t5\t6\t\r\n",
        "sun\t 1.5 2.5 -3.5\nsea\t 4 5 6\n",
        "sun 1.5\t2.5\t-3.5\nsea 4\t5\t6\n",
        "sun  1.5  2.5 -3.5\nsea  4.0  5.0  6.0\n",
        "  sun 1.5 2.5 -3.5\n  sea 4 5 6\n",
    ] {
        assert_eq!(all(lines.as_bytes(), &ReadOptions::default()), wanted, "{lines:?}");
        assert_eq!(all(lines.as_bytes(), &ReadOptions::default().with_width(3)), wanted, "{lines:?}");
        for header in ["2 3\n", "2\t3\r\n"] {
            let text = format!("{header}{lines}");
            assert_eq!(format(text.as_bytes()), Format::Word2vecText, "{text:?}");
            assert_eq!(all(text.as_bytes(), &ReadOptions::default()), wanted, "{text:?}");
        }
    }
    // A single line of them among others.
    let text = "sun 1 2\nsea\t3\t4\nthe sky\t5 6\n";
    let wanted = expected(&[("sun", &[1.0, 2.0]), ("sea", &[3.0, 4.0]), ("the sky", &[5.0, 6.0])]);
    assert_eq!(all(text.as_bytes(), &ReadOptions::default()), wanted);
    // Words keep their spaces, and a number too many is one.
    let text = "New York\t1\t2\nRio de Janeiro\t3\t4\nsea\t5\t6\t7\n";
    let (vectors, report) = read(text.as_bytes(), &lenient()).unwrap();
    assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(["New York", "Rio de Janeiro"]));
    assert_eq!(report.skipped(Problem::WrongWidth), 1);
    let error = all(text.as_bytes(), &ReadOptions::default()).unwrap_err();
    assert!(error.starts_with("the input, line 3: there are more numbers than the width: \"5\" stands before them;"));
}

#[test]
fn tabs_that_belong_to_words_stay_there() {
    // By the header, these have two numbers.
    let text = b"2 2\nb\t7 1 2\nc\t8 3 4\n";
    assert_eq!(all(text, &ReadOptions::default()), expected(&[("b\t7", &[1.0, 2.0]), ("c\t8", &[3.0, 4.0])]));
    // And of these most have.
    let text = b"a 1 2\nb\tc 3 4\nd\t9 5 6\n";
    let words = expected(&[("a", &[1.0, 2.0]), ("b\tc", &[3.0, 4.0]), ("d\t9", &[5.0, 6.0])]);
    assert_eq!(all(text, &ReadOptions::default()), words);
    // What would be read otherwise is not written.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors");
    for (word, formats) in [("b\t7", &[Format::GloveText][..]), ("b\t", &FORMATS[..2]), ("b c\t7", &FORMATS[..1])] {
        let one = WordVectors::new(Vocabulary::from_words([word]).unwrap(), vec![1.0, 2.0], 2).unwrap();
        for &format in formats {
            let error = one.save(&path, format).unwrap_err().to_string();
            assert!(error.contains(", row 0: "), "{word:?} in {format:?}: {error}");
        }
        assert_eq!(one.save(&path, Format::Word2vecBinary).is_ok(), !word.contains(' '));
    }
}

#[test]
fn other_separators_are_named() {
    let by = |name: &str, otherwise: &str| {
        let must = "and must be by spaces or tabs";
        format!("the input, first lines: the fields are separated by {name}, {must}; replace the {name}{otherwise}")
    };
    let words = ", or, where they belong to the words, give ReadOptions::with_width";
    let decimals =
        "the input, first lines: the numbers have decimal commas, and must have decimal points; replace the commas";
    for (text, error) in [
        ("sun,1 0 7\nsea,0 1 8\n", by("commas", words)),
        ("sun,1,0\nsea,0,1\n", by("commas", words)),
        ("sun, 1, 0\nsea, 0, 1\n", by("commas", words)),
        ("sun 1.5,2.5\nsea 3.5,4.5\n", by("commas", words)),
        ("sun;1;0\nsea;0;1\n", by("semicolons", words)),
        ("sun;1,5;0,5\nsea;0,5;1,5\n", by("semicolons", words)),
        ("sun | 1 | 0\nsea | 0 | 1\n", by("vertical bars", words)),
        ("2 2\nsun,1,0\nsé,0,1\n", by("commas", "")),
        ("2,2\nsun,1,0\nsea,0,1\n", by("commas", words)),
        ("sun 1,5 0\nsea 0,5 1,5\n", decimals.to_owned()),
        ("2 2\nsun 1,5 0\nsé 0,5 1,5\n", decimals.to_owned()),
    ] {
        assert_eq!(all(text.as_bytes(), &ReadOptions::default()), Err(error), "{text:?}");
    }
    let returns = "the input, first lines: the lines end in carriage returns alone, and must end in newlines; replace the \
                   carriage returns";
    for text in ["sun 1 0\rsea 0 1", "sun\t1\t0\rsea\t0\t1\r", "2 2\rsun 1 0\rsea 0 1\r\n"] {
        assert_eq!(all(text.as_bytes(), &ReadOptions::default()), Err(returns.to_owned()), "{text:?}");
        assert_eq!(all(text.as_bytes(), &ReadOptions::default().with_width(2)), Err(returns.to_owned()), "{text:?}");
    }
    // One may be part of a word.
    let text = "new\rsun 1 0\nsea\r2 0 1\n";
    let words = expected(&[("new\rsun", &[1.0, 0.0]), ("sea\r2", &[0.0, 1.0])]);
    assert_eq!(all(text.as_bytes(), &ReadOptions::default()), words);
    // Words may have commas in them.
    let text = "1,000 1 2\n10,5 3 4\n";
    assert_eq!(
        all(text.as_bytes(), &ReadOptions::default()),
        expected(&[("1,000", &[1.0, 2.0]), ("10,5", &[3.0, 4.0])])
    );
    let text = "x,1 1 2\ny,2 3 4\n";
    let words = expected(&[("x,1", &[1.0, 2.0]), ("y,2", &[3.0, 4.0])]);
    assert_eq!(all(text.as_bytes(), &ReadOptions::default().with_width(2)), words);
    assert_eq!(all(format!("2 2\n{text}").as_bytes(), &ReadOptions::default()), words);
    // A line of them among others can be skipped; its error says why it is none.
    for (line, hint) in [
        (
            "sky,5,6",
            "and there are 0; fields must be separated by spaces or tabs, not by commas, semicolons or bars; to",
        ),
        ("sky 5 6,5", "field 2 of 2 is \"6,5\", and must be a number; decimals need a point, not a comma; to skip"),
        ("sky 5  6", "field 1 of 2 is \"\", and must be a number; two spaces stand in a row there; to skip"),
    ] {
        let text = format!("sun 1 2\nsea 3 4\n{line}\n");
        let error = all(text.as_bytes(), &ReadOptions::default()).unwrap_err();
        assert!(error.starts_with("the input, line 3: ") && error.contains(hint), "{error}");
        assert_eq!(read(text.as_bytes(), &lenient()).unwrap().1.vectors, 2);
    }
}

#[test]
fn text_and_binary_are_told_apart_at_random() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let names = ["a", "7", "été", "日本", "n\0l", "-"];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors");
    let mut mistaken = [0; 4];
    for round in 0..4_000 {
        let (count, width) = (random.random_range(1..7), 1 + round % 9);
        let whole = (0..count * width).map(|_| f32::from(random.random_range(-9..10_i8))).collect();
        let any = (0..count * width).map(|_| random.random_range(-1.0..1.0_f32)).collect();
        for (format, values) in [(Format::Word2vecText, whole), (Format::Word2vecBinary, any)] {
            let vocabulary = Vocabulary::from_words(&names[..count]).unwrap();
            WordVectors::new(vocabulary, values, width).unwrap().save(&path, format).unwrap();
            let told = VectorReader::open(&path, &ReadOptions::default()).map(|reader| reader.format());
            let is_right = told == Ok(format);
            assert!(
                is_right || format == Format::Word2vecBinary && width < 3,
                "{format:?} of width {width}: {told:?}"
            );
            mistaken[width.min(3)] += usize::from(!is_right);
        }
    }
    // Of some 440 binary files of one number a vector: where there is one vector, its bits may all be those of text.
    assert!(mistaken[1] < 10 && mistaken[2] < 3, "{mistaken:?}");
}
