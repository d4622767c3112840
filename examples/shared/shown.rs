//! Text of others on the terminal.

/// As much of a text as fits in so many characters, in one line and without what could confuse a terminal.
pub fn shortened(text: &str, most: usize) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = text.chars().map(printable).take(most).collect();
    if text.chars().nth(most).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_in_points_and_control_characters_are_spaces() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "abc...");
        assert_eq!(shortened("é\n\u{1b}[1m", 4), "é  [...");
    }
}
