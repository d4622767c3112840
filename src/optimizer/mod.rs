//! The optimizers: their settings, what they keep of each row, their scalars at each step, and what is remembered of past
//! steps.
//!
//! An optimizer is one file here, its rule in `shaders/rules/`, its twin in [`reference`](crate::reference), and one line in
//! [`optimizers`].

mod adagrad;
mod adam;
mod clipping;
mod history;
mod lion;
mod node_plan;
mod power;
mod quotients;
mod rowwise_adagrad;
mod rowwise_adam;
mod rule;
mod settings;
mod sgd;
mod state;
mod update;

pub use adagrad::Adagrad;
pub use adam::{Adam, EpsilonForm};
pub use clipping::Clipping;
#[cfg(test)]
pub(crate) use history::CUT_IN_TESTS;
pub(crate) use history::{Course, History, PastStep, Scaled};
pub use lion::Lion;
pub(crate) use node_plan::Need;
pub(crate) use power::power;
pub use rowwise_adagrad::RowWiseAdagrad;
pub use rowwise_adam::RowWiseAdam;
pub(crate) use rule::{Common, Rule, Setting};
pub(crate) use settings::{Choice, Named};
pub use sgd::{MomentumForm, Sgd};
pub use state::{Extent, StateArray};
pub use update::Update;

use crate::error::Result;

/// Calls a macro with every optimizer: its type, and the name of its module.
macro_rules! optimizers {
    ($callback:ident) => {
        $callback! {
            Adagrad adagrad,
            Adam adam,
            Lion lion,
            RowWiseAdagrad rowwise_adagrad,
            RowWiseAdam rowwise_adam,
            Sgd sgd,
        }
    };
}

pub(crate) use optimizers;

macro_rules! optimizer_enum {
    ($($name:ident $module:ident,)*) => {
        /// An optimizer with its settings: what [`GpuEmbedding::new`](crate::GpuEmbedding::new) takes, and each of the
        /// settings structs turns into.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Optimizer {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($name),
            )*
        }

        $(
            impl From<$name> for Optimizer {
                fn from(settings: $name) -> Self {
                    Self::$name(settings)
                }
            }
        )*

        impl Optimizer {
            /// Each of them, with its defaults.
            ///
            /// ```
            /// # use wgpu_embedding::Optimizer;
            /// let adam = Optimizer::each().into_iter().find(|optimizer| optimizer.name() == "adam").unwrap();
            /// assert_eq!(adam, Optimizer::default());
            /// ```
            pub fn each() -> Vec<Self> {
                vec![$($name::default().into(),)*]
            }

            /// Settings of each of them that together have all its shaders.
            pub(crate) fn each_composition() -> Vec<Self> {
                let mut each = Self::each();
                for mut optimizer in Self::each() {
                    each.extend(optimizer.rule().other_compositions());
                    let common = Common { weight_decay: 0.1, ..optimizer.rule().common() };
                    optimizer.rule_mut().set_common(common);
                    each.push(optimizer);
                }
                each
            }

            pub(crate) fn rule(&self) -> &dyn Rule {
                match self {
                    $(Self::$name(settings) => settings,)*
                }
            }

            pub(crate) fn rule_mut(&mut self) -> &mut dyn Rule {
                match self {
                    $(Self::$name(settings) => settings,)*
                }
            }
        }
    };
}
optimizers!(optimizer_enum);

impl Default for Optimizer {
    /// [`Adam`]'s.
    fn default() -> Self {
        Adam::default().into()
    }
}

impl Optimizer {
    /// Its name, in lower case: `adam`.
    pub fn name(&self) -> &'static str {
        self.rule().name()
    }

    /// The step size.
    #[doc(alias = "lr")]
    pub fn learning_rate(&self) -> f64 {
        self.rule().common().learning_rate
    }

    /// Decoupled weight decay.
    pub fn weight_decay(&self) -> f64 {
        self.rule().common().weight_decay
    }

    /// Which rows an update touches.
    pub fn update(&self) -> Update {
        self.rule().common().update
    }

    /// What is done to the summed gradient first.
    pub fn clipping(&self) -> Option<Clipping> {
        self.rule().common().clipping
    }

    /// Sets the step size.
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        let common = Common { learning_rate, ..self.rule().common() };
        self.rule_mut().set_common(common);
        self
    }

    /// Sets decoupled weight decay.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        let common = Common { weight_decay, ..self.rule().common() };
        self.rule_mut().set_common(common);
        self
    }

    /// Sets which rows an update touches.
    pub fn with_update(mut self, update: Update) -> Self {
        let common = Common { update, ..self.rule().common() };
        self.rule_mut().set_common(common);
        self
    }

    /// Sets what is done to the summed gradient first.
    pub fn with_clipping(mut self, clipping: Clipping) -> Self {
        let common = Common { clipping: Some(clipping), ..self.rule().common() };
        self.rule_mut().set_common(common);
        self
    }

    /// Whether a table that it trains keeps a step number a row, to catch rows up.
    pub(crate) fn catches_up(&self) -> bool {
        self.update() == Update::Deferred && self.rule().course().is_some()
    }

    /// What a table is made for, in words: it stays as long as the table does.
    pub(crate) fn kept(&self) -> [(&'static str, String); 5] {
        let names: Vec<_> = self.state().iter().map(|array| array.name).collect();
        let moving = if self.catches_up() { "caught up" } else { "none, with weight_decay 0 and no momentum" };
        // Each constant that is on, by the name of the setting or of the choice that turns it on.
        let constants = self.rule().constants();
        let forms: Vec<_> =
            constants.iter().filter(|(_, on)| *on != 0.0).map(|(name, _)| name.to_lowercase()).collect();
        let form = if forms.is_empty() { "plain".to_owned() } else { forms.join(" with ") };
        let deferred = self.update() == Update::Deferred;
        [
            ("the optimizer", self.name().to_owned()),
            ("the update", format!("{:?}", self.update())),
            ("the optimizer's state", format!("{names:?}")),
            ("the optimizer's form", form),
            ("the motion of rows without a gradient", if deferred { moving } else { "the update's" }.to_owned()),
        ]
    }

    /// What a table that it trains keeps beside the weights.
    pub fn state(&self) -> Vec<StateArray> {
        self.rule().state()
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) names the first setting that is out of its range, or that has no
    /// deferred form.
    pub fn validate(&self) -> Result<()> {
        self.rule().validate()
    }
}
