// Rows float by float, for any width.
alias Piece = f32;

fn product(a: Piece, b: Piece) -> f32 {
    return a * b;
}
