//! Cases that take turns, and the ratios of their medians.

use wgpu_embedding::{GpuContext, Update};

use crate::cases::{Case, Operation, Setting, Skew, TableCase};
use crate::copy::Copy;

/// Turns that each case takes.
const TURNS: usize = 25;

pub fn print(context: &GpuContext) {
    let (Some(plain), Some(wide)) = (Copy::new(context, 1), Copy::new(context, 16)) else {
        println!("no GPU adapter, so no ratios");
        return;
    };
    let base = Setting {
        operation: Operation::Gather,
        input_dim: 400_000,
        output_dim: 64,
        lookups: 65_536,
        skew: Skew::Uniform,
    };
    let lazy = Setting { operation: Operation::Update(Update::Lazy), lookups: 8_192, ..base };
    let step = Setting { operation: Operation::Step(Update::Lazy), lookups: 8_192, ..base };
    let settings = [
        base,
        Setting { operation: Operation::ScatterAdd, ..base },
        lazy,
        Setting { operation: Operation::Update(Update::Dense), input_dim: 100_000, lookups: 8_192, ..base },
        Setting { input_dim: 10_000, ..step },
        step,
        Setting { skew: Skew::Zipf, ..step },
        Setting { skew: Skew::OneRow, ..step },
        Setting { operation: Operation::Step(Update::Dense), ..step },
    ];
    let mut cases: Vec<Box<dyn Case>> = vec![Box::new(plain), Box::new(wide)];
    cases.extend(settings.map(|setting| Box::new(TableCase::new(context, setting)) as Box<dyn Case>));
    // In turns, so that whatever else the machine does falls on all alike.
    let mut seconds = vec![Vec::new(); cases.len()];
    for _ in 0..TURNS {
        for (case, seconds) in cases.iter_mut().zip(&mut seconds) {
            seconds.push(case.time(4).as_secs_f64() / 4.0);
        }
    }
    let medians: Vec<f64> = seconds
        .into_iter()
        .map(|mut seconds| {
            seconds.sort_by(f64::total_cmp);
            seconds[seconds.len() / 2]
        })
        .collect();
    let rate = |case: usize| cases[case].bytes() as f64 / medians[case];
    println!(
        "\n{:<42} {:>9} {:>7} {:>14} {:>13}",
        "median of 25 turns", "ms", "GB/s", "of plain copy", "of wide copy"
    );
    for (number, case) in cases.iter().enumerate() {
        let (plain, wide) = (rate(number) / rate(0), rate(number) / rate(1));
        let (milliseconds, rate) = (medians[number] * 1e3, rate(number) / 1e9);
        println!("{:<42} {milliseconds:>9.3} {rate:>7.2} {plain:>14.2} {wide:>13.2}", case.name());
    }
    let ratio = |what: &str, case: usize, to: usize| println!("{what:<60} {:.2}", medians[case] / medians[to]);
    println!();
    ratio("lazy step, V = 400,000 over V = 10,000", 7, 6);
    ratio("lazy step, V = 400,000: Zipf over uniform", 8, 7);
    ratio("lazy step, V = 400,000: one row over uniform", 9, 7);
    ratio("step, V = 400,000: dense over lazy", 10, 7);
}
