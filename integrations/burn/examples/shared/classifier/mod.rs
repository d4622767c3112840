//! What the classifiers of texts do alike: everything but their layers.

pub mod arguments;
mod built_in;
pub mod corpus;
mod csv_reviews;
mod pictures;
mod report;
pub mod training;

use std::io::{self, Write};

use burn::optim::AdamConfig;
use burn_wgpu_embedding::SharedDevice;
use burn_wgpu_embedding::wgpu_embedding::text::Tokenizer;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::plots;
use crate::program::Result;
use crate::summary::summary;
use arguments::Arguments;
use corpus::{Corpus, Source, Text};
use report::{Classified, Report};
use training::{Epoch, Network, Objective, Set, Training};

/// Test texts shown of each class of the user's own files.
const SHOWN_OF_CLASS: usize = 3;

/// What a network is made for.
pub struct Setting<'a> {
    pub shared: &'a SharedDevice,
    /// Outputs of the last layer.
    pub outputs: usize,
}

impl Setting<'_> {
    /// Checks that the device can bind a tensor of this shape: where it cannot, Burn would panic.
    pub fn check_size(&self, what: &str, shape: &[usize]) -> Result<()> {
        let limits = self.shared.context().device().map(|device| device.limits());
        let most = limits.map_or(u64::MAX, |limits| limits.max_storage_buffer_binding_size);
        let bytes = shape.iter().fold(4u64, |bytes, &size| bytes.saturating_mul(size as u64));
        if bytes <= most {
            return Ok(());
        }
        let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        let advice = "ask for fewer texts a batch, fewer words a text or fewer floats a word";
        Err(format!("{what} would be {shape} floats, {bytes} bytes, and the device can use {most} at once; {advice}")
            .into())
    }
}

/// Trains a network, reports on it, and classifies texts.
pub fn run<N: Network>(
    name: &str,
    arguments: &Arguments,
    network: impl FnOnce(&Setting<'_>, &Tokenizer, &mut ChaCha8Rng) -> Result<N>,
) -> Result<Vec<Epoch>> {
    if let Some(folder) = &arguments.plots {
        plots::folder(folder)?;
    }
    let corpus = Corpus::read(&arguments.source, arguments.encoding)?;
    let mut tokenizer = Tokenizer::new().with_num_words(arguments.vocabulary);
    tokenizer.fit_on_texts(corpus.train.iter().map(|text| text.text.as_str()))?;
    let train = Set::new(&corpus.train, &tokenizer, arguments.length)?;
    let test = Set::new(&corpus.test, &tokenizer, arguments.length)?;
    let mut out = io::stdout();
    let words = tokenizer.input_dim() - 1;
    if words == 0 {
        return Err("there is no word in the texts to train on, but punctuation and spaces alone".into());
    }
    writeln!(out, "{} texts to train on, {} to test with, {words} words", train.len(), test.len())?;

    let shared = SharedDevice::new()?;
    writeln!(out, "training on {}", shared.context())?;
    let objective = Objective::new(corpus.classes.len());
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    let setting = Setting { shared: &shared, outputs: objective.outputs() };
    let mut network = network(&setting, &tokenizer, &mut random)?;
    write!(out, "\n{}", summary(name, &network.layers(arguments.length)))?;

    let Arguments { batch_size, learning_rate, .. } = *arguments;
    let training = Training { shared, objective, batch_size, learning_rate };
    // Keras's settings; Burn's Adam has epsilon where PyTorch's has it, inside of the bias correction.
    let mut optimizer = AdamConfig::new().with_epsilon(1e-7).init();
    let mut report = Report::new(arguments.epochs, train.len().div_ceil(batch_size))?;
    for _ in 0..arguments.epochs {
        let bar = report.bar()?;
        let sets = [&train, &test];
        let epoch;
        (network, epoch) = training.epoch(network, &mut optimizer, sets, &mut random, &|| bar.inc(1))?;
        report.epoch_done(&bar, epoch)?;
        if !(epoch.train.loss.is_finite() && epoch.test.loss.is_finite()) {
            return Err("the loss is no finite number any more; give a lower --learning-rate".into());
        }
    }
    let epochs = report.finish()?;

    let (texts, labelled) = unseen(arguments, &corpus);
    let set = Set::new(&texts, &tokenizer, arguments.length)?;
    let classified: Vec<_> = texts
        .iter()
        .zip(training.classify(&network, &set)?)
        .map(|(text, probabilities)| {
            let label = labelled.then(|| corpus.classes[text.class]);
            Classified { text: &text.text, label, probabilities }
        })
        .collect();
    report::classified(&corpus.classes, &classified)?;
    if let Some(folder) = &arguments.plots {
        pictures::draw(folder, &epochs, &tokenizer, network.embedding())?;
        writeln!(
            out,
            "\nloss.png, accuracy.png and words.png are in {}, the words as the last epoch left them",
            folder.display()
        )?;
    }
    Ok(epochs)
}

/// The texts to classify at the end, and whether their labels are known.
fn unseen(arguments: &Arguments, corpus: &Corpus) -> (Vec<Text>, bool) {
    let unlabelled = |text: &str| Text { text: text.to_owned(), class: 0 };
    if !arguments.texts.is_empty() {
        return (arguments.texts.iter().map(|text| unlabelled(text)).collect(), false);
    }
    if let Source::BuiltIn { .. } = arguments.source {
        return (built_in::UNSEEN.iter().map(|text| unlabelled(text)).collect(), false);
    }
    let of_class = |class| corpus.test.iter().filter(move |text| text.class == class).take(SHOWN_OF_CLASS);
    ((0..corpus.classes.len()).flat_map(of_class).cloned().collect(), true)
}
