//! What CSV files must give.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::csv_file::{Column, Holds, Reader, records};

const A: Column = Column { name: "a", holds: Holds::Checked(|field| field.parse::<u32>().is_ok()) };
const B: Column = Column { name: "b", holds: Holds::Text };

fn read(contents: &[u8]) -> Result<Vec<[String; 2]>, String> {
    let mut all = Vec::new();
    let read = records("f.csv", contents, [A, B], |fields| {
        all.push(fields.map(str::to_owned));
        Ok(())
    });
    read.map(|()| all).map_err(|error| error.to_string())
}

#[test]
fn quotes_over_lines_are_those_of_fields_with_line_breaks() {
    const PIECES: [&str; 13] =
        ["\"", "\"", "\"\"", ",", ",", "\n", "\r\n", "\r", " ", "7", "x", "é", "\"7\",\"x\"\n"];
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (mut closed, mut open) = (0, 0);
    for _ in 0..30_000 {
        let pieces = (0..random.random_range(0..14)).map(|_| PIECES[random.random_range(0..PIECES.len())]);
        let contents = pieces.collect::<String>();
        let mut reader = Reader::new(contents.as_bytes());
        while reader.next().unwrap() {
            let broken = |field: &usize| reader.record[*field].iter().any(|byte| b"\r\n".contains(byte));
            let mut fields: Vec<_> = (0..reader.record.len()).filter(broken).collect();
            let last = reader.quotes.last().filter(|quote| quote.closes.is_none()).map(|quote| quote.field);
            fields.extend(last.filter(|field| !broken(field)));
            let quoted: Vec<_> = reader.quotes.iter().map(|quote| quote.field).collect();
            assert_eq!(quoted, fields, "{contents:?}");
            closed += quoted.len() - usize::from(last.is_some());
            open += usize::from(last.is_some());
        }
    }
    assert!(closed > 2_000 && open > 2_000, "{closed}, {open}");
}

#[test]
fn records_may_lie_anywhere_in_what_is_read_at_once() {
    // Longer than any buffer; the quote is in the last line.
    let rows: String = (0..40_000).map(|number| format!("{number},\"line\r\nof {number}\"\r\n")).collect();
    let good = read(format!("a,b\r\n{rows}").as_bytes()).unwrap();
    assert_eq!(good.len(), 40_000);
    assert_eq!(good[39_999], ["39999", "line\r\nof 39999"]);
    let error = read(format!("a,b\r\n{rows}1,\"x\r\n").as_bytes()).unwrap_err();
    assert!(error.starts_with("f.csv:80002: the quote that opens here must be closed"), "{error}");
}

#[test]
fn quotes_over_lines_are_legitimate_or_named() {
    let texts =
        |contents: &str| read(contents.as_bytes()).map(|read| read.into_iter().map(|[_, b]| b).collect::<Vec<_>>());
    assert_eq!(texts("c,b,a\n1,\"x\n2,y\n\",3\n").unwrap(), ["x\n2,y\n"]);
    assert_eq!(texts("a,b\n1,\"x\"\n2,\"y\nz\"").unwrap(), ["x", "y\nz"]);
    assert_eq!(texts("a,b\n1,\"x\ny\" \n").unwrap(), ["x\ny "]);
    // Of a column that nobody reads too, where what is swallowed reads like a record.
    assert_eq!(texts("a,b,c\n1,x,\"two\nlines\"\n2,y,z\n").unwrap(), ["x", "y"]);
    for (contents, line, why) in [
        ("a,b,c\n1,x,\"two\n2,y,z\n3,u,\"\n4,v,w\n", 2, "closes only in line 4, and line 3, between the two, reads"),
        ("a,b,c\n1,x,\"two\n2,y,\"\n3,u,w\n", 2, "closes only in line 3, and line 3, between the two, reads"),
        ("c,b,a\n1,\"x,2\n3,y\",4\n", 2, "closes only in line 3, and line 2, between the two, reads"),
        ("a,b\n1,x\r2,\"y\r3,z\r", 3, "must be closed, and the file ends without"),
        ("a,b\n\"1\n\",x\n", 2, "closes only in line 3, and a must be in one line"),
        ("a,b\n1,x\n2,\"y\n3,\"z\"\n4,u\n", 3, "closes only in line 4, where a comma or the line's end must follow"),
    ] {
        let error = texts(contents).unwrap_err();
        assert!(
            error.starts_with(&format!("f.csv:{line}: the quote that opens here {why}")),
            "{contents:?}: {error}"
        );
        assert!(
            error.ends_with("; close it in its own field, and write a quote that is part of a quoted text twice")
        );
    }
}
