//! Files that were damaged at random: only a table or an error, in bounded memory.

use std::fs;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Optimizer, Update};

use super::{TASK, child, keeping_all, load, rewrite, state, table, train};

const MUTATIONS: u64 = 10_000;

/// What numbers of the header are replaced by.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "7",
    "84",
    "1e999",
    "0.5",
    "null",
    "4294967295",
    "4294967296",
    "1000000000000",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551615",
];

fn mutated(whole: &[u8], generator: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    // Mostly one; several at once reach further.
    for _ in 0..generator.random_range(1..4) {
        if bytes.len() < 9 {
            break;
        }
        let header_end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()).min(bytes.len() as u64 - 8) as usize;
        let place = match generator.random_range(0..3) {
            0 => generator.random_range(0..bytes.len()),
            _ => generator.random_range(0..header_end),
        };
        match generator.random_range(0..9) {
            0 => bytes[place] ^= 1 << generator.random_range(0..8),
            1 => bytes[place] = generator.random(),
            2 => bytes.insert(place, generator.random()),
            3 => drop(bytes.remove(place)),
            4 => bytes.truncate(place),
            5 => bytes[..8].copy_from_slice(&generator.random::<u64>().to_le_bytes()),
            6 => {
                let delta = generator.random_range(-40i64..40);
                let length = (header_end as i64 - 8 + delta) as u64;
                bytes[..8].copy_from_slice(&length.to_le_bytes());
            }
            7 => {
                let end = (place + generator.random_range(1..60)).min(bytes.len());
                let copy = bytes[place..end].to_vec();
                bytes.splice(place..place, copy);
            }
            _ => {
                // A number of the header's, with the length made to fit again.
                let is_digit = |at: &usize| bytes[*at].is_ascii_digit();
                if let Some(start) = (place.max(8)..header_end).find(is_digit) {
                    let end = (start..header_end).find(|at| !is_digit(at)).unwrap_or(header_end);
                    let number = NUMBERS[generator.random_range(0..NUMBERS.len())].bytes();
                    let longer = number.len() as i64 - (end - start) as i64;
                    bytes.splice(start..end, number);
                    let length = ((header_end - 8) as i64 + longer) as u64;
                    bytes[..8].copy_from_slice(&length.to_le_bytes());
                }
            }
        }
    }
    bytes
}

/// Runs in a process that may take 1 GB of address space, of which it and the test harness take a part.
#[test]
fn damaged_files_are_tables_or_errors() {
    if std::env::var_os(TASK).is_none() {
        let name = "mutations::damaged_files_are_tables_or_errors";
        let status = child(name, "mutate", "ulimit -v 1000000 &&").status().unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.safetensors");
    let config = EmbeddingConfig::new(7, 3).with_padding_idx(2);
    let runs = Optimizer::each().into_iter().map(|optimizer| {
        let mut run = table(config.clone(), keeping_all(optimizer).with_update(Update::Dense));
        train(&mut run, 0..3);
        run.save(&path).unwrap();
        (run, fs::read(&path).unwrap())
    });
    let mut runs: Vec<_> = runs.collect();
    runs[0].0.save_weights(&path, "embed_tokens.weight").unwrap();
    let weights = fs::read(&path).unwrap();

    let mut generator = ChaCha8Rng::seed_from_u64(1);
    let [mut loaded, mut restored, mut made, mut filled] = [0; 4];
    let count = runs.len();
    for mutation in 0..MUTATIONS {
        let (run, checkpoint) = &mut runs[mutation as usize % count];
        rewrite(&path, &mutated(checkpoint, &mut generator));
        let result = load(&path);
        let before = state(run);
        match run.restore(&path) {
            Ok(()) => {
                restored += 1;
                // What fits this table has been loaded too, and is the same.
                assert_eq!(state(run), state(result.as_ref().unwrap()), "mutation {mutation}");
            }
            Err(_) => assert_eq!(state(run), before, "mutation {mutation}"),
        }
        if let Ok(mut table) = result {
            loaded += 1;
            train(&mut table, 0..1);
        }
    }
    let run = &mut runs[0].0;
    for mutation in 0..MUTATIONS {
        rewrite(&path, &mutated(&weights, &mut generator));
        let config = EmbeddingConfig::from_safetensors(&path, "embed_tokens.weight");
        if let Ok(config) = config {
            GpuEmbedding::new(&GpuContext::reference(), config, Adam::default()).unwrap();
            made += 1;
        }
        let before = state(run);
        match run.load_weights(&path, "embed_tokens.weight") {
            Ok(()) => filled += 1,
            Err(_) => assert_eq!(state(run), before, "mutation {mutation}"),
        }
    }
    println!("of {MUTATIONS} each: loaded {loaded}, restored {restored}, made {made}, filled {filled}");
    // Damage to the numbers themselves goes unseen; all else does not.
    for accepted in [loaded, restored, made, filled] {
        assert!((100..MUTATIONS / 2).contains(&accepted), "{accepted}");
    }
}
