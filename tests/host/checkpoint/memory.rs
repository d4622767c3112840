//! No second copy of the table.

use std::path::Path;

use wgpu_embedding::{Adam, EmbeddingConfig, Initializer, Update};

use super::{TASK, child, load, table};

/// 64 MB of weights, and as much for each of two moments.
const ROWS: u32 = 250_000;
const WIDTH: u32 = 64;

/// What saving and loading may take beside the table: a quarter of one of its arrays.
const MOST_KILOBYTES: u64 = 16_000;

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// In processes of its own, for a process's peak is that of all its tests.
#[test]
fn saving_and_loading_take_little_memory() {
    let path_of = |folder: &str| Path::new(folder).join("large.safetensors");
    if let Some(task) = std::env::var_os(TASK) {
        let task = task.into_string().unwrap();
        let (what, folder) = task.split_once(' ').unwrap();
        let config = EmbeddingConfig::new(ROWS, WIDTH).with_initializer(Initializer::Constant(0.25));
        let make = || table(config.clone(), Adam::default().with_update(Update::Lazy));
        match what {
            "make" => drop(make()),
            "save" => make().save(path_of(folder)).unwrap(),
            "load" => drop(load(&path_of(folder)).unwrap()),
            _ => unreachable!(),
        }
        println!("peak {} kB", peak());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [make, save, load] = ["make", "save", "load"].map(|what| {
        let task = format!("{what} {}", folder.path().display());
        let output = child("memory::saving_and_loading_take_little_memory", task, "").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{what}: {text}");
        let peak = text.split("peak ").nth(1).and_then(|rest| rest.split(' ').next());
        peak.unwrap_or_else(|| panic!("{what}: {text}")).parse::<u64>().unwrap()
    });
    assert!(make > u64::from(ROWS * WIDTH) * 4 * 3 / 1024, "the table itself is missing from {make} kB");
    println!("kB: the table {make}, saving it {save}, loading it {load}");
    assert!(save < make + MOST_KILOBYTES, "saving {save} kB, the table alone {make} kB");
    assert!(load < make + MOST_KILOBYTES, "loading {load} kB, the table alone {make} kB");
}
