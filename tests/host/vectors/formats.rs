//! What each format may look like, and how it is told.

use proptest::prelude::*;

use super::*;

/// Words of what might be taken for something else: spaces and white space, digits, signs, quotes, characters of two to
/// four bytes, zeros.
fn words() -> impl Strategy<Value = Vec<String>> {
    let word = "[ \\t\r\u{b}\u{0}0-9.eE+\\-naif\"'é\u{a0}\u{85}\u{2028}東🦀]{1,6}";
    proptest::collection::hash_set(word, 1..40).prop_map(|words| words.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn words_that_are_not_refused_are_read_again(words in words(), width in 1usize..4, values in any::<[f32; 4]>()) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vectors");
        for format in FORMATS {
            let is_number = |part: &str| part.parse::<f32>().is_ok();
            // Tabs separate fields too: before a number, and at a word's end.
            let parts = |word: &str| word.split([' ', '\t']).filter(|part| !part.is_empty()).map(is_number).collect::<Vec<_>>();
            let ends_in_tab = |word: &str| word.ends_with('\t') && !word.trim_matches('\t').is_empty();
            let refused = |word: &str| match format {
                Format::GloveText => word.split(' ').any(str::is_empty)
                    || word.rsplit_once(' ').is_some_and(|(_, last)| is_number(last))
                    || matches!(parts(word)[..], [_, .., true])
                    || ends_in_tab(word),
                Format::Word2vecText => word.contains(' ') || ends_in_tab(word),
                _ => word.contains(' '),
            };
            let kept: Vec<&String> = words.iter().filter(|word| !refused(word)).collect();
            let finite = values.map(|value| if value.is_finite() { value } else { 0.5 });
            let row = finite.iter().copied().cycle().take(kept.len() * width).collect();
            let vectors = WordVectors::new(Vocabulary::from_words(&kept).unwrap(), row, width).unwrap();
            if kept.is_empty() {
                continue;
            }
            vectors.save(&path, format).unwrap();
            // The bits of so few numbers may look like text, so the format is given.
            let options = ReadOptions::default().with_format(format);
            let (again, _) = WordVectors::read(VectorReader::open(&path, &options).unwrap()).unwrap();
            prop_assert_eq!(again.vocabulary(), vectors.vocabulary(), "{:?}", format);
            prop_assert_eq!(bits(again.values()), bits(vectors.values()));
            for word in words.iter().filter(|word| refused(word)) {
                let one = WordVectors::new(Vocabulary::from_words([word]).unwrap(), vec![0.5; width], width).unwrap();
                prop_assert!(one.save(&path, format).is_err(), "{word:?} in {format:?}");
            }
        }
    }
}

#[test]
fn each_format_goes_round_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    // Widths and counts at the edges; 3,000 x 300 is several windows of the reader and several pieces of the writer.
    for (count, width) in [(1, 1), (2, 1), (1, 2), (7, 3), (33, 64), (3_000, 300)] {
        let vectors = sample(count, width);
        for format in FORMATS {
            for suffix in ["", ".gz"] {
                let path = directory.path().join(format!("{}{suffix}", name_of(format)));
                vectors.save(&path, format).unwrap();
                let zipped = std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]);
                assert_eq!(zipped, suffix == ".gz");
                let reader = VectorReader::open(&path, &ReadOptions::default()).unwrap();
                assert_eq!((reader.format(), reader.width()), (format, width), "{}", path.display());
                let declared = (format != Format::GloveText).then_some(count as u64);
                assert_eq!(reader.declared_count(), declared);
                let (again, report) = WordVectors::read(reader).unwrap();
                assert_eq!(report.vectors, count as u64);
                assert_eq!(again.vocabulary(), vectors.vocabulary());
                assert_eq!(bits(again.values()), bits(vectors.values()), "{}", path.display());
            }
        }
    }
}

#[test]
fn files_without_vectors() {
    let directory = tempfile::tempdir().unwrap();
    let none = WordVectors::new(Vocabulary::default(), Vec::new(), 5).unwrap();
    for format in FORMATS {
        let path = directory.path().join(name_of(format));
        none.save(&path, format).unwrap();
        let options = ReadOptions::default().with_format(format).with_width(5);
        let (again, _) = WordVectors::read(VectorReader::open(&path, &options).unwrap()).unwrap();
        assert_eq!((again.len(), again.width()), (0, 5));
    }
}

