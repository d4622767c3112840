//! Sorts a batch whose indices are on the GPU, and writes its plan (`plan`).
//!
//! A radix sort, least digit first, of the lookups' rows; only the bits that a row of the table can have are sorted. A
//! batch of one tile is sorted, and its plan written, by one workgroup in one dispatch. A larger one is cut in blocks of a
//! tile. For each digit one dispatch counts the digits of each block, one adds the counts up, unless there are few blocks, and
//! one moves the lookups; two more find the runs and write the plan.

use super::TableLayout;
use super::device::{Dispatch, Gpu};
use super::kernels::inputs::{DIGITS, FEW_BLOCKS, TILE};
use super::kernels::inputs::{Form, SortPass};
use super::kernels::{run_heads, run_plan, sort_histogram, sort_scan, sort_scatter, sort_small};
use super::plan::PlanLayout;
use super::region::check_binding_size;
use super::scratch::Scratch;
use crate::error::Result;

/// Bits of a digit, at most, in a sort of few blocks: there one pass more costs more than many digits do.
const DIGIT_BITS_OF_FEW: u32 = DIGITS.ilog2();

/// The same in a sort of many blocks: there a block should have far fewer counts than lookups.
const DIGIT_BITS_OF_MANY: u32 = 8;

/// How a batch is sorted: pure arithmetic.
#[derive(Debug, Clone, PartialEq)]
struct Passes {
    /// Of the lookups between passes.
    form: Form,
    /// At least one; those of a batch of one tile are a single one.
    passes: Vec<SortPass>,
}

impl Passes {
    /// For at least one lookup.
    fn new(count: u32, table: &TableLayout, padding_idx: Option<u32>) -> Self {
        // The sentinel, `input_dim`, is the largest key.
        let key_bits = bits(table.input_dim);
        let position_bits = bits(count - 1);
        let form = if key_bits + position_bits <= u32::BITS { Form::Packed } else { Form::Pairs };
        let block_count = count.div_ceil(TILE);
        let pass_count = match block_count {
            1 => 1,
            2..=FEW_BLOCKS => key_bits.div_ceil(DIGIT_BITS_OF_FEW),
            _ => key_bits.div_ceil(DIGIT_BITS_OF_MANY),
        };
        // Equal digits, for a pass with fewer bits is a little faster.
        let digit_bits = key_bits.div_ceil(pass_count);
        let pass = |shift| SortPass {
            count,
            input_dim: table.input_dim,
            // No row has this number.
            padding_idx: padding_idx.unwrap_or(u32::MAX),
            position_bits,
            shift,
            digit_bits: digit_bits.min(key_bits - shift),
            key_bits,
            block_count,
            rows_per_shard: table.rows_per_shard,
            shard_count: table.shard_count(),
        };
        Self { form, passes: (0..pass_count).map(|number| pass(number * digit_bits)).collect() }
    }
}

/// Bits that hold `value`.
fn bits(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// What a sort keeps between its dispatches. All sorts of a pool share it: each is done with it, in the order in which the GPU
/// computes, before the next begins.
#[derive(Debug)]
pub(crate) struct Workspace {
    counts: Scratch,
    items: [Scratch; 2],
}

impl Default for Workspace {
    fn default() -> Self {
        let scratch = |what| Scratch::new(what, wgpu::BufferUsages::STORAGE);
        Self { counts: scratch("sort counts"), items: [scratch("sort items"), scratch("sort items")] }
    }
}

/// A part of a buffer of which more may be there.
fn start_of(buffer: &wgpu::Buffer, bytes: u64) -> wgpu::BufferBinding<'_> {
    wgpu::BufferBinding { buffer, offset: 0, size: wgpu::BufferSize::new(bytes) }
}

/// What is sorted, and where to.
pub(crate) struct Input<'a> {
    /// The plan's lookups.
    pub indices: wgpu::BufferBinding<'a>,
    pub table: &'a TableLayout,
    pub padding_idx: Option<u32>,
    /// With room for as many runs as lookups.
    pub layout: PlanLayout,
    /// Of another buffer than the indices.
    pub plan: wgpu::BufferBinding<'a>,
}

