//! Ratings and titles in MovieLens's format, and ids of any size as rows of tables.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use encoding_rs::Encoding;

use crate::csv_file::{Column, Holds, records};
use crate::encoding;
use crate::program::Result;
use crate::shown::shortened;
use crate::whole::whole;

const USER: Column = Column { name: "userId", holds: Holds::Checked(|field| whole(field).is_some()) };
const ITEM: Column = Column { name: "movieId", holds: Holds::Checked(|field| whole(field).is_some()) };
const STARS: Column = Column { name: "rating", holds: Holds::Checked(|field| stars(field).is_some()) };
const TITLE: Column = Column { name: "title", holds: Holds::Line };

/// Ids in the order in which they appear: the first has row 0.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    pub of_rows: Vec<u64>,
    rows: HashMap<u64, u32>,
}

impl Ids {
    pub fn len(&self) -> usize {
        self.of_rows.len()
    }

    /// The id's row, if it has appeared.
    pub fn row(&self, id: u64) -> Option<u32> {
        self.rows.get(&id).copied()
    }

    /// The id's row, a new one if it has not appeared.
    fn row_or_new(&mut self, id: u64) -> Result<u32> {
        if let Some(row) = self.row(id) {
            return Ok(row);
        }
        let row = u32::try_from(self.len()).map_err(|_| "there are more ids than a table can have rows")?;
        self.of_rows.push(id);
        self.rows.insert(id, row);
        Ok(row)
    }
}

/// One user's rating of one item, both as rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    pub user: u32,
    pub item: u32,
    pub stars: f32,
}

/// All ratings, in the file's order.
#[derive(Debug, Clone, Default)]
pub struct Ratings {
    pub users: Ids,
    pub items: Ids,
    pub all: Vec<Rating>,
}

impl Ratings {
    pub fn read(path: &Path, encoding: &'static Encoding) -> Result<Self> {
        Self::from_csv(&path.display().to_string(), encoding::open(path, encoding)?)
    }

    /// Reads `userId,movieId,rating`, and whatever columns there are besides, in any order and case.
    pub fn from_csv(name: &str, contents: impl Read) -> Result<Self> {
        let mut ratings = Self::default();
        records(name, contents, [USER, ITEM, STARS], |[user, item, given]| {
            let user = ratings.users.row_or_new(id(USER, user)?)?;
            let item = ratings.items.row_or_new(id(ITEM, item)?)?;
            let stars =
                stars(given).ok_or_else(|| format!("the rating must be a finite number, and is {:?}", cut(given)))?;
            ratings.all.push(Rating { user, item, stars });
            Ok(())
        })?;
        if ratings.all.len() < 10 {
            let count = ratings.all.len();
            return Err(format!("{name}: it has {count} ratings, and must have 10, a tenth being held out").into());
        }
        Ok(ratings)
    }
}

/// Reads the titles of a movies file, by id.
pub fn read_titles(path: &Path, encoding: &'static Encoding) -> Result<HashMap<u64, String>> {
    titles_from_csv(&path.display().to_string(), encoding::open(path, encoding)?)
}

fn titles_from_csv(name: &str, contents: impl Read) -> Result<HashMap<u64, String>> {
    let mut titles = HashMap::new();
    records(name, contents, [ITEM, TITLE], |[item, title]| {
        titles.insert(id(ITEM, item)?, title.trim().to_owned());
        Ok(())
    })?;
    Ok(titles)
}

fn id(column: Column, field: &str) -> Result<u64> {
    let (name, most) = (column.name, u64::MAX);
    whole(field.trim())
        .ok_or_else(|| format!("the {name} must be a whole number from 0 to {most}, and is {:?}", cut(field)).into())
}

fn stars(field: &str) -> Option<f32> {
    field.trim().parse().ok().filter(|stars: &f32| stars.is_finite())
}

