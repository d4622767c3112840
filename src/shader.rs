//! A WGSL file, and what the host must know of it: its bindings, its constants, and the values that both sides count on.
//!
//! Plain data, below the optimizers, whose rules are WGSL files of their own, and the kernels, which are made of such files.

/// A WGSL file with what it declares.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its path below `shaders/`.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// The bindings that it declares.
    pub bindings: &'static [Binding],
    /// The names of its `override` constants.
    pub constants: &'static [&'static str],
    /// `const`s of its WGSL that the host side counts on, with the values it has for them.
    pub mirrored: &'static [(&'static str, u32)],
}

/// One binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Its group: 0 belongs to the table (or to the kernel alone), 1 to the batch, 2 to the call, so that the groups of the
    /// table and the batch are made once.
    pub group: u32,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<uniform>`.
    Uniform,
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

impl Part {
    /// A file that declares nothing the host must know of.
    pub(crate) const fn new(file: &'static str, text: &'static str) -> Self {
        Self { file, text, bindings: &[], constants: &[], mirrored: &[] }
    }

    pub(crate) const fn binds(self, bindings: &'static [Binding]) -> Self {
        Self { bindings, ..self }
    }

    pub(crate) const fn with_constants(self, constants: &'static [&'static str]) -> Self {
        Self { constants, ..self }
    }

    pub(crate) const fn mirrors(self, mirrored: &'static [(&'static str, u32)]) -> Self {
        Self { mirrored, ..self }
    }
}

/// The [`Part`](crate::shader::Part) of a file below `shaders/`.
macro_rules! part {
    ($file:literal) => {
        $crate::shader::Part::new($file, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)))
    };
}
pub(crate) use part;

impl Binding {
    pub(crate) const fn uniform<T: ShaderType>(group: u32, number: u32, name: &'static str) -> Self {
        Self::new::<T>(group, number, name, Access::Uniform)
    }

    pub(crate) const fn read<T: ShaderType>(group: u32, number: u32, name: &'static str) -> Self {
        Self::new::<T>(group, number, name, Access::Read)
    }

    pub(crate) const fn read_write<T: ShaderType>(group: u32, number: u32, name: &'static str) -> Self {
        Self::new::<T>(group, number, name, Access::ReadWrite)
    }

    const fn new<T: ShaderType>(group: u32, number: u32, name: &'static str, access: Access) -> Self {
        Self { group, number, name, access, size: size_of::<T>() as u64, fields: T::FIELDS }
    }
}

/// A Rust type that a shader reads or writes as it lies in memory.
pub(crate) trait ShaderType {
    /// See [`Binding::fields`].
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

/// Four floats: what the kernels read and write at once.
pub(crate) type Quad = [f32; 4];

/// Four words of any kind.
pub(crate) type Words = [u32; 4];

/// A key and a row.
pub(crate) type Pair = [u32; 2];

impl ShaderType for u32 {}
impl ShaderType for f32 {}
impl ShaderType for Quad {}
impl ShaderType for Words {}
impl ShaderType for Pair {}

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

        impl $crate::shader::ShaderType for $name {
            const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), stringify!($type))),*];
        }
    };
}
pub(crate) use shader_struct;