/// The sort of one batch, prepared.
///
/// Its dispatches may be recorded any number of times: each time they sort the indices that the buffer then holds.
#[derive(Debug)]
pub(crate) struct GpuSort {
    dispatches: Vec<Dispatch>,
}

impl GpuSort {
    /// Prepares a sort, in the memory that the sorts of a pool share.
    ///
    /// An empty batch needs no dispatch: its plan is zeros, as a new buffer is.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) if the lookups do not fit a binding on their way,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), or an error of the device.
    pub(crate) fn new(gpu: &Gpu, workspace: &Workspace, input: Input<'_>) -> Result<Self> {
        let Input { indices, table, padding_idx, layout, plan } = input;
        let lookup_count = layout.lookup_count;
        assert_eq!(layout.places, layout.rows, "the kernels write rows alone, which are places too");
        if lookup_count == 0 {
            return Ok(Self { dispatches: Vec::new() });
        }
        let Passes { form, passes } = &Passes::new(lookup_count, table, padding_idx);
        let uniforms = Uniforms::new(gpu, passes, layout)?;
        let batch = || ("batch", uniforms.layout());
        let plan = ("plan", plan);
        if lookup_count <= TILE {
            let resources = [("sort", uniforms.pass(0)), ("source", indices), batch(), plan];
            return Ok(Self { dispatches: vec![sort_small::dispatch(gpu, &resources)?] });
        }

        let item_bytes = item_bytes(*form, lookup_count);
        check_binding_size("the batch's lookups, being sorted,", item_bytes, &gpu.limits)?;
        let last = passes.len() - 1;
        // Of each block and digit, and of each digit; the first pass has as many bits as any.
        let count_bytes = ((u64::from(passes[0].block_count) + 1) << passes[0].digit_bits) * 4;
        let counts = workspace.counts.at_least(gpu, count_bytes)?;
        let counts = || ("counts", start_of(&counts, count_bytes));
        // The passes write the one and the other in turn; a single one needs no other.
        let items = workspace.items.iter().take(passes.len());
        let items = items.map(|items| items.at_least(gpu, item_bytes)).collect::<Result<Vec<_>>>()?;

        let mut dispatches = Vec::new();
        let (mut from, mut source) = (Form::Indices, indices);
        for (number, pass) in passes.iter().enumerate() {
            let sort = || ("sort", uniforms.pass(number));
            let destination = start_of(&items[number % 2], item_bytes);
            dispatches.push(sort_histogram::dispatch(
                gpu,
                pass,
                from,
                &[sort(), ("source", source.clone()), counts()],
            )?);
            if pass.block_count > FEW_BLOCKS {
                dispatches.push(sort_scan::dispatch(gpu, pass, &[sort(), ("source", source.clone()), counts()])?);
            }
            let resources = [sort(), ("source", source), counts(), ("destination", destination.clone())];
            dispatches.push(sort_scatter::dispatch(gpu, pass, [from, *form], &resources)?);
            (from, source) = (*form, destination);
        }
        let (pass, sort) = (&passes[last], || ("sort", uniforms.pass(last)));
        dispatches.push(run_heads::dispatch(gpu, pass, from, &[sort(), ("source", source.clone()), counts()])?);
        let resources = [sort(), ("source", source), batch(), plan, counts()];
        dispatches.push(run_plan::dispatch(gpu, pass, from, &resources)?);
        Ok(Self { dispatches })
    }

    /// What to record, in this order, in one compute pass.
    pub(crate) fn into_dispatches(self) -> Vec<Dispatch> {
        self.dispatches
    }
}

/// Bytes of each of the two arrays that the passes move the lookups between.
fn item_bytes(form: Form, count: u32) -> u64 {
    let words = if form == Form::Packed { 1 } else { 2 };
    u64::from(count) * words * 4
}

/// One buffer with the uniform of each pass, then the plan's layout.
struct Uniforms {
    buffer: wgpu::Buffer,
    pass_count: u64,
}

impl Uniforms {
    /// The strictest alignment that WebGPU knows.
    const STRIDE: u64 = 256;

