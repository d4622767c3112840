//! Saving that is cut short: by a kill, by a full disk, by a path that will not do.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuEmbedding, Update};

use super::{TASK, child, load, state, table, train};

const KILLS: usize = 100;

/// Two checkpoints of 6 MB that differ everywhere.
fn two_tables() -> [GpuEmbedding; 2] {
    [1, 2].map(|seed| {
        let config = EmbeddingConfig::new(8_000, 64).with_seed(seed);
        let mut table = table(config, Adam::default().with_update(Update::Lazy));
        train(&mut table, 0..seed);
        table
    })
}

/// Temporary files that were left behind.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "partial")).collect()
}

#[test]
fn a_killed_process_leaves_the_old_or_the_new_checkpoint() {
    if let Some(path) = std::env::var_os(TASK) {
        let mut tables = two_tables();
        println!("ready");
        loop {
            for table in &mut tables {
                table.save(&path).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    // How long this disk takes.
    let mut longest_save = Duration::ZERO;
    let tables = two_tables().map(|mut table| {
        let start = Instant::now();
        table.save(&path).unwrap();
        longest_save = longest_save.max(start.elapsed());
        assert_eq!(state(&load(&path).unwrap()), state(&table));
        fs::read(&path).unwrap()
    });
    let mut found = [0; 2];
    let [mut while_saving, mut while_writing] = [0; 2];
    let mut generator = ChaCha8Rng::seed_from_u64(5);
    // Each child begins with the first table, so it must often live for longer than one save.
    let longest_life = (3 * longest_save).max(Duration::from_millis(60)).as_micros() as u64;
    for kill in 0..KILLS {
        let name = "interrupted::a_killed_process_leaves_the_old_or_the_new_checkpoint";
        let mut process = child(name, &path, "").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("ready")), "the child ended");
        // Where the disk is slow a save is mostly waiting for it; writing is what the child begins with.
        let longest_life = if kill % 4 == 0 { 10_000 } else { longest_life };
        std::thread::sleep(Duration::from_micros(generator.random_range(0..longest_life)));
        process.kill().unwrap();
        process.wait().unwrap();

        let bytes = fs::read(&path).unwrap();
        let whole = tables.iter().position(|table| *table == bytes);
        found[whole.unwrap_or_else(|| panic!("kill {kill}: neither the old nor the new"))] += 1;
        for leftover in leftovers(folder.path()) {
            let name = leftover.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(".run.safetensors."), "{name}");
            while_saving += 1;
            // Killed between the last byte and the rename, it is whole. Otherwise nobody takes it for a checkpoint.
            let bytes = fs::read(&leftover).unwrap();
            if !tables.contains(&bytes) {
                assert!(bytes.len() < tables[0].len());
                assert!(matches!(load(&leftover), Err(Error::Malformed { .. })), "kill {kill}");
                while_writing += 1;
            }
            fs::remove_file(leftover).unwrap();
        }
    }
    println!(
        "{KILLS} kills, {while_saving} of them before the rename, {while_writing} while writing; found {found:?}"
    );
    // The rest of the time the new name is being brought to the disk, or the child is between two saves.
    assert!(while_saving >= KILLS / 4, "only {while_saving} of {KILLS} kills were while saving");
    // How many depends on how long the disk takes for the rest.
    assert!(while_writing > 0);
    assert!(found.iter().all(|&times| times > 0), "{found:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A limit on the size of files stands in for a full disk: the same call fails, in the middle.
#[test]
#[cfg(unix)]
fn a_write_that_fails_leaves_the_old_checkpoint_and_nothing_else() {
    if let Some(path) = std::env::var_os(TASK) {
        for mut table in two_tables() {
            for error in [table.save(&path).unwrap_err(), table.save_weights(&path, "weight").unwrap_err()] {
                assert!(matches!(error, Error::File { doing: "writing", .. }), "{error}");
            }
            // And the table goes on.
            train(&mut table, 5..6);
        }
        println!("refused");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    table(EmbeddingConfig::new(5, 2), Adam::default()).save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let name = "interrupted::a_write_that_fails_leaves_the_old_checkpoint_and_nothing_else";
    let output = child(name, &path, "trap '' XFSZ; ulimit -f 3000;").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused"), "{text}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn paths_that_will_not_do_are_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    let mut table = table(EmbeddingConfig::new(5, 2), Adam::default());
    let mut paths = vec![folder.path().to_owned(), folder.path().join("missing/run"), file.join("below"), "".into()];
    paths.extend(["/", "..", "."].map(PathBuf::from));
    // A rename would put a file in a socket's place, as in a device's.
    #[cfg(unix)]
    let sockets = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    let socket = sockets.path().join("socket");
    #[cfg(unix)]
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    #[cfg(unix)]
    paths.push(socket.clone());
    for path in paths {
        for error in [table.save(&path).unwrap_err(), table.save_weights(&path, "weight").unwrap_err()] {
            assert!(matches!(error, Error::File { doing: "writing", .. }), "{error:?}");
        }
    }
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        assert_eq!(fs::read_dir(sockets.path()).unwrap().count(), 1);
    }
}

#[test]
#[cfg(unix)]
fn a_file_is_like_others_and_links_are_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = tempfile::tempdir().unwrap();
    let [path, link, other] = ["run", "latest", "other"].map(|name| folder.path().join(name));
    let mut table = table(EmbeddingConfig::new(5, 2), Adam::default());
    table.save(&path).unwrap();
    fs::write(&other, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&other));

    symlink("run", &link).unwrap();
    train(&mut table, 0..2);
    table.save(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(state(&load(&path).unwrap()), state(&table));
    // In the current folder, and by its name alone.
    let relative = PathBuf::from(format!("wgpu-embedding-test-{}.safetensors", std::process::id()));
    table.save(&relative).unwrap();
    let loaded = load(&relative);
    fs::remove_file(&relative).unwrap();
    assert_eq!(state(&loaded.unwrap()), state(&table));
}
