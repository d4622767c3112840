//! A model's layers in a table, as Keras's `model.summary()` shows them.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The name, and the type in brackets.
    pub name: String,
    /// Without the batch, whose size is open.
    pub output_shape: Vec<usize>,
    pub parameters: usize,
    pub trainable: bool,
}

impl Layer {
    pub fn new(name: impl Into<String>, output_shape: &[usize], parameters: usize) -> Self {
        Self { name: name.into(), output_shape: output_shape.to_vec(), parameters, trainable: true }
    }

    pub fn with_trainable(self, trainable: bool) -> Self {
        Self { trainable, ..self }
    }
}

/// The table, with the totals under it.
pub fn summary(model: &str, layers: &[Layer]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["Layer (type)", "Output Shape", "Param #"]);
    for layer in layers {
        let shape: Vec<_> = layer.output_shape.iter().map(|size| format!(", {size}")).collect();
        let count = Cell::new(grouped(layer.parameters)).set_alignment(CellAlignment::Right);
        table.add_row([Cell::new(&layer.name), Cell::new(format!("(None{})", shape.concat())), count]);
    }
    let sum = |layers: &mut dyn Iterator<Item = &Layer>| total(layers.map(|layer| layer.parameters).sum());
    format!(
        "Model: \"{model}\"\n{table}\n Total params: {}\n Trainable params: {}\n Non-trainable params: {}\n",
        sum(&mut layers.iter()),
        sum(&mut layers.iter().filter(|layer| layer.trainable)),
        sum(&mut layers.iter().filter(|layer| !layer.trainable)),
    )
}

/// Parameters, and the memory of so many floats.
fn total(parameters: usize) -> String {
    let bytes = parameters as f64 * 4.0;
    let size = match bytes {
        ..1024.0 => format!("{bytes:.2} B"),
        ..1_048_576.0 => format!("{:.2} KB", bytes / 1024.0),
        ..1_073_741_824.0 => format!("{:.2} MB", bytes / 1_048_576.0),
        _ => format!("{:.2} GB", bytes / 1_073_741_824.0),
    };
    format!("{} ({size})", grouped(parameters))
}

/// With a comma between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_totals_are_shown_as_by_keras() {
        let layers = [
            Layer::new("embedding (Embedding)", &[40, 128], 1_280_000).with_trainable(false),
            Layer::new("flatten (Flatten)", &[5120], 0),
            Layer::new("dense (Dense)", &[1], 5121),
        ];
        let text = summary("model", &layers);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.contains("(None"))
            .map(|line| line.split(['│', '┆']).map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[0], ["embedding (Embedding)", "(None, 40, 128)", "1,280,000"]);
        assert_eq!(rows[1], ["flatten (Flatten)", "(None, 5120)", "0"]);
        assert_eq!(rows[2], ["dense (Dense)", "(None, 1)", "5,121"]);
        let end = " Total params: 1,285,121 (4.90 MB)\n Trainable params: 5,121 (20.00 KB)\n \
                   Non-trainable params: 1,280,000 (4.88 MB)\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
