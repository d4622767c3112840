"""Makes the golden case files of this folder with Keras, PyTorch and FBGEMM.

How to run (Python 3.11, in virtual environments outside the repository). FBGEMM
is built for another PyTorch than the newest, so it has an environment of its
own:

    pip install -r requirements.txt
    python generate.py 'keras_*' 'torch_*'

    pip install -r requirements-fbgemm.txt
    python generate.py 'fbgemm_*'

    python check.py

The arguments are names of cases, or patterns as a shell has them. check.py holds
the files against the formulas in float64.

For every case in CASES below this script writes, next to itself,

    NAME.safetensors            the case: initial weights, and for each step the
                                indices looked up and the gradient of the loss
                                with respect to what the lookup gave
                                (format 'embedding-replay/1' or '/2')
    NAME.expected.safetensors   what the framework made of it: the output of
                                each lookup (before that step's update), and
                                the weights and the optimizer's state after the
                                last step

State arrays have PyTorch's names, whoever made them: momentum_buffer (SGD), sum
(Adagrad; of row-wise Adagrad one float a row), exp_avg (Adam, Lion), exp_avg_sq
and max_exp_avg_sq (Adam). In the cases of format 1, the last three are m, v and
v_hat.

The expected values come from the frameworks themselves, in float32 on the CPU:
a real Embedding layer and a real optimizer, driven by the loss
sum(output * grad_output). The gradient of that loss with respect to the output
is exactly grad_output, and the framework's own autodiff adds the gradients of
repeated indices together.

A rerun gives the same bytes for the case files (seeded, and made only of
exactly rounded arithmetic). The expected files may differ in the last bits of
a float on another CPU or with other versions.
"""

import fnmatch
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

# Before the frameworks are imported, each where it is used: Keras on JAX,
# everything on the CPU.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
from safetensors.numpy import save

HERE = Path(__file__).resolve().parent


# --------------------------------------------------------------------------
# The cases
# --------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    name: str
    seed: int
    framework: str  # "keras", "torch" or "fbgemm"
    # "adam", "adamw", "sgd", "adagrad", "rowwise_adagrad" or "lion"
    optimizer: str = "adam"
    # "dense", or "lazy": only rows of the batch are updated, at all.
    update: str = "dense"
    # torch.nn.Embedding(sparse=True): gradients of the rows of the batch alone.
    # Always so where the update is lazy.
    sparse: bool = False
    format: int = 2  # of the case file
    input_dim: int = 50
    output_dim: int = 8
    # The shape of the indices, one per step; the list is repeated as needed.
    shapes: tuple = ((4, 6),)
    # The gradients of step K are multiplied by step_scales[K], so there are as
    # many steps as entries.
    step_scales: tuple = (1.0, 0.5, 1.0, 0.25, 2.0, 1.0, 0.125, 1.0, 0.5, 1.0)
    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    momentum: float = 0.0
    nesterov: bool = False
    initial_accumulator: float = 0.0
    weight_decay: float = 0.0
    amsgrad: bool = False
    padding_idx: int | None = None
    # Steps in which every lookup is of padding_idx.
    only_padding_steps: tuple = ()
    # (row, how many of the lookups of each step are of that row)
    hot: tuple | None = None

    @property
    def steps(self):
        return len(self.step_scales)

    @property
    def epsilon(self):
        """Each framework's default."""
        if self.framework == "keras":
            return 1e-7
        return 1e-10 if self.optimizer == "adagrad" else 1e-8

    @property
    def epsilon_form(self):
        """Where epsilon is added.

        keras:   w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)
        pytorch: w -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)

        PyTorch's SparseAdam has Keras's form, unlike PyTorch's own Adam. And of
        Adagrad, where FBGEMM's row-wise form has PyTorch's place:

        keras:   w -= lr * g / sqrt(sum + eps)
        pytorch: w -= lr * g / (sqrt(sum) + eps)
        """
        sparse_adam = self.optimizer == "adam" and self.update == "lazy"
        return "keras" if self.framework == "keras" or sparse_adam else "pytorch"

    @property
    def momentum_form(self):
        """What momentum is kept.

        keras:   m = mu * m - lr * g;  w += m   (nesterov: w += mu * m - lr * g)
        pytorch: b = mu * b + g;  w -= lr * b   (nesterov: w -= lr * (g + mu * b))

        At one learning rate m is -lr * b, and the weights are the same.
        """
        return "keras" if self.framework == "keras" else "pytorch"


