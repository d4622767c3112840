//! Finds the rows nearest to queries, without the table leaving the GPU.
//!
//! The table is compared piece by piece: `similarity` scores all rows of a piece with all queries, `exclude` strikes
//! rows out, `group_best` finds the best of each group of rows, `top_k` the best groups, and again the best of these groups'
//! rows. What comes to the host is the best of each piece, and the host merges these short lists. Nothing depends on how
//! the work is cut: rows are ordered by falling score, equal ones by rising row.

use std::ops::Range;

use super::device::{Dispatch, Gpu, Resource};
use super::kernels::exclude::{self, EVERY_QUERY, Excluded};
use super::kernels::inputs::Piece;
use super::kernels::inputs::{NO_CANDIDATE, NOT_A_NUMBER};
use super::kernels::similarity::{QUERIES, padded};
use super::kernels::top_k::{self, GROUP, Selection, Source, TILE};
use super::kernels::{group_best, similarity};
use super::mapping::MAX_ROUNDS_ON_A_CPU;
use super::readback::{PIECE_BYTES, Waiting};
use super::region::check_binding_size;
use super::table::{GpuTable, Shard};
use crate::error::{Error, Result};
use crate::search::{Found, Request};
use crate::shader::Pair;

/// The most rows that one round finds for a query: a tile of candidates must be halved at least, or no level of `top_k`
/// would get on.
const MAX_KEPT: u32 = TILE / 2;

/// Rows of a piece, and keys of one: what a submission computes stays short, and its buffers small.
const MAX_PIECE_ROWS: u64 = 1 << 20;
const MAX_KEYS: u64 = 1 << 24;

const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE;

impl GpuTable {
    /// The nearest rows of each query, from tables that are up to date.
    pub(crate) async fn nearest(&self, gpu: &Gpu, request: &Request<'_>, waiting: Waiting) -> Result<Vec<Found>> {
        let width = self.layout.output_dim as usize;
        if self.layout.quads() > MAX_ROUNDS_ON_A_CPU {
            return Err(Error::Shape {
                what: "the table to look in",
                required: format!("of rows of at most {} floats", MAX_ROUNDS_ON_A_CPU * 4),
                given: format!("of rows of {width} floats"),
            });
        }
        let pieces = self.pieces(gpu, request.rows.clone());
        let query_count = request.queries.len() / width;
        let mut found = vec![Found::new(); query_count];
        if pieces.is_empty() {
            return Ok(found);
        }
        let kept = request.k.min(MAX_KEPT as usize) as u32;
        let at_once = queries_at_once(gpu, &pieces, kept);
        for first in (0..query_count).step_by(at_once) {
            let queries = first..(first + at_once).min(query_count);
            let uploaded = self.upload_queries(gpu, &request.queries[queries.start * width..queries.end * width])?;
            let mut kept = kept;
            // What one round found, the next one leaves out.
            while kept > 0 {
                let excluded = excluded_pairs(request, queries.clone(), &found);
                let search = Round { gpu, queries: &uploaded, kept, cosine: request.cosine };
                let lists = search.run(self, &pieces, &excluded, queries.len(), waiting).await?;
                let mut missing = 0;
                for (query, list) in queries.clone().zip(lists) {
                    let is_full = list.len() == kept as usize;
                    found[query].extend(list);
                    found[query].truncate(request.k);
                    if is_full {
                        missing = missing.max(request.k - found[query].len());
                    }
                }
                kept = missing.min(MAX_KEPT as usize) as u32;
            }
        }
        Ok(found)
    }

