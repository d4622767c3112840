//! What Keras, PyTorch and FBGEMM made of the cases in tests/golden/, against what the replay example makes of them.

use wgpu_embedding::{GpuContext, Update};

use super::support::context;

#[path = "golden/bounds.rs"]
mod bounds;
#[path = "../../examples/replay/case.rs"]
mod case;
#[path = "golden/files.rs"]
mod files;
#[path = "golden/malformed.rs"]
mod malformed;
#[path = "golden/malformed_format_2.rs"]
mod malformed_format_2;
#[path = "../../examples/replay/run.rs"]
mod run;

use bounds::number;
use case::Case;
use files::{DEFERRED_ULP, Floats, Golden, Tensors, cases, dense_cases, is_known, ulp_of_largest, with_metadata};

pub use malformed::malformed_cases_are_refused_in_one_line;

pub fn the_gpu_agrees_with_keras_and_pytorch() {
    assert_every_case(&context());
}

pub fn the_reference_agrees_with_keras_and_pytorch() {
    assert_every_case(&GpuContext::reference());
}

pub fn deferred_is_dense_on_the_gpu() {
    assert_deferred_is_dense(&context());
}

pub fn deferred_is_dense_on_the_reference() {
    assert_deferred_is_dense(&GpuContext::reference());
}

/// The bounds are worth something only if they tell Keras's and PyTorch's rules from rules that are almost theirs.
pub fn an_almost_right_rule_is_out_of_bounds() {
    let other_rules = [
        ("keras_adam_default", "epsilon_form", "pytorch"),
        ("keras_adam_default", "update", "lazy"),
        ("keras_adam_default", "beta_2", "0.9995"),
        ("keras_adam_amsgrad", "amsgrad", "false"),
        ("keras_adamw", "weight_decay", "0.0041"),
        ("keras_adamw_amsgrad", "amsgrad", "false"),
        ("keras_adam_large_lr", "learning_rate", "0.10001"),
        ("keras_adam_hot_row", "beta_1", "0.901"),
        ("torch_adam", "epsilon_form", "keras"),
        ("torch_adam", "epsilon", "2e-8"),
        ("torch_adam", "update", "lazy"),
        ("torch_adam_padding_idx", "padding_idx", "1"),
        ("torch_adam_padding_idx_nonzero", "padding_idx", "6"),
        ("torch_adam_amsgrad", "amsgrad", "false"),
        ("torch_adam_amsgrad", "epsilon_form", "keras"),
        ("torch_adamw", "weight_decay", "0"),
        ("torch_adamw_amsgrad", "epsilon_form", "keras"),
        ("torch_sparse_adam", "epsilon_form", "pytorch"),
        ("torch_sparse_adam", "update", "dense"),
        ("torch_sparse_adam_padding_idx", "padding_idx", "1"),
        ("torch_sparse_adam_hot_row", "update", "dense"),
        ("torch_sparse_adam_width1", "update", "dense"),
        ("keras_adam_format2", "epsilon", "2e-7"),
        ("torch_adamw_amsgrad_format2", "amsgrad", "false"),
        ("keras_sgd", "learning_rate", "0.10001"),
        ("keras_sgd_decay", "update", "lazy"),
        ("keras_sgd_momentum", "nesterov", "true"),
        ("keras_sgd_momentum", "momentum", "0.901"),
        ("keras_sgd_momentum_decay", "weight_decay", "0.0501"),
        ("torch_sgd_momentum", "update", "lazy"),
        ("torch_sgd_momentum_padding_idx", "padding_idx", "1"),
        ("torch_sgd_nesterov", "nesterov", "false"),
        ("keras_adagrad", "initial_accumulator", "0.1001"),
        ("keras_adagrad_decay", "update", "lazy"),
        ("torch_adagrad", "epsilon_form", "keras"),
        ("torch_adagrad_hot_row", "optimizer", "rowwise_adagrad"),
        ("fbgemm_rowwise_adagrad", "optimizer", "adagrad"),
        ("fbgemm_rowwise_adagrad_decay", "update", "dense"),
        ("keras_lion", "beta_1", "0.95"),
        ("keras_lion", "update", "lazy"),
        ("keras_lion_decay", "weight_decay", "0.101"),
    ];
    for (name, key, value) in other_rules {
        let Some(golden) = Golden::read_known(name) else { continue };
        if key == "optimizer" && !is_known(value) {
            continue;
        }
        let other = Case::from_bytes(&with_metadata(&golden.bytes, key, value), None).unwrap();
        // The weights alone: with the framework's own moments, it is the rule for the weights that must tell.
        let mut outcome = golden.expected.clone();
        outcome.0.insert("weight".to_owned(), Floats::of_run(&other, &GpuContext::reference()).0["weight"].clone());
        let rejected = golden.compare(&outcome).is_err_and(|error| error.contains("weight: element"));
        assert!(rejected, "{name} passed with {key} {value}");
    }
}

