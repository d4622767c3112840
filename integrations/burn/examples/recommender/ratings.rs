//! Ratings and titles in MovieLens's format, and ids of any size as rows of tables.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{Reader, StringRecord};

use crate::csv_errors::{at, failed};
use crate::program::Result;

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
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_csv(&path.display().to_string(), open(path)?)
    }

    /// Reads `userId,movieId,rating`, and whatever columns there are besides, in any order.
    pub fn from_csv(name: &str, contents: impl Read) -> Result<Self> {
        let mut ratings = Self::default();
        records(name, contents, ["userId", "movieId", "rating"], |[user, item, stars]| {
            let user = ratings.users.row_or_new(id("userId", user)?)?;
            let item = ratings.items.row_or_new(id("movieId", item)?)?;
            let parsed = stars.parse().ok().filter(|stars: &f32| stars.is_finite());
            let stars = parsed.ok_or_else(|| format!("the rating must be a finite number, and is {stars:?}"))?;
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
pub fn read_titles(path: &Path) -> Result<HashMap<u64, String>> {
    titles_from_csv(&path.display().to_string(), open(path)?)
}

fn titles_from_csv(name: &str, contents: impl Read) -> Result<HashMap<u64, String>> {
    let mut titles = HashMap::new();
    records(name, contents, ["movieId", "title"], |[item, title]| {
        titles.insert(id("movieId", item)?, title.to_owned());
        Ok(())
    })?;
    Ok(titles)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()).into())
}

fn id(column: &str, field: &str) -> Result<u64> {
    let most = u64::MAX;
    field
        .parse()
        .map_err(|_| format!("the {column} must be a whole number from 0 to {most}, and is {field:?}").into())
}

/// Hands on the named columns of each record; an error names file and line.
fn records<const N: usize>(
    name: &str,
    contents: impl Read,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::from_reader(contents);
    let failed = |error: csv::Error| failed(name, &error);
    let header = reader.headers().map_err(failed)?.clone();
    let mut positions = [0; N];
    for (position, column) in positions.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name.trim() == column);
        let required = columns.join(",");
        *position = found.ok_or_else(|| format!("{name}:1: the header must have {required}, and lacks {column}"))?;
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(failed)? {
        take(positions.map(|position| record[position].trim()))
            .map_err(|error| at(name, record.position(), &error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(error, "ratings.csv:3: field 2 is not UTF-8; is it a UTF-8 text file?");
        let error = Ratings::read(Path::new("no/such/file.csv")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file.csv: cannot be read: "), "{error}");
        // A folder too, whether or not the system lets it be opened.
        let folder = tempfile::tempdir().unwrap();
        let error = Ratings::read(folder.path()).unwrap_err().to_string();
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
}
