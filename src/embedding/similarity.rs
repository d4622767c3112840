//! The rows nearest to queries.

use std::ops::Range;

use super::{GpuEmbedding, Table, write};
use crate::error::{Error, Result};
use crate::gpu::readback::Waiting;
use crate::reference;
use crate::search::{Found, Request};

/// How near a row is to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Similarity {
    /// The cosine of the angle between them, -1 to 1 but for rounding; 0 where one of them has no length.
    #[default]
    Cosine,
    /// The sum of the products of their elements.
    Dot,
}

/// A row found, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(alias = "Neighbor")]
pub struct Neighbour {
    /// The row's number in the table.
    pub row: u32,
    /// Its cosine or dot product with the query.
    pub score: f32,
}

/// What [`GpuEmbedding::nearest`] looks for.
///
/// ```
/// use wgpu_embedding::{Search, Similarity};
///
/// // The 10 largest dot products among the first 30,000 rows, without the padding row.
/// let search = Search::new(10).with_similarity(Similarity::Dot).with_rows(0..30_000).with_excluded(&[0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    k: usize,
    similarity: Similarity,
    rows: Option<Range<u32>>,
    excluded: Vec<u32>,
    excluded_of_each: Vec<Vec<u32>>,
}

impl Search {
    /// The `k` nearest rows of the whole table, by the cosine.
    pub fn new(k: usize) -> Self {
        let similarity = Similarity::default();
        Self { k, similarity, rows: None, excluded: Vec::new(), excluded_of_each: Vec::new() }
    }

    /// By another measure.
    pub fn with_similarity(self, similarity: Similarity) -> Self {
        Self { similarity, ..self }
    }

    /// Among these rows alone.
    #[doc(alias = "restrict_vocab")]
    pub fn with_rows(self, rows: Range<u32>) -> Self {
        Self { rows: Some(rows), ..self }
    }

    /// Without these rows, whatever the query.
    pub fn with_excluded(self, rows: &[u32]) -> Self {
        Self { excluded: rows.to_vec(), ..self }
    }

    /// And for each query without rows of its own: one list a query, in their order.
    pub fn with_excluded_of_each(self, rows: Vec<Vec<u32>>) -> Self {
        Self { excluded_of_each: rows, ..self }
    }
}

