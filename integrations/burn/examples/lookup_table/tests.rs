use super::worked::tests::{parts, with_wrong_row};
use super::*;

#[test]
#[ignore = "needs a GPU adapter"]
fn what_it_prints_is_what_it_printed() {
    let mut printed = Vec::new();
    run(&mut printed).unwrap();
    assert_eq!(String::from_utf8(printed).unwrap(), include_str!("expected.txt"));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn the_output_is_the_tables_rows() {
    let shared = SharedDevice::new().unwrap();
    let worked = EXAMPLES[1].work(&shared).unwrap();
    let (indices, table, shape, output, mask) = parts(&worked);
    // Keras's Tokenizer gives the most frequent words the smallest indices, the first come first.
    let expected = [1, 2, 3, 4, 0, 0, 1, 2, 5, 3, 4, 0];
    assert_eq!(indices, expected);
    assert_eq!((table.len(), shape), (6 * 3, [2, 6, 3]));
    let rows: Vec<_> = expected.iter().flat_map(|&index| table[index as usize * 3..][..3].to_vec()).collect();
    assert_eq!(output, rows);
    assert_eq!(mask, Some(&expected.map(|index| index != 0)[..]));
    assert!(table.chunks(3).all(|row| row.iter().all(|value| value.abs() <= 0.05 && *value != 0.0)));

    let worked = EXAMPLES[0].work(&shared).unwrap();
    let (indices, table, shape, _, mask) = parts(&worked);
    assert_eq!(indices, [1, 2, 4, 3, 0, 1, 2, 5, 3, 6]);
    assert_eq!((table.len(), shape, mask), (7 * 2, [2, 5, 2], None));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_row_that_is_not_the_tables_is_an_error() {
    let worked = with_wrong_row(EXAMPLES[0].work(&SharedDevice::new().unwrap()).unwrap());
    let error = worked.show(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("[0, 0] of the output is ") && error.contains("and row 1 is"), "{error}");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn options_are_read() {
    let read = |line: &str| wants_help(lexopt::Parser::from_args(line.split_whitespace()));
    assert!(!read("").unwrap() && read("--help").unwrap() && read("-h").unwrap());
    for (line, message) in [("--seed 3", "invalid option '--seed'"), ("x", "unexpected argument \"x\"")] {
        assert_eq!(read(line).unwrap_err().to_string(), message);
    }
}