    /// Rows that are compared at once, each piece of one shard.
    fn pieces(&self, gpu: &Gpu, rows: Range<u32>) -> Vec<(&Shard, Range<u32>)> {
        let most = MAX_PIECE_ROWS.min(max_keys(gpu) / u64::from(QUERIES)) as usize;
        let of_shard = |shard: &Shard| rows.start.max(shard.rows.start)..rows.end.min(shard.rows.end);
        let shards = self.shards.iter().map(|shard| (shard, of_shard(shard)));
        let cut = |(shard, rows): (_, Range<u32>)| {
            rows.clone()
                .step_by(most)
                .map(move |first| (shard, first..first.saturating_add(most as u32).min(rows.end)))
        };
        shards.flat_map(cut).collect()
    }

    /// The queries in rows of whole quads, and filled up to a multiple of what a thread takes.
    fn upload_queries(&self, gpu: &Gpu, queries: &[f32]) -> Result<wgpu::Buffer> {
        let (width, padded_width) = (self.layout.output_dim as usize, self.layout.quads() as usize * 4);
        let count = padded((queries.len() / width) as u32) as usize;
        let mut rows = vec![0.0f32; count * padded_width];
        for (row, query) in rows.chunks_exact_mut(padded_width).zip(queries.chunks_exact(width)) {
            row[..width].copy_from_slice(query);
        }
        gpu.allocate_with("queries", bytemuck::cast_slice(&rows), STORAGE)
    }
}

/// Keys that a buffer may hold; half of what WebGPU guarantees at least.
fn max_keys(gpu: &Gpu) -> u64 {
    MAX_KEYS.min(gpu.limits.max_storage_buffer_binding_size / 8)
}

/// Queries that are answered at once: a multiple of what a thread takes.
fn queries_at_once(gpu: &Gpu, pieces: &[(&Shard, Range<u32>)], kept: u32) -> usize {
    let rows = pieces.iter().map(|(_, rows)| rows.len() as u64).max().unwrap_or(1);
    // Keys, candidates of a piece, and what all pieces give, in pairs.
    let candidates = rows.max(u64::from(kept * GROUP)).max(2 * pieces.len() as u64 * u64::from(kept));
    (max_keys(gpu) / candidates).clamp(1, 1024).next_multiple_of(QUERIES.into()) as usize
}

/// The pairs of query and row to leave out, each row once; queries are numbered from the first one in `queries`.
fn excluded_pairs(request: &Request<'_>, queries: Range<usize>, found: &[Found]) -> Vec<Excluded> {
    let mut pairs: Vec<_> = request.excluded.iter().map(|&row| Excluded { query: EVERY_QUERY, row }).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let of_every = pairs.len();
    for (number, query) in (0..).zip(queries) {
        let own = request.excluded_of_each.get(query).into_iter().flatten().copied();
        let rows = own.chain(found[query].iter().map(|&(row, _)| row));
        let (every, _) = pairs.split_at(of_every);
        let is_new = |row: &u32| every.binary_search(&Excluded { query: EVERY_QUERY, row: *row }).is_err();
        let mut own: Vec<_> = rows.filter(is_new).map(|row| Excluded { query: number, row }).collect();
        own.sort_unstable();
        own.dedup();
        pairs.append(&mut own);
    }
    pairs
}

/// Checks that the pairs fit a binding.
fn check_excluded(gpu: &Gpu, pairs: &[Excluded]) -> Result<()> {
    let (required, available) = (size_of_val(pairs) as u64, gpu.limits.max_storage_buffer_binding_size);
    if required <= available {
        return Ok(());
    }
    let (what, limit) = ("the rows to leave out and those found so far", "max_storage_buffer_binding_size");
    Err(Error::TooLarge { what, required, limit, available, remedy: "ask for fewer queries at once" })
}

/// One search for at most [`MAX_KEPT`] rows.
#[derive(Clone, Copy)]
struct Round<'a> {
    gpu: &'a Gpu,
    queries: &'a wgpu::Buffer,
    kept: u32,
    cosine: bool,
}

