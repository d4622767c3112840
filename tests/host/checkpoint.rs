//! Checkpoints and plain weights, on the CPU reference; tests/gpu/checkpoint.rs has what a GPU does.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use safetensors::SafeTensors;
use serde_json::Value;
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Optimizer};

#[path = "checkpoint/attack.rs"]
mod attack;
#[path = "checkpoint/formats.rs"]
mod formats;
#[path = "checkpoint/interrupted.rs"]
mod interrupted;
#[cfg(target_os = "linux")]
#[path = "checkpoint/memory.rs"]
mod memory;
#[path = "checkpoint/mutations.rs"]
mod mutations;
#[path = "checkpoint/other_files.rs"]
mod other_files;
#[path = "checkpoint/plain.rs"]
mod plain;
#[path = "checkpoint/resume.rs"]
mod resume;
#[path = "checkpoint/settings.rs"]
mod settings;

/// The key of a checkpoint's own metadata.
const KEY: &str = "wgpu_embedding_checkpoint";

fn table(config: EmbeddingConfig, optimizer: impl Into<Optimizer>) -> GpuEmbedding {
    GpuEmbedding::new(&GpuContext::reference(), config, optimizer).unwrap()
}

/// An optimizer with all that it can keep.
fn keeping_all(optimizer: Optimizer) -> Optimizer {
    let settings = [("momentum", "0.9"), ("nesterov", "true"), ("amsgrad", "true")];
    // Each where there is such a setting.
    settings
        .into_iter()
        .fold(optimizer, |optimizer, (name, value)| optimizer.with_setting(name, value).unwrap_or(optimizer))
}

/// Trains steps `steps`, each on rows and gradients of its own, at a rate of its own.
fn train(embedding: &mut GpuEmbedding, steps: std::ops::Range<u64>) {
    let (rows, width) = (u64::from(embedding.input_dim()), embedding.output_dim() as usize);
    for step in steps {
        embedding.set_learning_rate(0.01 / (1.0 + step as f64)).unwrap();
        let indices: Vec<u64> = (0..12).map(|i| (step * 31 + i * i * 7) % rows).collect();
        let gradient: Vec<f32> =
            (0..12 * width).map(|i| ((i as u64 * 37 + step * 11) % 19) as f32 / 8.0 - 1.0).collect();
        let batch = embedding.batch(&indices).unwrap();
        embedding.update(&batch, &gradient).unwrap();
    }
}

/// Everything that decides how a table goes on, with floats by their bits.
#[derive(Debug, PartialEq)]
struct State {
    weights: Vec<u32>,
    arrays: Vec<Vec<u32>>,
    step_count: u64,
    optimizer: Optimizer,
    rest: (bool, bool, Option<u32>, Option<usize>, u64),
}

fn state(embedding: &GpuEmbedding) -> State {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let arrays = if embedding.trainable() { embedding.optimizer().state() } else { Vec::new() };
    State {
        weights: bits(embedding.weights().unwrap()),
        arrays: arrays.iter().map(|array| bits(embedding.state(array.name).unwrap())).collect(),
        step_count: embedding.step_count(),
        optimizer: *embedding.optimizer(),
        rest: (
            embedding.trainable(),
            embedding.mask_zero(),
            embedding.padding_idx(),
            embedding.input_length(),
            embedding.seed(),
        ),
    }
}

fn load(path: &Path) -> wgpu_embedding::Result<GpuEmbedding> {
    GpuEmbedding::load(&GpuContext::reference(), path)
}

/// A safetensors file taken apart, to be put together wrongly.
#[derive(Clone)]
struct Parts {
    header: Value,
    data: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        // Whatever this crate writes, the format's own library must take.
        let (length, _) = SafeTensors::read_metadata(bytes).unwrap();
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Self { header, data: bytes[8 + length..].to_vec() }
    }

    /// A small checkpoint's.
    fn of_a_checkpoint() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.safetensors");
        let mut small = table(EmbeddingConfig::new(7, 3).with_padding_idx(2), Adam::default().with_amsgrad(true));
        train(&mut small, 0..3);
        small.save(&path).unwrap();
        Self::of(&std::fs::read(&path).unwrap())
    }

    fn to_bytes(&self) -> Vec<u8> {
        with_header(self.header.to_string().as_bytes(), &self.data)
    }

    /// The checkpoint's settings.
    fn settings(&self) -> Value {
        serde_json::from_str(self.header["__metadata__"][KEY].as_str().unwrap()).unwrap()
    }

    fn set_settings(&mut self, settings: &Value) {
        self.header["__metadata__"][KEY] = settings.to_string().into();
    }
}

fn with_header(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// Writes a file anew: some file systems bring one that was written over to the disk at once, which takes its time.
fn rewrite(path: &Path, bytes: &[u8]) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => std::fs::write(path, bytes).unwrap(),
    }
}

/// What a test's child process is to do; see [`child`].
const TASK: &str = "WGPU_EMBEDDING_TEST_TASK";

/// A process that runs one test of this binary, which finds `task` in its environment and does that instead.
///
/// `limits` is for a shell to do before, where there is one.
fn child(test: &str, task: impl AsRef<OsStr>, limits: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = if cfg!(unix) { Command::new("sh") } else { Command::new(&this) };
    if cfg!(unix) {
        command.args(["-c", &format!("{limits} exec \"$0\" \"$@\"")]).arg(this);
    }
    command.args(["--exact", &format!("checkpoint::{test}"), "--nocapture", "--test-threads=1"]).env(TASK, task);
    command
}