pub fn the_comparison_rejects_what_it_should() {
    let golden = Golden::read("torch_adam");
    golden.compare(&golden.expected).unwrap();
    let with_rows = Golden::read_known("fbgemm_rowwise_adagrad");
    with_rows.into_iter().for_each(|golden| golden.compare(&golden.expected).unwrap());
    let assert_rejected = |what: &str, change: &dyn Fn(&mut Tensors)| {
        let mut outcome = golden.expected.clone();
        change(&mut outcome.0);
        assert!(golden.compare(&outcome).is_err(), "{what} passed");
    };
    for tensor in ["step.9.output", "weight", "exp_avg", "exp_avg_sq"] {
        for change in [f32::NAN, f32::INFINITY, 1e-5, -1e-5] {
            assert_rejected(&format!("{tensor} with {change} added"), &|tensors| {
                *tensors.get_mut(tensor).unwrap().1.last_mut().unwrap() += change;
            });
        }
    }
    assert_rejected("an outcome without exp_avg", &|tensors| drop(tensors.remove("exp_avg")));
    assert_rejected("another shape", &|tensors| tensors.get_mut("weight").unwrap().0.reverse());
}

/// Every dense case has rows that miss steps, where another rule must be told from the deferred one. Not where a row without
/// a gradient stays as it is: there all updates are the same.
pub fn lazy_does_not_pass_for_deferred() {
    let context = GpuContext::reference();
    for golden in dense_cases() {
        let optimizer = &golden.case.optimizer;
        let moves_on = optimizer.setting("beta_1").is_some() || number(optimizer, "momentum") != 0.0;
        if !moves_on && optimizer.weight_decay() == 0.0 {
            continue;
        }
        let [dense, lazy] = [Update::Dense, Update::Lazy].map(|update| golden.run(update, &context));
        golden.compare_with_dense(&dense, &dense).unwrap();
        // A maximum stays where what it is of falls, and so does a sum.
        let state = optimizer.state().into_iter().map(|array| array.name);
        let falling: Vec<_> = state.filter(|&name| moves_on && name != "max_exp_avg_sq").collect();
        // Each alone: one comparison that fails must not hide another that cannot.
        for prefix in ["step.", "weight"].into_iter().chain(falling) {
            let mut outcome = dense.clone();
            let is_replaced = |name: &str| name == prefix || prefix == "step." && name.starts_with(prefix);
            outcome.0.extend(lazy.0.clone().into_iter().filter(|(name, _)| is_replaced(name)));
            let error = golden.compare_with_dense(&outcome, &dense).err().unwrap_or_default();
            assert!(error.starts_with(&format!("{}: {prefix}", golden.name)), "{prefix} of lazy: {error:?}");
        }
    }
}

pub fn the_comparison_with_dense_is_as_fine_as_it_says() {
    let golden = Golden::read("torch_adam");
    let dense = golden.run(Update::Dense, &GpuContext::reference());
    let with_change = |tensor: &str, change: f64| {
        let mut outcome = dense.clone();
        let float = outcome.0.get_mut(tensor).unwrap().1.last_mut().unwrap();
        *float = (f64::from(*float) + change) as f32;
        golden.compare_with_dense(&outcome, &dense)
    };
    let ulp = ulp_of_largest(&dense);
    for tensor in ["step.9.output", "weight"] {
        for sign in [1.0, -1.0] {
            // The changed float is rounded, by half an ulp at most.
            with_change(tensor, sign * (DEFERRED_ULP - 0.5) * ulp).unwrap();
            with_change(tensor, sign * (DEFERRED_ULP + 1.0) * ulp).unwrap_err();
        }
    }
    for tensor in ["step.9.output", "weight", "exp_avg", "exp_avg_sq"] {
        with_change(tensor, f64::NAN).unwrap_err();
    }
    // Rows caught up by one step too few.
    for (tensor, beta) in [("exp_avg", "beta_1"), ("exp_avg_sq", "beta_2")] {
        let beta = number(&golden.case.optimizer, beta);
        let mut outcome = dense.clone();
        outcome.0.get_mut(tensor).unwrap().1.iter_mut().for_each(|float| *float /= beta as f32);
        golden.compare_with_dense(&outcome, &dense).unwrap_err();
    }
}

/// Dense cases are replayed as deferred too, for that must come to the same.
fn assert_every_case(context: &GpuContext) {
    for golden in cases() {
        golden.compare(&Floats::of_run(&golden.case, context)).unwrap();
        if golden.case.optimizer.update() == Update::Dense {
            golden
                .compare(&golden.run(Update::Deferred, context))
                .unwrap_or_else(|error| panic!("deferred: {error}"));
        }
    }
}

fn assert_deferred_is_dense(context: &GpuContext) {
    for golden in dense_cases() {
        let [dense, deferred] = [Update::Dense, Update::Deferred].map(|update| golden.run(update, context));
        golden.compare_with_dense(&deferred, &dense).unwrap();
    }
}
