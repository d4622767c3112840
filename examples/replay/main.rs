//! Repeats a recorded training run, so that anyone can hold a GPU and driver against Keras and PyTorch.
//!
//! ```text
//! cargo run --release --example replay -- tests/golden/torch_adam.safetensors out.safetensors
//! ```
//!
//! `--help` describes the files. tests/golden/ has cases with what Keras and PyTorch made of them, and how close to
//! expect the result.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use std::{fmt, fs};

use wgpu_embedding::{Backend, GpuContext, Update};

mod case;
#[cfg(test)]
mod case_tests;
mod output;
mod run;

use output::Output;

const HELP: &str = "\
Repeats a recorded training run of one embedding table.

Usage: replay CASE OUT [--update dense|lazy|deferred] [--reference]

  CASE         the run, a safetensors file (below)
  OUT          what came out, a safetensors file: step.K.output, what the lookup
               gave before step K's update, the final weight, and what the
               optimizer keeps under PyTorch's names, such as exp_avg; all F32.
               Equal runs give equal files
  --update     what to do in place of CASE's update; dense and deferred compute
               the same, up to rounding
  --reference  compute on the CPU reference; otherwise the GPU does, or the
               reference where there is no adapter, and the first line says which
  -h, --help   this text

CASE's metadata, all strings:
  format         embedding-replay/2
  input_dim, output_dim, steps
  optimizer      OPTIMIZERS
                 (weight_decay must be 0 with adam, and is decoupled)
  update         dense, lazy or deferred
  learning_rate
  and what the optimizer needs, of which some may be left out:
  beta_1, beta_2, epsilon
  epsilon_form                                 keras or pytorch
  momentum_form                                keras, or pytorch where it is left out
  momentum, initial_accumulator, weight_decay  0 where it is left out
  nesterov, amsgrad                            true, or false where it is left out
  padding_idx                                  none where it is left out
  storage         how weights are kept: f32, f16 or bf16; f32 where it is left out
  rounding        of f16 and bf16: nearest, or stochastic where it is left out
CASE's tensors:
  weight              F32 [input_dim, output_dim]
  step.K.indices      I64, any shape, for each K in 0..steps
  step.K.grad_output  F32, that shape with output_dim appended
Other metadata and tensors are errors. In format embedding-replay/1, which has
adam and adamw alone and in which only padding_idx may be left out, they are
ignored, but for a tensor step.K.* whose K is not below steps.

Exit code: 0, 1 for a file or device that will not do (one line on stderr says
why), 2 for wrong arguments.
";

struct Arguments {
    case: PathBuf,
    out: PathBuf,
    /// In place of the case's.
    update: Option<Update>,
    reference: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(lexopt::Parser::from_env()) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            say(format_args!("{}", help()));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&format!("{error}; see replay --help"));
            return ExitCode::from(2);
        }
    };
    match replay(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let names = wgpu_embedding::Optimizer::each().iter().map(wgpu_embedding::Optimizer::name).collect::<Vec<_>>();
    HELP.replace("OPTIMIZERS", &format!("one of {} and adamw", names.join(", ")))
}

/// Gives none where help is asked for.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Arguments>, lexopt::Error> {
    use lexopt::Arg::{Long, Short, Value};

    let mut paths: Vec<OsString> = Vec::new();
    let mut update = None;
    let mut reference = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("update") => {
                let name = parser.value()?;
                update = Some(case::choose("--update", &name.to_string_lossy(), &case::UPDATES)?);
            }
            Long("reference") => reference = true,
            Value(path) if paths.len() < 2 => paths.push(path),
            _ => return Err(argument.unexpected()),
        }
    }
    let mut paths = paths.into_iter().map(PathBuf::from);
    let case = paths.next().ok_or("missing argument CASE")?;
    let out = paths.next().ok_or("missing argument OUT")?;
    Ok(Some(Arguments { case, out, update, reference }))
}

/// An error begins with the name of the file it is about.
fn replay(arguments: &Arguments) -> Result<(), String> {
    let Arguments { case: case_path, out, update, reference } = arguments;
    let of_case = |error: String| format!("{}: {error}", case_path.display());
    let of_out = |error: String| format!("{}: {error}", out.display());
    let of_writing = |error: io::Error| of_out(error.to_string());

    let bytes = fs::read(case_path).map_err(|error| of_case(error.to_string()))?;
    let case = case::Case::from_bytes(&bytes, *update).map_err(of_case)?;
    if fs::canonicalize(out).is_ok_and(|out| fs::canonicalize(case_path).is_ok_and(|case| case == out)) {
        return Err(of_out("this is the case itself, which would be overwritten".to_owned()));
    }

    // Before the run: a long one should not be lost to a file name that will not do.
    let output = Output::create(out).map_err(of_writing)?;

    let context = if *reference { Ok(GpuContext::reference()) } else { GpuContext::auto() };
    let context = context.map_err(|error| format!("replay: {error}"))?;
    let fallback = context.backend() == Backend::Reference && !reference;
    say(format_args!("device: {context}{}\n", if fallback { ", because no adapter was found" } else { "" }));

    let start = Instant::now();
    let outcome = run::run(&case, &context).map_err(of_case)?;
    let seconds = start.elapsed().as_secs_f64();
    output.finish(&outcome.to_bytes().map_err(of_out)?).map_err(of_writing)?;

    let device = context.adapter_info().map_or("the CPU reference", |info| &info.name);
    let (steps, lookups) = (case.steps.len(), case.lookup_count());
    say(format_args!("replayed {steps} steps, {lookups} lookups, on {device} in {seconds:.3} s\n"));
    Ok(())
}

/// As print!, but a closed pipe is no reason to panic.
fn say(text: fmt::Arguments<'_>) {
    let _ = io::stdout().write_fmt(text);
}

/// One line on stderr, whatever a file name or a file's contents hold.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{}", message.replace(char::is_control, " "));
}
