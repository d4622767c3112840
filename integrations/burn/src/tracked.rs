//! A lookup as a step of Burn's autodiff.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::{BalancedCheckpointing, CheckpointStrategy, NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Cube, DispatchKindConversion, DispatchTensor, GradientCheckpointingStrategy,
};
use burn::tensor::Tensor;

use crate::bridge::LazyFloat;

/// A lookup that Burn's autodiff knows of.
///
/// The table is no tensor of Burn's, so the graph begins at a leaf that stands for its rows, and when it runs backward, the
/// output's gradient is put among the gradients under another leaf's name, `key`, which is all that is kept here: a leaf of the
/// graph itself would keep a graph alive that everybody else has dropped.
#[derive(Debug)]
pub(crate) struct Tracked {
    key: Tensor<2>,
    step: Arc<Step>,
}

/// Shared with the graph, which drops it when it has run backward, and when it is dropped itself.
#[derive(Debug)]
struct Step {
    key: NodeId,
    has_run: AtomicBool,
}

impl Tracked {
    /// Begins a graph with the rows in `output`. `stand_in` is any tensor on its device.
    pub(crate) fn new<const D: usize>(
        output: LazyFloat,
        stand_in: &LazyFloat,
        checkpointing: GradientCheckpointingStrategy,
    ) -> (Tensor<D>, Self) {
        match checkpointing {
            GradientCheckpointingStrategy::Disabled => Self::with_strategy::<D, NoCheckpointing>(output, stand_in),
            GradientCheckpointingStrategy::Balanced => {
                Self::with_strategy::<D, BalancedCheckpointing>(output, stand_in)
            }
        }
    }

    fn with_strategy<const D: usize, C: CheckpointStrategy>(
        output: LazyFloat,
        stand_in: &LazyFloat,
    ) -> (Tensor<D>, Self)
    where
        DispatchTensor: DispatchKindConversion<Autodiff<Cube, C>>,
    {
        let [leaf, key] =
            [(); 2].map(|()| <Autodiff<Cube> as AutodiffBackend>::from_inner(stand_in.clone()).require_grad());
        let step = Arc::new(Step { key: key.id(), has_run: AtomicBool::new(false) });
        let operation = <LookupBackward as Backward<Cube, 1>>::prepare::<C>(LookupBackward, [leaf.node()]);
        let output = match operation.compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish(step.clone(), output),
            OpsKind::UnTracked(operation) => operation.finish(output),
        };
        let output = Tensor::from_primitive::<Autodiff<Cube, C>>(output);
        (output, Self { key: Tensor::from_primitive::<Autodiff<Cube, C>>(key), step })
    }

    /// Whether the graph has run backward to here.
    pub(crate) fn has_run(&self) -> bool {
        self.step.has_run.load(Ordering::Acquire)
    }

    /// Whether there can still be a gradient: there is one, or the graph that would make it is not yet dropped. Burn drops
    /// what nobody holds any more when some graph runs backward.
    pub(crate) fn is_alive(&self) -> bool {
        // In this order: the graph says that it has run before it lets go, maybe on another thread meanwhile.
        let is_held = Arc::strong_count(&self.step) > 1;
        fence(Ordering::Acquire);
        is_held || self.has_run()
    }

    /// Takes its gradient, of the output's shape, if it is there.
    pub(crate) fn take_gradient(&self, gradients: &mut burn::tensor::Gradients) -> Option<Tensor<2>> {
        self.key.grad_remove(gradients)
    }
}

/// Puts the output's gradient among the gradients, as it is.
#[derive(Debug)]
struct LookupBackward;

impl<B: Backend> Backward<B, 1> for LookupBackward {
    type State = Arc<Step>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        gradients.register::<B>(ops.state.key, gradient);
        ops.state.has_run.store(true, Ordering::Release);
    }
}
