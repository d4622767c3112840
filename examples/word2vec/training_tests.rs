use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};

use super::*;
use crate::model::Tables;
use crate::pipeline::Prepared;

/// Learns nothing, and notes each step's learning rates: the input table's and the output table's.
struct Noting {
    tables: Tables,
    rates: Vec<[f64; 2]>,
}

impl Model for Noting {
    fn tables(&self) -> &Tables {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }

    fn train(&mut self, _: &Prepared) -> Result<()> {
        self.rates.push([self.tables.input.learning_rate(), self.tables.output.learning_rate()]);
        Ok(())
    }

    fn take_loss(&mut self) -> Result<f64> {
        Ok(0.0)
    }
}

fn training(text: &str, epochs: u32) -> Training {
    let corpus = Arc::new(Corpus::from_lines("test", text.as_bytes(), false, 1).unwrap());
    let sampling = Arc::new(Sampling::new(&corpus.counts, 0.0));
    Training { corpus, sampling, settings: Settings { window: 2, blocks: 1, seed: 1 }, epochs, learning_rate: 0.5 }
}

#[test]
fn the_learning_rate_falls_in_one_line_over_all_epochs() {
    // A sentence a batch: 4 batches an epoch, so 8 in all, and each step takes an eighth off.
    let training = training(&format!("{}\n", "a b ".repeat(16)).repeat(4), 2);
    let table = || GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(2, 1), Adam::default()).unwrap();
    let mut model = Noting { tables: Tables { input: table(), output: table() }, rates: Vec::new() };
    for number in 0..2 {
        training.epoch(&mut model, number, &|_| ()).unwrap();
    }
    let expected: Vec<_> = (0..8).map(|step| [0.5 * (1.0 - f64::from(step) / 8.0); 2]).collect();
    assert_eq!(model.rates, expected);
}

#[test]
fn the_learning_rate_ends_at_a_thousandth() {
    let training = training("a b\n", 3);
    assert_eq!(training.rate(2, 2), 0.0005);
    assert!(training.rate(2, 1) > 0.0005);
}
