//! The shaders against the Rust that drives them, without a GPU: what is registered, bound, mirrored and allowed.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess, TypeInner};
use wgpu_embedding::kernels::{Access, Binding, Kernel, all};

/// WebGPU's default limits, which every kernel stays in.
const MAX_BIND_GROUPS: usize = 4;
/// WebGPU has 8, of which two are for what is to come.
const MAX_STORAGE_BUFFERS: usize = 6;
const MAX_INVOCATIONS: u32 = 256;
const MAX_WORKGROUP_BYTES: u32 = 16_384;

/// Parses and validates with no capability beyond WebGPU's core, which is all that contexts request.
fn validate(source: &str) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(source))?;
    Ok((module, info))
}

fn bindings(kernel: &Kernel) -> Vec<&'static Binding> {
    (0..MAX_BIND_GROUPS as u32).flat_map(|group| kernel.bindings(group)).collect()
}

fn each_kernel(check: impl Fn(&Kernel, &Module)) {
    let kernels = all();
    assert!(!kernels.is_empty());
    for kernel in &kernels {
        let (module, _) = validate(&kernel.source()).unwrap_or_else(|error| panic!("{}: {error}", kernel.name()));
        check(kernel, &module);
    }
}

fn wgsl_files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            wgsl_files(&path, &format!("{name}/"), found);
        } else {
            assert!(name.ends_with(".wgsl"), "{name} is no shader");
            found.insert(name);
        }
    }
}

#[test]
fn every_file_is_registered_and_every_registration_has_its_file() {
    let mut files = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    wgsl_files(&folder, "", &mut files);
    let mut registered = BTreeSet::new();
    for kernel in all() {
        for part in kernel.parts() {
            assert_eq!(std::fs::read_to_string(folder.join(part.file)).unwrap(), part.text, "{}", part.file);
            registered.insert(part.file.to_owned());
        }
        let own = kernel.parts().last().unwrap().file;
        assert_eq!(own, format!("{}.wgsl", kernel.name()), "a kernel's own file is its last part");
    }
    assert_eq!(files, registered);
}

#[test]
fn entry_points_have_the_kernels_name_and_the_workgroup_size_of_the_host() {
    each_kernel(|kernel, module| {
        let [entry] = &module.entry_points[..] else { panic!("{}: one entry point", kernel.name()) };
        assert_eq!(entry.name, kernel.name());
        assert_eq!(entry.workgroup_size, [wgpu_embedding::kernels::WORKGROUP_SIZE, 1, 1]);
        assert!(entry.workgroup_size.iter().product::<u32>() <= MAX_INVOCATIONS);
    });
}

#[test]
fn bindings_are_those_of_the_host() {
    each_kernel(|kernel, module| {
        let mut bound = 0;
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = variable.binding else { continue };
            let name = variable.name.as_deref().unwrap();
            let group = kernel.bindings(binding.group);
            let described = group
                .iter()
                .find(|described| described.number == binding.binding)
                .unwrap_or_else(|| panic!("{}: {name} is not bound by the host", kernel.name()));
            assert_eq!(described.name, name, "{}: {binding:?}", kernel.name());
            let access = match variable.space {
                AddressSpace::Uniform => Access::Uniform,
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::ReadWrite,
                AddressSpace::Storage { .. } => Access::Read,
                space => panic!("{name} is bound in {space:?}"),
            };
            assert_eq!(described.access, access, "{}: {name}", kernel.name());

            // A runtime-sized array counts by its element.
            let (element, size) = match module.types[variable.ty].inner {
                TypeInner::Array { base, stride, .. } => (base, stride),
                _ => (variable.ty, module.types[variable.ty].inner.size(module.to_ctx())),
            };
            assert_eq!(u64::from(size), described.size, "{}: the size of {name}", kernel.name());
            check_fields(module, element, described.fields, &format!("{}: {name}", kernel.name()));
            bound += 1;
        }
        assert_eq!(bound, bindings(kernel).len(), "{}: bindings without a variable", kernel.name());
    });
}

