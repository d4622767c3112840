//! Settings in a checkpoint's metadata that are not what they should be.

use serde_json::{Value, json};

use super::attack::{assert_refused, changed, with_setting};
use super::{KEY, load, state};

#[test]
fn settings() {
    let metadata = |value: Value| changed(|parts| parts.header["__metadata__"] = value);
    let text = |text: &str| metadata(json!({KEY: text}));
    let without = |object: &str, field: &str| {
        changed(|parts| {
            let mut settings = parts.settings();
            settings.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(field).unwrap();
            parts.set_settings(&settings);
        })
    };
    let infinite = |field: &str| {
        changed(|parts| {
            let text = parts.settings().to_string();
            let text = text.replace(&format!("\"{field}\":"), &format!("\"{field}\":1e999,\"was\":"));
            parts.header["__metadata__"][KEY] = text.into();
        })
    };
    let mut cases = vec![
        (metadata(json!({})), "it is missing, so this is no checkpoint"),
        (changed(|parts| drop(parts.header.as_object_mut().unwrap().remove("__metadata__"))), "no checkpoint"),
        (metadata(json!({KEY: 1})), "header: invalid type"),
        (text(""), "EOF while parsing"),
        (text("{}"), "missing field `version`"),
        (text("{\"version\":1}"), "missing field"),
        (text(&"[".repeat(1_000)), "invalid type: sequence"),
        (
            changed(|parts| {
                let text = parts.settings().to_string();
                parts.set_settings(&text.into());
            }),
            "it must be a JSON object, and is a JSON string that holds one; decode it once more",
        ),
        (text(&format!("\"{}\"", "x".repeat(1 << 20))), "…"),
        (with_setting("version", json!(1e300)), "expected a whole number from 0 to 18446744073709551615"),
        (with_setting("table.padding_idx", json!(2.5)), "floating point `2.5`, expected a whole number"),
        (
            with_setting("version", json!(3)),
            "it is version 3 of the format, and this version of wgpu-embedding reads versions 1 to 2; a newer version may \
             read it",
        ),
        (
            with_setting("version", json!(0)),
            "it is version 0 of the format, and this version of wgpu-embedding reads versions 1 to 2",
        ),
        (with_setting("requires", json!(["bf16 weights"])), "it requires \"bf16 weights\", which this version of"),
        (with_setting("requires", json!(["", 1])), "invalid type: integer `1`, expected a string"),
        (with_setting("requires", json!("nothing")), "invalid type: string \"nothing\", expected a sequence"),
        (with_setting("requires", Value::Null), "invalid type: null, expected a sequence"),
        (
            with_setting("requires", json!(["x".repeat(1 << 20)])),
            "…\", which this version of wgpu-embedding does not",
        ),
        (with_setting("optimizer.name", json!("newton")), "optimizer: name must be one of [\""),
        (
            with_setting("optimizer.name", json!("newton")),
            "the optimizers of this version of wgpu-embedding, and is \"newton\"; a newer version may have it",
        ),
        (with_setting("optimizer.name", json!("Adam")), "and is \"Adam\""),
        (with_setting("optimizer.name", json!(["adam"])), "and is [\"adam\"]"),
        (with_setting("optimizer.name", json!("x".repeat(1 << 20))), "…; a newer version may have it"),
        (with_setting("optimizer", json!([])), "invalid type: sequence, expected an object of settings"),
        (
            changed(|parts| {
                let text = parts.settings().to_string();
                let text = text.replace("\"beta_1\":", "\"beta_1\":0.5,\"beta_1\":");
                parts.header["__metadata__"][KEY] = text.into();
            }),
            "duplicate field `beta_1`",
        ),
        (with_setting("version", json!("1")), "invalid type"),
        (with_setting("step", json!(-1)), "invalid value"),
        (with_setting("step", json!(1.5)), "invalid type"),
        (
            with_setting("step", json!((1u64 << 53) + 1)),
            "step must be at most 9007199254740992, and is 9007199254740993",
        ),
        (with_setting("step", json!(u64::MAX)), "step must be at most"),
        (with_setting("optimizer.learning_rate", Value::Null), "learning_rate must be a number, and is null"),
        (with_setting("optimizer.learning_rate", json!("NaN")), "learning_rate must be a number, and is \"NaN\""),
        (
            with_setting("optimizer.beta_1", json!("x".repeat(1 << 20))),
            "optimizer: beta_1 must be a number, and is \"x",
        ),
        (infinite("learning_rate"), "number out of range"),
        (with_setting("optimizer.learning_rate", json!(-0.5)), "learning_rate must be finite and not negative"),
        (with_setting("optimizer.learning_rate", json!(1e300)), "learning_rate 1e300 is too large"),
        (with_setting("optimizer.beta_1", json!(1.0)), "beta_1 must be in 0.0..1.0"),
        (with_setting("optimizer.beta_2", json!(-0.1)), "beta_2 must be in 0.0..1.0"),
        (with_setting("optimizer.epsilon", json!(0.0)), "epsilon must be positive"),
        (with_setting("optimizer.epsilon", json!(1e-300)), "epsilon must be positive"),
        (with_setting("optimizer.weight_decay", json!(-1.0)), "weight_decay must be"),
        (with_setting("optimizer.clipping", json!({"norm": 0.0})), "clipping must be to a positive"),
        (
            with_setting("optimizer.clipping", json!({"least": 1.0})),
            "optimizer: clipping must be null, or value or norm or norm_pytorch with its limit, and is {\"least\":1.0}",
        ),
        (with_setting("optimizer.clipping", json!({"norm": 1, "value": 1})), "clipping must be null, or"),
        (with_setting("optimizer.clipping", json!({})), "clipping must be null, or"),
        (with_setting("optimizer.clipping", json!(false)), "clipping must be null, or"),
        (with_setting("optimizer.clipping", json!({"norm": "1"})), "clipping must be a number, and is \"1\""),
        (
            with_setting("optimizer.update", json!("eager")),
            "optimizer: update must be deferred or dense or lazy, and is \"eager\"",
        ),
        (with_setting("optimizer.update", json!(1)), "update must be deferred or dense or lazy, and is 1"),
        (
            with_setting("optimizer.epsilon_form", json!("jax")),
            "epsilon_form must be keras or pytorch, and is \"jax\"",
        ),
        (with_setting("optimizer.epsilon_form", json!(null)), "epsilon_form must be keras or pytorch, and is null"),
        (with_setting("optimizer.amsgrad", json!(1)), "amsgrad must be true or false, and is 1"),
        (with_setting("optimizer.amsgrad", json!(false)), "tensor \"max_exp_avg_sq\": it is not one of"),
        (with_setting("table.trainable", json!(false)), "tensor \"exp_avg\": it is not one of"),
        (with_setting("table.padding_idx", json!(7)), "padding_idx must be in 0..7, and is 7"),
        (with_setting("table.padding_idx", json!(1u64 << 32)), "invalid value"),
        (with_setting("table.input_length", json!(0)), "input_length must be at least 1"),
        (with_setting("table.seed", json!(-3)), "invalid value"),
        (with_setting("table", json!([])), "invalid"),
    ];
    for (object, fields) in [
        ("", &["step", "table", "requires", "optimizer"][..]),
        (
            "/table",
            &["trainable", "mask_zero", "padding_idx", "input_length", "max_shard_bytes", "seed", "initializer"],
        ),
        (
            "/optimizer",
            &["name", "learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_form", "weight_decay", "amsgrad"],
        ),
        ("/optimizer", &["update", "clipping"]),
    ] {
        cases.extend(fields.iter().map(|field| (without(object, field), "missing field")));
    }
    assert_refused(cases);
}

#[test]
fn unknown_fields_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later.safetensors");
    super::rewrite(&path, &changed(|_| ()));
    let expected = state(&load(&path).unwrap());
    for object in ["", "/table", "/optimizer"] {
        for value in [json!(1), json!({"deep": [null, "text"]})] {
            let later = changed(|parts| {
                let mut settings = parts.settings();
                settings.pointer_mut(object).unwrap()["later"] = value;
                parts.set_settings(&settings);
            });
            super::rewrite(&path, &later);
            assert_eq!(state(&load(&path).unwrap()), expected, "{object}");
        }
    }
}

#[test]
fn whole_settings_may_have_become_floats() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("floats.safetensors");
    super::rewrite(&path, &changed(|_| ()));
    let expected = state(&load(&path).unwrap());
    for (key, value) in [("step", 3.0), ("version", 2.0), ("table.padding_idx", 2.0), ("table.seed", 0.0)] {
        super::rewrite(&path, &with_setting(key, json!(value)));
        let read = load(&path).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(state(&read), expected, "{key}");
    }
}