impl Round<'_> {
    async fn run(
        &self,
        table: &GpuTable,
        pieces: &[(&Shard, Range<u32>)],
        excluded: &[Excluded],
        query_count: usize,
        waiting: Waiting,
    ) -> Result<Vec<Found>> {
        let gpu = self.gpu;
        let padded = padded(query_count as u32);
        let most_rows = pieces.iter().map(|(_, rows)| rows.len() as u64).max().unwrap_or(1);
        let keys = gpu.allocate("similarity keys", most_rows * u64::from(padded) * 4, STORAGE)?;
        let pairs = if excluded.is_empty() {
            None
        } else {
            check_excluded(gpu, excluded)?;
            Some(gpu.allocate_with("rows to leave out", bytemuck::cast_slice(excluded), STORAGE)?)
        };
        let list_pairs = pieces.len() as u32 * self.kept;
        let result_bytes = u64::from(padded) * u64::from(list_pairs) * size_of::<Pair>() as u64;
        check_binding_size("the nearest rows", result_bytes, &gpu.limits)?;
        let results = gpu.allocate("nearest rows", result_bytes, STORAGE | wgpu::BufferUsages::COPY_SRC)?;
        for (number, (shard, rows)) in (0..).zip(pieces) {
            let piece = Piece {
                first_row: rows.start,
                first_of_shard: rows.start - shard.rows.start,
                row_count: rows.len() as u32,
                query_count: padded,
                group_count: (rows.len() as u32).div_ceil(GROUP),
                excluded_count: excluded.len() as u32,
            };
            let target = Target { buffer: &results, stride: list_pairs, start: number * self.kept };
            let dispatches = self.dispatches(table, shard, piece, pairs.as_ref(), &keys, target)?;
            let mut encoder = gpu.encoder("similarity");
            gpu.record(&mut encoder, "similarity", &dispatches, |_| (), |_| ())?;
            gpu.submit(encoder)?;
        }

        let mut lists: Vec<Pair> = Vec::with_capacity(query_count * list_pairs as usize);
        let bytes = 0..query_count as u64 * u64::from(list_pairs) * size_of::<Pair>() as u64;
        let piece_bytes = PIECE_BYTES.next_multiple_of(size_of::<Pair>() as u64);
        gpu.read(&results, bytes, piece_bytes, waiting, |bytes| {
            lists.extend(bytes.chunks_exact(size_of::<Pair>()).map(bytemuck::pod_read_unaligned::<Pair>));
        })
        .await?;
        Ok(lists.chunks_exact(list_pairs as usize).map(|lists| self.merge(pieces, lists)).collect())
    }

    /// One query's best of all pieces.
    fn merge(&self, pieces: &[(&Shard, Range<u32>)], lists: &[Pair]) -> Found {
        let of_pieces = lists.chunks_exact(self.kept as usize).zip(pieces);
        let mut all: Vec<(u32, u32)> = of_pieces
            .flat_map(|(list, (_, rows))| {
                let candidates = list.iter().filter(|pair| pair[0] != NO_CANDIDATE);
                candidates.map(|&[key, row]| (key, rows.start + row))
            })
            .collect();
        all.sort_unstable_by_key(|&(key, row)| (!key, row));
        all.truncate(self.kept as usize);
        all.into_iter().map(|(key, row)| (row, score(key))).collect()
    }

    fn dispatches(
        &self,
        table: &GpuTable,
        shard: &Shard,
        piece: Piece,
        excluded: Option<&wgpu::Buffer>,
        keys: &wgpu::Buffer,
        target: Target<'_>,
    ) -> Result<Vec<Dispatch>> {
        let gpu = self.gpu;
        let uniform = gpu.allocate_with("piece", bytemuck::bytes_of(&piece), wgpu::BufferUsages::UNIFORM)?;
        let Piece { row_count, query_count, group_count, .. } = piece;
        let piece_resource = || resource("piece", &uniform);
        let keys_resource = || resource("keys", keys);
        let compared_as = (table.precision.storage, table.layout.quads(), self.cosine);
        let weights = resource("weights", &shard.weights);
        let compared = [piece_resource(), weights, resource("queries", self.queries), keys_resource()];
        let mut dispatches = vec![similarity::dispatch(gpu, compared_as, (row_count, query_count), &compared)?];
        if let Some(excluded) = excluded {
            let struck = [piece_resource(), resource("excluded", excluded), keys_resource()];
            dispatches.push(exclude::dispatch(gpu, piece.excluded_count, &struck)?);
        }
        let bytes = u64::from(group_count) * u64::from(query_count) * size_of::<Pair>() as u64;
        let mut best = gpu.allocate("best of groups", bytes, STORAGE)?;
        let grouped = [piece_resource(), keys_resource(), resource("best", &best)];
        dispatches.push(group_best::dispatch(gpu, (group_count, query_count), &grouped)?);

        let mut levels = Levels { round: self, uniform: &uniform, keys, query_count, dispatches };
        let mut groups = group_count;
        if groups > self.kept {
            let bytes = u64::from(self.kept) * u64::from(query_count) * size_of::<Pair>() as u64;
            let chosen = gpu.allocate("best groups", bytes, STORAGE)?;
            levels.push(Source::Pairs, best, groups, Target { buffer: &chosen, stride: self.kept, start: 0 })?;
            (best, groups) = (chosen, self.kept);
        }
        levels.push(Source::Groups, best, groups * GROUP, target)?;
        Ok(levels.dispatches)
    }
}

