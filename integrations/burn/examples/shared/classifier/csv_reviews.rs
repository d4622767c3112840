//! Reviews in a CSV file, as Keras's tutorials have IMDb's: a header with the columns `review` and `sentiment`.

use std::io::Read;

use csv::StringRecord;

use super::corpus::{CLASSES, Class};
use crate::csv_errors::{at, failed};
use crate::program::Result;

/// The tags that IMDb's reviews have for the ends of their lines.
const LINE_BREAKS: [&str; 3] = ["<br />", "<br/>", "<br>"];

/// The reviews of each class, numbered within it from 0.
pub fn classes(file: &str, contents: impl Read) -> Result<Vec<Class>> {
    let mut classes = CLASSES.map(|name| Class { name, file: file.to_owned(), texts: Vec::new() });
    let mut reader = csv::Reader::from_reader(contents);
    let failed = |error: csv::Error| failed(file, &error);
    let header = reader.headers().map_err(failed)?.clone();
    let column = |wanted: &str| {
        let found = header.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| {
            format!("{file}:1: the header must have the columns review and sentiment, and lacks {wanted}")
        })
    };
    let (review, sentiment) = (column("review")?, column("sentiment")?);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(failed)? {
        let class = class(&record[sentiment]).map_err(|what| at(file, record.position(), &what))?;
        let texts = &mut classes[class].texts;
        texts.push((texts.len(), cleaned(&record[review])));
    }
    let [negative, neutral, positive] = classes;
    let neutral = Some(neutral).filter(|class| !class.texts.is_empty());
    Ok([Some(negative), neutral, Some(positive)].into_iter().flatten().collect())
}

fn class(sentiment: &str) -> Result<usize, String> {
    match sentiment.trim().to_ascii_lowercase().as_str() {
        "negative" | "0" => Ok(0),
        "neutral" => Ok(1),
        "positive" | "1" => Ok(2),
        _ => Err(format!("the sentiment must be positive, negative or neutral, or 1 or 0, and is {sentiment:?}")),
    }
}

fn cleaned(review: &str) -> String {
    LINE_BREAKS.iter().fold(review.to_owned(), |text, tag| text.replace(tag, " ")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contents: &str) -> Result<Vec<Class>, String> {
        classes("reviews.csv", contents.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn quoted_reviews_with_tags_are_read() {
        let contents = "\u{feff}review,sentiment\r\n\
                        \"Good, \"\"very\"\" good.<br /><br />Go\nand see it.\",positive\r\nBad,negative\r\n\
                        Worse,0\r\nFine<br/>,1\r\n";
        let classes = read(contents).unwrap();
        assert_eq!(classes.iter().map(|class| class.name).collect::<Vec<_>>(), ["negative", "positive"]);
        assert_eq!(classes[0].texts, [(0, "Bad".into()), (1, "Worse".into())]);
        assert_eq!(classes[1].texts, [(0, "Good, \"very\" good.  Go\nand see it.".into()), (1, "Fine".into())]);
    }

    #[test]
    fn columns_are_found_by_name_and_neutral_makes_three_classes() {
        let classes = read("id,Sentiment,review\n7,neutral,so\n8,Positive,good\n9,negative,bad\n").unwrap();
        assert_eq!(classes.iter().map(|class| class.name).collect::<Vec<_>>(), CLASSES);
        assert_eq!(classes[1].texts, [(0, "so".into())]);
    }

    #[test]
    fn bad_files_are_named_with_the_line() {
        let cases = [
            ("", "reviews.csv:1: the header must have the columns review and sentiment, and lacks review"),
            ("review,label\ngood,1\n", "reviews.csv:1: the header must have"),
            ("review,sentiment\n\"two\nlines\",positive\nbad,-1\n", "reviews.csv:4: the sentiment must be positive"),
            ("review,sentiment\ngood,positive\nbad\n", "reviews.csv:3: each record must have 2 fields"),
        ];
        for (contents, start) in cases {
            let error = read(contents).map(|_| ()).unwrap_err();
            assert!(error.starts_with(start), "{contents:?}: {error}");
        }
        let error = classes("reviews.csv", &b"review,sentiment\ngood,1\nb\xffd,0\n"[..]).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "reviews.csv:3: field 1 is not UTF-8; is it a UTF-8 text file?");
    }
}
