// What is kept of a row as a whole: ROW_WORDS words. With a history the first is the step up to which the row is current;
// the last, where an optimizer keeps a number a row, is that number.
//
// Parts: table_read or table_write.

override ROW_WORDS: u32;
// 1: there is a number a row.
override ROW_NUMBERS: u32;

fn load_row_number(place: u32) -> f32 {
    if ROW_NUMBERS == 0u {
        return 0.0;
    }
    return bitcast<f32>(row_state[place * ROW_WORDS + ROW_WORDS - 1u]);
}
