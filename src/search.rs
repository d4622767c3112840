//! What a search for the nearest rows is asked and what it answers, on the GPU and on the host.

use std::ops::Range;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// `[query_count, output_dim]`; for the cosine, of length 1.
    pub queries: &'a [f32],
    pub cosine: bool,
    /// How many rows for each query.
    pub k: usize,
    /// The rows that are looked at.
    pub rows: Range<u32>,
    /// Rows that no query is answered with, and for each query those that it is not.
    pub excluded: &'a [u32],
    pub excluded_of_each: &'a [Vec<u32>],
}

/// A row and its score, best first.
pub(crate) type Found = Vec<(u32, f32)>;
