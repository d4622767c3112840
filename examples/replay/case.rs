//! Reads a case, and refuses one that does not say everything it must.

use safetensors::tensor::Metadata as Header;
use safetensors::{Dtype, SafeTensors};
use wgpu_embedding::{EmbeddingConfig, Error, Initializer, Optimizer, Update};

use file_kind::{START_BYTES, file_kind};
use metadata::{Format, Metadata};

// Here and not in main.rs, for tests/gpu has this file too.
#[path = "../../src/file_kind.rs"]
#[allow(dead_code)]
mod file_kind;
#[path = "metadata.rs"]
mod metadata;

/// The updates by name.
pub const UPDATES: [(&str, Update); 3] =
    [("dense", Update::Dense), ("lazy", Update::Lazy), ("deferred", Update::Deferred)];

/// A recorded training run.
#[derive(Debug)]
pub struct Case {
    /// The table, with its first weights as the initializer.
    pub config: EmbeddingConfig,
    pub optimizer: Optimizer,
    pub steps: Vec<Step>,
}

/// One step: what is looked up, and the gradient that the output then gets.
#[derive(Debug)]
pub struct Step {
    pub indices: Vec<i64>,
    pub shape: Vec<usize>,
    /// Row-major, of `shape` with `output_dim` appended.
    pub gradient: Vec<f32>,
}

impl Case {
    /// Reads a case from the bytes of its file; an error says what is wrong. `update` takes the place of the file's.
    ///
    /// All of it is checked here, so that a malformed case is refused before any device is opened.
    pub fn from_bytes(bytes: &[u8], update: Option<Update>) -> Result<Self, String> {
        let start = &bytes[..bytes.len().min(START_BYTES)];
        let whole_file = |error: String| {
            let other = file_kind(start).filter(|kind| kind.name != "a safetensors file");
            format!("not a whole safetensors file: {}", other.map_or(error, |kind| kind.to_string()))
        };
        let header = header(bytes).map_err(whole_file)?;
        let tensors = Tensors(SafeTensors::deserialize(bytes).map_err(|error| whole_file(cut(&error.to_string())))?);
        let metadata = Metadata::new(header.metadata().as_ref())?;

        let config = metadata.config()?;
        let optimizer = metadata.optimizer(update)?;
        let step_count = metadata.count("steps")?;

        let (input_dim, output_dim) = (config.input_dim, config.output_dim as usize);
        let weight = tensors.floats("weight", &[input_dim as usize, output_dim])?;
        tensors.end_at(step_count)?;
        if metadata.format == Format::Two {
            tensors.refuse_unknown(step_count)?;
        }
        // A step count that is nonsense is found out when a step is missing; nothing of its size is allocated till then.
        let steps =
            (0..step_count).map(|step| tensors.step(step, input_dim, output_dim)).collect::<Result<_, _>>()?;
        Ok(Self { config: config.with_initializer(Initializer::Matrix(weight)), optimizer, steps })
    }

    /// Lookups of all steps together.
    pub fn lookup_count(&self) -> usize {
        self.steps.iter().map(|step| step.indices.len()).sum()
    }
}

/// The file's header, whose tensors are as many bytes as follow it. [`SafeTensors`] would find that out too, but only after
/// adding up lengths that may overflow, which panics in a debug build.
fn header(bytes: &[u8]) -> Result<Header, String> {
    let (length, rest) = bytes.split_first_chunk().ok_or("it has no header")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let text = rest.get(..length).ok_or_else(|| format!("its header would have {length} bytes"))?;
    let header: Header = serde_json::from_slice(text).map_err(|error| cut(&error.to_string()))?;
    let (required, given) = (header.data_len(), rest.len() - length);
    if required != given {
        return Err(format!("its tensors would have {required} bytes, and {given} are there"));
    }
    Ok(header)
}

