//! Files that are not what they should be, one for each error, and that no error changes the table.

use std::fs::File;

use serde_json::{Value, json};
use wgpu_embedding::{Adam, EmbeddingConfig, Error};

use super::{Parts, load, state, table, train, with_header};

/// What a change makes of a small checkpoint.
pub(super) fn changed(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = Parts::of_a_checkpoint();
    change(&mut parts);
    parts.to_bytes()
}

/// The same with the header's entry of one tensor changed.
fn with_tensor(name: &str, key: &str, value: Value) -> Vec<u8> {
    changed(|parts| parts.header[name][key] = value)
}

/// The same with one of the settings changed: `key` is a path with points.
pub(super) fn with_setting(key: &str, value: Value) -> Vec<u8> {
    changed(|parts| {
        let mut settings = parts.settings();
        *settings.pointer_mut(&format!("/{}", key.replace('.', "/"))).unwrap() = value;
        parts.set_settings(&settings);
    })
}

/// Each is an error that says `expected`, from `load` and from `restore`, after which the table goes on as before.
pub(super) fn assert_refused(cases: Vec<(Vec<u8>, &str)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.safetensors");
    let run = || {
        let mut run = table(EmbeddingConfig::new(7, 3).with_padding_idx(2), Adam::default().with_amsgrad(true));
        train(&mut run, 0..5);
        run
    };
    let (mut asked, mut left_alone) = (run(), run());
    for (bytes, expected) in cases {
        super::rewrite(&path, &bytes);
        let error = load(&path).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{expected}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        assert!(message.starts_with(path.to_str().unwrap()) && message.len() < 2_000, "{message}");
        // Of two tensors in one place, the format's library names either.
        assert!(matches!(asked.restore(&path), Err(Error::Malformed { .. })));
    }
    assert_eq!(state(&asked), state(&left_alone));
    for run in [&mut asked, &mut left_alone] {
        train(run, 5..9);
    }
    assert_eq!(state(&asked), state(&left_alone));
}

#[test]
fn headers() {
    let Parts { header, data } = Parts::of_a_checkpoint();
    let text = header.to_string();
    let whole = Parts { header, data: data.clone() }.to_bytes();
    let length = |length: u64| [&length.to_le_bytes()[..], &whole[8..]].concat();
    let text_of = |text: &str| with_header(text.as_bytes(), &data);
    let deep = format!("{{\"weight\":{}", "[".repeat(1 << 16));
    let named = format!("{{\"{}\":1}}", "x".repeat(1 << 20));
    assert_refused(vec![
        (vec![], "at least 8 bytes, and this one 0"),
        (vec![0; 7], "at least 8 bytes, and this one 7"),
        (vec![0; 8], "header: EOF while parsing"),
        (length(0), "header: EOF while parsing"),
        (length(whole.len() as u64 - 7), "may have"),
        (length(1 << 40), "it claims 1099511627776 bytes"),
        (length(u64::MAX), "it claims 18446744073709551615 bytes"),
        (length(text.len() as u64 - 1), "header: EOF while parsing"),
        (length(text.len() as u64 + 1), "header: "),
        (with_header(b"{\"\xff\":1}", &data), "invalid unicode code point"),
        (text_of("[]"), "header: invalid"),
        (text_of("{}"), "the header says 0 bytes, and the file has 336"),
        (text_of(&format!("{text}{{}}")), "trailing characters"),
        (text_of(&deep), "recursion limit"),
        (text_of(&named), "header: invalid type"),
        (text_of(&text.replace("exp_avg_sq", "exp_avg")), "header: "),
        (whole[..whole.len() - 1].to_vec(), "the header says 336 bytes, and the file has 335"),
        ([&whole[..], &[0]].concat(), "the header says 336 bytes, and the file has 337"),
    ]);
}

#[test]
fn every_part_of_a_file_is_refused() {
    let whole = changed(|_| ());
    assert_refused((0..whole.len()).map(|end| (whole[..end].to_vec(), "")).collect());
}

#[test]
fn a_long_header_is_not_even_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.safetensors");
    // 1 TiB that takes no room on the disk, and would be a header of a byte more than the format allows.
    let file = File::create(&path).unwrap();
    std::io::Write::write_all(&mut &file, &100_000_001u64.to_le_bytes()).unwrap();
    if file.set_len(1 << 40).is_err() {
        file.set_len(1 << 27).expect("a file system that has no sparse files has room for 128 MiB");
    }
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("it claims 100000001 bytes, and may have 100000000"), "{error}");
}

