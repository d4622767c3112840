//! The same of cases of format 2, where defaults may be left out and what is unknown is refused.

use wgpu_embedding::{Optimizer, Update};

use super::case::Case;
use super::malformed::{Draft, refusal};

/// Without anything that may be left out.
fn draft() -> Draft {
    Draft::new().with("format", "embedding-replay/2").without("weight_decay").without("amsgrad")
}

pub fn malformed_cases_are_refused() {
    metadata();
    every_optimizer();
    tensors();
}

fn metadata() {
    let draft = draft();
    for key in draft.metadata.keys() {
        assert_eq!(refusal(&draft.clone().without(key).bytes()), format!("metadata {key} is missing"));
    }
    let names: Vec<_> = Optimizer::each().iter().map(Optimizer::name).collect();
    let message = refusal(&draft.clone().with("optimizer", "newton").bytes());
    assert!(
        message.starts_with("metadata optimizer must be ") && message.ends_with(", and is \"newton\""),
        "{message}"
    );
    assert!(names.iter().chain(&["adamw"]).all(|name| message.contains(name)), "{message}");

    assert_eq!(
        refusal(&draft.clone().with("combiner", "sum").bytes()),
        "metadata combiner must be left out: this version of wgpu-embedding replays one row a lookup"
    );
    for key in ["made_by", "", "Momentum", "one\ntwo"] {
        let message = refusal(&draft.clone().with(key, "0").bytes());
        let start = format!("metadata {key:?} is none of format embedding-replay/2's, which are format, input_dim, ");
        assert!(message.starts_with(&start), "{message}");
    }

    let refused = [
        ("storage", "F16", r#"metadata storage must be f32 or f16 or bf16, and is "F16""#),
        ("rounding", "up", r#"metadata rounding must be nearest or stochastic, and is "up""#),
        ("amsgrad", "True", r#"metadata amsgrad must be true or false, and is "True""#),
        ("epsilon", "inf", r#"metadata epsilon must be a finite number, and is "inf""#),
        ("weight_decay", "", r#"metadata weight_decay must be a finite number, and is """#),
        (
            "momentum",
            "0.9",
            r#"metadata momentum must be left out, or be 0, with optimizer adam, which has no such setting, and is "0.9""#,
        ),
        (
            "nesterov",
            "true",
            r#"metadata nesterov must be left out, or be false, with optimizer adam, which has no such setting, and is "true""#,
        ),
        (
            "momentum_form",
            "keras",
            r#"metadata momentum_form must be left out, or be pytorch, with optimizer adam, which has no such setting, and is "keras""#,
        ),
    ];
    for (key, value, message) in refused {
        assert_eq!(refusal(&draft.clone().with(key, value).bytes()), message);
    }
    let decay = draft.clone().with("weight_decay", "0.01");
    assert!(refusal(&decay.bytes()).starts_with("metadata weight_decay must be 0 with optimizer adam, and is 0.01"));

    // What is left out is what it would be.
    let read = |draft: &Draft| Case::from_bytes(&draft.bytes(), None).unwrap().optimizer;
    let said = draft.clone().with("weight_decay", "0").with("amsgrad", "false").with("momentum", "0.0");
    assert_eq!(read(&said.with("initial_accumulator", "0").with("nesterov", "false")), read(&draft));
    assert_eq!(read(&decay.with("optimizer", "adamw")).weight_decay(), 0.01);
    assert_eq!(read(&draft.clone().with("amsgrad", "true")).setting("amsgrad").as_deref(), Some("true"));
    let sgd =
        ["beta_1", "beta_2", "epsilon", "epsilon_form"].iter().fold(draft.clone(), |draft, key| draft.without(key));
    let sgd = sgd.with("optimizer", "sgd").with("momentum", "0.9");
    assert_eq!(read(&sgd), read(&sgd.clone().with("momentum_form", "pytorch").with("nesterov", "false")));
    let lazy = Case::from_bytes(&draft.bytes(), Some(Update::Lazy)).unwrap();
    assert_eq!(lazy.optimizer.update(), Update::Lazy);
}

/// Each with its own settings, and no others.
fn every_optimizer() {
    for optimizer in Optimizer::each() {
        let mut own = draft().with("optimizer", optimizer.name());
        for key in ["beta_1", "beta_2", "epsilon", "epsilon_form"] {
            own = own.without(key);
        }
        for name in optimizer.setting_names() {
            own = own.with(name, &optimizer.setting(name).unwrap());
        }
        let read = Case::from_bytes(&own.bytes(), None).unwrap().optimizer;
        assert_eq!(read, optimizer.with_update(Update::Dense).with_learning_rate(0.001));
        for name in optimizer.setting_names() {
            let message = refusal(&own.clone().with(name, "of no kind").bytes());
            assert!(message.starts_with(&format!("metadata {name} must be ")), "{message}");
        }
    }
}

fn tensors() {
    let draft = draft();
    let unknown = |name: &str| {
        format!(
            "tensor {name:?} is none of format embedding-replay/2's, which are weight, step.K.indices and step.K.grad_output"
        )
    };
    for name in ["note", "step.1.note", "step.01.indices", "step.+1.indices"] {
        assert_eq!(refusal(&draft.clone().with_floats(name, &[1]).bytes()), unknown(name));
    }
    for (name, what) in [("offsets", "bags"), ("sample_weights", "weights"), ("per_sample_weights", "weights")] {
        assert_eq!(
            refusal(&draft.clone().with_floats(&format!("step.1.{name}"), &[1]).bytes()),
            format!(
                "tensor step.1.{name} must be left out: this version of wgpu-embedding replays lookups of one row each, and \
                 none of {what}"
            )
        );
    }
    let message = refusal(&draft.clone().with_floats("step.2.indices", &[1]).bytes());
    assert_eq!(message, r#"tensor "step.2.indices" is none of a case whose metadata steps is 2"#);
    assert_eq!(refusal(&draft.without("step.1.indices").bytes()), "tensor step.1.indices is missing");
}
