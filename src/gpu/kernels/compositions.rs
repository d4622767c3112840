//! All valid compositions of the kernels.

use std::collections::HashSet;

use super::inputs::{Lookup, Runs, Width};
use super::{
    Kernel, exclude, flush, gather, gather_deferred, gradient_norm, gradient_scale, group_best, index_check,
};
use super::{
    partial_sums, run_heads, run_plan, scatter_add, similarity, similarity_staged, sort_histogram, sort_scan,
    sort_scatter, sort_small,
};
use super::{top_k, update_all, update_rows};
use crate::optimizer::Optimizer;
use crate::storage::Storage;

/// Every kernel, in every valid composition.
pub fn all() -> Vec<Kernel> {
    let alone = [
        gradient_scale::kernel,
        group_best::kernel,
        index_check::kernel,
        exclude::kernel,
        run_heads::kernel,
        run_plan::kernel,
        sort_histogram::kernel,
        sort_scan::kernel,
        sort_scatter::kernel,
        sort_small::kernel,
        top_k::kernel,
    ];
    let mut kernels: Vec<_> = alone.iter().map(|kernel| kernel()).collect();
    let of_width = [partial_sums::kernel, scatter_add::kernel, gradient_norm::kernel];
    kernels.extend(of_width.iter().flat_map(|kernel| Width::ALL.map(kernel)));
    let lookups = || Lookup::ALL.into_iter().flat_map(|lookup| Width::ALL.map(|width| (lookup, width)));
    for storage in Storage::ALL {
        kernels.extend([similarity::kernel(storage), similarity_staged::kernel(storage)]);
        kernels.extend(lookups().map(|(lookup, width)| gather::kernel(lookup, width, storage)));
        for optimizer in Optimizer::each_composition() {
            let rule = optimizer.rule();
            let of_rule = |(lookup, width)| gather_deferred::kernel(lookup, width, rule, storage);
            kernels.extend(lookups().filter_map(of_rule));
            kernels.extend(flush::kernel(rule, storage));
            kernels.extend(Width::ALL.map(|width| update_all::kernel(width, rule, storage)));
            for deferred in [false, true] {
                kernels.extend(Runs::ALL.map(|runs| update_rows::kernel(runs, rule, deferred, storage)));
            }
        }
    }
    // Many settings have one composition.
    let mut seen = HashSet::new();
    let parts = |kernel: &Kernel| kernel.parts().iter().map(|part| part.file).collect::<Vec<_>>();
    kernels.retain(|kernel| seen.insert((kernel.name(), parts(kernel))));
    kernels
}
