//! Reads that fail half-way.

use std::io::{self, Cursor, SeekFrom};

use super::*;
use crate::config::EmbeddingConfig;
use crate::optimizer::Adam;
use crate::safetensors::TensorFile;

/// A file on a disk that fails at some place.
struct Failing {
    bytes: Cursor<Vec<u8>>,
    good_bytes: u64,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.good_bytes.saturating_sub(self.bytes.position());
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a bad sector"));
        }
        let count = buffer.len().min(left as usize);
        self.bytes.read(&mut buffer[..count])
    }
}

impl Seek for Failing {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(place)
    }
}

fn a_read_that_fails_changes_nothing(context: &GpuContext) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let config = EmbeddingConfig::new(300, 6).with_max_shard_bytes(64 * 32);
    let train = |table: &mut GpuEmbedding, seed: u32| {
        let batch = table.batch(&[seed, seed + 7, 3]).unwrap();
        table.update(&batch, &[0.5; 3 * 6]).unwrap();
    };
    let run = || {
        let mut run = GpuEmbedding::new(context, config.clone(), Adam::default().with_amsgrad(true)).unwrap();
        (0..20).for_each(|step| train(&mut run, step));
        run
    };
    run().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (mut asked, mut left_alone) = (run(), run());
    let read = |good_bytes: u64| {
        let bytes = Cursor::new(bytes.clone());
        TensorFile::new(Failing { bytes, good_bytes }, &path, None).and_then(Checkpoint::new)
    };
    let whole = bytes.len() as u64;
    let mut past_the_header = 0;
    for good_bytes in (0..whole).step_by(whole as usize / 23) {
        let failed = match read(good_bytes) {
            Err(error) => error,
            Ok(checkpoint) => {
                past_the_header += 1;
                asked.restore_from(checkpoint).unwrap_err()
            }
        };
        assert!(matches!(&failed, Error::File { reason, .. } if reason == "a bad sector"), "{failed:?}");
    }
    assert!(past_the_header > 15, "{past_the_header}");
    for table in [&mut asked, &mut left_alone] {
        train(table, 100);
    }
    let bits = |table: &GpuEmbedding| {
        let state = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"].map(|name| table.state(name).unwrap());
        let all = [table.weights().unwrap(), state.concat()].concat();
        (all.into_iter().map(f32::to_bits).collect::<Vec<_>>(), table.step_count(), *table.optimizer())
    };
    assert_eq!(bits(&asked), bits(&left_alone));
    asked.restore_from(read(whole).unwrap()).unwrap();
    assert_eq!(asked.step_count(), 20);
}

#[test]
fn a_read_that_fails_changes_nothing_on_the_reference() {
    a_read_that_fails_changes_nothing(&GpuContext::reference());
}

#[test]
#[ignore = "needs an adapter"]
fn a_read_that_fails_changes_nothing_on_the_gpu() {
    a_read_that_fails_changes_nothing(&GpuContext::gpu().unwrap());
}