/// A reader that gives one byte at a time, and is interrupted before each.
struct Trickle<'a>(&'a [u8], bool);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let count = self.0.len().min(buffer.len()).min(1);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn how_the_bytes_arrive_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = sample(50, 4);
    for format in FORMATS {
        let path = directory.path().join(name_of(format));
        vectors.save(&path, format).unwrap();
        let file = std::fs::read(&path).unwrap();
        let (front, back) = file.split_at(file.len() / 2);
        // Members of gzip one after another are one file: what `cat a.gz b.gz` makes.
        let members = [gzip(front), gzip(b""), gzip(back)].concat();
        for bytes in [&file, &gzip(&file), &members] {
            let reader = VectorReader::new(Trickle(bytes, false), &ReadOptions::default()).unwrap();
            assert_eq!(reader.format(), format);
            assert_eq!(WordVectors::read(reader).unwrap().0, vectors);
        }
    }
}

#[test]
fn line_ends_and_trailing_space_do_not_count() {
    let (expected, _) = read(b"a 1 2\nb 3 4\n", &ReadOptions::default()).unwrap();
    for text in [
        "a 1 2\nb 3 4",
        "a 1 2 \nb 3 4 \n",
        "a 1 2\r\nb 3 4\r\n",
        "a 1 2 \t\r\nb 3 4\x0b\x0c",
        "2 2\na 1 2\nb 3 4",
        "2 2\r\na 1 2 \r\nb 3 4\r\n",
        "2 2 \na 1 2\nb 3 4\n\n \n",
        "a +1 2.\nb 3e0 .4E+1",
    ] {
        assert_eq!(read(text.as_bytes(), &ReadOptions::default()).unwrap().0, expected, "{text:?}");
    }
}

#[test]
fn newlines_between_binary_vectors_and_white_space_after_the_last_do_not_count() {
    let (expected, _) = read(b"2 1\na \0\0\x80\x3fb \0\0\0\x40", &ReadOptions::default()).unwrap();
    assert!(expected.iter().eq([("a", &[1.0][..]), ("b", &[2.0])]));
    for file in [
        &b"2 1\n\n\na \0\0\x80\x3f\n\n\nb \0\0\0\x40\n\n"[..],
        b"2 1\na \0\0\x80\x3fb \0\0\0\x40\r",
        b"2 1\na \0\0\x80\x3f\nb \0\0\0\x40\r\n \r\n",
    ] {
        let options = ReadOptions::default().with_format(Format::Word2vecBinary);
        assert_eq!(read(file, &options).unwrap().0, expected, "{file:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors");
    let vectors = sample(50, 4);
    for format in FORMATS {
        vectors.save(&path, format).unwrap();
        let marked = [&b"\xef\xbb\xbf"[..], &std::fs::read(&path).unwrap()].concat();
        for bytes in [&marked, &gzip(&marked)] {
            let reader = VectorReader::new(Trickle(bytes, false), &ReadOptions::default()).unwrap();
            assert_eq!(reader.format(), format);
            assert_eq!(WordVectors::read(reader).unwrap().0, vectors);
        }
    }
    // One only, and only at the start; a part of one is none.
    let (vectors, _) = read("\u{feff}\u{feff}a 1\n\u{feff}b 2\n".as_bytes(), &ReadOptions::default()).unwrap();
    assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(["\u{feff}a", "\u{feff}b"]));
    assert!(read(b"\xef\xbba 1\n", &ReadOptions::default()).is_err());
    // The first lines are still sampled where one is longer than the window.
    let long = format!("\u{feff}word{}\n", " 0.25".repeat(100_000));
    assert_eq!(VectorReader::new(long.as_bytes(), &ReadOptions::default()).unwrap().width(), 100_000);
}

