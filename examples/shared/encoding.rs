//! The encodings of text files: UTF-8, or another that `--encoding` names.

// No program needs all of it.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::Path;

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use crate::program::Result;
pub(crate) use file_kind::START_BYTES;
use file_kind::file_kind;

#[path = "../../src/file_kind.rs"]
mod file_kind;

/// What to do about a file that is not UTF-8, where it does not tell what it is.
pub const REMEDY: &str = "if the file is Windows-1252, as many older texts are, give --encoding windows-1252, or convert \
                          it: iconv -f cp1252 -t utf-8 FILE";

/// The value of `--encoding`.
pub fn option(parser: &mut lexopt::Parser) -> Result<&'static Encoding, lexopt::Error> {
    let value = parser.value()?.to_string_lossy().into_owned();
    let required = "utf-8, windows-1252, utf-16 or another name that web pages use";
    Encoding::for_label_no_replacement(value.as_bytes())
        .ok_or_else(|| format!("--encoding must be {required}, and is {value:?}").into())
}

/// Opens a file to be read as UTF-8. A file in another encoding is read whole.
pub fn open(path: &Path, encoding: &'static Encoding) -> Result<Box<dyn Read>> {
    if encoding != UTF_8 {
        return Ok(Box::new(Cursor::new(read(path, encoding)?)));
    }
    let file = File::open(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    Ok(Box::new(file))
}

/// Reads a file as UTF-8. Whether a file that should be UTF-8 is, its reader finds out, which knows the lines.
pub fn read(path: &Path, encoding: &'static Encoding) -> Result<Vec<u8>> {
    let name = path.display().to_string();
    let contents = fs::read(path).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    if encoding == UTF_8 { Ok(contents) } else { decoded(&name, &contents, encoding) }
}

/// The text in UTF-8. A mark of another Unicode encoding at its start is believed.
fn decoded(name: &str, contents: &[u8], encoding: &'static Encoding) -> Result<Vec<u8>> {
    let mut decoder = encoding.new_decoder();
    let most = decoder.max_utf8_buffer_length_without_replacement(contents.len());
    let mut text = String::with_capacity(most.ok_or_else(|| format!("{name}: it is too large to convert"))?);
    match decoder.decode_to_string_without_replacement(contents, &mut text, true).0 {
        DecoderResult::InputEmpty => Ok(text.into_bytes()),
        DecoderResult::Malformed(..) | DecoderResult::OutputFull => {
            let (line, encoding) = (text.matches('\n').count() + 1, decoder.encoding().name());
            Err(format!("{name}:{line}: the text must be {encoding}, and is not; give another --encoding").into())
        }
    }
}

/// What is wrong with text that starts like this, where it is UTF-16.
pub fn utf_16(start: &[u8]) -> Option<String> {
    let zeros = |first: usize| start.iter().skip(first).step_by(2).take(8).filter(|&&byte| byte == 0).count();
    let name = match start {
        // The mark of UTF-32.
        [0xff, 0xfe, 0, 0, ..] => return None,
        [0xff, 0xfe, ..] => "utf-16le",
        [0xfe, 0xff, ..] => "utf-16be",
        // Most letters of most texts have a zero byte then.
        _ if zeros(1) > 1 && zeros(0) == 0 => "utf-16le",
        _ if zeros(0) > 1 && zeros(1) == 0 => "utf-16be",
        _ => return None,
    };
    let remedy = format!("give --encoding {name}, or convert it: iconv -f {name} -t utf-8 FILE");
    Some(format!("the file must be UTF-8, and is UTF-16; {remedy}"))
}

/// What a file that starts like this is, where it is not text in UTF-8.
pub fn other_kind(start: &[u8]) -> Option<String> {
    let start = &start[..start.len().min(START_BYTES)];
    let kind = || file_kind(start).filter(|_| !start.is_empty()).map(|kind| kind.to_string());
    utf_16(start).or_else(kind)
}

/// The remedy for text that is not UTF-8, in a file that starts like this.
pub fn remedy(start: &[u8]) -> String {
    other_kind(start).unwrap_or_else(|| REMEDY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str) -> Result<&'static Encoding, String> {
        let mut parser = lexopt::Parser::from_args([format!("--encoding={label}")]);
        parser.next().map_err(|error| error.to_string())?;
        option(&mut parser).map_err(|error| error.to_string())
    }

    fn text(contents: &[u8], label: &str) -> Result<String, String> {
        let text = decoded("f.txt", contents, named(label).unwrap()).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn other_encodings_are_read() {
        let [windows, latin] = [text(b"na\xefve \x96 \x80", "Windows-1252"), text(b"na\xefve \x96 \x80", "latin1")];
        assert_eq!(windows.as_deref(), Ok("naïve – €"));
        assert_eq!(latin, windows);
        assert_eq!(text(b"\xcf\xd2\xc9", "koi8-r").as_deref(), Ok("ори"));
        for (bytes, label) in
            [(&b"\xff\xfe\xe9\0\n\0"[..], "utf-16"), (b"\xfe\xff\0\xe9\0\n", "utf-16"), (b"\0\xe9\0\n", "utf-16be")]
        {
            assert_eq!(text(bytes, label).as_deref(), Ok("é\n"));
        }
        assert_eq!(text("é".as_bytes(), "UTF8").as_deref(), Ok("é"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            text(b"ab\nc\x81\x20", "shift_jis").unwrap_err(),
            "f.txt:2: the text must be Shift_JIS, and is not; give another --encoding"
        );
        for label in ["cp1253x", "", "utf-7"] {
            let error = named(label).unwrap_err();
            assert!(error.starts_with("--encoding must be utf-8, windows-1252, utf-16 or"), "{error}");
        }
    }

    #[test]
    fn utf_16_is_known_without_its_mark() {
        for (start, name) in [
            (&b"\xff\xfea\0"[..], Some("utf-16le")),
            (b"\xfe\xff\0a", Some("utf-16be")),
            (b"a\0b\0c\0", Some("utf-16le")),
            (b"\0a\0b\0c", Some("utf-16be")),
            (b"a\0bc", None),
            (b"\0\0\0\0", None),
            (b"\xff\xfe\0\0a\0\0\0", None),
            (b"caf\xe9", None),
            (b"", None),
        ] {
            let remedy = name.map(|name| format!("iconv -f {name} -t utf-8 FILE"));
            let found = utf_16(start);
            assert_eq!(found.is_some(), remedy.is_some(), "{start:?}");
            assert!(found.unwrap_or_default().ends_with(&remedy.unwrap_or_default()), "{start:?}");
        }
    }
}