/// A field in an error.
fn cut(field: &str) -> String {
    shortened(field.trim(), 60)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_8, WINDOWS_1252};

    use super::*;

    const HEADER: &str = "userId,movieId,rating,timestamp\n";

    fn ratings(contents: &[u8]) -> Result<Ratings, String> {
        Ratings::from_csv("ratings.csv", contents).map_err(|error| error.to_string())
    }

    /// So many good records more.
    fn padding(count: usize) -> String {
        (0..count).map(|number| format!("1,{number},3.5,0\n")).collect()
    }

    #[test]
    fn huge_and_sparse_ids_get_rows_in_order_of_appearance() {
        let most = u64::MAX;
        let contents = format!("\u{feff}{HEADER}{most},7,4.0,1\r\n3,{most},0.5,2\r\n{most},9000000000,5,3\r\n");
        let read = ratings((contents + &padding(7)).as_bytes()).unwrap();
        assert_eq!(read.users.of_rows, [most, 3, 1]);
        assert_eq!(read.items.of_rows[..3], [7, most, 9_000_000_000]);
        assert_eq!((read.items.row(9_000_000_000), read.items.row(8)), (Some(2), None));
        let expected = [(0, 0, 4.0), (1, 1, 0.5), (0, 2, 5.0)];
        let expected = expected.map(|(user, item, stars)| Rating { user, item, stars });
        assert_eq!(read.all[..3], expected);
    }

    #[test]
    fn bad_ratings_are_named_with_the_line() {
        let good = format!("{HEADER}{}", padding(10));
        assert!(ratings(good.as_bytes()).is_ok());
        let cases = [
            ("", "ratings.csv:1: the header must have userId,movieId,rating, and lacks userId"),
            (
                "userId,itemId,rating\n",
                "ratings.csv:1: the header must have userId,movieId,rating, and lacks movieId",
            ),
            ("1,2,3.5,0\n", "ratings.csv:1: the header must have"),
            (HEADER, "ratings.csv: it has 0 ratings, and must have 10"),
            (
                &format!("{good}x,2,3.5,0\n"),
                "ratings.csv:12: the userId must be a whole number from 0 to 18446744073709551615",
            ),
            (&format!("{good}1,-2,3.5,0\n"), "ratings.csv:12: the movieId must be"),
            (&format!("{good}18446744073709551616,2,3.5,0\n"), "ratings.csv:12: the userId must be"),
            (&format!("{good}1,2,good,0\n"), "ratings.csv:12: the rating must be a finite number, and is \"good\""),
            (&format!("{good}1,2,NaN,0\n"), "ratings.csv:12: the rating must be a finite number, and is \"NaN\""),
            (&format!("{good}1,2,1e39,0\n"), "ratings.csv:12: the rating must be a finite number"),
            (&format!("{good}1,2,,0\n"), "ratings.csv:12: the rating must be a finite number, and is \"\""),
            (
                &format!("{good}1,2,3\n"),
                "ratings.csv:12: each record must have 4 fields as the header has, and this one has 3",
            ),
        ];
        for (contents, start) in cases {
            let error = ratings(contents.as_bytes()).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
        let error = ratings(b"userId,movieId,rating\n1,2,3\n1,\xff,3\n").unwrap_err();
        assert_eq!(error, format!("ratings.csv:3: field 2 is not UTF-8; {}", encoding::REMEDY));
        let error = Ratings::read(Path::new("no/such/file.csv"), UTF_8).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file.csv: cannot be read: "), "{error}");
        // A folder too, whether or not the system lets it be opened.
        let folder = tempfile::tempdir().unwrap();
        let error = Ratings::read(folder.path(), UTF_8).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: cannot be read: ", folder.path().display())), "{error}");
    }

    #[test]
    fn quoted_titles_are_read() {
        let contents = "movieId,title,genres\n11,\"American President, The (1995)\",Comedy|Drama\n\
                        29,\"City of \"\"Lost\"\" Children (1995)\",Fantasy\n";
        let titles = titles_from_csv("movies.csv", contents.as_bytes()).unwrap();
        assert_eq!(titles[&11], "American President, The (1995)");
        assert_eq!(titles[&29], "City of \"Lost\" Children (1995)");
        let error = titles_from_csv("movies.csv", &b"movieId,title\n1,a\nx,b\n"[..]).unwrap_err().to_string();
        assert!(error.starts_with("movies.csv:3: the movieId must be"), "{error}");
    }

    #[test]
    fn what_pandas_writes_is_read() {
        // An index without a name, ids of a column that had gaps, names as another program spells them.
        let rows: String = (0..9).map(|item| format!("{item},{item}.0,8.0,2.5\n")).collect();
        let contents = format!(",MovieID, USERID ,Rating\n{rows}9,1e3,18446744073709551615.0,3\n  \t\n,,,\n");
        let read = ratings(contents.as_bytes()).unwrap();
        assert_eq!(read.all.len(), 10);
        assert_eq!(read.items.of_rows[8..], [8, 1000]);
        assert_eq!(read.users.of_rows, [8, u64::MAX]);
        let blanks = format!("{HEADER}1,2,3.5,0\n\n   \n{}\r\n   \r\n\t", padding(9));
        assert_eq!(ratings(blanks.as_bytes()).unwrap().all.len(), 10);
        for (header, what) in [
            ("userId,movieId,rating,RATING,rating", "one column rating, and has 2"),
            ("USERID,UserId,movieId,rating", "one column userId, and has 2"),
            (
                "userId;movieId;rating\n1;2;3",
                "userId,movieId,rating, and lacks userId; fields must be separated by commas",
            ),
            ("1::31::2.5::9", "userId,movieId,rating, and lacks userId; fields must be separated by commas"),
        ] {
            let error = ratings(header.as_bytes()).unwrap_err();
            assert_eq!(error, format!("ratings.csv:1: the header must have {what}"));
        }
        let error = ratings(format!("{HEADER}{}1.5,2,3,0\n", padding(3)).as_bytes()).unwrap_err();
        assert!(error.ends_with("from 0 to 18446744073709551615, and is \"1.5\""), "{error}");
        let long = ratings(format!("{HEADER}{},2,3,0\n", "9".repeat(5000)).as_bytes()).unwrap_err();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn other_encodings_are_read_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movies.csv");
        std::fs::write(&path, b"movieId,title\n7,Cit\xe9 (1995)\n").unwrap();
        assert_eq!(read_titles(&path, WINDOWS_1252).unwrap()[&7], "Cité (1995)");
        let error = read_titles(&path, UTF_8).unwrap_err().to_string();
        assert!(error.ends_with(&format!("movies.csv:2: field 2 is not UTF-8; {}", encoding::REMEDY)), "{error}");
        assert!(encoding::REMEDY.ends_with("iconv -f cp1252 -t utf-8 FILE"));
        std::fs::write(&path, b"PK\x03\x04\x14\0\0\0\x08\0\xff").unwrap();
        let error = read_titles(&path, UTF_8).unwrap_err().to_string();
        assert!(error.ends_with("movies.csv:1: this is a zip archive; unpack it first"), "{error}");
        // As Excel writes "Unicode text", and the same without its mark.
        let utf_16: Vec<u8> = "\u{feff}movieId,title\n7,Cité\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for start in [0, 2] {
            std::fs::write(&path, &utf_16[start..]).unwrap();
            let error = read_titles(&path, UTF_8).unwrap_err().to_string();
            assert!(
                error.contains("movies.csv:1: the file must be UTF-8, and is UTF-16; give --encoding utf-16le"),
                "{error}"
            );
            let utf_16 = encoding_rs::UTF_16LE;
            assert_eq!(read_titles(&path, utf_16).unwrap()[&7], "Cité");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named() {
        let rows = padding(10);
        for (contents, line) in [
            (format!("{HEADER}{rows}2,3,4.5,\"no end\n{rows}"), 12),
            (format!("{HEADER}2,\"3,4.5,0\n{rows}"), 2),
            (format!("{HEADER}{rows}\"2,3,4.5,0"), 12),
            (format!("userId,movieId,rating,\"tag\n{rows}"), 1),
        ] {
            let error = ratings(contents.as_bytes()).unwrap_err();
            assert!(
                error.starts_with(&format!("ratings.csv:{line}: the quote that opens here must be closed")),
                "{error}"
            );
        }
        let titles = "movieId,title\n1,a\n2,\"b\n3,c\n4,\"d\n";
        let error = titles_from_csv("movies.csv", titles.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "movies.csv:3: the quote that opens here closes only in line 5, where a comma or the line's end must follow, \
             and does not; close it in its own field, and write a quote that is part of a quoted text twice"
        );
    }
}
