//! Texts one a line.

use crate::encoding;
use crate::program::Result;

/// The lines that are not blank, each with its number from 0, without white space around it.
///
/// # Errors
///
/// One that names the line which is not UTF-8 text.
pub fn lines<'a>(name: &str, contents: &'a [u8]) -> Result<Vec<(usize, &'a str)>> {
    // Some editors mark UTF-8 so.
    let contents = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
    let mut lines = Vec::new();
    // Carriage returns alone are line ends too, as in Python.
    let end = if contents.contains(&b'\n') { b'\n' } else { b'\r' };
    for (number, line) in contents.split(|&byte| byte == end).enumerate() {
        let bad = |what: String, remedy: String| format!("{name}:{}: {what}; {remedy}", number + 1);
        let text = str::from_utf8(line).map_err(|error| {
            let byte = error.valid_up_to() + 1;
            bad(format!("byte {byte} of the line is not UTF-8"), encoding::remedy(contents))
        })?;
        if let Some(position) = text.find('\0') {
            let remedy = encoding::utf_16(contents).unwrap_or_else(|| "is it a text file?".to_owned());
            return Err(bad(format!("byte {} of the line is 0", position + 1), remedy).into());
        }
        // Keras's filters would leave a carriage return on the last word.
        if !text.trim().is_empty() {
            lines.push((number, text.trim()));
        }
    }
    Ok(lines)
}
