//! Cases that take turns, and the ratios of their medians.

use wgpu_embedding::{GpuContext, Storage, Update};

use crate::cases::{BASE, Case, Operation, Setting, Skew, TableCase};
use crate::copy::Copy;
use crate::nearest::NearestCase;

/// Turns that each case takes.
const TURNS: usize = 25;

/// Rounds of a turn.
const ROUNDS: u64 = 4;

/// Steps that a row has missed when it is next looked up, where that is measured.
const STALE: u64 = 100;

pub fn print(context: &GpuContext) {
    let (Some(plain), Some(wide)) = (Copy::new(context, 1), Copy::new(context, 16)) else {
        println!("no GPU adapter, so no ratios");
        return;
    };
    let all = |input_dim, setting: Setting| Setting { input_dim, used_rows: input_dim, ..setting };
    let step = Setting { operation: Operation::Step(Update::Deferred), lookups: 8_192, ..BASE };
    let with = |operation, setting: Setting| Setting { operation, ..setting };
    // The same rows of a small and of a large table: only V differs.
    let of_the_first = |input_dim| Setting { input_dim, used_rows: 10_000, ..step };
    let stale = Setting { batches: STALE, ..all(1_000_000, step) };
    let lazy = Operation::Step(Update::Lazy);

    let mut board = Board { context, settings: Vec::new(), cases: vec![Box::new(plain), Box::new(wide)] };
    for queries in [1, 16] {
        board.cases.push(Box::new(NearestCase::new(context, queries)));
    }
    let gathers = [Storage::F32, Storage::Bf16].map(|storage| board.add(Setting { storage, ..BASE }));
    board.add(with(Operation::ScatterAdd, BASE));
    board.add(with(Operation::Update(Update::Deferred), step));
    board.add(with(Operation::Update(Update::Lazy), step));
    board.add(all(100_000, with(Operation::Update(Update::Dense), step)));
    let large_batch = board.add(Setting { lookups: 65_536, ..step });
    let resident = board.add(Setting { resident: true, ..step });

    let [small, large] = [10_000, 1_000_000].map(|rows| board.add(of_the_first(rows)));
    let [uniform, zipf, one_row] =
        [Skew::Uniform, Skew::Zipf, Skew::OneRow].map(|skew| board.add(Setting { skew, ..step }));
    let [stale_deferred, stale_lazy] = [stale, with(lazy, stale)].map(|setting| board.add(setting));
    let [lazy_small, lazy_large] = [10_000, 400_000].map(|rows| board.add(all(rows, with(lazy, step))));
    let separate = board.add(with(Operation::SeparateStep(Update::Deferred), step));
    let dense = board.add(with(Operation::Step(Update::Dense), step));
    let largest = board.room_for(4_000_000).then(|| board.add(of_the_first(4_000_000)));

    let steps = [Storage::F32, Storage::Bf16].map(|storage| board.add(Setting { storage, ..step }));
    let medians = board.run();
    let ratio = |what: &str, case: usize, to: usize| println!("{what:<72} {:.2}", medians[case] / medians[to]);
    println!();
    ratio("deferred step of the same 10,000 rows: V = 1,000,000 over V = 10,000", large, small);
    match largest {
        Some(largest) => ratio("the same: V = 4,000,000 over V = 10,000", largest, small),
        None => println!("V = 4,000,000 was left out: this machine's memory has no room for it"),
    }
    ratio("deferred step, V = 400,000: Zipf over uniform", zipf, uniform);
    ratio("deferred step, V = 400,000: one row over uniform", one_row, uniform);
    ratio("step of rows stale by 100 steps, V = 1,000,000: deferred over lazy", stale_deferred, stale_lazy);
    ratio("lazy step of all rows: V = 400,000 over V = 10,000", lazy_large, lazy_small);
    ratio("deferred step, V = 400,000: in one over in separate calls", uniform, separate);

    ratio("gather, V = 400,000: bf16 over f32", gathers[1], gathers[0]);
    ratio("deferred step, V = 400,000: bf16 over f32", steps[1], steps[0]);
    ratio("deferred step, V = 400,000: sorted on the GPU over on the host", resident, uniform);
    ratio("step, V = 400,000: dense over deferred", dense, uniform);
    host_times(context, &Setting { lookups: 65_536, ..step }, medians[large_batch]);
}

