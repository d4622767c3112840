//! Every call on the GPU, against the CPU reference.
//!
//! These tests need an adapter; Mesa's software adapter will do. Without one they fail and say how to install it. On
//! a machine that can have none, set WGPU_EMBEDDING_NO_ADAPTER=1: then they count as ignored. That is why they have a
//! `main` of their own: Rust's own harness cannot ignore a test at run time.

use libtest_mimic::{Arguments, Trial};

#[path = "gpu/adam.rs"]
mod adam;
#[path = "gpu/bad_input.rs"]
mod bad_input;
#[path = "gpu/checkpoint.rs"]
mod checkpoint;
#[path = "gpu/clipping.rs"]
mod clipping;
#[path = "gpu/context.rs"]
mod context;
#[path = "gpu/deferred.rs"]
mod deferred;
#[path = "gpu/deferred_optimizers.rs"]
mod deferred_optimizers;
#[path = "gpu/determinism.rs"]
mod determinism;
#[path = "gpu/exact.rs"]
mod exact;
#[path = "gpu/exact_optimizers.rs"]
mod exact_optimizers;
#[path = "gpu/flush.rs"]
mod flush;
#[path = "gpu/gather.rs"]
mod gather;
#[path = "gpu/golden.rs"]
mod golden;
#[path = "gpu/index_check.rs"]
mod index_check;
#[path = "gpu/lion.rs"]
mod lion;
#[path = "gpu/mapping.rs"]
mod mapping;
#[path = "gpu/optimizer_bounds.rs"]
mod optimizer_bounds;
#[path = "gpu/optimizers.rs"]
mod optimizers;
#[path = "gpu/properties.rs"]
mod properties;
#[path = "gpu/record.rs"]
mod record;
#[path = "gpu/resident.rs"]
mod resident;
#[path = "gpu/scatter_add.rs"]
mod scatter_add;
#[path = "gpu/similarity.rs"]
mod similarity;
#[path = "gpu/storage.rs"]
mod storage;
#[path = "gpu/stream.rs"]
mod stream;
#[path = "gpu/support.rs"]
mod support;
#[path = "gpu/weights.rs"]
mod weights;

/// One line a test; the compiler warns of a test that is not listed, for nothing else calls it.
macro_rules! trials {
    ($($module:ident { $($test:ident,)* })*) => {
        vec![$($(
            Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
                $module::$test();
                Ok(())
            }),
        )*)*]
    };
}

