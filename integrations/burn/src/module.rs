//! SparseEmbedding among Burn's modules.

use burn::module::{
    Content, Devices, DisplaySettings, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;

use crate::embedding::SparseEmbedding;

/// As of a layer without parameters of Burn's: nothing is visited or mapped, so `freeze` and `no_grad` do not reach the table;
/// make it with `EmbeddingConfig::with_trainable(false)`. A table stays on its device.
impl Module for SparseEmbedding {
    fn collect_devices(&self, mut devices: Devices) -> Devices {
        let device = self.shared().device();
        if !devices.contains(device) {
            devices.push(device.clone());
        }
        devices
    }

    fn fork(self, _device: &Device) -> Self {
        self
    }

    fn to_device(self, _device: &Device) -> Self {
        self
    }

    /// The same table, its lookups tracked.
    fn train(mut self) -> Self {
        self.set_tracks(true);
        self
    }

    /// The same table, its lookups not tracked.
    fn valid(&self) -> Self {
        let mut valid = self.clone();
        valid.set_tracks(false);
        valid
    }

    fn materialize(self) -> Self {
        self
    }

    /// `input_dim * output_dim`.
    fn num_params(&self) -> usize {
        self.with_table(|table| table.input_dim() as usize * table.output_dim() as usize)
    }

    fn visit<Visitor: ModuleVisitor>(&self, _visitor: &mut Visitor) {}

    fn map<Mapper: ModuleMapper>(self, _mapper: &mut Mapper) -> Self {
        self
    }
}

impl ModuleDisplayDefault for SparseEmbedding {
    fn content(&self, content: Content) -> Option<Content> {
        self.with_table(|table| {
            content
                .add("input_dim", &table.input_dim())
                .add("output_dim", &table.output_dim())
                .add("mask_zero", &table.mask_zero())
                .add("trainable", &table.trainable())
                .optional()
        })
    }

    fn num_params(&self) -> usize {
        Module::num_params(self)
    }
}

impl ModuleDisplay for SparseEmbedding {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }
}

/// As [`Display`](std::fmt::Display): a table's innards are many.
impl std::fmt::Debug for SparseEmbedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for SparseEmbedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.format(DisplaySettings::new()))
    }
}
