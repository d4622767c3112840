//! What is measured on a GPU.

use wgpu_embedding::{Adam, Optimizer, RowWiseAdagrad, Storage, Update};

use crate::cases::Skew;

/// What one round does, to each of some tables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Round {
    Lookup,
    /// A lookup and an update.
    Step,
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub round: Round,
    pub optimizer: Optimizer,
    pub tables: u32,
    pub input_dim: u32,
    pub output_dim: u32,
    /// Of each table.
    pub lookups: u32,
    pub skew: Skew,
    pub storage: Storage,
}

impl Setting {
    pub fn name(&self) -> String {
        let Self { tables, input_dim, output_dim, lookups, .. } = self;
        let round = match self.round {
            Round::Lookup => "lookup".to_owned(),
            Round::Step => {
                format!("{} {} step", format!("{:?}", self.optimizer.update()).to_lowercase(), self.optimizer.name())
            }
        };
        let skew = match self.skew {
            Skew::Uniform => "uniform",
            Skew::Zipf => "Zipf 1.05",
            Skew::OneRow => "one row",
        };
        let of_tables = if *tables == 1 { String::new() } else { format!("{tables} tables, ") };
        let storage = if self.storage == Storage::F32 { "" } else { self.storage.name() };
        format!("{round}, {of_tables}V = {input_dim}, D = {output_dim}, n = {lookups}, {skew} {storage}")
            .trim_end()
            .to_owned()
    }

    /// Bytes that a round must move, where `distinct` rows of each table are met.
    pub fn bytes(&self, distinct: u64) -> u64 {
        let (lookups, input_dim) = (u64::from(self.lookups), u64::from(self.input_dim));
        let row = u64::from(self.output_dim) * 4;
        let weights = u64::from(self.output_dim) * u64::from(self.storage.bytes());
        let lookup = lookups * (4 + row) + distinct * weights;
        let state = match self.optimizer {
            Optimizer::RowWiseAdagrad(_) => 4,
            _ => 2 * row,
        };
        let updated = if self.optimizer.update() == Update::Dense { input_dim } else { distinct };
        // Order and gradient in; weights and state of the updated rows in and out.
        let update = lookups * (8 + row) + updated * 2 * (weights + state);
        u64::from(self.tables) * if self.round == Round::Lookup { lookup } else { lookup + update }
    }
}

/// All cases, or for adapters without hardware a few small ones.
pub fn all(is_quick: bool) -> Vec<Setting> {
    let base = Setting {
        round: Round::Step,
        optimizer: Adam::default().into(),
        tables: 1,
        input_dim: 1_000_000,
        output_dim: 64,
        lookups: 65_536,
        skew: Skew::Uniform,
        storage: Storage::F32,
    };
    let skews = [Skew::Uniform, Skew::Zipf, Skew::OneRow];
    let bf16 = |setting: Setting| Setting { storage: Storage::Bf16, ..setting };
    let lookup = |setting: Setting| Setting { round: Round::Lookup, ..setting };
    let optimizers: [Optimizer; 2] = [Adam::default().into(), RowWiseAdagrad::default().into()];
    let updates = [Update::Deferred, Update::Lazy, Update::Dense];
    if is_quick {
        let small = Setting { input_dim: 50_000, lookups: 8_192, ..base };
        let of_skews = skews.map(|skew| Setting { skew, ..small });
        let rowwise = Setting { optimizer: optimizers[1], ..small };
        return of_skews.into_iter().chain([lookup(small), lookup(bf16(small)), bf16(rowwise)]).collect();
    }
    let mut settings = Vec::new();
    for output_dim in [16, 64, 128, 300] {
        for lookups in [8_192, 65_536, 1_048_576] {
            for skew in skews {
                let setting = Setting { output_dim, lookups, skew, ..base };
                settings.extend([lookup(setting), setting]);
            }
            let setting = Setting { output_dim, lookups, ..base };
            settings.extend([lookup(bf16(setting)), bf16(setting)]);
        }
        for optimizer in optimizers {
            for update in updates {
                let optimizer = optimizer.with_update(update);
                if (optimizer.name(), update) != ("adam", Update::Deferred) {
                    settings.push(Setting { optimizer, output_dim, ..base });
                }
            }
        }
        // The largest that fits: each is left out where the device refuses it.
        for input_dim in [200_000_000, 100_000_000, 50_000_000, 20_000_000, 10_000_000] {
            settings.push(Setting { input_dim, output_dim, ..base });
        }
    }
    // FBGEMM's benchmark of its table-batched embeddings on an H100: 1.352 ms with Adam, 0.959 ms with SGD.
    let fbgemm = Setting {
        tables: 10,
        input_dim: 1_677_721,
        output_dim: 128,
        lookups: 104_857,
        skew: Skew::Zipf,
        optimizer: optimizers[0].with_update(Update::Lazy),
        ..base
    };
    settings.extend([fbgemm, Setting { optimizer: optimizers[0], ..fbgemm }]);
    settings
}
