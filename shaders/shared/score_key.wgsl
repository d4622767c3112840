// A score as a number that rises with it: NO_CANDIDATE, then NaN, then the floats from -inf to inf; -0 is +0.

const NO_CANDIDATE: u32 = 0u;
const NOT_A_NUMBER: u32 = 1u;

fn score_key(score: f32) -> u32 {
    let bits = bitcast<u32>(score);
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return NOT_A_NUMBER;
    }
    if bits == 0x80000000u {
        return 0x80000000u;
    }
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