/// Text of the file's in an error.
fn cut(text: &str) -> String {
    match text.char_indices().nth(200) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The choice of this name; an error calls it `what`, and lists them all.
pub fn choose<T: Copy>(what: &str, name: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|&&(choice, _)| choice == name);
    choice.map(|&(_, value)| value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
        format!("{what} must be {}, and is {:?}", names.join(" or "), cut(name))
    })
}

/// The file's tensors. Those that nothing asks for are ignored in format 1, but for steps past the last.
struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
    fn step(&self, step: u32, input_dim: u32, output_dim: usize) -> Result<Step, String> {
        let (shape, bytes) = self.find(&format!("step.{step}.indices"), Dtype::I64, None)?;
        // The format promises no alignment and is little-endian everywhere, so the bytes are not cast.
        let indices: Vec<_> = bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect();
        if let Some(position) = indices.iter().position(|index| !(0..i64::from(input_dim)).contains(index)) {
            let error = Error::IndexOutOfRange { position, value: indices[position].into(), input_dim };
            return Err(format!("step {step}: {error}"));
        }
        let mut gradient_shape = shape.clone();
        gradient_shape.push(output_dim);
        let gradient = self.floats(&format!("step.{step}.grad_output"), &gradient_shape)?;
        Ok(Step { indices, shape, gradient })
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let (_, bytes) = self.find(name, Dtype::F32, Some(shape))?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// The shape and the bytes of a tensor; any shape will do where none is required.
    fn find(&self, name: &str, dtype: Dtype, required: Option<&[usize]>) -> Result<(Vec<usize>, &[u8]), String> {
        let tensor = self.0.tensor(name).map_err(|_| format!("tensor {name} is missing"))?;
        let shape = tensor.shape().to_vec();
        if tensor.dtype() != dtype || required.is_some_and(|required| required != shape) {
            let required = required.map_or("of any shape".to_owned(), |required| format!("{required:?}"));
            let given = tensor.dtype();
            return Err(format!("tensor {name} must be {dtype:?} {required}, and is {given:?} {shape:?}"));
        }
        Ok((shape, tensor.data()))
    }

    /// Refuses what no step asks for.
    fn refuse_unknown(&self, step_count: u32) -> Result<(), String> {
        // What a step may have in later versions.
        let later = [("offsets", "bags"), ("sample_weights", "weights"), ("per_sample_weights", "weights")];
        let of_step = |name: &str| {
            let (number, of_step) = name.strip_prefix("step.")?.split_once('.')?;
            let is_number =
                number.parse::<u32>().is_ok_and(|parsed| parsed < step_count && parsed.to_string() == number);
            is_number.then(|| of_step.to_owned())
        };
        let is_unknown =
            |name: &&str| *name != "weight" && !matches!(of_step(name).as_deref(), Some("indices" | "grad_output"));
        let names = self.0.names();
        let Some(name) = names.into_iter().filter(is_unknown).min() else { return Ok(()) };
        let of_later = of_step(name).and_then(|of_step| later.into_iter().find(|&(known, _)| known == of_step));
        Err(match of_later {
            Some((_, what)) => format!(
                "tensor {name} must be left out: this version of wgpu-embedding replays lookups of one row each, and none of \
                 {what}"
            ),
            None => format!(
                "tensor {:?} is none of format {}'s, which are weight, step.K.indices and step.K.grad_output",
                cut(name),
                Format::Two.name()
            ),
        })
    }

    /// Refuses steps that would be left out without a word.
    fn end_at(&self, step_count: u32) -> Result<(), String> {
        let is_beyond = |name: &&str| {
            let Some(rest) = name.strip_prefix("step.") else { return false };
            let number = rest.split('.').next().and_then(|number| number.parse::<u32>().ok());
            number.is_none_or(|number| number >= step_count)
        };
        // The smallest name, because the names come in no particular order.
        match self.0.names().into_iter().filter(is_beyond).min() {
            Some(name) => {
                Err(format!("tensor {:?} is none of a case whose metadata steps is {step_count}", cut(name)))
            }
            None => Ok(()),
        }
    }
}
