//! Reviews in a CSV file, as Keras's tutorials have IMDb's: a header with the columns `review` and `sentiment`.

use std::io::Read;

use super::corpus::{CLASSES, Class};
use crate::csv_file::{Column, Holds, records};
use crate::program::Result;
use crate::shown::shortened;

const REVIEW: Column = Column { name: "review", holds: Holds::Text };
const SENTIMENT: Column = Column { name: "sentiment", holds: Holds::Checked(|field| class(field).is_some()) };

/// The tags that IMDb's reviews have for the ends of their lines.
const LINE_BREAKS: [&str; 3] = ["<br />", "<br/>", "<br>"];

/// The reviews of each class, numbered within it from 0.
pub fn classes(file: &str, contents: impl Read) -> Result<Vec<Class>> {
    let mut classes = CLASSES.map(|name| Class { name, file: file.to_owned(), texts: Vec::new() });
    records(file, contents, [REVIEW, SENTIMENT], |[review, sentiment]| {
        let required = "positive, negative or neutral, or 1 or 0";
        let class = class(sentiment)
            .ok_or_else(|| format!("the sentiment must be {required}, and is {:?}", shortened(sentiment, 60)))?;
        let texts = &mut classes[class].texts;
        texts.push((texts.len(), cleaned(review)));
        Ok(())
    })?;
    let [negative, neutral, positive] = classes;
    let neutral = Some(neutral).filter(|class| !class.texts.is_empty());
    Ok([Some(negative), neutral, Some(positive)].into_iter().flatten().collect())
}

fn class(sentiment: &str) -> Option<usize> {
    match sentiment.trim().to_ascii_lowercase().as_str() {
        // 0.0: pandas makes floats of a column with gaps.
        "negative" | "0" | "0.0" => Some(0),
        "neutral" => Some(1),
        "positive" | "1" | "1.0" => Some(2),
        _ => None,
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
            ("", "reviews.csv:1: the header must have review,sentiment, and lacks review"),
            ("review,label\ngood,1\n", "reviews.csv:1: the header must have"),
            ("review,sentiment\n\"two\nlines\",positive\nbad,-1\n", "reviews.csv:4: the sentiment must be positive"),
            ("review,sentiment\ngood,positive\nbad\n", "reviews.csv:3: each record must have 2 fields"),
        ];
        for (contents, start) in cases {
            let error = read(contents).map(|_| ()).unwrap_err();
            assert!(error.starts_with(start), "{contents:?}: {error}");
        }
        let error = classes("reviews.csv", &b"review,sentiment\ngood,1\nb\xffd,0\n"[..]).map(|_| ()).unwrap_err();
        let remedy = crate::encoding::REMEDY;
        assert_eq!(error.to_string(), format!("reviews.csv:3: field 1 is not UTF-8; {remedy}"));
    }

    #[test]
    fn what_pandas_writes_is_read() {
        let classes = read(", REVIEW ,Sentiment\n0,good,1.0\n1,bad,0.0\n,,\n   \n").unwrap();
        assert_eq!(classes[0].texts, [(0, "bad".into())]);
        assert_eq!(classes[1].texts, [(0, "good".into())]);
    }

    #[test]
    fn line_breaks_in_reviews_are_read_and_swallowed_reviews_named() {
        // None of these lines is a review with its sentiment.
        let text = "Good, bad,\n\npositive\n\"quoted\", 12\nand ,so,1\r\n on";
        let quoted = text.replace('"', "\"\"");
        let classes = read(&format!("review,sentiment\n\"{quoted}\",1\nbad,0\n")).unwrap();
        assert_eq!(classes[1].texts, [(0, text.into())]);
        let classes = read(&format!("sentiment,review\n1,\"{quoted}\"\n0,bad")).unwrap();
        assert_eq!(classes[1].texts, [(0, text.into())]);

        let whole = |error: &str| error.split("; ").next().unwrap().to_owned();
        for (contents, expected) in [
            (
                "review,sentiment\na,1\n\"b,0\nc,1\nd,0\n",
                "reviews.csv:3: the quote that opens here must be closed, and the file ends without",
            ),
            (
                "review,sentiment\na,1\n\"b,0\nc,1\n\"d\",0\n",
                "reviews.csv:3: the quote that opens here closes only in line 5, where a comma or the line's end \
                 must follow, and does not",
            ),
            (
                "review,sentiment\na,1\n\"b,0\nc 3\",1\n",
                "reviews.csv:3: the quote that opens here closes only in line 4, and line 3, between the two, \
                 reads like a record",
            ),
            (
                "sentiment,review\n1,a\n0,\"b\n1,c\n0,\"\n1,d\n",
                "reviews.csv:3: the quote that opens here closes only in line 5, and line 4, between the two, \
                 reads like a record",
            ),
            (
                "sentiment,review\n\"1,a\n0\",b\n",
                "reviews.csv:2: the quote that opens here closes only in line 3, and sentiment must be in one line",
            ),
        ] {
            assert_eq!(whole(&read(contents).map(|_| ()).unwrap_err()), expected, "{contents:?}");
        }
    }
}
