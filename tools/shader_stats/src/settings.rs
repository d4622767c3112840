//! Which kernels are compiled, with which constants: those of a table on a GPU, and where a constant has several values that
//! matter, each of them.

use wgpu_embedding::kernels::{Binding, Kernel, row_constants_on_a_gpu};

/// One pipeline.
pub struct Setting {
    pub kernel: Kernel,
    /// What tells it from the other compositions of its kernel.
    pub what: String,
    pub constants: Vec<Constant>,
}

type Constant = (&'static str, f64);

impl Setting {
    /// All that it binds.
    pub fn bindings(&self) -> Vec<&'static Binding> {
        (0..4).flat_map(|group| self.kernel.bindings(group)).collect()
    }
}

/// Every composition that rows of this width use.
pub fn all(output_dim: u32) -> Vec<Setting> {
    let other_width = if output_dim.is_multiple_of(4) { "_scalar.wgsl" } else { "_vec4.wgsl" };
    wgpu_embedding::kernels::all()
        .into_iter()
        .filter(|kernel| !has_part(kernel, other_width))
        .flat_map(|kernel| of_kernel(&kernel, output_dim))
        .collect()
}

fn has_part(kernel: &Kernel, end: &str) -> bool {
    kernel.parts().iter().any(|part| part.file.ends_with(end))
}

fn of_kernel(kernel: &Kernel, output_dim: u32) -> Vec<Setting> {
    let common = [row_constants_on_a_gpu(output_dim), of_optimizer(kernel), ALONE.to_vec()].concat();
    let variants = variants(kernel);
    let setting = |(name, constants): &(&str, Vec<Constant>)| {
        let all = constants.iter().chain(&common);
        // The first value of a name counts.
        let value = |wanted| all.clone().find(|(name, _)| *name == wanted).copied();
        let missing = |name| panic!("{}: no value for {name}", kernel.name());
        Setting {
            kernel: kernel.clone(),
            what: [parts_that_vary(kernel), (*name).to_owned()].join(" ").trim().to_owned(),
            constants: kernel.constants().map(|name| value(name).unwrap_or_else(|| missing(name))).collect(),
        }
    };
    variants.iter().map(setting).collect()
}

/// The parts that compositions of one kernel differ by.
fn parts_that_vary(kernel: &Kernel) -> String {
    let names = kernel.parts().iter().map(|part| part.file.trim_end_matches(".wgsl"));
    let varying = names.filter_map(|file| match file {
        "rules/adam_root" | "rules/adam_state" | "rules/lion_sign" => None,
        "rules/adam_catch_up" if has_part(kernel, "rowwise_adam_catch_up.wgsl") => None,
        "shared/short_runs" | "shared/long_runs" | "shared/all_lookups" | "shared/shard_lookups" => {
            Some(file.trim_start_matches("shared/"))
        }
        "storage/f16" | "storage/bf16" => file.strip_prefix("storage/"),
        file => file.strip_prefix("rules/"),
    });
    varying.collect::<Vec<_>>().join(" ")
}

/// Values of constants that matter to a kernel, each with a name.
fn variants(kernel: &Kernel) -> Vec<(&'static str, Vec<Constant>)> {
    match kernel.name() {
        "partial_sums" => vec![("level 0", vec![("LEVEL", 0.0)]), ("level 1", vec![("LEVEL", 1.0)])],
        "similarity" | "similarity_staged" => {
            vec![("1 query", vec![("QUERIES", 1.0)]), ("4 queries", vec![("QUERIES", 4.0)])]
        }
        "top_k" => vec![("pairs", vec![("SOURCE", 0.0)]), ("groups", vec![("SOURCE", 1.0)])],
        _ if has_part(kernel, "adam_catch_up.wgsl") => vec![
            ("later on", Vec::new()),
            ("first steps, decaying", vec![("PAIRS", 3.0), ("TERMS", 1.0), ("DECAYING", 1.0)]),
        ],
        _ if kernel.constants().any(|name| name == "SOURCE") => {
            vec![("indices", vec![("SOURCE", 0.0)]), ("packed", vec![("SOURCE", 1.0)])]
        }
        _ => vec![("", Vec::new())],
    }
}

/// What an optimizer keeps, by its rule.
fn of_optimizer(kernel: &Kernel) -> Vec<Constant> {
    let rule = |name: &str| kernel.parts().iter().any(|part| part.file == format!("rules/{name}.wgsl"));
    let (rowwise_adagrad, rowwise_adam) =
        (rule("rowwise_adagrad"), rule("rowwise_adam") || rule("rowwise_adam_catch_up"));
    // Without its own rule SGD's catch-up is that of decay, and it keeps nothing.
    let sgd = rule("sgd") && !rule("sgd_catch_up") && rule("decay_catch_up");
    let adam = (rule("adam") || rule("adam_catch_up")) && !rowwise_adam;
    let arrays = match () {
        () if rowwise_adagrad || sgd => 0,
        () if adam => 2,
        () => 1,
    };
    let row_numbers = u32::from(rowwise_adagrad || rowwise_adam);
    let row_words = row_numbers + u32::from(has_part(kernel, "shared/history.wgsl"));
    let flag = |flag: bool| f64::from(u8::from(flag));
    vec![
        ("ARRAYS", arrays.into()),
        ("ROW_NUMBERS", row_numbers.into()),
        ("ROW_WORDS", row_words.into()),
        ("MOMENTUM", flag(!sgd)),
        ("DECAYING", flag(rule("decay_catch_up"))),
    ]
}

/// What does not depend on the kernel.
const ALONE: [Constant; 14] = [
    ("STOCHASTIC", 1.0),
    ("AMSGRAD", 0.0),
    ("KERAS", 0.0),
    ("NESTEROV", 0.0),
    ("MEAN_FACTOR", 1.0 / 64.0),
    ("CLIPPED", 0.0),
    ("TERMS", 0.0),
    ("PAIRS", 1.0),
    ("CUT", 4096.0),
    ("RING", 131072.0),
    ("HORIZON", 186.0),
    ("DENSE", 0.0),
    ("COSINE", 1.0),
    ("DESTINATION", 1.0),
];
