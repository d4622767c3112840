//! Files that were taken for safetensors files, and are not.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use super::tensors::{MAX_HEADER_BYTES, listed};
use crate::error::quoted;
use crate::file_kind::file_kind;

/// What `transformers` writes beside the files of a model that has several: which file has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// What the file is that begins so, and what to do, if it is of another kind that is known. `wanted` is the tensor asked for.
pub(super) fn other_file<R: Read + Seek>(
    start: &[u8],
    reader: &mut R,
    wanted: Option<&str>,
) -> io::Result<Option<String>> {
    let required = "and must be a safetensors file";
    let Some(kind) = file_kind(start).filter(|kind| !start.is_empty() && kind.name != "a safetensors file") else {
        return Ok(text_start(start).map(|text| {
            format!("it is text that begins {text:?}, {required}; a server may have sent it in place of the file")
        }));
    };
    // The map may stand behind much else.
    let is_json = start.trim_ascii_start().first() == Some(&b'{');
    if let Some(name) = wanted.filter(|_| is_json) {
        reader.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        reader.by_ref().take(MAX_HEADER_BYTES).read_to_end(&mut text)?;
        if let Ok(Index { weight_map }) = serde_json::from_slice(&text) {
            let what = "it is the index of a model in several safetensors files";
            return Ok(Some(match weight_map.get(name) {
                Some(file) => {
                    format!(
                        "{what}, {required}; the tensor {:?} is in {:?} beside it: read that",
                        quoted(name),
                        quoted(file)
                    )
                }
                None => {
                    let mut names: Vec<_> = weight_map.into_keys().collect();
                    names.sort_unstable();
                    format!(
                        "{what}, {required}; none of them has a tensor {:?}; they have {}",
                        quoted(name),
                        listed(&names)
                    )
                }
            }));
        }
    }
    Ok(Some(format!("it is {}, {required}; {}", kind.name, kind.remedy)))
}

/// How a text begins. No safetensors file is one: the high bytes of its header's length are 0.
fn text_start(start: &[u8]) -> Option<String> {
    let is_control = |character: char| character.is_control() && !character.is_ascii_whitespace();
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_text = start.len() >= 8 && !text.contains(is_control);
    is_text.then(|| text.trim_start().lines().next().unwrap_or_default().chars().take(60).collect())
}

/// Where to look for a tensor that a file like `model-00001-of-00003.safetensors` lacks.
pub(super) fn index_of_shard(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".safetensors")?;
    let (rest, count) = name.rsplit_once("-of-")?;
    let (model, number) = rest.rsplit_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(number) && is_number(count)).then(|| {
        let index = quoted(&format!("{model}.safetensors.index.json"));
        format!("; this file is one of several of a model, and {index:?} beside it says which has which tensor")
    })
}
