// What a pass of the sort reads: lookups, each a key and its position in the batch.
//
// The key is the lookup's row, or the sentinel `input_dim`, which sorts after every row, if the lookup is not valid. The
// first pass reads the caller's indices as they are. After that, key and position share a word where they fit; where
// they do not, the keys stand first and the positions behind them.
//
// The batch is cut in blocks of TILE lookups, the last one of what is left.

const TILE: u32 = 2048u;

// Digits of a pass, at most.
const DIGITS: u32 = 1024u;

// How the lookups are stored: SOURCE is one of these.
const INDICES: u32 = 0u;
const PACKED: u32 = 1u;
const PAIRS: u32 = 2u;

override SOURCE: u32;

struct SortPass {
    // Lookups in the batch.
    count: u32,
    input_dim: u32,
    padding_idx: u32,
    // In a packed word: the key is above, the position below.
    position_bits: u32,
    // The key's bits from `shift` on, `digit_bits` of them, are this pass's digit.
    shift: u32,
    digit_bits: u32,
    // Bits that hold every key.
    key_bits: u32,
    block_count: u32,
    rows_per_shard: u32,
    shard_count: u32,
}

@group(0) @binding(0) var<uniform> sort: SortPass;

// Digits of this pass.
fn digit_count() -> u32 {
    return 1u << sort.digit_bits;
}

@group(0) @binding(1) var<storage, read> source: array<u32>;

struct SortItem {
    key: u32,
    position: u32,
}

fn source_lookup(entry: u32) -> SortItem {
    let word = source[entry];
    if SOURCE == INDICES {
        // Both asked, for a branch would part the loads.
        let valid = (word < sort.input_dim) & (word != sort.padding_idx);
        return SortItem(select(sort.input_dim, word, valid), entry);
    }
    if SOURCE == PACKED {
        return SortItem(word >> sort.position_bits, word & ((1u << sort.position_bits) - 1u));
    }
    return SortItem(word, source[sort.count + entry]);
}

// Its key alone.
fn source_key(entry: u32) -> u32 {
    let word = source[entry];
    if SOURCE == INDICES {
        return select(sort.input_dim, word, (word < sort.input_dim) & (word != sort.padding_idx));
    }
    if SOURCE == PACKED {
        return word >> sort.position_bits;
    }
    return word;
}
