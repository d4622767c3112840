//! A made-up text, so that the example needs no file.
//!
//! Its sentences come of a few patterns with gaps, and each gap takes words of one kind. So words of a kind are met
//! in the same company, and should come out as neighbours: cats with dogs, bread with soup.

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const SENTENCES: usize = 12_000;

/// The kinds of words, by the names that the patterns call them by.
pub const KINDS: [(&str, [&str; 8]); 8] = [
    ("ANIMAL", ["cat", "dog", "horse", "cow", "sheep", "goat", "pig", "rabbit"]),
    ("FOOD", ["bread", "soup", "cheese", "rice", "cake", "fish", "salad", "pie"]),
    ("PERSON", ["anna", "peter", "maria", "john", "lucy", "paul", "emma", "tom"]),
    ("CITY", ["paris", "london", "rome", "berlin", "madrid", "vienna", "lisbon", "prague"]),
    ("DAY", ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday"]),
    ("COLOUR", ["red", "blue", "green", "yellow", "black", "white", "brown", "grey"]),
    ("VEHICLE", ["car", "bus", "train", "boat", "bicycle", "taxi", "tram", "plane"]),
    ("SOUND", ["violin", "piano", "flute", "guitar", "trumpet", "drum", "harp", "cello"]),
];

const PATTERNS: [&str; 16] = [
    "the ANIMAL slept in the barn and ate grass",
    "a COLOUR ANIMAL ran across the field after the ANIMAL",
    "PERSON fed the hungry ANIMAL in the stable",
    "PERSON cooked FOOD for dinner with fresh FOOD",
    "they ordered FOOD and FOOD at the restaurant",
    "PERSON ate a plate of warm FOOD on DAY",
    "PERSON travelled to CITY by VEHICLE on DAY",
    "the VEHICLE from CITY to CITY leaves every DAY",
    "a COLOUR VEHICLE stopped at the station in CITY",
    "PERSON lives in CITY near the old river",
    "PERSON told PERSON a long story",
    "PERSON wore a COLOUR coat and COLOUR shoes",
    "the walls are painted COLOUR and the door is COLOUR",
    "PERSON plays the SOUND in an orchestra",
    "a concert for SOUND and SOUND was played on DAY",
    "the shop is closed on DAY and opens again on DAY",
];

/// The same text at every call, a sentence a line.
pub fn text() -> String {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut text = String::new();
    for _ in 0..SENTENCES {
        let pattern = PATTERNS[random.random_range(0..PATTERNS.len())];
        for word in pattern.split(' ') {
            let kind = KINDS.iter().find(|(name, _)| *name == word);
            text.push_str(kind.and_then(|(_, words)| words.choose(&mut random)).unwrap_or(&word));
            text.push(' ');
        }
        text.push('\n');
    }
    text
}
