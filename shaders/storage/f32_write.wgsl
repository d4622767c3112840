// The way back of f32.wgsl. f16_write.wgsl and bf16_write.wgsl are the same in two bytes.
//
// Parts: f32.

const ROUNDS: bool = false;

fn packed(value: vec4<f32>, row: u32, quad: u32, step: u32) -> StoredQuad {
    return value;
}