/// Cases with their settings, each once.
struct Board<'a> {
    context: &'a GpuContext,
    settings: Vec<Setting>,
    cases: Vec<Box<dyn Case>>,
}

impl Board<'_> {
    fn add(&mut self, setting: Setting) -> usize {
        let others = self.cases.len() - self.settings.len();
        if let Some(found) = self.settings.iter().position(|known| *known == setting) {
            return others + found;
        }
        self.settings.push(setting);
        self.cases.push(Box::new(TableCase::new(self.context, setting)));
        self.cases.len() - 1
    }

    /// Whether a table of so many rows can be made beside the others.
    fn room_for(&self, input_dim: u32) -> bool {
        let config = wgpu_embedding::EmbeddingConfig::new(input_dim, BASE.output_dim);
        let config = config.with_initializer(wgpu_embedding::Initializer::Zeros);
        wgpu_embedding::GpuEmbedding::new(self.context, config, wgpu_embedding::Adam::default()).is_ok()
    }

    /// Seconds of one round of each case, the median of its turns.
    fn run(&mut self) -> Vec<f64> {
        // In turns, so that whatever else the machine does falls on all alike.
        let mut seconds = vec![Vec::new(); self.cases.len()];
        for _ in 0..TURNS {
            for (case, seconds) in self.cases.iter_mut().zip(&mut seconds) {
                seconds.push(case.time(ROUNDS).as_secs_f64() / ROUNDS as f64);
            }
        }
        let medians: Vec<f64> = seconds.into_iter().map(median).collect();
        let rate = |case: usize| self.cases[case].bytes() as f64 / medians[case];
        let header = format!("median of {TURNS} turns");
        println!("\n{header:<58} {:>9} {:>7} {:>14} {:>13}", "ms", "GB/s", "of plain copy", "of wide copy");
        for (number, case) in self.cases.iter().enumerate() {
            let (plain, wide) = (rate(number) / rate(0), rate(number) / rate(1));
            let (milliseconds, rate) = (medians[number] * 1e3, rate(number) / 1e9);
            println!("{:<58} {milliseconds:>9.3} {rate:>7.2} {plain:>14.2} {wide:>13.2}", case.name());
        }
        medians
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Steps that the history of the default Adam remembers in full, and some.
const MOST_OPEN_STEPS: u32 = 208;

/// What the host takes by itself: to make a batch, and to record a step.
fn host_times(context: &GpuContext, setting: &Setting, gpu_step: f64) {
    println!();
    for update in [Update::Deferred, Update::Lazy] {
        let setting = Setting { lookups: 8_192, operation: Operation::Step(update), ..*setting };
        let mut case = TableCase::new(context, setting);
        // Past the steps in which the history grows.
        for _ in 0..MOST_OPEN_STEPS / 16 {
            case.time_to_record(16, true);
        }
        let kinds = [(false, "a BufferRegion"), (true, "a BoundRegion")];
        let mut times = [(); 2].map(|()| [Vec::new(), Vec::new()]);
        for _ in 0..TURNS {
            for (times, (keeps_groups, _)) in times.iter_mut().zip(kinds) {
                for (times, rounds) in times.iter_mut().zip([1, 16]) {
                    times.push(case.time_to_record(rounds, keeps_groups).as_secs_f64() * 1e6);
                }
            }
        }
        for (times, (_, regions)) in times.into_iter().zip(kinds) {
            let [alone, of_many] = times.map(median);
            println!(
                "host, to record a {update:?} step of 8,192 lookups, {regions} each: {alone:.1} us alone, {of_many:.1} us \
                 in a row of 16"
            );
        }
    }
    // Narrow rows keep a table in one buffer.
    for output_dim in [setting.output_dim, 16] {
        let case = TableCase::new(context, Setting { output_dim, ..*setting });
        let batch = median((0..TURNS).map(|turn| case.time_to_make_a_batch(turn as u64).as_secs_f64()).collect());
        println!(
            "n = 65,536, D = {output_dim}: {:.2} ms to make a batch on the host (check, sort, upload)",
            batch * 1e3
        );
    }
    println!("n = 65,536, D = {}: {:.2} ms for the GPU's step", setting.output_dim, gpu_step * 1e3);
}
