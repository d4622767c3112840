//! A case's metadata: its table and its optimizer.

use std::collections::HashMap;

use wgpu_embedding::{EmbeddingConfig, Error, Optimizer, Rounding, Storage, Update};

use super::{UPDATES, choose, cut};

const FORMATS: [(&str, Format); 2] = [("embedding-replay/1", Format::One), ("embedding-replay/2", Format::Two)];

/// The optimizer with decoupled weight decay, and the one that it is by name here.
const ADAMW: &str = "adamw";
const ADAM: &str = "adam";

/// What every case of format 2 may have.
const KEYS: [&str; 11] = [
    "format",
    "input_dim",
    "output_dim",
    "steps",
    "padding_idx",
    "optimizer",
    "update",
    "learning_rate",
    "weight_decay",
    "storage",
    "rounding",
];

/// What a case of format 2 may have for its optimizer, and what it is where it is left out; without that it must be there.
const SETTINGS: [(&str, Option<&str>); 9] = [
    ("momentum", Some("0")),
    ("momentum_form", Some("pytorch")),
    ("nesterov", Some("false")),
    ("initial_accumulator", Some("0")),
    ("epsilon", None),
    ("epsilon_form", None),
    ("beta_1", None),
    ("beta_2", None),
    ("amsgrad", Some("false")),
];

/// Where epsilon stands in an optimizer that knows one place alone: beside the root.
const ONLY_EPSILON_FORM: (&str, &str) = ("epsilon_form", "pytorch");

/// What later versions of format 2 may have.
const LATER: [&str; 1] = ["combiner"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Adam alone. Everything but padding_idx must be there, and what nothing asks for is ignored.
    One,
    /// Any optimizer. What nothing asks for is refused.
    Two,
}

impl Format {
    pub fn name(self) -> &'static str {
        FORMATS[self as usize].0
    }
}

/// The file's metadata, all of it strings.
pub struct Metadata<'a> {
    entries: Option<&'a HashMap<String, String>>,
    pub format: Format,
}

impl<'a> Metadata<'a> {
    pub fn new(entries: Option<&'a HashMap<String, String>>) -> Result<Self, String> {
        // Whatever is asked of it before its format is known is asked alike of all.
        let unknown = Self { entries, format: Format::One };
        let format = choose("metadata format", unknown.text("format")?, &FORMATS)?;
        let metadata = Self { entries, format };
        if format == Format::Two {
            metadata.refuse_unknown_keys()?;
        }
        Ok(metadata)
    }

