//! Texts of other people's on a terminal, or in a picture.

/// The first `most` characters of a line, with dots where there are more, without what could confuse a terminal.
pub fn shortened(text: &str, most: usize) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = text.chars().map(printable).take(most).collect();
    if text.chars().nth(most).is_some() {
        shown.push_str("...");
    }
    shown
}
