// Weights as they are computed, in f32. f16.wgsl and bf16.wgsl are the same in two bytes; a kernel is built with one of the
// three.

// Four weights as they are stored.
alias StoredQuad = vec4<f32>;

fn unpacked(stored: StoredQuad) -> vec4<f32> {
    return stored;
}