#[test]
fn zeros_may_fill_up_gzip() {
    // As Python's gzip has it: after any member, any number of them.
    for zeros in [1, 512, 100_000] {
        let zeros = vec![0; zeros];
        let packed = [&gzip(b"a 1\n")[..], &zeros, &gzip(b"b 2\n"), &zeros].concat();
        for options in [ReadOptions::default(), ReadOptions::default().with_width(1)] {
            let (vectors, _) = read(&packed, &options).unwrap();
            assert!(vectors.iter().eq([("a", &[1.0][..]), ("b", &[2.0])]));
            let trickled = VectorReader::new(Trickle(&packed, false), &options).unwrap();
            assert_eq!(WordVectors::read(trickled).unwrap().0, vectors);
        }
    }
}

#[test]
fn words_with_spaces_are_the_fields_before_the_numbers() {
    // As they stand in GloVe 840B; the first line too may have one.
    let text = ". . . 0.5 -1\nat name@domain.com 1 2\n2016 3 4\nthe 5 6\n1 2 3 4 and 7 8\n";
    let (vectors, _) = read(text.as_bytes(), &ReadOptions::default()).unwrap();
    assert_eq!(vectors.width(), 2);
    let expected = [". . .", "at name@domain.com", "2016", "the", "1 2 3 4 and"];
    assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(expected));
    assert_eq!(vectors.get(". . ."), Some(&[0.5, -1.0][..]));
    // White space that is no space belongs to the word, at its ends as well.
    let text = "\u{a0} 1 2\na\u{85} 3 4\n\u{3000}b\tc 5 6\n";
    let (vectors, _) = read(text.as_bytes(), &ReadOptions::default()).unwrap();
    assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(["\u{a0}", "a\u{85}", "\u{3000}b\tc"]));
}

#[test]
fn the_width_is_what_most_first_lines_have() {
    let width = |text: &str| VectorReader::new(text.as_bytes(), &ReadOptions::default()).map(|reader| reader.width());
    // A word that ends in a number makes its line look wider; one cut off, narrower; a number is a word here.
    assert_eq!(width("page 5 1 2\nb 3 4\nc 5 6\n"), Ok(2));
    assert_eq!(width("a 1\nb 3 4\nc 5 6\n"), Ok(2));
    assert_eq!(width("10 1 2\n11 3 4\n"), Ok(2));
    assert_eq!(width("nan 1 2"), Ok(2));
    // Of two widths as frequent, the first.
    assert_eq!(width("a 1 2\nb 3\n"), Ok(2));
    assert_eq!(width("b 3\na 1 2\n"), Ok(1));
    // A line that does not fit the window is whole all the same.
    let long = format!("word{}\n", " 0.25".repeat(100_000));
    assert_eq!(width(&long.repeat(2)), Ok(100_000));
    assert_eq!(width(long.trim_end()), Ok(100_000));
    for text in ["\n", "the\nof\n", "1\n2\n", "a b c\n"] {
        let message = width(text).unwrap_err().to_string();
        assert_eq!(
            message,
            "the input, first lines: the width cannot be told, for no line has a word and numbers; give \
                             ReadOptions::with_width",
            "{text:?}"
        );
    }
    let options = ReadOptions::default().with_width(3);
    let (vectors, _) = read(b"page 5 1 2\n", &ReadOptions::default().with_width(3)).unwrap();
    assert_eq!(vectors.get("page"), Some(&[5.0, 1.0, 2.0][..]));
    let error = VectorReader::new(&b"5 4\na 1 2 3 4"[..], &options).unwrap_err();
    assert_eq!(error.to_string(), "the width must be 3, and is 4 in the file's header");
}

#[test]
fn the_format_is_told_by_the_first_lines() {
    let format = |bytes: &[u8]| VectorReader::new(bytes, &ReadOptions::default()).unwrap().format();
    assert_eq!(format(b"a 1 2\n"), Format::GloveText);
    assert_eq!(format(b"1 1 2\n"), Format::GloveText);
    assert_eq!(format(b"7 3.0\n8 4.0\n"), Format::GloveText);
    assert_eq!(format(b"2 2\na 1 2\nb 3 4\n"), Format::Word2vecText);
    assert_eq!(format("2 2\n東京 1 2\nb 3 4\n".as_bytes()), Format::Word2vecText);
    assert_eq!(format(b"2 1\na \0\0\0\0b \0\0\0\0"), Format::Word2vecBinary);
    // The one kind of GloVe file that is mistaken, and how to read it.
    let text = b"7 3\n8 4\n";
    assert_eq!(format(text), Format::Word2vecText);
    let (vectors, _) = read(text, &ReadOptions::default().with_format(Format::GloveText)).unwrap();
    assert_eq!((vectors.len(), vectors.get("8")), (2, Some(&[4.0][..])));
}

