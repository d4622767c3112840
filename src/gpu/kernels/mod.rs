//! The kernels: what each is made of, one module and one line in [`ALL`] each.
//!
//! A kernel's WGSL is its parts put one after the other: files of `shaders/shared/`, then its own file
//! `shaders/NAME.wgsl`, whose entry point is called NAME as well. There is no preprocessor; what differs between two
//! builds of a kernel is a part (`output_vec4` or `output_scalar`) or an `override` constant.
//!
//! This list is public for those who want to read, check or translate the shaders with tools of their own.

use std::fmt::Write;

pub use super::grid::WORKGROUP_SIZE;

pub mod adam_dense;
pub mod adam_lazy;
pub mod gather;
pub mod index_check;
pub mod row_gradient;
pub mod scatter_add;

/// Every kernel, in every build.
pub static ALL: &[&Kernel] = &[
    &gather::VEC4,
    &gather::SCALAR,
    &index_check::KERNEL,
    &scatter_add::VEC4,
    &scatter_add::SCALAR,
    &row_gradient::VEC4,
    &row_gradient::SCALAR,
    &adam_lazy::KERNEL,
    &adam_dense::KERNEL,
];

/// One build of a kernel.
#[derive(Debug)]
pub struct Kernel {
    /// The name of its file, its entry point, its label and its twin in [`reference`](crate::reference).
    pub name: &'static str,
    /// The files it is made of, in order; the last one is its own.
    pub parts: &'static [Part],
    /// The bindings of group 0, in the order of their binding numbers.
    pub bindings: &'static [Binding],
    /// The names of its `override` constants.
    pub constants: &'static [&'static str],
}

/// A WGSL file.
#[derive(Debug)]
pub struct Part {
    /// Its path below `shaders/`.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// One binding of a kernel.
#[derive(Debug)]
pub struct Binding {
    /// The name of the variable in WGSL.
    pub name: &'static str,
    /// How the kernel uses it.
    pub access: Access,
    /// For a uniform, the size of the Rust struct behind it, in bytes; for a storage buffer, that of one element.
    pub size: u64,
}

/// How a kernel uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<uniform>`.
    Uniform,
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

impl Kernel {
    /// The whole WGSL source.
    pub fn source(&self) -> String {
        let mut source = String::new();
        for part in self.parts {
            writeln!(source, "// ---- shaders/{}\n{}", part.file, part.text).expect("a String takes any text");
        }
        source
    }
}

macro_rules! part {
    ($file:literal) => {
        $crate::gpu::kernels::Part { file: $file, text: include_str!(concat!("../../../shaders/", $file)) }
    };
}
pub(crate) use part;

impl Binding {
    pub(crate) const fn uniform<T>(name: &'static str) -> Self {
        Self { name, access: Access::Uniform, size: size_of::<T>() as u64 }
    }

    pub(crate) const fn read<T>(name: &'static str) -> Self {
        Self { name, access: Access::Read, size: size_of::<T>() as u64 }
    }

    pub(crate) const fn read_write<T>(name: &'static str) -> Self {
        Self { name, access: Access::ReadWrite, size: size_of::<T>() as u64 }
    }
}

/// Four floats: what the kernels read and write at once.
pub(crate) type Quad = [f32; 4];

/// How many lookups a batch has: `Lookups` in gather.wgsl and index_check.wgsl.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Lookups {
    pub count: u32,
}

/// Which rows a shard holds: `Shard` in shaders/shared/shard.wgsl.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Shard {
    pub first_row: u32,
    pub row_count: u32,
    pub input_dim: u32,
}

/// A batch's runs in one shard: `Runs` in shaders/shared/runs.wgsl.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Runs {
    pub first_run: u32,
    pub run_count: u32,
    pub first_row: u32,
    pub row_count: u32,
}
