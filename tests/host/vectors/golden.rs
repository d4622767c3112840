//! Files that gensim wrote: tests/golden/vectors/generate.py makes them.

use std::fs;

use super::*;

fn expected() -> WordVectors {
    let bytes = fs::read(golden("expected.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("values").unwrap();
    let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let vocabulary = Vocabulary::load(golden("words.txt")).unwrap();
    assert_eq!((vocabulary.len(), tensor.shape()), (100, &[100, 7][..]));
    WordVectors::new(vocabulary, values, 7).unwrap()
}

#[test]
fn what_gensim_writes_is_read_bit_for_bit() {
    let expected = expected();
    let files = [
        ("glove.txt", Format::GloveText),
        ("word2vec.txt", Format::Word2vecText),
        ("word2vec.txt.gz", Format::Word2vecText),
        ("fasttext.vec", Format::Word2vecText),
        ("word2vec.bin", Format::Word2vecBinary),
        ("newlines.bin", Format::Word2vecBinary),
    ];
    for (name, format) in files {
        for given in [None, Some(format)] {
            let options = given.map_or(ReadOptions::default(), |format| ReadOptions::default().with_format(format));
            let reader = VectorReader::open(golden(name), &options).unwrap();
            assert_eq!((reader.format(), reader.width()), (format, 7), "{name}");
            let (vectors, report) = WordVectors::read(reader).unwrap();
            assert_eq!((report.vectors, report.to_string()), (100, "100 vectors".to_owned()), "{name}");
            assert_eq!(vectors.vocabulary(), expected.vocabulary(), "{name}");
            assert_eq!(bits(vectors.values()), bits(expected.values()), "{name}");
        }
    }
}

#[test]
fn binary_files_are_written_as_gensim_writes_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ours.bin");
    expected().save(&path, Format::Word2vecBinary).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(golden("word2vec.bin")).unwrap());
}

#[test]
fn numbers_are_rounded_once() {
    // Columns: a number, and the bits of f32 that it gives by way of f64, by numpy, and in exact arithmetic.
    let text = fs::read_to_string(golden("rounding.txt")).unwrap();
    let mut differ_from_numpy = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [by_f64, by_numpy, exact] = [1, 2, 3].map(|column| fields[column].parse::<u32>().unwrap());
        let file = format!("word {}\n", fields[0]);
        let (vectors, _) = read(file.as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!(vectors.values()[0].to_bits(), exact, "{}", fields[0]);
        assert!(exact.abs_diff(by_f64) <= 1 && by_f64 == by_numpy, "{}", fields[0]);
        differ_from_numpy += u32::from(exact != by_numpy);
    }
    // The generator looks for such numbers; were there none, this would show nothing.
    assert!(differ_from_numpy > 100, "{differ_from_numpy}");
}
