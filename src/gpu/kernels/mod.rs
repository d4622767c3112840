//! The kernels: what each is made of, one module each, and [`all`] of their compositions.
//!
//! A kernel's WGSL is its parts put one after the other: files of `shaders/shared/`, a rule of `shaders/rules/` where it has
//! to do with an optimizer, then its own file `shaders/NAME.wgsl`, whose entry point is called NAME as well. There is no
//! preprocessor; what differs between two compositions of a kernel is a part (`output_vec4` or `output_scalar`) or an
//! `override` constant. Each part brings its bindings and constants along.
//!
//! This is public for those who want to read, check or translate the shaders with tools of their own.

use std::fmt::Write;

pub use super::grid::WORKGROUP_SIZE;
pub use crate::shader::{Access, Binding, Part};

mod compositions;
pub(crate) mod inputs;
pub(crate) mod parts;

pub(crate) mod exclude;
pub(crate) mod flush;
pub(crate) mod gather;
pub(crate) mod gather_deferred;
pub(crate) mod gradient_norm;
pub(crate) mod gradient_scale;
pub(crate) mod group_best;
pub(crate) mod index_check;
pub(crate) mod partial_sums;
pub(crate) mod run_heads;
pub(crate) mod run_plan;
pub(crate) mod scatter_add;
pub(crate) mod similarity;
pub(crate) mod sort_histogram;
pub(crate) mod sort_scatter;
pub(crate) mod sort_small;
pub(crate) mod top_k;
pub(crate) mod update_all;
pub(crate) mod update_rows;

pub use compositions::all;

/// Bind groups that a kernel may have.
pub(crate) const GROUPS: usize = 3;

/// One composition of a kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    name: &'static str,
    parts: Vec<&'static Part>,
}

impl Kernel {
    /// A kernel of these parts in order, of which the last is its own. One that comes again is left out.
    pub(crate) fn new(name: &'static str, parts: impl IntoIterator<Item = &'static Part>) -> Self {
        let mut each: Vec<&'static Part> = Vec::new();
        for part in parts {
            if !each.iter().any(|known| std::ptr::eq(*known, part)) {
                each.push(part);
            }
        }
        Self { name, parts: each }
    }

    /// The name of its file, its entry point and its label; what it computes has a twin in
    /// [`reference`](crate::reference).
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The files it is made of, in order; the last one is its own.
    pub fn parts(&self) -> &[&'static Part] {
        &self.parts
    }

    /// The whole WGSL source.
    pub fn source(&self) -> String {
        let mut source = String::new();
        for part in &self.parts {
            writeln!(source, "// ---- shaders/{}\n{}", part.file, part.text).expect("a String takes any text");
        }
        source
    }

    /// Its bindings of one group, by rising number.
    pub fn bindings(&self, group: u32) -> Vec<&'static Binding> {
        let all = self.parts.iter().flat_map(|part| part.bindings);
        let mut bindings: Vec<_> = all.filter(|binding| binding.group == group).collect();
        bindings.sort_by_key(|binding| binding.number);
        bindings
    }

    /// The names of its `override` constants.
    pub fn constants(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.parts.iter().flat_map(|part| part.constants).copied()
    }

    /// See [`Part::mirrored`].
    pub fn mirrored(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        self.parts.iter().flat_map(|part| part.mirrored).copied()
    }
}