impl GpuEmbedding {
    /// The rows nearest to each of the queries, `[.., output_dim]` row-major: a list a query, best first.
    ///
    /// Equal scores are in the order of their rows, and NaN scores last; a list is shorter than `k` where there are no more
    /// rows. The same table and queries give the same bits, however large the table and however many the queries. Computed
    /// in f32: the length of a row whose elements are past 1e18, or all below 1e-19, is not.
    ///
    /// The table stays on the GPU: what comes back are `k` rows' numbers and scores for each query. Costs one reading of the
    /// table for every 4 queries; and for each 512 rows of `k`, all of it again. Sees every update made, or recorded and
    /// submitted, before: with [`Update::Deferred`](crate::Update::Deferred) all rows are first brought up to date, as by
    /// [`flush`](Self::flush). Blocks like [`weights`](Self::weights).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the queries' length is no multiple of `output_dim`, there are not as many lists of rows to leave
    /// out as queries, or rows on the GPU have more than 240,000 floats; [`Error::TooLarge`] for more rows to leave out,
    /// and found, than a binding holds; [`Error::NotFinite`] for a query that is not; [`Error::IndexOutOfRange`] for a row to leave out
    /// that the table does not have; [`Error::InvalidConfig`] for rows to look among that it does not have;
    /// [`Error::OutOfMemory`] and [`Error::Device`]; and as [`weights`](Self::weights).
    ///
    /// ```
    /// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer, Search};
    ///
    /// let context = GpuContext::auto()?;
    /// let table = vec![0.0, 0.0, 1.0, 0.0, 3.0, 3.0, 0.0, -2.0];
    /// let config = EmbeddingConfig::new(4, 2).with_initializer(Initializer::Matrix(table)).with_trainable(false);
    /// let embedding = GpuEmbedding::new(&context, config, Adam::default())?;
    /// let found = embedding.nearest(&[1.0, 0.5], &Search::new(2).with_excluded(&[0]))?;
    /// assert_eq!(found[0].iter().map(|neighbour| neighbour.row).collect::<Vec<_>>(), [2, 1]);
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    #[doc(alias = "most_similar")]
    #[doc(alias = "top_k")]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn nearest(&self, queries: &[f32], search: &Search) -> Result<Vec<Vec<Neighbour>>> {
        crate::gpu::readback::block_on(|waiting| self.nearest_with(queries, search, waiting))
    }

    /// The async form of [`nearest`](Self::nearest).
    pub async fn nearest_async(&self, queries: &[f32], search: &Search) -> Result<Vec<Vec<Neighbour>>> {
        self.nearest_with(queries, search, Waiting::Yield).await
    }

    pub(crate) async fn nearest_with(
        &self,
        queries: &[f32],
        search: &Search,
        waiting: Waiting,
    ) -> Result<Vec<Vec<Neighbour>>> {
        self.check_search(queries, search)?;
        self.check_with(waiting).await?;
        let cosine = search.similarity == Similarity::Cosine;
        let directions: Vec<f32> = match cosine {
            true => directions(queries, self.output_dim() as usize).into_iter().map(|value| value as f32).collect(),
            false => Vec::new(),
        };
        let request = Request {
            queries: if cosine { &directions } else { queries },
            cosine,
            k: search.k.min(self.input_dim() as usize),
            rows: search.rows.clone().unwrap_or(0..self.input_dim()),
            excluded: &search.excluded,
            excluded_of_each: &search.excluded_of_each,
        };
        let found = match &self.table {
            Table::Reference(table) => {
                let mut table = write(table);
                table.flush(&self.optimizer);
                nearest_on_the_host(table.weights(), self.output_dim() as usize, &request)
            }
            Table::Gpu(gpu, table) => {
                table.flush(gpu)?;
                table.nearest(gpu, &request, waiting).await?
            }
        };
        let neighbours = |found: Found| found.into_iter().map(|(row, score)| Neighbour { row, score }).collect();
        Ok(found.into_iter().map(neighbours).collect())
    }

    fn check_search(&self, queries: &[f32], search: &Search) -> Result<()> {
        let (input_dim, output_dim) = (self.input_dim(), self.output_dim() as usize);
        if !queries.len().is_multiple_of(output_dim) {
            return Err(Error::Shape {
                what: "the queries",
                required: format!("rows of {output_dim} floats"),
                given: format!("{} floats", queries.len()),
            });
        }
        let (lists, count) = (search.excluded_of_each.len(), queries.len() / output_dim);
        if lists != 0 && lists != count {
            return Err(Error::Shape {
                what: "the rows to leave out",
                required: format!("{count} lists, one a query"),
                given: format!("{lists} lists"),
            });
        }
        if let Some(position) = queries.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what: "the queries", position, value: queries[position].to_string() });
        }
        for list in search.excluded_of_each.iter().chain([&search.excluded]) {
            if let Some(position) = list.iter().position(|&row| row >= input_dim) {
                return Err(Error::IndexOutOfRange { position, value: list[position].into(), input_dim });
            }
        }
        match &search.rows {
            Some(rows) if rows.start > rows.end || rows.end > input_dim => Err(Error::InvalidConfig(format!(
                "rows to look among must be a range within 0..{input_dim}, and are {rows:?}"
            ))),
            _ => Ok(()),
        }
    }
}

/// Rows, each brought to length 1 in f64; one without length stays zero, and one with a NaN is NaN.
pub(crate) fn directions(rows: &[f32], width: usize) -> Vec<f64> {
    let mut directions = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(width) {
        let length = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
        let scale = if length == 0.0 { 0.0 } else { 1.0 / length };
        directions.extend(row.iter().map(|&value| f64::from(value) * scale));
    }
    directions
}

fn nearest_on_the_host(weights: &[f32], output_dim: usize, request: &Request<'_>) -> Vec<Found> {
    let rows = request.rows.start as usize * output_dim..request.rows.end as usize * output_dim;
    let first = request.rows.start;
    let own = |query: usize| request.excluded_of_each.get(query).into_iter().flatten();
    let queries = request.queries.chunks_exact(output_dim).enumerate();
    queries
        .map(|(number, query)| {
            let excluded: Vec<u32> =
                request.excluded.iter().chain(own(number)).filter_map(|row| row.checked_sub(first)).collect();
            let scores = reference::similarity(&weights[rows.clone()], output_dim, query, request.cosine);
            let mut found = reference::top_k(&scores, request.k, &excluded);
            found.iter_mut().for_each(|best| best.0 += first);
            found
        })
        .collect()
}
