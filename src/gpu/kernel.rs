//! A kernel: parts put together.

use std::fmt::Write;

use crate::shader::{Binding, Part};

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
