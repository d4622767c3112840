//! `cargo bench -- gpu`: what each kernel and whole steps take on a GPU, by its own clock, beside its copy kernel and, where
//! they are installed, PyTorch's optimizers.
//!
//! `--json FILE` says where the figures go; `target/gpu-bench.json` unless given. `--quick` measures a few small cases, as
//! adapters that run on the CPU always do.

#[path = "gpu/cases.rs"]
mod cases;
#[path = "gpu/measure.rs"]
mod measure;
#[path = "gpu/peers.rs"]
mod peers;

use serde_json::{Value, json};
use wgpu_embedding::{Error, GpuContext, wgpu};

use crate::copy::Copy;
use cases::Setting;
use measure::{Measured, measure};

const DEFAULT_JSON: &str = "target/gpu-bench.json";

pub fn run() {
    let context = match timed_context() {
        Ok(context) => context,
        Err(error) => {
            println!("no GPU to measure: {error}");
            return;
        }
    };
    let info = context.adapter_info().expect("a GPU").clone();
    let has_clock = context.device().expect("a GPU").features().contains(wgpu::Features::TIMESTAMP_QUERY);
    let arguments: Vec<String> = std::env::args().collect();
    let is_software = info.device_type == wgpu::DeviceType::Cpu;
    let is_quick = is_software || arguments.iter().any(|argument| argument == "--quick");
    println!("\n{context}\n");
    if !has_clock {
        println!(
            "This adapter has no timestamps: times are the host's, of submissions of several rounds, by round.\n"
        );
    }
    if is_software {
        println!("This adapter runs on the CPU: a few small cases stand for all.\n");
    }
    // Times by two clocks may not be compared: without timestamps the copy's are the host's too.
    let copy = copy_rate(&context, has_clock);
    println!("copy kernel: {:.1} GB/s\n", copy / 1e9);
    println!("| case | GPU | host, to record | bytes | GB/s | of copy | kernels |");
    println!("|---|--:|--:|--:|--:|--:|---|");
    let mut lines = Vec::new();
    for setting in cases::all(is_quick) {
        match measure(&context, &setting, has_clock) {
            Ok(measured) => {
                print_line(&setting, &measured, copy);
                lines.push(to_json(&setting, &measured, copy));
            }
            Err(error) => println!("| {} | left out: {error} | | | | | |", setting.name()),
        }
    }
    let peers = peers::run(is_quick);
    let report = json!({
        "crate": env!("CARGO_PKG_VERSION"),
        "adapter": info.name,
        "driver": format!("{} {}", info.driver, info.driver_info),
        "backend": format!("{:?}", info.backend),
        "has_timestamps": has_clock,
        "copy_bytes_per_second": copy,
        "cases": lines,
        "peers": peers,
    });
    let path = value_of(&arguments, "--json").unwrap_or_else(|| DEFAULT_JSON.to_owned());
    match std::fs::write(&path, format!("{report:#}\n")) {
        Ok(()) => println!("\nwritten to {path}"),
        Err(error) => println!("\nnot written to {path}: {error}"),
    }
}

fn value_of(arguments: &[String], name: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).cloned()
}

/// A device of the best adapter, with timestamps where it has them.
fn timed_context() -> Result<GpuContext, Error> {
    pollster::block_on(async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|error| Error::NoAdapter { reason: error.to_string() })?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("gpu bench"),
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| Error::NoDevice { adapter: adapter.get_info().name, reason: error.to_string() })?;
        GpuContext::from_wgpu(&adapter, device, queue)
    })
}

/// Bytes a second that the adapter's copy kernel moves, in and out, at its best.
fn copy_rate(context: &GpuContext, has_clock: bool) -> f64 {
    let rates = [1, 4, 16].map(|quads| {
        let mut copy = Copy::new(context, quads).expect("a GPU");
        let seconds: Vec<f64> = (0..15).map(|_| copy.seconds(has_clock)).collect();
        copy.moved() as f64 / measure::median(seconds)
    });
    rates.into_iter().fold(0.0, f64::max)
}

fn print_line(setting: &Setting, measured: &Measured, copy: f64) {
    let rate = measured.bytes as f64 / measured.step;
    let kernels: Vec<_> =
        measured.kernels.iter().map(|(name, seconds)| format!("{name} {}", microseconds(*seconds))).collect();
    println!(
        "| {} | {} | {} | {:.2} MB | {:.1} | {:.2} | {} |",
        setting.name(),
        microseconds(measured.step),
        microseconds(measured.host),
        measured.bytes as f64 / 1e6,
        rate / 1e9,
        rate / copy,
        kernels.join(", ")
    );
}

fn microseconds(seconds: f64) -> String {
    format!("{:.1} us", seconds * 1e6)
}

fn to_json(setting: &Setting, measured: &Measured, copy: f64) -> Value {
    let kernels: Vec<_> =
        measured.kernels.iter().map(|(name, seconds)| json!({ "kernel": name, "seconds": seconds })).collect();
    json!({
        "case": setting.name(),
        "seconds": measured.step,
        "host_seconds": measured.host,
        "bytes": measured.bytes,
        "share_of_copy": measured.bytes as f64 / measured.step / copy,
        "kernels": kernels,
    })
}
