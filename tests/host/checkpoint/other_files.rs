//! What is asked for in place of a safetensors file, or is in one under another name.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext};

use super::{load, table, with_header};

/// The error of every call that reads such a file; `load`, which asks for no tensor, apart.
fn errors(path: &Path, tensor: &str) -> [String; 2] {
    let mut run = table(EmbeddingConfig::new(7, 3), Adam::default());
    let error = EmbeddingConfig::from_safetensors(path, tensor).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert_eq!(run.load_weights(path, tensor).unwrap_err(), error);
    let loaded = load(path).unwrap_err();
    assert_eq!(run.restore(path).unwrap_err(), loaded);
    [error, loaded].map(|error| {
        let error = error.to_string();
        let start = format!("{}, ", path.display());
        error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
    })
}

#[test]
fn files_of_other_kinds_are_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 4096\n";
    let pickle = b"\x80\x02}q\0X\x06\0\0\0weightq\x01";
    let cases: [(&[u8], &str, &str); 8] = [
        (pointer.as_bytes(), "a Git LFS pointer", "git lfs pull"),
        (b"PK\x03\x04\0\0\0\0\0\0", "a zip archive", "unpack it first"),
        (pickle, "a Python pickle", "safetensors.torch.save_file"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file", "save it in a format"),
        (b"GGUF\x03\0\0\0", "a GGUF model", "save it in a format"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "a gzip file", "unpack it first"),
        (b"\x93NUMPY\x01\0v\0", "an array of NumPy's", "save it in a format"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page", "download the file itself"),
    ];
    for (bytes, name, remedy) in cases {
        fs::write(&path, bytes).unwrap();
        for error in errors(&path, "weight") {
            assert!(error.starts_with(&format!("as a whole: it is {name}")), "{error}");
            assert!(error.contains(", and must be a safetensors file; ") && error.contains(remedy), "{error}");
        }
    }
}

#[test]
fn text_that_a_server_sent_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let long = "é".repeat(1_000);
    for (text, begins) in
        [("Entry not found", "Entry not found"), ("\n404: not here\nbye", "404: not here"), (&long, &long[..120])]
    {
        fs::write(&path, text).unwrap();
        for error in errors(&path, "weight") {
            let what = format!("as a whole: it is text that begins {begins:?}, and must be a safetensors file; ");
            assert_eq!(error, format!("{what}a server may have sent it in place of the file"));
        }
    }
}

#[test]
fn the_index_of_several_files_says_which_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors.index.json");
    let map = json!({"embed.weight": "model-00002-of-00002.safetensors", "bias": "model-00001-of-00002.safetensors"});
    // The map behind more than is looked at to tell the kind.
    for metadata in [json!({"total_size": 84}), json!({"note": "n".repeat(2_000)})] {
        fs::write(&path, format!("{:#}", json!({"metadata": metadata, "weight_map": map}))).unwrap();
        let what =
            "as a whole: it is the index of a model in several safetensors files, and must be a safetensors file; ";
        let [error, loaded] = errors(&path, "embed.weight");
        assert_eq!(
            error.strip_prefix(what).unwrap(),
            "the tensor \"embed.weight\" is in \"model-00002-of-00002.safetensors\" beside it: read that"
        );
        assert!(
            loaded.starts_with("as a whole: it is ") && loaded.contains("and must be a safetensors file"),
            "{loaded}"
        );
        let [error, _] = errors(&path, "embed");
        assert_eq!(
            error.strip_prefix(what).unwrap(),
            "none of them has a tensor \"embed\"; they have [\"bias\", \"embed.weight\"]"
        );
    }
    // Any other JSON is none.
    fs::write(&path, r#"{"weight_map": [1, 2]}"#).unwrap();
    assert!(!errors(&path, "bias")[0].contains("is in"));

    // And from one of these files to the index.
    let shard = folder.path().join("model-00001-of-00002.safetensors");
    let header = json!({"bias": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}});
    fs::write(&shard, with_header(header.to_string().as_bytes(), &[0; 4])).unwrap();
    let error = EmbeddingConfig::from_safetensors(&shard, "embed.weight").unwrap_err().to_string();
    let end = "there are [\"bias\"]; this file is one of several of a model, and \"model.safetensors.index.json\" beside it \
               says which has which tensor";
    assert!(error.ends_with(end), "{error}");
}

/// A file of one table of ones and its metadata.
fn write(path: &Path, metadata: Value) {
    let header = json!({
        "__metadata__": metadata,
        "model.embed.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    });
    fs::write(path, with_header(header.to_string().as_bytes(), &1f32.to_le_bytes().repeat(6))).unwrap();
}

#[test]
fn a_tensor_is_found_by_the_name_that_save_model_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tied.safetensors");
    write(&path, json!({"format": "pt", "lm_head.weight": "model.embed.weight"}));
    for name in ["lm_head.weight", "model.embed.weight"] {
        let config = EmbeddingConfig::from_safetensors(&path, name).unwrap();
        assert_eq!(table(config, Adam::default()).weights().unwrap(), [1.0; 6]);
        let mut other = table(EmbeddingConfig::new(2, 3), Adam::default());
        other.load_weights(&path, name).unwrap();
        assert_eq!(other.weights().unwrap(), [1.0; 6]);
    }
    // What is no tensor's name stays metadata, and a name leads no further than one step.
    write(&path, json!({"format": "pt", "a": "b", "b": "model.embed.weight"}));
    for name in ["format", "a", "pt"] {
        let error = EmbeddingConfig::from_safetensors(&path, name).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("there is no tensor {name:?}; there are [\"model.embed.weight\"]")),
            "{error}"
        );
    }
}

#[test]
fn headers_may_be_as_long_as_the_format_allows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    let header = |length: usize| {
        let mut header = br#"{"w": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}"#.to_vec();
        header.resize(length, b' ');
        header
    };
    let data = [1.5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat();
    for length in [(16 << 20) + 8, 100_000_000] {
        fs::write(&path, with_header(&header(length), &data)).unwrap();
        let config = EmbeddingConfig::from_safetensors(&path, "w").unwrap();
        assert_eq!(table(config, Adam::default()).weights().unwrap(), [1.5, -2.0]);
    }
    fs::write(&path, with_header(&header(100_000_001), &data)).unwrap();
    let error = EmbeddingConfig::from_safetensors(&path, "w").unwrap_err().to_string();
    assert!(
        error.ends_with("it claims 100000001 bytes, and may have 100000000 in this file of 100000017"),
        "{error}"
    );
    // And many tensors, of which the last is asked for.
    let mut many = serde_json::Map::new();
    for number in 0..300_000 {
        many.insert(format!("row.{number:06}"), json!({"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}));
    }
    many.insert("w".to_owned(), json!({"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}));
    let header = Value::Object(many).to_string();
    assert!(header.len() > 17 << 20);
    fs::write(&path, with_header(header.as_bytes(), &data)).unwrap();
    assert_eq!(EmbeddingConfig::from_safetensors(&path, "w").unwrap().output_dim, 2);
    assert!(wgpu_embedding::GpuEmbedding::load(&GpuContext::reference(), &path).is_err());
}
