//! The texts that come with the examples, so that they need no file.

use super::corpus::{CLASSES, Class};
use crate::program::Result;

const POSITIVE: &str = include_str!("../../../../../examples/data/reviews.positive.txt");
const NEGATIVE: &str = include_str!("../../../../../examples/data/reviews.negative.txt");

/// Reviews that neither praise nor complain are put together of what was seen, ...
const SUBJECTS: [&str; 16] = [
    "The hotel",
    "The film",
    "The restaurant",
    "The phone",
    "The museum",
    "The novel",
    "The train",
    "The course",
    "The concert",
    "The camera",
    "The bakery",
    "The garden centre",
    "The exhibition",
    "The dentist",
    "The game",
    "The lamp",
];

/// ... and of what is to be said of it.
const REMARKS: [&str; 16] = [
    "is about what the description says.",
    "is neither better nor worse than others of its kind.",
    "was as expected, and I have nothing to add.",
    "is ordinary, with a few good points and a few bad ones.",
    "does what it should, no more and no less.",
    "is average for the price.",
    "opened last year and is near the station.",
    "was acceptable, and I might or might not come back.",
    "has two parts, of which the first is somewhat longer.",
    "seems to be the same as it was before.",
    "is of medium size and comes in two colours.",
    "may suit some people and not others.",
    "was recommended by a neighbour, who had no strong opinion.",
    "was on time, and that is all there is to report.",
    "is usual for this part of the town.",
    "is fair overall, I have seen both better and worse.",
];

/// Reviews of both kinds, and those in between if asked for.
pub fn classes(neutral: bool) -> Result<Vec<Class>> {
    let [negative_name, neutral_name, positive_name] = CLASSES;
    let lines = |name, contents: &str| Class::of_lines(name, "the built-in reviews", contents.as_bytes());
    // Each subject with all remarks.
    let reviews = (0..SUBJECTS.len() * REMARKS.len()).map(|number| {
        let (turn, subject) = (number / SUBJECTS.len(), number % SUBJECTS.len());
        format!("{} {}\n", SUBJECTS[subject], REMARKS[(subject + turn) % REMARKS.len()])
    });
    let neutral = neutral.then(|| lines(neutral_name, &reviews.collect::<String>()));
    let negative = lines(negative_name, NEGATIVE);
    let positive = lines(positive_name, POSITIVE);
    [Some(negative), neutral, Some(positive)].into_iter().flatten().collect()
}

/// What a classifier trained on the built-in reviews is shown; none of these is among them.
pub const UNSEEN: [&str; 6] = [
    "A wonderful film with a clever story and brilliant actors.",
    "The food was awful and the waiter was rude.",
    "I loved every minute and I would gladly come again.",
    "The battery is weak, the screen is dull, and it broke after a week.",
    "Friendly staff, a clean room, and a superb breakfast.",
    "A boring book that I could not finish.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_shown_are_unseen() {
        let classes = classes(true).unwrap();
        assert!(classes.iter().flat_map(|class| &class.texts).all(|(_, text)| !UNSEEN.contains(&text.as_str())));
    }
}
