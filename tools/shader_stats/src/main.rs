//! What a real GPU compiler makes of the kernels, on a machine that has no GPU.
//!
//! Mesa's RADV compiles for AMD GPUs that are not there. Each composition of each kernel becomes a pipeline, from the SPIR-V
//! that wgpu would hand to the driver, with the constants that a table has on a GPU; RADV's own statistics of it, and what can
//! be read from its machine code, are printed as a Markdown table.
//!
//! ```text
//! cargo run -p wgpu-embedding-shader-stats -- [--family navi21] [--output-dim 64] [--kernel NAME] [--isa]
//! ```
//!
//! `--isa` prints the machine code instead. The exit status is 1 where a kernel spills registers or needs scratch memory.

mod compiler;
mod isa;
mod settings;
mod translate;

use std::process::ExitCode;

use compiler::{Compiled, Compiler};
use isa::Loads;
use lexopt::prelude::*;
use settings::Setting;

const USAGE: &str = "shader-stats [--family navi21|gfx1100|...; RADV aborts at a name that it does not know] [--output-dim N] [--kernel NAME] [--isa]";

struct Options {
    family: String,
    output_dim: u32,
    kernel: Option<String>,
    isa: bool,
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options { family: "navi21".to_owned(), output_dim: 64, kernel: None, isa: false };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("family") => options.family = arguments.value()?.string()?,
            Long("output-dim") => options.output_dim = arguments.value()?.parse()?,
            Long("kernel") => options.kernel = Some(arguments.value()?.string()?),
            Long("isa") => options.isa = true,
            Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.output_dim == 0 {
        return Err("--output-dim must be at least 1".into());
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().map_err(|error| format!("{error}\n{USAGE}")).and_then(|options| report(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("shader-stats: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table; whether no kernel spills.
fn report(options: &Options) -> Result<bool, String> {
    let compiler = Compiler::new(&options.family)?;
    let settings = settings::all(options.output_dim);
    let chosen: Vec<_> = settings
        .iter()
        .filter(|setting| options.kernel.as_ref().is_none_or(|name| setting.kernel.name() == name))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no kernel is called {:?}", options.kernel.as_deref().unwrap_or_default()));
    }
    if !options.isa {
        println!("{}, {}, rows of {} floats:\n", compiler.name(), compiler.driver(), options.output_dim);
        println!(
            "| kernel | of | VGPRs | SGPRs | spills | scratch | LDS | waves | code | instructions | loads ahead | in loops | latency | inverse throughput |"
        );
        println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    }
    let mut is_clean = true;
    for setting in chosen {
        let compiled = translate::spirv(setting)
            .and_then(|words| compiler.compile(setting.kernel.name(), &setting.bindings(), &words))
            .map_err(|error| format!("{} {}: {error}", setting.kernel.name(), setting.what))?;
        if options.isa {
            println!("; ==== {} {}\n{}", setting.kernel.name(), setting.what, compiled.assembly);
        } else {
            println!("{}", line(setting, &compiled));
        }
        is_clean &= compiled.spills() == 0 && compiled.statistic("Scratch size") == Some(0);
    }
    Ok(is_clean)
}

fn line(setting: &Setting, compiled: &Compiled) -> String {
    let Loads { ahead, in_loops } = isa::loads(&compiled.assembly);
    let in_loops: Vec<_> = in_loops.iter().map(ToString::to_string).collect();
    let number = |name: &str| compiled.statistic(name).map_or("?".to_owned(), |value| value.to_string());
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {ahead} | {} | {} | {} |",
        setting.kernel.name(),
        setting.what,
        number("VGPRs"),
        number("SGPRs"),
        compiled.spills(),
        number("Scratch size"),
        number("LDS size"),
        number("Subgroups per SIMD"),
        number("Code size"),
        number("Instructions"),
        in_loops.join(" "),
        number("Latency"),
        number("Inverse Throughput"),
    )
}