#[test]
fn vectors_come_one_after_another() {
    let text = "a 1\nb 2\nc 3\nd 4\n";
    let mut reader = VectorReader::new(text.as_bytes(), &ReadOptions::default()).unwrap();
    assert_eq!(reader.next_vector().unwrap(), Some(("a", &[1.0][..])));
    assert_eq!(reader.next_vector().unwrap(), Some(("b", &[2.0][..])));
    assert_eq!((reader.words().len(), reader.report().vectors), (2, 2));
    assert!(format!("{reader:?}").len() < 300);
    // What remains starts at row 0.
    let (rest, report) = WordVectors::read(reader).unwrap();
    assert!(rest.iter().eq([("c", &[3.0][..]), ("d", &[4.0][..])]));
    assert_eq!((rest.vocabulary().row("c"), report.vectors), (Some(0), 4));
    let mut reader = VectorReader::new(text.as_bytes(), &ReadOptions::default()).unwrap();
    reader.next_vector().unwrap();
    let (rest, _) = WordVectors::read(reader).unwrap();
    assert!(rest.iter().eq([("b", &[2.0][..]), ("c", &[3.0]), ("d", &[4.0])]));
    let mut reader = VectorReader::new(text.as_bytes(), &ReadOptions::default()).unwrap();
    while reader.next_vector().unwrap().is_some() {}
    assert_eq!(reader.next_vector().unwrap(), None);
}

#[test]
fn a_limit_ends_the_reading() {
    // What is past the limit is not looked at.
    let text = b"3 1\na 1\na 9\nb 2\ndamaged\n";
    let skip = ReadOptions::default().with_skip(wgpu_embedding::vectors::Problem::DuplicateWord);
    for (limit, words) in [(0, &[][..]), (1, &["a"]), (2, &["a", "b"])] {
        let (vectors, report) = read(text, &skip.with_limit(limit)).unwrap();
        assert!(vectors.vocabulary().iter().map(|(_, word)| word).eq(words.iter().copied()));
        assert_eq!(report.vectors, limit);
    }
    assert!(read(text, &skip.with_limit(3)).is_err());
    assert_eq!(read(b"a 1\nb 2", &ReadOptions::default().with_limit(u64::MAX)).unwrap().0.len(), 2);
}

#[test]
fn progress_is_in_bytes_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = sample(12_000, 50);
    for name in ["plain.txt", "packed.txt.gz"] {
        let path = directory.path().join(name);
        vectors.save(&path, Format::GloveText).unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        let mut calls = Vec::new();
        let reader = VectorReader::open(&path, &ReadOptions::default()).unwrap();
        WordVectors::read(reader.with_progress(|progress| calls.push(progress))).unwrap();
        let last = *calls.last().unwrap();
        assert_eq!((last.bytes, last.total_bytes, last.vectors), (size, Some(size), 12_000), "{name}");
        assert!(calls.windows(2).all(|pair| pair[0].bytes <= pair[1].bytes && pair[0].vectors <= pair[1].vectors));
        let expected = size >> 20;
        assert!(
            expected > 2 && (expected / 2..=expected + 1).contains(&(calls.len() as u64)),
            "{} calls",
            calls.len()
        );
    }
    let mut last = None;
    let reader = VectorReader::new(&b"a 1\nb 2"[..], &ReadOptions::default()).unwrap();
    WordVectors::read(reader.with_progress(|progress| last = Some(progress))).unwrap();
    let last = last.unwrap();
    assert_eq!((last.bytes, last.total_bytes, last.vectors), (7, None, 2));
}
