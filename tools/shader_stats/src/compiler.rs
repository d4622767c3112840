//! RADV without a GPU: creates pipelines, and tells what the driver says of them.

use std::ffi::{CStr, CString};
use std::path::Path;

use ash::khr::pipeline_executable_properties;
use ash::vk;
use wgpu_embedding::kernels::{Access, Binding};

/// Where Mesa's packages put their drivers' manifests.
const MANIFESTS: [&str; 2] =
    ["/usr/share/vulkan/icd.d/radeon_icd.x86_64.json", "/usr/share/vulkan/icd.d/radeon_icd.json"];

/// A device without hardware.
pub struct Compiler {
    device: ash::Device,
    executables: pipeline_executable_properties::Device,
    name: String,
    driver: String,
    instance: ash::Instance,
    // The library, for as long as its functions are called.
    _entry: ash::Entry,
}

/// What the driver says of a pipeline.
pub struct Compiled {
    statistics: Vec<(String, u64)>,
    pub assembly: String,
}

impl Compiled {
    pub fn statistic(&self, name: &str) -> Option<u64> {
        self.statistics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Registers of both kinds that were spilled.
    pub fn spills(&self) -> u64 {
        ["Spilled SGPRs", "Spilled VGPRs"].iter().filter_map(|name| self.statistic(name)).sum()
    }
}

impl Compiler {
    /// For GPUs of a family by RADV's name, such as `navi21` or `gfx1100`.
    pub fn new(family: &str) -> Result<Self, String> {
        let manifest = MANIFESTS.iter().find(|path| Path::new(path).exists()).ok_or(
            "RADV is not installed (Debian: mesa-vulkan-drivers; Fedora: mesa-vulkan-drivers; Arch: vulkan-radeon)",
        )?;
        // SAFETY: this process has no other thread yet.
        unsafe {
            std::env::set_var("VK_ICD_FILENAMES", manifest);
            std::env::set_var("VK_DRIVER_FILES", manifest);
            std::env::set_var("RADV_FORCE_FAMILY", family);
            std::env::set_var("MESA_SHADER_CACHE_DISABLE", "true");
        }
        // SAFETY: the library is a Vulkan loader, and every call below has what Vulkan asks of it: objects of the same device,
        // which live as long as what is made of them.
        unsafe { Self::open(family) }
    }

    unsafe fn open(family: &str) -> Result<Self, String> {
        let entry = unsafe { ash::Entry::load() }.map_err(|error| format!("no Vulkan loader: {error}"))?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
        let create = vk::InstanceCreateInfo::default().application_info(&application);
        let instance = unsafe { entry.create_instance(&create, None) }.map_err(|error| said("an instance", error))?;
        let adapters = unsafe { instance.enumerate_physical_devices() }.map_err(|error| said("adapters", error))?;
        let adapter = *adapters.first().ok_or_else(|| format!("RADV knows no family {family:?}"))?;

        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
        unsafe { instance.get_physical_device_properties2(adapter, &mut properties) };
        let text = |field: &[_]| text(field);
        let name = text(&properties.properties.device_name);
        let driver = text(&driver.driver_info);

        let queue = vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0]);
        // As wgpu asks for, which leaves bounds to the device.
        let features = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
        let mut executables =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let extensions = [pipeline_executable_properties::NAME.as_ptr(), ash::ext::robustness2::NAME.as_ptr()];
        let create = vk::DeviceCreateInfo::default()
            .queue_create_infos(std::slice::from_ref(&queue))
            .enabled_features(&features)
            .enabled_extension_names(&extensions)
            .push_next(&mut robustness)
            .push_next(&mut executables);
        let device =
            unsafe { instance.create_device(adapter, &create, None) }.map_err(|error| said("a device", error))?;
        let executables = pipeline_executable_properties::Device::new(&instance, &device);
        Ok(Self { device, executables, name, driver, instance, _entry: entry })
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The driver's version.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Makes a pipeline of a kernel.
    pub fn compile(&self, entry_point: &str, bindings: &[&Binding], words: &[u32]) -> Result<Compiled, String> {
        // SAFETY: as in `new`.
        unsafe { self.compile_with(entry_point, bindings, words) }
    }

