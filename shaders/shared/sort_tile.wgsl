// Sorts one tile in workgroup memory.
//
// A thread has ITEMS neighbouring items of the tile. It counts its own digits in a column of its own, so that nobody
// counts across threads and equal digits keep their order; a scan over the columns, digit after digit, gives each
// item its place.
//
// Parts: grid, workgroup_scan.

const ITEMS: u32 = 8u;
const TILE: u32 = 2048u;

// Digits are taken 4 bits at a time: 16 counters a thread, two in a word. A tile's count fits 16 bits.
const STEP_BITS: u32 = 4u;
const STEP_MASK: u32 = 15u;
const COUNTERS: u32 = 8u;

// An item: its digit in the upper half, its place in the unsorted tile in the lower one.
const PLACE_BITS: u32 = 16u;
const PLACE_MASK: u32 = 0xffffu;

var<private> items: array<u32, 8>;

// The threads' counters, and the items on their way between threads. TILE words of each, one more for each 32 so that
// neither a thread's own words nor one word of each thread meet in one bank.
var<workgroup> exchange: array<u32, 2112>;

fn spread(place: u32) -> u32 {
    return place + (place >> 5u);
}

// Sorts `items` by their digits' lower `bits` bits, at most 16, stably. Called by the whole workgroup; afterwards the
// tile is in `exchange` too, by place, spread.
fn sort_tile(local: u32, bits: u32) {
    for (var shift = PLACE_BITS; shift < PLACE_BITS + bits; shift += STEP_BITS) {
        // What the last step, or the caller, left in `exchange` has been read.
        workgroupBarrier();
        for (var i = 0u; i < COUNTERS; i++) {
            exchange[spread(i * WORKGROUP_SIZE + local)] = 0u;
        }
        var places: array<u32, 8>;
        for (var i = 0u; i < ITEMS; i++) {
            let digit = (items[i] >> shift) & STEP_MASK;
            let counter = spread((digit % COUNTERS) * WORKGROUP_SIZE + local);
            let half = (digit / COUNTERS) * 16u;
            let counts = exchange[counter];
            places[i] = (counts >> half) & 0xffffu;
            exchange[counter] = counts + (1u << half);
        }
        workgroupBarrier();

        var sum = 0u;
        for (var i = 0u; i < COUNTERS; i++) {
            sum += exchange[spread(local * COUNTERS + i)];
        }
        let scan = workgroup_scan(local, sum);
        // The digits in the upper halves come after all those in the lower ones.
        var next = scan.before + (scan.total << 16u);
        for (var i = 0u; i < COUNTERS; i++) {
            let counter = spread(local * COUNTERS + i);
            let counts = exchange[counter];
            exchange[counter] = next;
            next += counts;
        }
        workgroupBarrier();

        for (var i = 0u; i < ITEMS; i++) {
            let digit = (items[i] >> shift) & STEP_MASK;
            let first = exchange[spread((digit % COUNTERS) * WORKGROUP_SIZE + local)];
            places[i] += (first >> ((digit / COUNTERS) * 16u)) & 0xffffu;
        }
        workgroupBarrier();
        for (var i = 0u; i < ITEMS; i++) {
            exchange[spread(places[i])] = items[i];
        }
        workgroupBarrier();
        for (var i = 0u; i < ITEMS; i++) {
            items[i] = exchange[spread(local * ITEMS + i)];
        }
    }
}
