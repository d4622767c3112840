//! The kernels: what each is made of, one module and one line in [`ALL`] each.
//!
//! A kernel's WGSL is its parts put one after the other: files of `shaders/shared/`, then its own file
//! `shaders/NAME.wgsl`, whose entry point is called NAME as well. There is no preprocessor; what differs between two
//! builds of a kernel is a part (`output_vec4` or `output_scalar`) or an `override` constant.
//!
//! This list is public for those who want to read, check or translate the shaders with tools of their own.

use std::fmt::Write;

use super::plan::PlanLayout;

pub use super::grid::WORKGROUP_SIZE;

pub(crate) mod adam;
pub mod adam_deferred;
pub mod adam_dense;
pub mod adam_lazy;
pub mod flush;
pub mod gather;
pub mod gather_deferred;
pub mod gradient_norm;
pub mod gradient_scale;
pub mod group_best;
pub mod index_check;
pub mod leave_out;
pub mod partial_sums;
pub mod run_heads;
pub mod run_plan;
pub mod scatter_add;
pub mod similarity;
pub mod sort_histogram;
pub mod sort_scatter;
pub mod sort_small;
pub mod top_k;

/// Every kernel, in every build.
pub static ALL: &[&Kernel] = &[
    &gather::ALL_VEC4,
    &gather::ALL_SCALAR,
    &gather::OWN_VEC4,
    &gather::OWN_SCALAR,
    &gather_deferred::ALL_VEC4,
    &gather_deferred::ALL_SCALAR,
    &gather_deferred::OWN_VEC4,
    &gather_deferred::OWN_SCALAR,
    &index_check::KERNEL,
    &partial_sums::VEC4,
    &partial_sums::SCALAR,
    &scatter_add::VEC4,
    &scatter_add::SCALAR,
    &gradient_norm::VEC4,
    &gradient_norm::SCALAR,
    &gradient_scale::KERNEL,
    &adam_deferred::SHORT_VEC4,
    &adam_deferred::SHORT_SCALAR,
    &adam_deferred::LONG,
    &adam_lazy::SHORT_VEC4,
    &adam_lazy::SHORT_SCALAR,
    &adam_lazy::LONG,
    &adam_dense::VEC4,
    &adam_dense::SCALAR,
    &flush::KERNEL,
    &sort_small::KERNEL,
    &sort_histogram::KERNEL,
    &sort_scatter::KERNEL,
    &run_heads::KERNEL,
    &run_plan::KERNEL,
    &similarity::KERNEL,
    &leave_out::KERNEL,
    &group_best::KERNEL,
    &top_k::KERNEL,
];

/// One build of a kernel.
#[derive(Debug)]
pub struct Kernel {
    /// The name of its file, its entry point and its label; what it computes has a twin in
    /// [`reference`](crate::reference).
    pub name: &'static str,
    /// The files it is made of, in order; the last one is its own.
    pub parts: &'static [Part],
    /// Its bind groups: what belongs to the table (or to the kernel alone), to the batch, and to the call, so that those of
    /// the table and the batch are made once. An empty group is none.
    pub groups: &'static [&'static [Binding]],
    /// The names of its `override` constants.
    pub constants: &'static [&'static str],
    /// `const`s of its WGSL that the host side counts on, with the values it has for them.
    pub mirrored: &'static [(&'static str, u32)],
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
    /// Its number in its group. What several kernels bind has the same number in all of them.
    pub number: u32,
    /// The name of the variable in WGSL.
    pub name: &'static str,
    /// How the kernel uses it.
    pub access: Access,
    /// The size of the Rust type behind it, in bytes; for a storage buffer, that of one element.
    pub size: u64,
    /// The fields of the Rust struct behind it, in order, each with its WGSL type; none where it is no struct.
    pub fields: &'static [(&'static str, &'static str)],
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
    pub(crate) const fn uniform<T: ShaderType>(number: u32, name: &'static str) -> Self {
        Self::new::<T>(number, name, Access::Uniform)
    }

    pub(crate) const fn read<T: ShaderType>(number: u32, name: &'static str) -> Self {
        Self::new::<T>(number, name, Access::Read)
    }

    pub(crate) const fn read_write<T: ShaderType>(number: u32, name: &'static str) -> Self {
        Self::new::<T>(number, name, Access::ReadWrite)
    }

    const fn new<T: ShaderType>(number: u32, name: &'static str, access: Access) -> Self {
        Self { number, name, access, size: size_of::<T>() as u64, fields: T::FIELDS }
    }
}

/// A Rust type that a shader reads or writes as it lies in memory.
pub(crate) trait ShaderType {
    /// See [`Binding::fields`].
    const FIELDS: &'static [(&'static str, &'static str)];
}

impl ShaderType for u32 {
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

impl ShaderType for f32 {
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

impl ShaderType for Words {
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

impl ShaderType for Quad {
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

/// Defines a struct that a shader shares, of fields that are u32 or f32, so that it lies in memory as WGSL has it; a
/// test holds names, order and types against the shader.
macro_rules! shader_struct {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(C)]
        $visibility struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $crate::gpu::kernels::ShaderType for $name {
            const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), stringify!($type))),*];
        }
    };
}
pub(crate) use shader_struct;

impl ShaderType for Pair {
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

/// Four floats: what the kernels read and write at once.
pub(crate) type Quad = [f32; 4];

/// Four words of any kind.
pub(crate) type Words = [u32; 4];

/// A key and a row.
pub(crate) type Pair = [u32; 2];

shader_struct! {
    /// How many lookups a batch has: `Lookups` in shaders/shared/lookups.wgsl.
    pub(crate) struct Lookups {
        count: u32,
    }
}

shader_struct! {
    /// Which rows a shard holds: `Shard` in shaders/shared/shard.wgsl.
    pub(crate) struct Shard {
        first_row: u32,
        row_count: u32,
        input_dim: u32,
        number: u32,
    }
}

shader_struct! {
    /// The rows that are compared at once, and the queries: `Piece` in shaders/shared/piece.wgsl.
    pub(crate) struct Piece {
        first_row: u32,
        first_of_shard: u32,
        row_count: u32,
        query_count: u32,
        group_count: u32,
        left_out_count: u32,
    }
}

/// In group 0 of the kernels that find the nearest rows.
pub(crate) const PIECE: Binding = Binding::uniform::<Piece>(0, "piece");

/// Group 1 of kernels that take the indices in batch order.
pub(crate) static LOOKUPS: &[Binding] =
    &[Binding::uniform::<Lookups>(0, "lookups"), Binding::read::<u32>(1, "indices")];

/// The same, with those of each shard.
pub(crate) static SHARD_LOOKUPS: &[Binding] = &[
    Binding::uniform::<Lookups>(0, "lookups"),
    Binding::read::<u32>(1, "indices"),
    Binding::read::<u32>(2, "by_shard"),
];

/// Group 1 of kernels that take the sorted batch.
pub(crate) static PLAN: &[Binding] = &[Binding::uniform::<PlanLayout>(0, "batch"), Binding::read::<u32>(1, "plan")];

/// Group 2 of kernels that read the caller's gradient, [`gradient`] by its width.
pub(crate) static GRADIENT_VEC4: &[Binding] = &[Binding::read::<Quad>(0, "gradient")];
pub(crate) static GRADIENT_SCALAR: &[Binding] = &[Binding::read::<f32>(0, "gradient")];

/// Group 2 of kernels that read the partial sums of long runs.
pub(crate) static PARTIAL_SUMS: &[Binding] = &[Binding::read::<Quad>(2, "partial_sums")];
