//! PyTorch's optimizers in the same run, where `python3` has torch with CUDA.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs benches/peers/pytorch.py, prints what it measured and hands it on.
pub fn run(is_quick: bool) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/pytorch.py");
    let mut command = Command::new("python3");
    command.arg(&script).args(is_quick.then_some("--quick"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("\nPyTorch: not measured ({error})");
            return Vec::new();
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if lines.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        println!("\nPyTorch: not measured ({})", said.lines().last().unwrap_or("it said nothing").trim());
        return lines;
    }
    println!("\n| PyTorch | GPU |\n|---|--:|");
    for line in &lines {
        let seconds = line["seconds"].as_f64().unwrap_or(f64::NAN);
        println!("| {} | {:.1} us |", line["case"].as_str().unwrap_or("?"), seconds * 1e6);
    }
    lines
}