# Large gradients first and small ones after, and a beta_2 that forgets: v falls
# and amsgrad's maximum of v does not.
FALLING = (1.0, 2.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.01, 0.05, 0.01, 0.002, 0.01)

HOT = dict(
    input_dim=40,
    output_dim=3,
    shapes=((300,), (15, 20), (300,)),
    step_scales=(1.0, 0.5, 2.0, 0.25),
    hot=(7, 200),
)

WIDTH_5 = dict(input_dim=33, output_dim=5, shapes=((17,), (1,), (30,)))

CASES_OF_FORMAT_1 = [
    Case("keras_adam_default", 101, "keras"),
    Case(
        "keras_adam_width5", 102, "keras", input_dim=33, output_dim=5,
        shapes=((17,), (1,), (30,)),
    ),
    Case("keras_adam_amsgrad", 103, "keras", beta_2=0.95, amsgrad=True, step_scales=FALLING),
    Case("keras_adamw", 104, "keras", optimizer="adamw", learning_rate=0.01, weight_decay=0.004),
    Case(
        "keras_adamw_amsgrad", 105, "keras", optimizer="adamw", learning_rate=0.01,
        beta_2=0.95, weight_decay=0.004, amsgrad=True, step_scales=FALLING,
    ),
    Case("keras_adam_large_lr", 106, "keras", learning_rate=0.1, beta_1=0.8, beta_2=0.95),
    Case("keras_adam_hot_row", 107, "keras", **HOT),
    Case("torch_adam", 201, "torch"),
    Case("torch_adam_padding_idx", 202, "torch", padding_idx=0, only_padding_steps=(4,)),
    Case("torch_adam_padding_idx_nonzero", 203, "torch", padding_idx=7),
    Case("torch_adam_amsgrad", 204, "torch", beta_2=0.95, amsgrad=True, step_scales=FALLING),
    Case("torch_adamw", 205, "torch", optimizer="adamw", learning_rate=0.01, weight_decay=0.01),
    Case(
        "torch_adamw_padding_idx", 206, "torch", optimizer="adamw", learning_rate=0.01,
        weight_decay=0.01, padding_idx=3,
    ),
    Case(
        "torch_adamw_amsgrad", 207, "torch", optimizer="adamw", learning_rate=0.01,
        beta_2=0.95, weight_decay=0.01, amsgrad=True, step_scales=FALLING,
    ),
    Case("torch_sparse_adam", 301, "torch", update="lazy"),
    Case(
        "torch_sparse_adam_padding_idx", 302, "torch", update="lazy", padding_idx=0,
        only_padding_steps=(4,),
    ),
    Case("torch_sparse_adam_hot_row", 303, "torch", update="lazy", **HOT),
    Case(
        "torch_sparse_adam_width1", 304, "torch", update="lazy", input_dim=21, output_dim=1,
        shapes=((2, 3, 2), (), (5,)),
    ),
]

SGD = dict(optimizer="sgd", learning_rate=0.1)
ADAGRAD = dict(optimizer="adagrad", learning_rate=0.05)
LION = dict(optimizer="lion", beta_2=0.99)
ROWWISE_ADAGRAD = dict(optimizer="rowwise_adagrad", learning_rate=0.05)