fn check_fields(module: &Module, element: naga::Handle<naga::Type>, fields: &[(&str, &str)], what: &str) {
    let TypeInner::Struct { members, .. } = &module.types[element].inner else {
        assert!(fields.is_empty(), "{what} is a struct in Rust alone");
        return;
    };
    assert_eq!(members.len(), fields.len(), "{what}: fields");
    for (number, (member, (name, scalar))) in members.iter().zip(fields).enumerate() {
        assert_eq!(member.name.as_deref(), Some(*name), "{what}: field {number}");
        // Rust's fields are four bytes each, one after the other.
        assert_eq!(member.offset as usize, number * 4, "{what}: the offset of {name}");
        let kind = match module.types[member.ty].inner {
            TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => (scalar.kind, scalar.width),
            ref other => panic!("{what}: {name} is {other:?}"),
        };
        let expected = match *scalar {
            "u32" => (naga::ScalarKind::Uint, 4),
            "f32" => (naga::ScalarKind::Float, 4),
            other => panic!("{what}: {name} is {other} in Rust"),
        };
        assert_eq!(kind, expected, "{what}: the type of {name}");
    }
}

#[test]
fn constants_are_those_of_the_host() {
    each_kernel(|kernel, module| {
        let overrides: BTreeSet<_> = module.overrides.iter().filter_map(|(_, it)| it.name.as_deref()).collect();
        assert_eq!(overrides, kernel.constants().collect(), "{}", kernel.name());
        assert!(kernel.mirrored().any(|(name, _)| name == "WORKGROUP_SIZE"), "{}", kernel.name());
        for (name, value) in kernel.mirrored() {
            let (_, constant) = module
                .constants
                .iter()
                .find(|(_, constant)| constant.name.as_deref() == Some(name))
                .unwrap_or_else(|| panic!("{}: no constant {name}", kernel.name()));
            let naga::Expression::Literal(naga::Literal::U32(written)) = module.global_expressions[constant.init]
            else {
                panic!("{}: {name} is no u32", kernel.name())
            };
            assert_eq!(written, value, "{}: {name}", kernel.name());
        }
    });
}

#[test]
fn kernels_stay_in_the_default_limits() {
    each_kernel(|kernel, module| {
        let storage = bindings(kernel).iter().filter(|binding| binding.access != Access::Uniform).count();
        assert!(storage <= MAX_STORAGE_BUFFERS, "{}: {storage} storage buffers", kernel.name());
        let groups = kernel.parts().iter().flat_map(|part| part.bindings).map(|binding| binding.group).max();
        assert!(groups.unwrap() < MAX_BIND_GROUPS as u32, "{}: bind groups", kernel.name());
        let workgroup_bytes: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
            .sum();
        assert!(workgroup_bytes <= MAX_WORKGROUP_BYTES, "{}: {workgroup_bytes} bytes", kernel.name());
    });
}

#[test]
fn no_two_bindings_share_a_place() {
    each_kernel(|kernel, _| {
        let places: Vec<_> = bindings(kernel).iter().map(|binding| (binding.group, binding.number)).collect();
        let distinct: BTreeSet<_> = places.iter().collect();
        assert_eq!(distinct.len(), places.len(), "{}: {places:?}", kernel.name());
    });
}

/// Every backend of wgpu's is naga's to write for. `override`s must have values by then: any will do.
#[test]
fn naga_writes_every_kernel_for_every_backend() {
    use naga::back::{hlsl, msl, spv};

    each_kernel(|kernel, _| {
        let (module, info) = validate(&kernel.source()).unwrap();
        let values = kernel.constants().map(|name| (name.to_owned(), 1.0)).collect();
        let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &values)
            .unwrap_or_else(|error| panic!("{}: {error}", kernel.name()));
        spv::write_vec(&module, &info, &spv::Options::default(), None)
            .unwrap_or_else(|error| panic!("{} as SPIR-V: {error}", kernel.name()));
        msl::write_string(&module, &info, &msl::Options::default(), &msl::PipelineOptions::default())
            .unwrap_or_else(|error| panic!("{} as MSL: {error}", kernel.name()));
        let mut text = String::new();
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{} as HLSL: {error}", kernel.name()));
    });
}

