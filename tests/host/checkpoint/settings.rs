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
    let with = |object: &str, field: &str| {
        changed(|parts| {
            let mut settings = parts.settings();
            settings.pointer_mut(object).unwrap()[field] = json!(1);
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
            with_setting("version", json!(2)),
            "it is version 2 of the format, and this version of wgpu-embedding reads",
        ),
        (with_setting("version", json!(0)), "it is version 0"),
        (with_setting("version", json!("1")), "invalid type"),
        (with_setting("step", json!(-1)), "invalid value"),
        (with_setting("step", json!(1.5)), "invalid type"),
        (
            with_setting("step", json!((1u64 << 53) + 1)),
            "step must be at most 9007199254740992, and is 9007199254740993",
        ),
        (with_setting("step", json!(u64::MAX)), "step must be at most"),
        (with_setting("adam.learning_rate", Value::Null), "invalid type: null"),
        (with_setting("adam.learning_rate", json!("NaN")), "invalid type: string"),
        (infinite("learning_rate"), "number out of range"),
        (with_setting("adam.learning_rate", json!(-0.5)), "learning_rate must be finite and not negative"),
        (with_setting("adam.learning_rate", json!(1e300)), "learning_rate 1e300 is too large"),
        (with_setting("adam.beta_1", json!(1.0)), "beta_1 must be in 0.0..1.0"),
        (with_setting("adam.beta_2", json!(-0.1)), "beta_2 must be in 0.0..1.0"),
        (with_setting("adam.epsilon", json!(0.0)), "epsilon must be positive"),
        (with_setting("adam.epsilon", json!(1e-300)), "epsilon must be positive"),
        (with_setting("adam.weight_decay", json!(-1.0)), "weight_decay must be"),
        (with_setting("adam.clipping", json!({"norm": 0.0})), "clipping must be to a positive"),
        (with_setting("adam.clipping", json!({"least": 1.0})), "unknown variant `least`"),
        (with_setting("adam.update", json!("eager")), "unknown variant `eager`"),
        (with_setting("adam.epsilon_form", json!("jax")), "unknown variant `jax`"),
        (with_setting("adam.amsgrad", json!(1)), "invalid type"),
        (with_setting("adam.amsgrad", json!(false)), "tensor \"max_exp_avg_sq\": it is not one of"),
        (with_setting("table.trainable", json!(false)), "tensor \"exp_avg\": it is not one of"),
        (with_setting("table.padding_idx", json!(7)), "padding_idx must be in 0..7, and is 7"),
        (with_setting("table.padding_idx", json!(1u64 << 32)), "invalid value"),
        (with_setting("table.input_length", json!(0)), "input_length must be at least 1"),
        (with_setting("table.seed", json!(-3)), "invalid value"),
        (with_setting("table", json!([])), "invalid"),
    ];
    for (object, fields) in [
        ("", &["step", "table", "adam"][..]),
        (
            "/table",
            &["trainable", "mask_zero", "padding_idx", "input_length", "max_shard_bytes", "seed", "initializer"],
        ),
        ("/adam", &["learning_rate", "beta_1", "beta_2", "epsilon", "epsilon_form", "weight_decay", "amsgrad"]),
        ("/adam", &["update", "clipping"]),
    ] {
        cases.push((with(object, "surprise"), "unknown field `surprise`"));
        cases.extend(fields.iter().map(|field| (without(object, field), "missing field")));
    }
    assert_refused(cases);
}

#[test]
fn whole_settings_may_have_become_floats() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("floats.safetensors");
    super::rewrite(&path, &changed(|_| ()));
    let expected = state(&load(&path).unwrap());
    for (key, value) in [("step", 3.0), ("version", 1.0), ("table.padding_idx", 2.0), ("table.seed", 0.0)] {
        super::rewrite(&path, &with_setting(key, json!(value)));
        let read = load(&path).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(state(&read), expected, "{key}");
    }
}
