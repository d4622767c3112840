//! Whole numbers as other programs write them.

/// Floats count by ones up to here.
const MOST_FLOAT: f64 = (1u64 << 53) as f64;

/// Reads a whole number, also one that was written as a float: `7`, `7.0`, `7e2`.
pub fn whole(text: &str) -> Option<u64> {
    let without_zeros = match text.split_once('.') {
        Some((number, zeros)) if zeros.bytes().all(|digit| digit == b'0') => number,
        _ => text,
    };
    without_zeros.parse().ok().or_else(|| {
        let float =
            text.parse().ok().filter(|float: &f64| float.fract() == 0.0 && (0.0..=MOST_FLOAT).contains(float));
        float.map(|float| float as u64)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn floats_that_are_whole_are_read() {
        for (text, number) in [
            ("0", 0),
            ("1.0", 1),
            ("7.", 7),
            ("5e3", 5000),
            ("1.5e+1", 15),
            ("-0.0", 0),
            ("9007199254740992e0", 1 << 53),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551615.00", u64::MAX),
        ] {
            assert_eq!(super::whole(text), Some(number), "{text}");
        }
        for text in
            ["", ".", "1.5", "-1", "-1.0", "nan", "inf", "1e16", "1e999", "18446744073709551616.0", "1,0", "1.0.0"]
        {
            assert_eq!(super::whole(text), None, "{text}");
        }
    }
}