    /// The table, without its weights.
    pub fn config(&self) -> Result<EmbeddingConfig, String> {
        let mut config = EmbeddingConfig::new(self.count("input_dim")?, self.count("output_dim")?);
        if self.get("padding_idx").is_some() {
            config = config.with_padding_idx(self.count("padding_idx")?);
        }
        if self.format == Format::Two {
            if let Some(storage) = self.get("storage") {
                let storages = Storage::ALL.map(|storage| (storage.name(), storage));
                config = config.with_storage(choose("metadata storage", storage, &storages)?);
            }
            if let Some(rounding) = self.get("rounding") {
                let roundings = Rounding::ALL.map(|rounding| (rounding.name(), rounding));
                config = config.with_rounding(choose("metadata rounding", rounding, &roundings)?);
            }
        }
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    pub fn count(&self, key: &str) -> Result<u32, String> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_| format!("metadata {key} must be a whole number in 0..={}, and is {:?}", u32::MAX, cut(text)))
    }

    /// `update` takes the place of the file's.
    pub fn optimizer(&self, update: Option<Update>) -> Result<Optimizer, String> {
        let (name, mut optimizer) = choose("metadata optimizer", self.text("optimizer")?, &self.optimizers())?;
        // The file's is asked for all the same: a file is no less malformed for another update.
        let of_file = choose("metadata update", self.text("update")?, &UPDATES)?;
        let weight_decay = match self.format {
            Format::Two if self.get("weight_decay").is_none() => 0.0,
            _ => self.number("weight_decay")?,
        };
        optimizer = optimizer
            .with_update(update.unwrap_or(of_file))
            .with_learning_rate(self.number("learning_rate")?)
            .with_weight_decay(weight_decay);
        for setting in optimizer.setting_names() {
            let Some(value) = self.setting(setting)? else { continue };
            optimizer = optimizer.with_setting(setting, value).map_err(|error| match error {
                Error::InvalidConfig(problem) => format!("metadata {problem}"),
                error => error.to_string(),
            })?;
        }
        if self.format == Format::Two {
            self.refuse_others_settings(name, &optimizer)?;
        }
        if name == ADAM && weight_decay != 0.0 {
            return Err(format!(
                "metadata weight_decay must be 0 with optimizer adam, and is {weight_decay}: PyTorch's Adam adds it to the \
                 gradient (L2), which wgpu-embedding does not do; decay that is decoupled from the gradient is optimizer \
                 adamw"
            ));
        }
        optimizer.validate().map_err(|error| error.to_string())?;
        Ok(optimizer)
    }

    /// By their names in case files.
    fn optimizers(&self) -> Vec<(&'static str, (&'static str, Optimizer))> {
        let mut optimizers = Vec::new();
        for optimizer in Optimizer::each() {
            let name = optimizer.name();
            if name == ADAM || self.format == Format::Two {
                optimizers.push((name, (name, optimizer)));
            }
            if name == ADAM {
                optimizers.push((ADAMW, (ADAMW, optimizer)));
            }
        }
        optimizers
    }

    /// What the file says of a setting of its optimizer's; none leaves the optimizer's own.
    fn setting(&self, name: &str) -> Result<Option<&str>, String> {
        let of_format = SETTINGS.iter().find(|(known, _)| *known == name);
        match (self.get(name), self.format, of_format) {
            (Some(value), _, _) => Ok(Some(value)),
            (None, Format::Two, Some((_, Some(default)))) => Ok(Some(default)),
            // A setting that the format does not speak of, and may leave out.
            (None, _, None) => Ok(None),
            (None, _, Some(_)) => self.text(name).map(Some),
        }
    }

    /// Settings of other optimizers may be there if they say what is so without them.
    fn refuse_others_settings(&self, name: &str, optimizer: &Optimizer) -> Result<(), String> {
        let own = optimizer.setting_names();
        for setting in setting_names().into_iter().filter(|setting| !own.contains(setting)) {
            let Some(given) = self.get(setting) else { continue };
            let (form, only) = ONLY_EPSILON_FORM;
            let allowed = if setting == form && own.contains(&"epsilon") {
                Some(only)
            } else {
                SETTINGS.iter().find(|(known, _)| *known == setting).and_then(|&(_, default)| default)
            };
            let is_same = |allowed: &str| match (allowed.parse::<f64>(), given.parse::<f64>()) {
                (Ok(allowed), Ok(given)) => allowed == given,
                _ => allowed == given,
            };
            if !allowed.is_some_and(is_same) {
                let or = allowed.map_or(String::new(), |allowed| format!(", or be {allowed},"));
                return Err(format!(
                    "metadata {setting} must be left out{or} with optimizer {name}, which has no such setting, and is {:?}",
                    cut(given)
                ));
            }
        }
        Ok(())
    }

    fn refuse_unknown_keys(&self) -> Result<(), String> {
        let settings = setting_names();
        let is_known = |key: &&str| KEYS.contains(key) || settings.contains(key);
        let keys = self.entries.into_iter().flat_map(|entries| entries.keys()).map(String::as_str);
        // The smallest name, because the names come in no particular order.
        let Some(key) = keys.filter(|key| !is_known(key)).min() else { return Ok(()) };
        if LATER.contains(&key) {
            return Err(format!(
                "metadata {key} must be left out: this version of wgpu-embedding replays one row a lookup"
            ));
        }
        let known: Vec<_> = KEYS.into_iter().chain(settings).collect();
        Err(format!(
            "metadata {:?} is none of format {}'s, which are {}",
            cut(key),
            self.format.name(),
            known.join(", ")
        ))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.entries.and_then(|entries| entries.get(key)).map(String::as_str)
    }

    fn text(&self, key: &str) -> Result<&'a str, String> {
        self.get(key).ok_or_else(|| format!("metadata {key} is missing"))
    }

    fn number(&self, key: &str) -> Result<f64, String> {
        let text = self.text(key)?;
        // Rust parses `nan` and `inf` too, and a number too large for f64 as infinity.
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| format!("metadata {key} must be a finite number, and is {:?}", cut(text)))
    }
}

/// The format's, and of those of the optimizers what the format does not speak of.
fn setting_names() -> Vec<&'static str> {
    let mut names: Vec<_> = SETTINGS.iter().map(|&(name, _)| name).collect();
    for name in Optimizer::each().iter().flat_map(Optimizer::setting_names) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