    unsafe fn compile_with(
        &self,
        entry_point: &str,
        bindings: &[&Binding],
        words: &[u32],
    ) -> Result<Compiled, String> {
        let Self { device, executables, .. } = self;
        let create = vk::ShaderModuleCreateInfo::default().code(words);
        let module =
            unsafe { device.create_shader_module(&create, None) }.map_err(|error| said("a module", error))?;
        let groups = bindings.iter().map(|binding| binding.group + 1).max().unwrap_or(0);
        let mut layouts = Vec::new();
        for group in 0..groups {
            let of_group = bindings.iter().filter(|binding| binding.group == group);
            let entries: Vec<_> = of_group
                .map(|binding| {
                    vk::DescriptorSetLayoutBinding::default()
                        .binding(binding.number)
                        .descriptor_count(1)
                        .stage_flags(vk::ShaderStageFlags::COMPUTE)
                        .descriptor_type(match binding.access {
                            Access::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                            Access::Read | Access::ReadWrite => vk::DescriptorType::STORAGE_BUFFER,
                        })
                })
                .collect();
            let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(&entries);
            let layout = unsafe { device.create_descriptor_set_layout(&create, None) };
            layouts.push(layout.map_err(|error| said("a group's layout", error))?);
        }
        let create = vk::PipelineLayoutCreateInfo::default().set_layouts(&layouts);
        let layout =
            unsafe { device.create_pipeline_layout(&create, None) }.map_err(|error| said("a layout", error))?;
        let entry_point = CString::new(entry_point).expect("a kernel's name has no zero byte");
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(&entry_point);
        let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        let create = vk::ComputePipelineCreateInfo::default().flags(flags).stage(stage).layout(layout);
        let pipelines = unsafe { device.create_compute_pipelines(vk::PipelineCache::null(), &[create], None) };
        let pipeline = pipelines.map_err(|(_, error)| said("a pipeline", error))?[0];

        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let statistics = unsafe { executables.get_pipeline_executable_statistics(&info) }
            .map_err(|error| said("statistics", error))?
            .iter()
            .map(|statistic| (text(&statistic.name), unsafe { value(statistic) }))
            .collect();
        let assembly = unsafe { self.assembly(&info) }?;
        unsafe {
            device.destroy_pipeline(pipeline, None);
            device.destroy_pipeline_layout(layout, None);
            layouts.into_iter().for_each(|layout| device.destroy_descriptor_set_layout(layout, None));
            device.destroy_shader_module(module, None);
        }
        Ok(Compiled { statistics, assembly })
    }

    /// The last of the compiler's own forms: ash's wrapper does not hand out their texts.
    unsafe fn assembly(&self, info: &vk::PipelineExecutableInfoKHR<'_>) -> Result<String, String> {
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let device = self.device.handle();
        let mut count = 0;
        let asked = unsafe { get(device, info, &mut count, std::ptr::null_mut()) };
        asked.result().map_err(|error| said("machine code", error))?;
        let mut forms = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // Twice: for the sizes, then for the texts.
        unsafe { get(device, info, &mut count, forms.as_mut_ptr()) }
            .result()
            .map_err(|error| said("sizes", error))?;
        let mut texts: Vec<Vec<u8>> = forms.iter().map(|form| vec![0; form.data_size]).collect();
        for (form, text) in forms.iter_mut().zip(&mut texts) {
            form.p_data = text.as_mut_ptr().cast();
        }
        unsafe { get(device, info, &mut count, forms.as_mut_ptr()) }
            .result()
            .map_err(|error| said("texts", error))?;
        let last = texts.last().ok_or("the driver gives no machine code")?;
        Ok(CStr::from_bytes_until_nul(last).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default())
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        // SAFETY: all that was made of them is destroyed.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

fn said(what: &str, error: vk::Result) -> String {
    format!("the driver refuses {what}: {error}")
}

fn text(field: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = field.iter().take_while(|byte| **byte != 0).map(|byte| byte.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A statistic is of one of four types; RADV's are all whole numbers.
unsafe fn value(statistic: &vk::PipelineExecutableStatisticKHR<'_>) -> u64 {
    unsafe {
        match statistic.format {
            vk::PipelineExecutableStatisticFormatKHR::BOOL32 => statistic.value.b32.into(),
            vk::PipelineExecutableStatisticFormatKHR::INT64 => statistic.value.i64.cast_unsigned(),
            vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64 as u64,
            _ => statistic.value.u64,
        }
    }
}