#[test]
fn offsets_and_shapes() {
    let offsets = |name: &str, offsets: [Value; 2]| with_tensor(name, "data_offsets", json!(offsets));
    let [most, half] = [json!(u64::MAX), json!(u64::MAX / 2 + 1)];
    assert_refused(vec![
        (offsets("exp_avg", [json!(80), json!(164)]), "invalid offset for tensor"),
        (offsets("exp_avg", [json!(88), json!(168)]), "invalid offset for tensor"),
        (offsets("exp_avg", [json!(168), json!(84)]), "invalid offset for tensor"),
        (offsets("exp_avg", [json!(0), json!(84)]), "invalid offset for tensor"),
        (offsets("weight", [json!(-1), json!(84)]), "header: invalid value"),
        (offsets("weight", [json!(0.5), json!(84)]), "header: invalid type"),
        (offsets("max_exp_avg_sq", [json!(252), most.clone()]), "header: "),
        (offsets("max_exp_avg_sq", [most.clone(), most.clone()]), "invalid offset for tensor"),
        (offsets("max_exp_avg_sq", [half.clone(), most.clone()]), "invalid offset for tensor"),
        (with_tensor("weight", "shape", json!([7, 4])), "invalid shape"),
        (with_tensor("weight", "shape", json!([most, most])), "overflow"),
        (with_tensor("weight", "shape", json!([half, 2])), "overflow"),
        (with_tensor("weight", "shape", json!([1_000_000_000_000u64, 3])), "invalid shape"),
        (with_tensor("weight", "shape", json!([0, 3])), "invalid shape"),
        (with_tensor("weight", "dtype", json!("F33")), "unknown variant"),
        (with_tensor("weight", "dtype", json!("F64")), "invalid shape"),
        // Tensors of the sizes that they say, one after the other, up to the end of u64: adding to it would overflow.
        (
            changed(|parts| {
                let sixteenths = (0..16).map(|i| {
                    let (start, length) = (i << 60, (1u64 << 60) - i / 15);
                    (
                        format!("part{i:02}"),
                        json!({"dtype": "U8", "shape": [length], "data_offsets": [start, start + length]}),
                    )
                });
                parts.header = Value::Object(sixteenths.collect());
            }),
            "the header says 18446744073709551615 bytes, and the file has 336",
        ),
    ]);
}

#[test]
fn tensors() {
    let reshaped = |name: &'static str, shape: Value| with_tensor(name, "shape", shape);
    let without = |name: &str| {
        changed(|parts| {
            // The last one, so that no hole is left.
            let header = parts.header.as_object_mut().unwrap();
            let last = header["max_exp_avg_sq"].clone();
            header.remove("max_exp_avg_sq");
            if name != "max_exp_avg_sq" {
                header.remove(name);
                header.insert("other".to_owned(), Value::Null);
                header.remove("other");
                header.insert("max_exp_avg_sq".to_owned(), last);
                let mut end = 0;
                for entry in header.iter_mut().filter(|(name, _)| *name != "__metadata__").map(|(_, entry)| entry) {
                    entry["data_offsets"] = json!([end, end + 84]);
                    end += 84;
                }
            }
            parts.data.truncate(252);
        })
    };
    let all_shaped = |shape: Value| {
        changed(|parts| {
            for name in ["weight", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"] {
                parts.header[name]["shape"] = shape.clone();
            }
        })
    };
    assert_refused(vec![
        (without("weight"), "there is no tensor \"weight\"; there are [\"exp_avg\""),
        (without("exp_avg"), "there is no tensor \"exp_avg\""),
        (without("max_exp_avg_sq"), "there is no tensor \"max_exp_avg_sq\""),
        (
            changed(|parts| {
                parts.header["bias"] = json!({"dtype": "F32", "shape": [1], "data_offsets": [336, 340]});
                parts.data.extend([0; 4]);
            }),
            "tensor \"bias\": it is not one of this checkpoint's, which are [\"weight\", \"exp_avg\"",
        ),
        (reshaped("exp_avg", json!([3, 7])), "its shape must be [7, 3], a number for each weight, and is [3, 7]"),
        (reshaped("exp_avg", json!([21])), "its shape must be [7, 3], a number for each weight, and is [21]"),
        (reshaped("exp_avg", json!([7, 3, 1, 1, 1, 1, 1, 1, 1])), "a number for each weight, and is of 9 dimensions"),
        (reshaped("weight", json!([21])), "it must have two dimensions, and has 1, [21]"),
        (reshaped("weight", json!([7, 3, 1])), "it must have two dimensions, and has 3"),
        (reshaped("weight", json!([7, 3, 1, 1, 1, 1, 1, 1, 1, 1])), "it must have two dimensions, and has 10"),
        (with_tensor("exp_avg", "dtype", json!("I32")), "it must be F32, F16, BF16 or F64, and is I32"),
        (
            changed(|parts| {
                parts.header["exp_avg"]["dtype"] = "F16".into();
                parts.header["exp_avg"]["shape"] = json!([14, 3]);
            }),
            "it must be F32 in this checkpoint, and is F16",
        ),
        (
            changed(|parts| {
                for name in ["weight", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"] {
                    parts.header[name]["shape"] = json!([0, 3]);
                    parts.header[name]["data_offsets"] = json!([0, 0]);
                }
                parts.data.clear();
            }),
            "input_dim must be in 1..=4294967294, and is 0",
        ),
        (all_shaped(json!([1, 21])), "padding_idx must be in 0..1, and is 2"),
    ]);
}

#[test]
fn what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = table(EmbeddingConfig::new(7, 3), Adam::default());
    let missing = folder.path().join("missing.safetensors");
    for path in [&missing, &folder.path().join(""), &missing.join("below")] {
        let errors = [
            load(path).unwrap_err(),
            run.restore(path).unwrap_err(),
            run.load_weights(path, "weight").unwrap_err(),
            EmbeddingConfig::from_safetensors(path, "weight").unwrap_err(),
        ];
        for error in errors {
            let expected = if path.is_dir() {
                matches!(&error, Error::Malformed { problem, .. } if problem == "it is not a file")
            } else {
                matches!(&error, Error::File { doing: "reading", kind: std::io::ErrorKind::NotFound, .. })
            };
            assert!(expected, "{error:?}");
        }
    }
}
