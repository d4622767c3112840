//! Bind groups of storage buffers, for the programs that have shaders of their own.

use wgpu_embedding::wgpu;

/// A layout: the binding of each buffer, and whether it is read-only.
pub fn storage_layout(
    device: &wgpu::Device,
    label: &str,
    bindings: impl IntoIterator<Item = (u32, bool)>,
) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = bindings
        .into_iter()
        .map(|(binding, read_only)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}

/// A group of such a layout.
pub fn bind<'a>(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    resources: impl IntoIterator<Item = (u32, wgpu::BindingResource<'a>)>,
) -> wgpu::BindGroup {
    let entry = |(binding, resource)| wgpu::BindGroupEntry { binding, resource };
    let entries: Vec<_> = resources.into_iter().map(entry).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}
