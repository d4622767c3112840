// Sorts one tile in workgroup memory.
//
// A thread has ITEMS neighbouring items of the tile. It counts its own digits in a column of its own, so that nobody
// counts across threads and equal digits keep their order; a scan over the columns, digit after digit, gives each
// item its entry.
//
// A thread's items are two vectors, not an array: where a compiler leaves an array in memory, the sort takes twice the
// time and more.
//
// Parts: grid, workgroup_scan.

const ITEMS: u32 = 8u;

// Digits are taken 4 bits at a time: 16 counters a thread, two in a word. A tile's count fits 16 bits.
const STEP_BITS: u32 = 4u;
const STEP_MASK: u32 = 15u;
const COUNTERS: u32 = 8u;

// An item: its digit in the upper half, its entry in the unsorted tile in the lower one.
const ENTRY_BITS: u32 = 16u;
const ENTRY_MASK: u32 = 0xffffu;

// The tile's items by entry, and while they are sorted the threads' counters. TILE words of each, one more for each 32
// so that neither a thread's own words nor one word of each thread meet in one bank.
var<workgroup> exchange: array<u32, 2112>;

// Where a word is in `exchange`: 8 neighbours from a multiple of 8 stay neighbours.
fn spread(entry: u32) -> u32 {
    return entry + (entry >> 5u);
}

// Where a thread's counter for a digit is: that for the digit 8 higher is in the upper half of the word.
fn counter(local: u32, digit: u32) -> u32 {
    return spread((digit % COUNTERS) * WORKGROUP_SIZE + local);
}

// Counts an item: gives how many the thread counted before, of the same digit.
fn count_digit(local: u32, digit: u32) -> u32 {
    let half = (digit / COUNTERS) * 16u;
    let counts = exchange[counter(local, digit)];
    exchange[counter(local, digit)] = counts + (1u << half);
    return (counts >> half) & 0xffffu;
}

// Where a thread's first item of a digit goes, once the counters are added up.
fn first_entry(local: u32, digit: u32) -> u32 {
    return (exchange[counter(local, digit)] >> ((digit / COUNTERS) * 16u)) & 0xffffu;
}

// One step: sorts by the STEP_BITS bits from `shift` on.
fn sort_step(local: u32, shift: u32) {
    let own = spread(local * ITEMS);
    let low = vec4(exchange[own], exchange[own + 1u], exchange[own + 2u], exchange[own + 3u]);
    let high = vec4(exchange[own + 4u], exchange[own + 5u], exchange[own + 6u], exchange[own + 7u]);
    let low_digits = (low >> vec4(shift)) & vec4(STEP_MASK);
    let high_digits = (high >> vec4(shift)) & vec4(STEP_MASK);
    workgroupBarrier();

    for (var i = 0u; i < COUNTERS; i++) {
        exchange[spread(i * WORKGROUP_SIZE + local)] = 0u;
    }
    var low_entries: vec4<u32>;
    var high_entries: vec4<u32>;
    low_entries.x = count_digit(local, low_digits.x);
    low_entries.y = count_digit(local, low_digits.y);
    low_entries.z = count_digit(local, low_digits.z);
    low_entries.w = count_digit(local, low_digits.w);
    high_entries.x = count_digit(local, high_digits.x);
    high_entries.y = count_digit(local, high_digits.y);
    high_entries.z = count_digit(local, high_digits.z);
    high_entries.w = count_digit(local, high_digits.w);
    workgroupBarrier();

    // Of the counters in a row, a thread adds up 8 neighbours.
    var sum = 0u;
    for (var i = 0u; i < COUNTERS; i++) {
        sum += exchange[own + i];
    }
    let scan = workgroup_scan(local, sum);
    // The digits in the upper halves come after all those in the lower ones.
    var next = scan.before + (scan.total << 16u);
    for (var i = 0u; i < COUNTERS; i++) {
        let counts = exchange[own + i];
        exchange[own + i] = next;
        next += counts;
    }
    workgroupBarrier();

    low_entries.x += first_entry(local, low_digits.x);
    low_entries.y += first_entry(local, low_digits.y);
    low_entries.z += first_entry(local, low_digits.z);
    low_entries.w += first_entry(local, low_digits.w);
    high_entries.x += first_entry(local, high_digits.x);
    high_entries.y += first_entry(local, high_digits.y);
    high_entries.z += first_entry(local, high_digits.z);
    high_entries.w += first_entry(local, high_digits.w);
    workgroupBarrier();

    exchange[spread(low_entries.x)] = low.x;
    exchange[spread(low_entries.y)] = low.y;
    exchange[spread(low_entries.z)] = low.z;
    exchange[spread(low_entries.w)] = low.w;
    exchange[spread(high_entries.x)] = high.x;
    exchange[spread(high_entries.y)] = high.y;
    exchange[spread(high_entries.z)] = high.z;
    exchange[spread(high_entries.w)] = high.w;
    workgroupBarrier();
}

// Sorts the items in `exchange` by their digits' lower `bits` bits, at most 12, stably. Called by the whole workgroup,
// each thread having written its own ITEMS items. No loop, for barriers in one cost the software adapter half as
// much time again.
fn sort_tile(local: u32, bits: u32) {
    sort_step(local, ENTRY_BITS);
    if bits > STEP_BITS {
        sort_step(local, ENTRY_BITS + STEP_BITS);
    }
    if bits > 2u * STEP_BITS {
        sort_step(local, ENTRY_BITS + 2u * STEP_BITS);
    }
}
