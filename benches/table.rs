//! `cargo bench`: what the kernels and whole steps move, in bytes a second, on the GPU and on the CPU reference.
//!
//! Every case is checked against the reference before it is timed. Throughput counts the bytes that the operation must
//! move, each once; the adapter's own copy kernel runs beside it, and the last table gives each case as a share of it,
//! from runs that take turns: that share is the figure that holds across machines.
//!
//! `cargo bench` runs all of it; `cargo bench -- FILTER` some of Criterion's cases; `cargo bench -- ratios` the last
//! table alone. `cargo bench -- gpu` is for hardware: what each kernel takes by the GPU's own clock (table/gpu.rs).

use std::time::Duration;

use criterion::{Criterion, Throughput};

#[path = "table/cases.rs"]
mod cases;
#[path = "table/copy.rs"]
mod copy;
#[path = "table/gpu.rs"]
mod gpu;
#[path = "table/nearest.rs"]
mod nearest;
#[path = "table/ratios.rs"]
mod ratios;

fn main() {
    env_logger::init();
    // As a whole word: Criterion's filters may have it in them.
    if std::env::args().any(|argument| argument == "gpu") {
        return gpu::run();
    }
    let context = wgpu_embedding::GpuContext::auto().expect("an adapter that is there must work");
    println!("device: {context}");
    let only_ratios = std::env::args().any(|argument| argument == "ratios");
    if !only_ratios {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(3))
            .configure_from_args();
        for mut case in cases::all(&context) {
            let mut group = criterion.benchmark_group(case.name());
            group.throughput(Throughput::Bytes(case.bytes()));
            group.bench_function(case.side(), |bencher| bencher.iter_custom(|count| case.time(count)));
            group.finish();
        }
        criterion.final_summary();
    }
    ratios::print(&context);
}