/// What Dawn's compiler, which Chromium has, complains of in a shader: a browser refuses it then.
fn complaint_of_tint(source: &str) -> Option<String> {
    let mut tint = Command::new("tint")
        .args(["--input-format", "wgsl", "--format", "wgsl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("Dawn's tint must be on PATH, or WGPU_EMBEDDING_NO_TINT=1 leave this test out: {error}")
        });
    tint.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = tint.wait_with_output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Tint refuses barriers that naga takes: after an early return, and under control flow that may not be uniform.
#[test]
#[ignore = "needs Dawn's tint"]
fn tint_takes_every_kernel() {
    if std::env::var_os("WGPU_EMBEDDING_NO_TINT").is_some_and(|value| value == "1") {
        eprintln!("WGPU_EMBEDDING_NO_TINT=1: Dawn's compiler has seen no kernel");
        return;
    }
    for kernel in all() {
        let complaint = complaint_of_tint(&kernel.source());
        assert_eq!(complaint, None, "{}: {:?}", kernel.name(), kernel.parts().last());
    }
    let barrier = "@compute @workgroup_size(64) fn k(@builtin(local_invocation_index) i: u32) {
        if i > 3u { return; }
        workgroupBarrier();
    }";
    validate(barrier).unwrap();
    assert!(complaint_of_tint(barrier).unwrap().contains("uniform"));
}

/// `WGPU_EMBEDDING_REPORT=1 cargo test --test shader_contract -- --nocapture table` prints it.
#[test]
fn the_table_of_kernels_has_every_composition() {
    let mut lines = BTreeSet::new();
    for kernel in all() {
        let of_group = |group| {
            let bindings = kernel.bindings(group);
            bindings
                .iter()
                .map(|binding| format!("{} {:?}", binding.name, binding.access))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let parts: Vec<_> = kernel.parts().iter().map(|part| part.file.trim_end_matches(".wgsl")).collect();
        let [table, batch, call] = [0, 1, 2].map(of_group);
        lines.insert(format!("| {} | {table} | {batch} | {call} | {} |", kernel.name(), parts.join(" ")));
    }
    assert_eq!(lines.len(), all().len(), "two compositions are one");
    if std::env::var_os("WGPU_EMBEDDING_REPORT").is_some_and(|value| value == "1") {
        println!("| kernel | group 0 | group 1 | group 2 | parts |\n|--|--|--|--|--|");
        lines.iter().for_each(|line| println!("{line}"));
    }
}

/// What compilers or drivers get wrong, or what would break a promise, in the words of the source.
fn lessons(source: &str) -> Vec<&'static str> {
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let forbidden = [
        ("pow(", "powers are taken on the host, in f64"),
        ("exp2(", "powers are taken on the host, in f64"),
        (" max(", "max() may lose a NaN: select by comparison"),
        ("isNan", "WGSL has no isNan, and fast-math removes x != x: test the bits"),
        ("atomic<f32>", "WebGPU has no float atomics, and their order is not fixed"),
        ("enable ", "an extension keeps the kernel from adapters that lack it"),
        ("subgroup", "subgroups differ in size: a kernel that uses them needs a twin that does not"),
        ("atomicLoad(", "spinning on another workgroup never ends on adapters without forward progress"),
    ];
    forbidden.iter().filter(|(word, _)| code.contains(word)).map(|&(_, lesson)| lesson).collect()
}

#[test]
fn no_kernel_forgets_a_lesson() {
    each_kernel(|kernel, _| {
        assert!(lessons(&kernel.source()).is_empty(), "{}: {:?}", kernel.name(), lessons(&kernel.source()))
    });
}

#[test]
fn lessons_accept_and_reject() {
    assert!(lessons("let s = select(v, l, l > v); // not max(v, l)").is_empty());
    assert_eq!(lessons("let b = pow(beta, t);").len(), 1);
    assert_eq!(lessons("let s = max(v, l);").len(), 1);
    assert_eq!(lessons("enable subgroups;").len(), 2);
}

#[test]
fn validation_accepts_and_rejects() {
    let kernel = |body: &str| {
        format!(
            "var<workgroup> a: u32;
            @compute @workgroup_size(64) fn k(@builtin(local_invocation_index) i: u32) {{ {body} }}"
        )
    };
    validate(&kernel("a = i; workgroupBarrier();")).unwrap();
    validate(&kernel("a = undeclared;")).unwrap_err();
    validate("enable f16; @compute @workgroup_size(1) fn k() { let x: f16 = 1.0h; }").unwrap_err();
}
