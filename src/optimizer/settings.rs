//! Settings by their names, as checkpoints and case files have them.

use std::fmt::Debug;

use super::{Optimizer, Setting};
use crate::error::{Error, Result, quoted};

/// A setting that is one of a few.
pub(crate) trait Choice: Debug {
    /// The name of what it is.
    fn name(&self) -> &'static str;

    /// What it may be.
    fn names(&self) -> Vec<&'static str>;

    /// Sets it. An error says what `what` must be.
    fn choose(&mut self, what: &str, name: &str) -> std::result::Result<(), String>;
}

/// What has a name for each of its values.
pub(crate) trait Named: Copy + PartialEq + Debug + 'static {
    const CHOICES: &'static [(&'static str, Self)];
}

impl<T: Named> Choice for T {
    fn name(&self) -> &'static str {
        let choice = Self::CHOICES.iter().find(|(_, value)| value == self);
        choice.expect("every value has a name").0
    }

    fn names(&self) -> Vec<&'static str> {
        Self::CHOICES.iter().map(|&(name, _)| name).collect()
    }

    fn choose(&mut self, what: &str, name: &str) -> std::result::Result<(), String> {
        let Some(&(_, value)) = Self::CHOICES.iter().find(|&&(known, _)| known == name) else {
            return Err(format!("{what} must be {}, and is {:?}", self.names().join(" or "), quoted(name)));
        };
        *self = value;
        Ok(())
    }
}

impl Optimizer {
    /// The names of its own settings, beside those that all optimizers have: for Adam `beta_1` and the others.
    pub fn setting_names(&self) -> Vec<&'static str> {
        let mut copy = *self;
        copy.rule_mut().settings().into_iter().map(|(name, _)| name).collect()
    }

    /// One of its own settings as text, which [`with_setting`](Self::with_setting) takes back with its very bits; `None` if it
    /// has no such setting.
    pub fn setting(&self, name: &str) -> Option<String> {
        let mut copy = *self;
        let (_, setting) = copy.rule_mut().settings().into_iter().find(|&(own, _)| own == name)?;
        Some(match setting {
            Setting::Number(number) => number.to_string(),
            Setting::Flag(flag) => flag.to_string(),
            Setting::Choice(choice) => choice.name().to_owned(),
        })
    }

    /// Sets one of its own settings, given as text: a number, `true` or `false`, or the name of a choice.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] says which settings there are, or what this one must be. Whether a number is in its range,
    /// [`validate`](Self::validate) says.
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EpsilonForm, Optimizer};
    /// let adam = Optimizer::from(Adam::default()).with_setting("epsilon_form", "pytorch")?.with_setting("epsilon", "1e-8")?;
    /// assert_eq!(adam, Adam::pytorch().into());
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    pub fn with_setting(mut self, name: &str, value: &str) -> Result<Self> {
        let optimizer = self.name();
        let known = self.setting_names();
        let setting = self.rule_mut().settings().into_iter().find(|&(own, _)| own == name);
        let Some((name, setting)) = setting else {
            let problem = format!("{optimizer} has no setting {:?}; it has {known:?}", quoted(name));
            return Err(Error::InvalidConfig(problem));
        };
        let given = || format!("{:?}", quoted(value));
        let problem = match setting {
            // Rust parses `nan` and `inf` too, and a number too large for f64 as infinity.
            Setting::Number(number) => match value.parse().ok().filter(|number: &f64| number.is_finite()) {
                Some(parsed) => {
                    *number = parsed;
                    Ok(())
                }
                None => Err(format!("{name} must be a finite number, and is {}", given())),
            },
            Setting::Flag(flag) => match value.parse() {
                Ok(parsed) => {
                    *flag = parsed;
                    Ok(())
                }
                Err(_) => Err(format!("{name} must be true or false, and is {}", given())),
            },
            Setting::Choice(choice) => choice.choose(name, value),
        };
        problem.map_err(Error::InvalidConfig)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_set_by_its_name() {
        for optimizer in Optimizer::each() {
            for name in optimizer.setting_names() {
                let error = optimizer.with_setting(name, "of no kind").unwrap_err().to_string();
                assert!(error.contains(&format!("{name} must be ")), "{error}");
                assert!(error.ends_with(", and is \"of no kind\""), "{error}");
                let texts = ["0.123", "true", "false", "keras", "pytorch"];
                let taken = texts.iter().filter_map(|text| optimizer.with_setting(name, text).ok());
                assert!(taken.into_iter().any(|changed| changed != optimizer), "{name} cannot be changed");
            }
            for name in optimizer.setting_names() {
                let text = optimizer.setting(name).unwrap();
                assert_eq!(optimizer.with_setting(name, &text), Ok(optimizer));
            }
            assert_eq!(optimizer.setting("speed"), None);
            let error = optimizer.with_setting("speed", "1").unwrap_err().to_string();
            assert!(error.contains(&format!("{} has no setting \"speed\"; it has [", optimizer.name())), "{error}");
        }
    }
}
