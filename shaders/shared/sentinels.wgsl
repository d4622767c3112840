// What stands where no row of the table does; no table has rows of these numbers.

// An index outside the table, which is counted: it gives zeros, and trains no row.
const INVALID: u32 = 0xffffffffu;
// No lookup at all, which is not counted: likewise zeros, and no row.
const PADDING: u32 = 0xfffffffeu;
