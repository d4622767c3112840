//! A kernel as the SPIR-V that wgpu's Vulkan backend hands to a driver.

use naga::back::{pipeline_constants, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::settings::Setting;

/// With wgpu's options for a device that has robust buffer access, as RADV's have.
pub fn spirv(setting: &Setting) -> Result<Vec<u32>, String> {
    let source = setting.kernel.source();
    let module = naga::front::wgsl::parse_str(&source).map_err(|error| error.emit_to_string(&source))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(&source))?;
    let entry = (naga::ShaderStage::Compute, setting.kernel.name());
    let values = setting.constants.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    let (module, info) = pipeline_constants::process_overrides(&module, &info, Some(entry), &values)
        .map_err(|error| error.to_string())?;
    let options = spv::Options {
        lang_version: (1, 6),
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        // As the crate asks for (zero_initialize_workgroup_memory: false).
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..spv::Options::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: entry.0, entry_point: entry.1.to_owned() };
    spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|error| error.to_string())
}