/// Where a query's best go.
#[derive(Clone, Copy)]
struct Target<'a> {
    buffer: &'a wgpu::Buffer,
    /// Pairs from one query to the next, and before the first one.
    stride: u32,
    start: u32,
}

/// Dispatches of `top_k`, level after level, until one list is left.
struct Levels<'a> {
    round: &'a Round<'a>,
    uniform: &'a wgpu::Buffer,
    keys: &'a wgpu::Buffer,
    query_count: u32,
    dispatches: Vec<Dispatch>,
}

impl Levels<'_> {
    fn push(
        &mut self,
        mut source: Source,
        mut pairs: wgpu::Buffer,
        mut count: u32,
        target: Target<'_>,
    ) -> Result<()> {
        let Round { gpu, kept, .. } = *self.round;
        loop {
            let lists = count.div_ceil(TILE);
            let next = match lists {
                1 => None,
                _ => {
                    let next = u64::from(lists * kept) * u64::from(self.query_count) * size_of::<Pair>() as u64;
                    check_binding_size("the best candidates", next, &gpu.limits)?;
                    Some(gpu.allocate("best candidates", next, STORAGE)?)
                }
            };
            let to = next.as_ref().map_or(target, |buffer| Target { buffer, stride: lists * kept, start: 0 });
            let selection = Selection { count, lists, keep: kept, stride: to.stride, start: to.start };
            let selection =
                gpu.allocate_with("selection", bytemuck::bytes_of(&selection), wgpu::BufferUsages::UNIFORM)?;
            let resources = [
                resource("selection", &selection),
                resource("pairs", &pairs),
                resource("keys", self.keys),
                resource("lists", to.buffer),
            ];
            let (size, piece) = ((lists, self.query_count), resource("piece", self.uniform));
            self.dispatches.push(top_k::dispatch(gpu, source, size, piece, &resources)?);
            let Some(next) = next else { return Ok(()) };
            (source, pairs, count) = (Source::Pairs, next, lists * kept);
        }
    }
}

/// A whole buffer under a name.
fn resource<'a>(name: &'static str, buffer: &'a wgpu::Buffer) -> Resource<'a> {
    (name, buffer.as_entire_buffer_binding())
}

/// The score behind a key of shaders/shared/score_key.wgsl; a NaN is any.
fn score(key: u32) -> f32 {
    match key {
        ..=NOT_A_NUMBER => f32::NAN,
        0x8000_0000.. => f32::from_bits(key & 0x7fff_ffff),
        _ => f32::from_bits(!key),
    }
}
