//! One worked example: from phrases to rows.

use std::fmt::Display;
use std::io::Write;

use burn::tensor::{Int, Tensor, TensorData};
use burn_wgpu_embedding::wgpu_embedding::text::{Matrix, PadOptions, Side, Tokenizer, pad_sequences};
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig};
use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};

use crate::program::Result;

/// Two phrases, and the layer they go through.
pub struct Example {
    pub phrases: [&'static str; 2],
    /// Floats a row.
    pub width: u32,
    /// Words that every phrase is padded to.
    pub length: usize,
    pub mask_zero: bool,
    pub seed: u64,
}

/// What became of the phrases.
#[derive(Debug, Clone)]
pub struct Worked {
    phrases: [&'static str; 2],
    words: Vec<(String, u32)>,
    /// `[2, length]`
    indices: Matrix<u32>,
    width: usize,
    table: Vec<f32>,
    /// `[2, length, width]`
    output_shape: [usize; 3],
    output: Vec<f32>,
    /// `[2, length]`, where the table masks zeros.
    mask: Option<Vec<bool>>,
}

impl Example {
    pub fn work(&self, shared: &SharedDevice) -> Result<Worked> {
        let mut tokenizer = Tokenizer::new();
        tokenizer.fit_on_texts(self.phrases)?;
        let sequences = tokenizer.texts_to_sequences(self.phrases)?;
        let padding = PadOptions::new().with_maxlen(self.length).with_padding(Side::Post);
        let indices = pad_sequences(&sequences, &padding)?;

        let config = EmbeddingConfig::new(tokenizer.input_dim(), self.width)
            .with_input_length(self.length)
            .with_mask_zero(self.mask_zero)
            .with_seed(self.seed);
        let embedding = SparseEmbedding::new(shared, config, Adam::default())?;
        let data = TensorData::new(indices.values().to_vec(), indices.shape());
        let tensor = Tensor::<2, Int>::from_data(data, shared.device());
        let output = embedding.forward(tensor.clone())?;
        let mask = embedding.mask(tensor);
        Ok(Worked {
            phrases: self.phrases,
            words: tokenizer.word_index().iter().map(|(word, &index)| (word.clone(), index)).collect(),
            indices,
            width: self.width as usize,
            table: embedding.with_table(|table| table.weights())?,
            output_shape: output.dims(),
            output: values(output.try_into_data())?,
            mask: mask.map(|mask| values(mask.try_into_data())).transpose()?,
        })
    }
}

/// A tensor's values, of their own type.
fn values<T: burn::tensor::Element, E: std::fmt::Debug>(data: Result<TensorData, E>) -> Result<Vec<T>> {
    let data = data.map_err(|error| format!("the tensor cannot be read: {error:?}"))?;
    Ok(data.convert::<T>().try_into_vec().map_err(|error| format!("the tensor is of another type: {error:?}"))?)
}

impl Worked {
    /// Prints it all; an error if a row of the output is not the table's row.
    pub fn show(&self, out: &mut dyn Write) -> Result<()> {
        for phrase in self.phrases {
            writeln!(out, "{phrase:?}")?;
        }
        let words: Vec<_> = self.words.iter().map(|(word, index)| format!("{word} {index}")).collect();
        writeln!(out, "\nthe words' indices, 0 being the padding: {}", words.join(", "))?;
        writeln!(out, "\npadded sequences, of shape {:?}:", self.indices.shape())?;
        for sequence in self.indices.rows() {
            writeln!(out, "  {sequence:?}")?;
        }
        let rows = self.table.len() / self.width;
        writeln!(out, "\nthe table, Embedding({rows}, {}):", self.width)?;
        for (index, row) in self.table.chunks(self.width).enumerate() {
            writeln!(out, "  row {index}  {}", numbers(row))?;
        }
        writeln!(out, "\nits output, of shape {:?}:", self.output_shape)?;
        for (phrase, sequence) in self.indices.rows().enumerate() {
            for (position, &index) in sequence.iter().enumerate() {
                let row = self.checked_row(phrase, position, index)?;
                let word = self.word(index);
                writeln!(out, "  [{phrase}, {position}]  {}  is row {index}, {word}", numbers(row))?;
            }
        }
        let count = self.indices.values().len();
        writeln!(out, "all {count} rows of the output are rows of the table, bit for bit")?;
        if let Some(mask) = &self.mask {
            let [phrases, length] = self.indices.shape();
            writeln!(out, "\nits mask, of shape [{phrases}, {length}], false at the padding:")?;
            for mask in mask.chunks(length) {
                writeln!(out, "  {mask:?}")?;
            }
        }
        Ok(())
    }

    /// The output's row of a word, which must be the table's.
    fn checked_row(&self, phrase: usize, position: usize, index: u32) -> Result<&[f32]> {
        let [_, length, _] = self.output_shape;
        let row = |of: usize| of * self.width..(of + 1) * self.width;
        let output = &self.output[row(phrase * length + position)];
        let expected = &self.table[row(index as usize)];
        let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if bits(output) == bits(expected) {
            return Ok(output);
        }
        let (output, expected) = (numbers(output), numbers(expected));
        Err(format!("[{phrase}, {position}] of the output is {output}, and row {index} is {expected}").into())
    }

    fn word(&self, index: u32) -> &str {
        let found = self.words.iter().find(|(_, of_word)| *of_word == index);
        found.map_or("the padding", |(word, _)| word)
    }
}

fn numbers(row: &[f32]) -> impl Display {
    let numbers: Vec<_> = row.iter().map(|value| format!("{value:>8.5}")).collect();
    numbers.join(" ")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// With a row of the output that is another one's.
    pub fn with_wrong_row(mut worked: Worked) -> Worked {
        worked.output.rotate_left(worked.width);
        worked
    }

    /// In the order of the phrases' words.
    pub fn parts(worked: &Worked) -> (&[u32], &[f32], [usize; 3], &[f32], Option<&[bool]>) {
        (worked.indices.values(), &worked.table, worked.output_shape, &worked.output, worked.mask.as_deref())
    }
}
