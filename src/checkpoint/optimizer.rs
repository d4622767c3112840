//! An optimizer's settings in JSON: its name, what all of them have, and its own by their names.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::quoted;
use crate::optimizer::{Choice, Clipping, Common, Optimizer, Setting, Update};

/// The field that has the optimizer's name.
const NAME: &str = "name";

/// A JSON object whose fields are still to be looked at.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn get(&self, field: &str) -> Result<&Value, String> {
        self.0.get(field).ok_or_else(|| format!("missing field `{field}`"))
    }

    fn number(&self, field: &str) -> Result<f64, String> {
        number(field, self.get(field)?)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    // serde_json's own map would take the last.
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("duplicate field `{}`", quoted(&name))));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(OfObject)
    }
}

/// Reads the settings of format 2. Fields that it does not know are ignored.
pub(super) fn read(fields: &Fields) -> Result<Optimizer, String> {
    let name = fields.get(NAME)?;
    let known = Optimizer::each();
    let Some(optimizer) = known.iter().find(|known| name.as_str() == Some(known.name())) else {
        let names: Vec<_> = known.iter().map(Optimizer::name).collect();
        return Err(format!(
            "{NAME} must be one of {names:?}, the optimizers of this version of wgpu-embedding, and is {}; a newer version \
             may have it",
            shown(name)
        ));
    };
    read_as(*optimizer, fields)
}

/// The same of an optimizer whose name is known.
pub(super) fn read_as(optimizer: Optimizer, fields: &Fields) -> Result<Optimizer, String> {
    let optimizer = fill(optimizer, fields)?;
    optimizer.validate().map_err(|error| error.to_string())?;
    Ok(optimizer)
}

/// Without a check of their ranges.
pub(super) fn fill(mut optimizer: Optimizer, fields: &Fields) -> Result<Optimizer, String> {
    let mut update = Update::default();
    choose(&mut update, "update", fields.get("update")?)?;
    let common = Common {
        learning_rate: fields.number("learning_rate")?,
        weight_decay: fields.number("weight_decay")?,
        update,
        clipping: clipping(fields.get("clipping")?)?,
    };
    let rule = optimizer.rule_mut();
    rule.set_common(common);
    for (name, setting) in rule.settings() {
        let value = fields.get(name)?;
        match setting {
            Setting::Number(setting) => *setting = number(name, value)?,
            Setting::Flag(setting) => {
                let wrong = || format!("{name} must be true or false, and is {}", shown(value));
                *setting = value.as_bool().ok_or_else(wrong)?;
            }
            Setting::Choice(setting) => choose(setting, name, value)?,
        }
    }
    Ok(optimizer)
}

fn number(name: &str, value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{name} must be a number, and is {}", shown(value)))
}

fn choose(choice: &mut dyn Choice, name: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(chosen) => choice.choose(name, chosen),
        None => Err(format!("{name} must be {}, and is {}", choice.names().join(" or "), shown(value))),
    }
}

/// Null, or an object of the kind's name and its limit.
fn clipping(value: &Value) -> Result<Option<Clipping>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let entry = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
    let kind = match entry.map(|(name, _)| name.as_str()) {
        Some("value") => Clipping::Value,
        Some("norm") => Clipping::Norm,
        Some("norm_pytorch") => Clipping::NormPyTorch,
        _ => {
            return Err(format!(
                "clipping must be null, or value or norm or norm_pytorch with its limit, and is {}",
                shown(value)
            ));
        }
    };
    let limit = entry.map_or(value, |(_, limit)| limit);
    Ok(Some(kind(number("clipping", limit)?)))
}

/// A value of the file's in an error.
fn shown(value: &Value) -> String {
    quoted(&value.to_string())
}

/// Writes what [`read`] reads.
#[derive(Debug)]
pub(super) struct Written(pub Optimizer);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut optimizer = self.0;
        let name = optimizer.name();
        let rule = optimizer.rule_mut();
        let Common { learning_rate, weight_decay, update, clipping } = rule.common();
        let clipping = clipping.map(|clipping| {
            let (kind, limit) = match clipping {
                Clipping::Value(limit) => ("value", limit),
                Clipping::Norm(limit) => ("norm", limit),
                Clipping::NormPyTorch(limit) => ("norm_pytorch", limit),
            };
            Map::from_iter([(kind.to_owned(), limit.into())])
        });
        let mut fields: Vec<(&str, Value)> = vec![
            (NAME, name.into()),
            ("learning_rate", learning_rate.into()),
            ("weight_decay", weight_decay.into()),
            ("update", Choice::name(&update).into()),
            ("clipping", clipping.into()),
        ];
        fields.extend(rule.settings().into_iter().map(|(name, setting)| {
            let value = match setting {
                Setting::Number(number) => (*number).into(),
                Setting::Flag(flag) => (*flag).into(),
                Setting::Choice(choice) => choice.name().into(),
            };
            (name, value)
        }));
        serializer.collect_map(fields)
    }
}