    fn new(gpu: &Gpu, passes: &[SortPass], layout: PlanLayout) -> Result<Self> {
        let mut contents = Vec::new();
        let sections = passes.iter().map(bytemuck::bytes_of).chain([bytemuck::bytes_of(&layout)]);
        for (number, section) in sections.enumerate() {
            contents.resize(number * Self::STRIDE as usize, 0);
            contents.extend_from_slice(section);
        }
        let buffer = gpu.allocate_with("sort uniforms", &contents, wgpu::BufferUsages::UNIFORM)?;
        Ok(Self { buffer, pass_count: passes.len() as u64 })
    }

    fn pass(&self, number: usize) -> wgpu::BufferBinding<'_> {
        self.section(number as u64, size_of::<SortPass>())
    }

    fn layout(&self) -> wgpu::BufferBinding<'_> {
        self.section(self.pass_count, size_of::<PlanLayout>())
    }

    fn section(&self, number: u64, size: usize) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: number * Self::STRIDE,
            size: wgpu::BufferSize::new(size as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Zipf};

    use super::*;
    use crate::GpuContext;
    use crate::gpu::grid::WORKGROUP_SIZE;
    use crate::gpu::host_sort::SortScratch;
    use crate::gpu::kernels::inputs::{CHUNK, HEADER_WORDS};
    use crate::gpu::plan::SortPlan;
    use crate::gpu::readback::{PIECE_BYTES, Waiting};
    use crate::reference;

    /// What no kernel writes.
    const POISON: u32 = 0xdead_beef;

    fn gpu() -> Arc<Gpu> {
        GpuContext::gpu().unwrap().inner().unwrap().clone()
    }

    fn table(input_dim: u32, rows_per_shard: u32) -> TableLayout {
        TableLayout { input_dim, output_dim: 4, rows_per_shard: rows_per_shard.min(input_dim) }
    }

    /// A prepared sort, with the buffers that it reads and writes.
    struct Prepared<'a> {
        gpu: &'a Gpu,
        table: TableLayout,
        padding_idx: Option<u32>,
        layout: PlanLayout,
        indices: wgpu::Buffer,
        plan: wgpu::Buffer,
        sort: Vec<Dispatch>,
    }

    impl<'a> Prepared<'a> {
        fn new(gpu: &'a Gpu, count: usize, table: TableLayout, padding_idx: Option<u32>) -> Self {
            let count = count as u32;
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            let (layout, words) = PlanLayout::new(count, count, count, table.shard_count()).unwrap();
            let indices = gpu.allocate("indices", u64::from(count).max(1) * 4, usage).unwrap();
            let plan = gpu.allocate("plan", words * 4, usage).unwrap();
            let [source, plan_binding] = [&indices, &plan].map(wgpu::Buffer::as_entire_buffer_binding);
            let input = Input { indices: source, table: &table, padding_idx, layout, plan: plan_binding };
            let sort = GpuSort::new(gpu, &Workspace::default(), input).unwrap().into_dispatches();
            Self { gpu, table, padding_idx, layout, indices, plan, sort }
        }

        fn run(&self) {
            let mut encoder = self.gpu.encoder("sort");
            self.gpu.record(&mut encoder, "sort", &self.sort, |_| (), |_| ()).unwrap();
            self.gpu.submit(encoder).unwrap();
        }

        /// Sorts these indices into a poisoned plan, and holds it against that of the host and against the twin.
        fn check(&self, indices: &[u32], what: &str) {
            let what = format!("{what}, {} of {:?}, padding {:?}", indices.len(), self.table, self.padding_idx);
            self.gpu.write(&self.indices, 0, bytemuck::cast_slice(indices)).unwrap();
            if !indices.is_empty() {
                let poison = vec![POISON; self.plan.size() as usize / 4];
                self.gpu.write(&self.plan, 0, bytemuck::cast_slice(&poison)).unwrap();
            }
            self.run();
            let mut words: Vec<u32> = Vec::new();
            let take = |bytes: &[u8]| words.extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
            pollster::block_on(self.gpu.read(&self.plan, 0..self.plan.size(), PIECE_BYTES, Waiting::Block, take))
                .unwrap();

            let keep = |index| index < self.table.input_dim && Some(index) != self.padding_idx;
            let host = SortPlan::new(indices, &self.table, keep, SortScratch::default()).unwrap();
            let host_words = host.words();
            let [run_count, valid_count] = [host_words[0], host_words[1]];
            let part =
                |words: &'_ [u32], start: u32, length: u32| words[start as usize..][..length as usize].to_vec();
            let parts = |words: &[u32], layout: PlanLayout| {
                [
                    ("header", part(words, 0, HEADER_WORDS)),
                    ("order", part(words, layout.order, valid_count)),
                    ("rows", part(words, layout.rows, run_count)),
                    ("starts", part(words, layout.starts, run_count + 1)),
                    ("blocks", part(words, layout.blocks, layout.lookup_count.div_ceil(CHUNK) + 1)),
                    ("shards", part(words, layout.shards, self.table.shard_count() + 1)),
                ]
            };
            let [found, expected] = [parts(&words, self.layout), parts(&host_words, host.layout)];
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                let differ = found.iter().zip(expected).position(|(found, expected)| found != expected);
                if let Some(at) = differ {
                    panic!("{what}: {name}[{at}] is {} and should be {}", found[at], expected[at]);
                }
            }
            // What the batch does not use is nobody's to write.
            let unused = [
                self.layout.order + valid_count..self.layout.rows,
                self.layout.rows + run_count..self.layout.starts,
                self.layout.starts + run_count + 1..self.layout.blocks,
            ];
            for word in unused.into_iter().flatten().filter(|_| !indices.is_empty()) {
                assert_eq!(words[word as usize], POISON, "{what}: word {word} was written");
            }

            let twin = reference::sort(indices, self.table.input_dim, self.padding_idx);
            assert!(twin.order == found[1].1, "{what}: order of the twin");
            assert!(twin.rows == found[2].1, "{what}: rows of the twin");
            assert!(twin.starts == found[3].1, "{what}: starts of the twin");
        }
    }

    fn generate(count: usize, mut next: impl FnMut(usize) -> u32) -> Vec<u32> {
        (0..count).map(&mut next).collect()
    }

    /// Indices of each kind for a table of `input_dim` rows.
    fn kinds(count: usize, input_dim: u32, rng: &mut ChaCha8Rng) -> Vec<(&'static str, Vec<u32>)> {
        let zipf = Zipf::new(input_dim as f32, 1.1).unwrap();
        let uniform = generate(count, |_| rng.random_range(0..input_dim));
        let mut sorted = uniform.clone();
        sorted.sort_unstable();
        let reversed = sorted.iter().rev().copied().collect();
        vec![
            ("uniform", uniform),
            ("zipf", generate(count, |_| (zipf.sample(rng) as u32).clamp(1, input_dim) - 1)),
            ("equal", vec![input_dim / 2; count]),
            ("sorted", sorted),
            ("reversed", reversed),
            ("bad", generate(count, |i| [input_dim, input_dim + 1, u32::MAX][i % 3])),
            ("mixed", mixed(count, input_dim, rng)),
        ]
    }

    /// Rows, among them the first and the last, and indices that are none.
    fn mixed(count: usize, input_dim: u32, rng: &mut ChaCha8Rng) -> Vec<u32> {
        generate(count, |_| match rng.random_range(0..8) {
            0 => u32::MAX,
            1 => input_dim,
            2 => input_dim + 1,
            3 => 0,
            4 => input_dim - 1,
            _ => rng.random_range(0..input_dim),
        })
    }

    #[test]
    #[ignore = "needs an adapter"]
    fn plans_are_those_of_the_host_at_every_size() {
        let gpu = gpu();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let tile = TILE as usize;
        let sizes = [0, 1, 2, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, tile - 1, tile, tile + 1, 8192];
        for count in sizes {
            for (input_dim, rows_per_shard, padding_idx) in
                [(3000, 3000, None), (100_000, 33_333, Some(7)), (u32::MAX - 1, 1 << 30, Some(u32::MAX - 2))]
            {
                let prepared = Prepared::new(&gpu, count, table(input_dim, rows_per_shard), padding_idx);
                for (kind, indices) in kinds(count, input_dim, &mut rng) {
                    prepared.check(&indices, kind);
                }
            }
        }
    }

    #[test]
    #[ignore = "needs an adapter"]
    fn plans_are_those_of_the_host_for_every_table() {
        let gpu = gpu();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for count in [700, 5000] {
            for input_dim in [1, 2, 15, 16, 255, 256, 257, 65_535, 65_536, 1_000_000, 1 << 24, 1 << 31, u32::MAX - 1]
            {
                for padding_idx in [None, Some(0), Some(input_dim - 1), Some(u32::MAX)] {
                    let prepared = Prepared::new(&gpu, count, table(input_dim, input_dim / 3 + 1), padding_idx);
                    for (kind, indices) in kinds(count, input_dim, &mut rng) {
                        prepared.check(&indices, kind);
                    }
                }
            }
        }
    }

    #[test]
    #[ignore = "needs an adapter"]
    fn plans_find_the_runs_of_every_shard() {
        let gpu = gpu();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for count in [1, 600, 6000] {
            for rows_per_shard in [1, 7, 64, 999, 1000] {
                let prepared = Prepared::new(&gpu, count, table(1000, rows_per_shard), Some(500));
                for (kind, indices) in kinds(count, 1000, &mut rng) {
                    prepared.check(&indices, kind);
                }
                // Whole shards without a lookup: in front, between and behind.
                prepared.check(&generate(count, |_| rng.random_range(300..310)), "few rows");
                prepared.check(&generate(count, |i| [200, 201, 800][i % 3]), "two places");
                prepared.check(&vec![0; count], "the first row");
                prepared.check(&vec![999; count], "the last row");
            }
        }
    }

    #[test]
    #[ignore = "needs an adapter"]
    fn plans_of_large_batches_are_those_of_the_host() {
        let gpu = gpu();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        // As many blocks as `sort_scan` takes in a round.
        let blocks_of_a_round = (4 * WORKGROUP_SIZE * TILE) as usize;
        let few_blocks = (FEW_BLOCKS * TILE) as usize;
        for (count, input_dim) in [
            (65_536 + 3, 400_000),
            // Pairs: 17 bits of position.
            (65_536 + 3, 100_000_000),
            // The longest digits, and the most blocks with them; then shorter ones.
            (few_blocks, (1 << 20) - 1),
            (few_blocks + 1, (1 << 20) - 1),
            (blocks_of_a_round, 1000),
            (blocks_of_a_round + 1, 10_000),
            (1_000_003, 1_000_000),
        ] {
            let prepared = Prepared::new(&gpu, count, table(input_dim, input_dim / 3 + 1), Some(0));
            for (kind, indices) in kinds(count, input_dim, &mut rng) {
                if ["zipf", "equal", "mixed"].contains(&kind) {
                    prepared.check(&indices, kind);
                }
            }
        }
        let prepared = Prepared::new(&gpu, 4_194_304, table(400_000, 250_000), None);
        prepared.check(&mixed(4_194_304, 400_000, &mut rng), "mixed");
    }

    #[test]
    fn passes_sort_every_bit_once_and_blocks_cover_the_batch() {
        for count in [1, 2, TILE, TILE + 1, 1 << 19, (1 << 19) + 1, 1 << 24, 1 << 31] {
            for input_dim in [1, 2, 255, 256, 65_535, 65_536, 1_000_000, u32::MAX - 1] {
                let Passes { form, passes } = Passes::new(count, &table(input_dim, input_dim), None);
                let key_bits = bits(input_dim);
                if form == Form::Packed {
                    assert!(bits(count - 1) + key_bits <= 32);
                } else {
                    assert!(bits(count - 1) + key_bits > 32);
                    assert!(u64::from(count) * 2 <= 1 << 32);
                }
                let mut next = 0;
                for pass in &passes {
                    assert_eq!((pass.shift, pass.key_bits), (next, key_bits));
                    assert!(pass.digit_bits > 0);
                    let most = if pass.block_count <= FEW_BLOCKS { DIGIT_BITS_OF_FEW } else { DIGIT_BITS_OF_MANY };
                    assert!(pass.digit_bits <= most || count <= TILE);
                    assert!(pass.digit_bits <= passes[0].digit_bits, "room is made for the first pass's counts");
                    next += pass.digit_bits;
                    assert!(u64::from(pass.block_count) * u64::from(TILE) >= u64::from(count));
                    assert!(u64::from(pass.block_count - 1) * u64::from(TILE) < u64::from(count));
                }
                assert_eq!(next, key_bits);
            }
        }
    }
}