CASES_OF_FORMAT_2 = [
    Case("keras_adam_format2", 111, "keras"),
    Case("keras_sgd", 112, "keras", **SGD),
    Case("keras_sgd_decay", 113, "keras", weight_decay=0.05, **SGD),
    Case("keras_sgd_momentum", 114, "keras", momentum=0.9, **SGD),
    Case("keras_sgd_momentum_decay", 115, "keras", momentum=0.9, weight_decay=0.05, **SGD),
    Case("keras_sgd_nesterov", 116, "keras", momentum=0.8, nesterov=True, **SGD, **WIDTH_5),
    Case("keras_adagrad", 117, "keras", initial_accumulator=0.1, **ADAGRAD),
    Case("keras_adagrad_from_zero", 118, "keras", **ADAGRAD, **WIDTH_5),
    Case(
        "keras_adagrad_decay", 119, "keras", initial_accumulator=0.1, weight_decay=0.05, **ADAGRAD
    ),
    Case("keras_lion", 120, "keras", **LION),
    Case("keras_lion_decay", 121, "keras", learning_rate=0.01, weight_decay=0.1, **LION, **WIDTH_5),
    Case(
        "torch_adamw_amsgrad_format2", 211, "torch", optimizer="adamw", learning_rate=0.01,
        beta_2=0.95, weight_decay=0.01, amsgrad=True, step_scales=FALLING,
    ),
    Case("torch_sgd", 212, "torch", **SGD),
    Case("torch_sgd_momentum", 213, "torch", momentum=0.9, **SGD),
    Case(
        "torch_sgd_momentum_padding_idx", 214, "torch", momentum=0.9, padding_idx=14,
        only_padding_steps=(4,), **SGD,
    ),
    Case("torch_sgd_nesterov", 215, "torch", momentum=0.8, nesterov=True, **SGD, **WIDTH_5),
    Case("torch_adagrad", 216, "torch", **ADAGRAD),
    Case("torch_adagrad_initial", 217, "torch", initial_accumulator=0.1, **ADAGRAD),
    Case("torch_adagrad_hot_row", 218, "torch", **ADAGRAD, **HOT),
    Case(
        "torch_sgd_sparse", 311, "torch", update="lazy", input_dim=21, output_dim=1,
        shapes=((2, 3, 2), (), (5,)), **SGD,
    ),
    Case("torch_sgd_sparse_momentum", 312, "torch", sparse=True, momentum=0.9, **SGD),
    Case("torch_adagrad_sparse", 313, "torch", update="lazy", **ADAGRAD),
    Case("fbgemm_rowwise_adagrad", 411, "fbgemm", **ROWWISE_ADAGRAD),
    Case(
        "fbgemm_rowwise_adagrad_decay", 412, "fbgemm", update="lazy", weight_decay=0.1,
        **ROWWISE_ADAGRAD,
    ),
    Case(
        "fbgemm_rowwise_adagrad_hot_row", 413, "fbgemm", **ROWWISE_ADAGRAD, **{**HOT, "output_dim": 4}
    ),
    Case(
        "fbgemm_rowwise_adagrad_width300", 414, "fbgemm", input_dim=16, output_dim=300,
        shapes=((7,), (5,)), step_scales=(1.0, 0.5, 2.0, 0.25), **ROWWISE_ADAGRAD,
    ),
]

CASES = [replace(case, format=1) for case in CASES_OF_FORMAT_1] + CASES_OF_FORMAT_2


# --------------------------------------------------------------------------
# The inputs of a case
# --------------------------------------------------------------------------

# Two rows with a part of their own, in the steps with five lookups or more.
ROW_ONCE = 1  # looked up once, in the first step
ROW_FADES = 2  # looked up in every such step, its gradient all zero from step 3 on