fn main() {
    let no_adapter = std::env::var_os(support::NO_ADAPTER_SWITCH).is_some_and(|value| value == "1");
    let on_the_gpu = trials! {
        adam {
            dense_and_lazy_agree_with_the_reference,
            long_runs_agree_with_the_reference,
            two_runs_and_any_split_give_the_same_bits,
            lazy_leaves_other_rows_alone,
            the_learning_rate_may_change_at_each_step,
            a_nan_reaches_its_own_row_and_no_other,
            a_gradient_whose_square_overflows_is_taken,
            an_infinite_gradient_makes_its_own_weight_nan,
        }
        bad_input {
            wrong_buffers_are_named,
            objects_of_another_device_are_refused,
            batches_of_another_table_are_refused,
            a_frozen_table_is_looked_up_and_not_updated,
            too_large_things_are_refused_before_allocation,
            a_table_beyond_all_memory_is_an_error,
            a_lost_device_is_an_error,
            a_step_that_a_lost_device_refuses_is_not_counted,
            failed_calls_change_nothing,
        }
        checkpoint {
            resumed_runs_have_the_bits_of_unbroken_ones,
            every_optimizer_goes_on_from_its_checkpoint,
            a_checkpoint_is_the_same_on_every_context_and_split,
            a_refused_restore_changes_nothing,
            a_restored_table_keeps_its_batches_and_buffers,
            plain_weights_go_out_and_in,
            runs_go_on_at_any_step,
            after_too_many_dropped_steps_a_restore_goes_on,
        }
        clipping {
            clipped_gradients_are_those_of_a_plain_computation,
            pytorchs_norm_has_its_epsilon,
            what_is_below_the_limit_keeps_its_bits,
            a_batch_of_nothing_is_clipped_to_nothing,
            a_nan_is_clipped_in_its_own_row_alone,
            the_norm_is_that_of_the_dense_gradient,
            a_scale_multiplies_the_gradient,
            a_scale_is_read_when_its_commands_run,
            two_scales_are_refused_and_change_nothing,
            a_wrong_scale_buffer_is_named,
            limits_out_of_range_are_refused,
        }
        context {
            the_context_describes_itself,
            a_callers_own_device_will_do,
            kernels_are_timed_in_the_order_of_their_dispatches,
            a_device_with_too_low_limits_is_refused,
            uncaught_errors_fail_the_test,
            a_callers_encoder_and_buffer,
        }
        deferred {
            it_is_no_further_from_f64_than_dense_f32,
            a_gap_of_100_000_steps,
            rows_left_alone_for_cycles,
            the_ring_is_read_before_it_is_overwritten,
            more_than_65_536_steps,
            no_accepted_betas_give_nan,
            moved_as_far_as_dense_whatever_epsilon_is,
            sums_of_thousands_of_terms,
        }
        deferred_optimizers {
            short_gaps,
            gaps_of_thousands_of_steps,
            a_gap_of_100_000_steps,
            a_gap_of_100_000_steps_of_decay,
        }
        determinism {
            deferred_gives_the_same_bits_everywhere,
            deferred_with_all_extras_gives_the_same_bits_everywhere,
            lazy_gives_the_same_bits_everywhere,
            every_optimizer_gives_the_same_bits_everywhere,
            a_million_rows_train_like_a_few,
            dense_gives_the_same_bits_everywhere,
            hot_rows_sum_to_the_references_bits,
        }
        flush {
            weights_rows_and_moments_are_dense_ones,
            a_flush_changes_what_nobody_sees,
            set_weights_starts_from_them_and_keeps_the_moments,
            set_optimizer_ends_what_was_missed_by_the_old_settings,
            refused_optimizers_change_nothing,
            shards_are_handed_out_up_to_date,
            lookups_after_any_number_of_missed_steps,
            lookups_and_updates_on_one_encoder,
            a_dropped_encoder_is_a_step_without_a_gradient,
            an_update_right_after_a_dropped_encoder,
            a_dropped_encoder_with_rows_that_were_due,
            more_dropped_encoders_than_a_horizon,
            as_many_dropped_encoders_as_may_be,
            an_encoder_dropped_late,
            a_recorded_flush_after_a_dropped_encoder,
            too_many_dropped_encoders,
            a_read_between_record_and_submit,
            flush_has_nothing_to_do_for_other_updates,
            a_gradient_that_is_no_number_reaches_its_own_elements,
            a_second_moment_that_overflows_spoils_no_more_than_in_dense,
        }
        gather {
            every_width_size_and_skew_copies_the_rows,
            any_shape_of_indices,
            a_grid_past_one_dimension,
            split_tables_give_the_same_rows,
        }
        golden {
            the_gpu_agrees_with_keras_and_pytorch,
            deferred_is_dense_on_the_gpu,
        }
        index_check {
            bad_indices_give_zeros_and_are_counted_once,
            bad_indices_give_no_gradient_and_touch_no_row,
            padding_is_no_lookup_and_is_not_counted,
            any_readback_reports_and_clears,
            bad_indices_overwrite_what_was_there,
            gradients_are_right_beside_a_stream,
            resident_batches_mask_and_check_their_buffers,
            a_recorded_batch_keeps_what_its_parts_held,
            a_recorded_batch_checks_its_parts,
        }
        lion {
            it_is_no_further_from_f64_than_dense_f32,
            gaps_of_up_to_100_000_steps,
            a_moment_keeps_its_sign_and_its_least_size,
            a_nan_and_infinity_are_caught_up,
        }
        mapping {
            tables_of_every_width_have_the_same_bits,
            split_tables_have_the_same_bits,
            every_update_has_the_same_bits,
            runs_of_every_length_have_the_same_bits,
            the_nearest_rows_have_the_same_scores,
            a_context_of_another_mapping_is_another_context,
        }
        optimizers {
            every_width_agrees_with_the_reference,
            decay_and_clipping_agree_with_the_reference,
            row_terms_of_the_widest_rows,
            row_terms_are_summed_in_their_order,
            the_same_bits_everywhere,
            a_nan_reaches_its_own_row_and_no_other,
            large_gradients_are_taken,
            columns_beyond_the_row_stay_zero,
            state_goes_in_and_comes_out,
            a_frozen_table_has_no_state,
            a_table_keeps_its_optimizer,
        }
        properties {
            permuting_a_batch_permutes_the_output,
            the_scattered_sum_is_the_sum_of_the_gradients,
            random_training_agrees_with_the_reference,
        }
        record {
            two_updates_on_one_encoder,
            two_updates_on_two_encoders,
            buffers_with_offsets,
            bound_regions_serve_any_batch_and_table,
            bound_regions_are_checked_in_each_call,
            gradients_into_the_callers_buffers,
            a_dropped_batch_is_not_overwritten_before_its_recording_runs,
            a_dropped_encoder_gives_its_batch_back,
            a_recorded_update_holds_its_batch_too,
            recorded_gradients_hold_their_batch_too,
        }
        resident {
            bad_indices_and_padding_leave_no_trace,
            a_batch_of_none_and_one_of_bad_indices_are_empty_steps,
            each_update_sorts_what_the_buffer_then_holds,
            four_million_lookups_train_as_if_sorted_on_the_host,
        }
        scatter_add {
            whole_numbers_agree_bit_for_bit,
            fractions_agree_within_the_rounding_of_the_sum,
            one_hot_row_of_every_level,
            sums_that_nearly_fill_a_binding,
            two_runs_and_any_split_give_the_same_bits,
            padding_rows_get_no_gradient,
            threads_may_share_a_table,
            a_nan_reaches_its_own_row_and_no_other,
        }
        similarity {
            whole_numbers_agree_bit_for_bit,
            every_width_agrees_with_f64,
            any_split_gives_the_same_bits,
            more_rows_than_a_piece,
            more_queries_than_fit_at_once,
            rows_excluded_are_made_up_for,
            odd_numbers_have_their_places,
            it_sees_what_dense_adam_would_have,
            bad_searches_are_named,
            many_queries_of_a_table_of_many_shards,
            rows_wider_than_a_loop_are_refused,
        }
        storage {
            every_number_is_rounded_as_the_reference_does,
            a_table_takes_the_memory_that_it_says,
            the_host_reads_what_is_stored,
            trained_tables_agree_with_the_reference,
            the_same_inputs_give_the_same_bits,
            a_lookup_is_what_a_flush_stores_within_an_ulp,
            a_row_in_between_is_that_of_f32_from_its_last_store,
            small_steps_are_not_lost,
            the_nearest_rows_are_those_of_the_stored_weights,
            checkpoints_hold_what_is_stored,
            plain_weights_go_out_and_in_as_they_are,
        }
        stream {
            batches_come_in_order_and_train_like_single_ones,
            at_most_depth_batches_are_prepared_ahead,
            an_error_is_its_own_batchs_item,
            a_panic_in_the_source_is_raised_again,
            dropping_it_half_way_ends_the_worker,
            a_blocked_source_does_not_block_the_drop,
            the_gpu_sorts_a_streams_batches_as_the_host_does,
            a_batch_that_the_gpu_sorts_is_one_of_host_indices,
        }
        weights {
            tables_start_equal_on_both_sides,
            weights_go_in_and_come_out,
            rows_are_read_by_number,
            masks_follow_keras,
            async_forms_give_the_same,
        }
    };
    let on_the_host = trials! {
        support {
            the_comparison_rejects_what_it_should,
            the_skews_are_what_they_say,
        }
        golden {
            the_reference_agrees_with_keras_and_pytorch,
            deferred_is_dense_on_the_reference,
            an_almost_right_rule_is_out_of_bounds,
            lazy_does_not_pass_for_deferred,
            the_comparison_with_dense_is_as_fine_as_it_says,
            the_comparison_rejects_what_it_should,
            malformed_cases_are_refused_in_one_line,
        }
        clipping {
            the_reference_scales_as_it_says,
        }
        bad_input {
            errors_say_the_remedy,
            bad_batches_are_named_and_change_nothing,
        }
    };
    let on_the_gpu = on_the_gpu.into_iter().map(|trial| trial.with_ignored_flag(no_adapter));
    let trials = on_the_gpu.chain(on_the_host).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
