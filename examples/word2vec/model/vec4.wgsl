// Rows in pieces of four floats, for widths that are a multiple of 4.
alias Piece = vec4<f32>;

fn product(a: Piece, b: Piece) -> f32 {
    return dot(a, b);
}