def make_inputs(case):
    """The tensors of the case file: weight, step.K.indices, step.K.grad_output.

    Only uniform draws, products and table entries, no transcendental function.
    """
    rng = np.random.Generator(np.random.PCG64(case.seed))
    rows, width = case.input_dim, case.output_dim

    # The padding row gets weights like any other: it must be read, and kept.
    weight = rng.uniform(-0.5, 0.5, (rows, width)).astype(np.float32)
    tensors = {"weight": weight}

    # The last tenth of the rows is never looked up.
    touched = np.array([r for r in range(rows - rows // 10) if r != ROW_ONCE])
    # Each row has gradients of its own size, 1 down to 1e-6: with the small
    # ones epsilon matters, and the place where it is added.
    powers = np.array([1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
    row_scales = powers[np.arange(rows) % len(powers)]

    for step in range(case.steps):
        shape = case.shapes[step % len(case.shapes)]
        count = int(np.prod(shape, dtype=np.int64))

        # Fewer rows to choose from than lookups: many repeats within a step.
        chosen = rng.choice(touched, size=max(1, count * 2 // 3))
        indices = rng.choice(chosen, size=count)
        slots = rng.permutation(count)  # places for the particular rows
        if case.hot is not None:
            row, times = case.hot
            indices[slots[-times:]] = row
        if case.padding_idx is not None:
            indices[slots[-max(1, count // 5):]] = case.padding_idx
        if count >= 5:
            if step == 0:
                indices[slots[0]] = ROW_ONCE
            indices[slots[1:3]] = ROW_FADES
        if step in case.only_padding_steps:
            indices[:] = case.padding_idx

        sign = rng.choice([-1.0, 1.0], size=(count, width))
        size = rng.uniform(0.25, 1.0, (count, width))
        # Lookups of one row differ in size too.
        lookup_scale = rng.choice([1.0, 0.3, 0.05], size=(count, 1))
        grad = sign * size * lookup_scale * row_scales[indices][:, None]
        grad *= case.step_scales[step]
        if step >= 3:
            grad[indices == ROW_FADES] = 0.0

        tensors[f"step.{step}.indices"] = indices.astype(np.int64).reshape(shape)
        tensors[f"step.{step}.grad_output"] = grad.astype(np.float32).reshape(*shape, width)
    return tensors


# --------------------------------------------------------------------------
# The frameworks
# --------------------------------------------------------------------------


def run_keras(case, inputs):
    """keras.layers.Embedding with one of keras.optimizers."""
    import jax
    import jax.numpy as jnp
    import keras

    assert case.update == "dense" and case.padding_idx is None
    layer = keras.layers.Embedding(case.input_dim, case.output_dim)
    layer.build()
    layer.embeddings.assign(inputs["weight"])

    # Decoupled from the gradient, whatever the optimizer.
    options = dict(learning_rate=case.learning_rate, weight_decay=case.weight_decay or None)
    betas = dict(beta_1=case.beta_1, beta_2=case.beta_2)
    if case.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            momentum=case.momentum, nesterov=case.nesterov, **options
        )
    elif case.optimizer == "adagrad":
        optimizer = keras.optimizers.Adagrad(
            initial_accumulator_value=case.initial_accumulator, epsilon=case.epsilon, **options
        )
    elif case.optimizer == "lion":
        optimizer = keras.optimizers.Lion(**betas, **options)
    else:
        kind = keras.optimizers.AdamW if case.optimizer == "adamw" else keras.optimizers.Adam
        optimizer = kind(epsilon=case.epsilon, amsgrad=case.amsgrad, **betas, **options)
    optimizer.build(layer.trainable_variables)

    def loss(trainable, indices, grad_output):
        output, _ = layer.stateless_call(trainable, [], indices)
        return jnp.sum(output * grad_output), output

    expected = {}
    for step in range(case.steps):
        trainable = [variable.value for variable in layer.trainable_variables]
        # JAX has 32-bit integers unless told otherwise; the indices are small.
        indices = jnp.asarray(inputs[f"step.{step}.indices"].astype(np.int32))
        grad_output = jnp.asarray(inputs[f"step.{step}.grad_output"])
        gradients, output = jax.grad(loss, has_aux=True)(trainable, indices, grad_output)
        expected[f"step.{step}.output"] = np.asarray(output)
        optimizer.apply(gradients)

    state = {}
    if case.optimizer == "sgd" and case.momentum:
        state["momentum_buffer"] = optimizer.momentums
    if case.optimizer == "adagrad":
        state["sum"] = optimizer._accumulators
    if case.optimizer in ("adam", "adamw", "lion"):
        state["exp_avg"] = optimizer._momentums
    if case.optimizer in ("adam", "adamw"):
        state["exp_avg_sq"] = optimizer._velocities
    if case.amsgrad:
        state["max_exp_avg_sq"] = optimizer._velocity_hats
    expected["weight"] = np.asarray(layer.embeddings.value)
    expected |= {name: np.asarray(variables[0].value) for name, variables in state.items()}
    return expected, f"keras {keras.__version__} (jax {jax.__version__})"


def run_torch(case, inputs):
    """torch.nn.Embedding with one of torch.optim."""
    import torch

    torch.set_num_threads(1)  # one fixed order of summation
    lazy = case.update == "lazy"
    layer = torch.nn.Embedding(
        case.input_dim, case.output_dim, padding_idx=case.padding_idx, sparse=lazy or case.sparse
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(inputs["weight"]))

    parameters = layer.parameters()
    options = dict(lr=case.learning_rate)
    if case.optimizer == "sgd":
        # Their weight_decay is not decoupled: it adds to the gradient.
        assert not case.weight_decay
        # A sparse momentum_buffer gathers every row that ever had a gradient,
        # and all of them move on at every step: that is the dense update.
        assert not (lazy and case.momentum)
        optimizer = torch.optim.SGD(
            parameters, momentum=case.momentum, nesterov=case.nesterov, **options
        )
    elif case.optimizer == "adagrad":
        assert not case.weight_decay
        optimizer = torch.optim.Adagrad(
            parameters, initial_accumulator_value=case.initial_accumulator, eps=case.epsilon,
            **options,
        )
    else:
        options |= dict(betas=(case.beta_1, case.beta_2), eps=case.epsilon)
        if lazy:
            assert case.optimizer == "adam" and not case.amsgrad
            optimizer = torch.optim.SparseAdam(parameters, **options)
        else:
            kind = torch.optim.AdamW if case.optimizer == "adamw" else torch.optim.Adam
            optimizer = kind(
                parameters, weight_decay=case.weight_decay, amsgrad=case.amsgrad, **options
            )

    expected = {}
    for step in range(case.steps):
        indices = torch.from_numpy(inputs[f"step.{step}.indices"])
        grad_output = torch.from_numpy(inputs[f"step.{step}.grad_output"])
        optimizer.zero_grad()
        output = layer(indices)
        expected[f"step.{step}.output"] = output.detach().numpy().copy()
        (output * grad_output).sum().backward()
        optimizer.step()

    expected["weight"] = layer.weight.detach().numpy()
    for name, value in optimizer.state[layer.weight].items():
        if name != "step" and value is not None:
            expected[name] = value.to_dense().numpy()
    return expected, f"torch {torch.__version__}"


def run_fbgemm(case, inputs):
    """One table of FBGEMM's table-batched embedding, without pooling."""
    import fbgemm_gpu
    import torch
    from fbgemm_gpu import split_table_batched_embeddings_ops_training as ops
    from fbgemm_gpu.split_embedding_configs import EmbOptimType

    torch.set_num_threads(1)  # one fixed order of summation
    assert case.optimizer == "rowwise_adagrad" and case.padding_idx is None
    assert not case.initial_accumulator
    # Either decay is of the rows of the batch alone.
    assert case.update == "lazy" or not case.weight_decay
    mode = ops.WeightDecayMode
    table = ops.SplitTableBatchedEmbeddingBagsCodegen(
        [(case.input_dim, case.output_dim, ops.EmbeddingLocation.HOST, ops.ComputeDevice.CPU)],
        optimizer=EmbOptimType.EXACT_ROWWISE_ADAGRAD,
        pooling_mode=ops.PoolingMode.NONE,
        learning_rate=case.learning_rate,
        eps=case.epsilon,
        weight_decay=case.weight_decay,
        weight_decay_mode=mode.DECOUPLE if case.weight_decay else mode.NONE,
        stochastic_rounding=False,
    )
    (weight,) = table.split_embedding_weights()
    with torch.no_grad():
        weight.copy_(torch.from_numpy(inputs["weight"]))

    expected = {}
    for step in range(case.steps):
        indices = torch.from_numpy(inputs[f"step.{step}.indices"]).flatten()
        grad_output = torch.from_numpy(inputs[f"step.{step}.grad_output"])
        output = table(indices, torch.tensor([0, len(indices)])).reshape(grad_output.shape)
        expected[f"step.{step}.output"] = output.detach().numpy().copy()
        (output * grad_output).sum().backward()  # which updates the table, too

    expected["weight"] = weight.detach().numpy()
    ((state,),) = table.split_optimizer_states()
    expected["sum"] = state.numpy()
    assert expected["sum"].shape == (case.input_dim,)
    return expected, f"fbgemm {fbgemm_gpu.__version__} (torch {torch.__version__})"


RUN = {"keras": run_keras, "torch": run_torch, "fbgemm": run_fbgemm}

NAMES_OF_FORMAT_1 = {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "v_hat"}


# --------------------------------------------------------------------------
# The files
# --------------------------------------------------------------------------


def number(value):
    """The shortest decimal string that reads back as the same float."""
    return repr(value).replace("e-0", "e-")


def metadata_of(case):
    adam = case.optimizer in ("adam", "adamw")
    metadata = {
        "format": f"embedding-replay/{case.format}",
        "input_dim": str(case.input_dim),
        "output_dim": str(case.output_dim),
        "steps": str(case.steps),
        "optimizer": case.optimizer,
        "update": case.update,
        "learning_rate": number(case.learning_rate),
    }
    if adam or case.optimizer == "lion":
        metadata["beta_1"] = number(case.beta_1)
        metadata["beta_2"] = number(case.beta_2)
    if adam or case.optimizer in ("adagrad", "rowwise_adagrad"):
        metadata["epsilon"] = number(case.epsilon)
        metadata["epsilon_form"] = case.epsilon_form
    if case.optimizer == "sgd":
        metadata["momentum_form"] = case.momentum_form
    # What format 2 may leave out, it leaves out here.
    if case.momentum:
        metadata["momentum"] = number(case.momentum)
    if case.nesterov:
        metadata["nesterov"] = "true"
    if case.initial_accumulator:
        metadata["initial_accumulator"] = number(case.initial_accumulator)
    if case.weight_decay or case.format == 1:
        metadata["weight_decay"] = number(case.weight_decay)
    if case.amsgrad or case.format == 1:
        metadata["amsgrad"] = "true" if case.amsgrad else "false"
    if case.padding_idx is not None:
        metadata["padding_idx"] = str(case.padding_idx)
    return metadata


def write(path, tensors, metadata):
    """A safetensors file whose bytes depend on nothing but its content.

    The library writes the metadata in an order that changes from run to run,
    so the header it made is written again with the metadata sorted.
    """
    data = save(tensors, metadata=metadata)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors start at a multiple of 8
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def main(patterns):
    for pattern in patterns:
        if not fnmatch.filter([case.name for case in CASES], pattern):
            sys.exit(f"no case is named {pattern}")
    for case in CASES:
        if patterns and not any(fnmatch.fnmatch(case.name, pattern) for pattern in patterns):
            continue
        inputs = make_inputs(case)
        expected, made_by = RUN[case.framework](case, inputs)
        if case.format == 1:
            expected = {NAMES_OF_FORMAT_1.get(name, name): expected[name] for name in expected}
        for name, tensor in expected.items():
            assert tensor.dtype == np.float32 and np.isfinite(tensor).all(), (case.name, name)
        write(HERE / f"{case.name}.safetensors", inputs, metadata_of(case))
        write(HERE / f"{case.name}.expected.safetensors", expected, {"made_by": made_by})
        print(f"{case.name}: {case.steps} steps, {made_by}")


if __name__ == "__main__":
    main(sys.argv[1:])
