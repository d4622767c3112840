"""Makes the golden case files of this folder with Keras and PyTorch.

How to run (Python 3.11, in a virtual environment outside the repository):

    pip install -r requirements.txt
    python generate.py

For every case in CASES below it writes, next to this script,

    NAME.safetensors            the case: initial weights, and for each step the
                                indices looked up and the gradient of the loss
                                with respect to what the lookup gave
                                (format 'embedding-replay/1')
    NAME.expected.safetensors   what the framework made of it: the output of
                                each lookup (before that step's update), and
                                the weights and moments after the last step

The expected values come from the frameworks themselves, in float32 on the CPU:
a real Embedding layer and a real optimizer, driven by the loss
sum(output * grad_output). The gradient of that loss with respect to the output
is exactly grad_output, and the framework's own autodiff adds the gradients of
repeated indices together.

A rerun gives the same bytes for the case files (seeded, and made only of
exactly rounded arithmetic). The expected files may differ in the last bits of
a float on another CPU or with other versions.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

# Before the frameworks are imported: Keras on JAX, everything on the CPU.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import torch
from safetensors.numpy import save

HERE = Path(__file__).resolve().parent
torch.set_num_threads(1)  # one fixed order of summation


# --------------------------------------------------------------------------
# The cases
# --------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    name: str
    seed: int
    framework: str  # "keras" or "torch"
    optimizer: str = "adam"  # "adam" or "adamw"
    update: str = "dense"  # "dense", or "lazy": torch.optim.SparseAdam
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
        return 1e-7 if self.framework == "keras" else 1e-8

    @property
    def epsilon_form(self):
        """Where epsilon is added.

        keras:   w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)
        pytorch: w -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)

        PyTorch's SparseAdam has Keras's form, unlike PyTorch's own Adam.
        """
        torch_dense = self.framework == "torch" and self.update == "dense"
        return "pytorch" if torch_dense else "keras"


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

CASES = [
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
    """keras.layers.Embedding with keras.optimizers.Adam or AdamW."""
    assert case.update == "dense" and case.padding_idx is None
    layer = keras.layers.Embedding(case.input_dim, case.output_dim)
    layer.build()
    layer.embeddings.assign(inputs["weight"])

    options = dict(
        learning_rate=case.learning_rate,
        beta_1=case.beta_1,
        beta_2=case.beta_2,
        epsilon=case.epsilon,
        amsgrad=case.amsgrad,
    )
    if case.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(weight_decay=case.weight_decay, **options)
    else:
        optimizer = keras.optimizers.Adam(**options)
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

    expected["weight"] = np.asarray(layer.embeddings.value)
    expected["m"] = np.asarray(optimizer._momentums[0].value)
    expected["v"] = np.asarray(optimizer._velocities[0].value)
    if case.amsgrad:
        expected["v_hat"] = np.asarray(optimizer._velocity_hats[0].value)
    return expected, f"keras {keras.__version__} (jax {jax.__version__})"


def run_torch(case, inputs):
    """torch.nn.Embedding with torch.optim.Adam, AdamW or SparseAdam."""
    lazy = case.update == "lazy"
    layer = torch.nn.Embedding(
        case.input_dim, case.output_dim, padding_idx=case.padding_idx, sparse=lazy
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(inputs["weight"]))

    options = dict(lr=case.learning_rate, betas=(case.beta_1, case.beta_2), eps=case.epsilon)
    if lazy:
        assert case.optimizer == "adam" and not case.amsgrad
        optimizer = torch.optim.SparseAdam(layer.parameters(), **options)
    else:
        kind = torch.optim.AdamW if case.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(
            layer.parameters(), weight_decay=case.weight_decay, amsgrad=case.amsgrad, **options
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

    state = optimizer.state[layer.weight]
    expected["weight"] = layer.weight.detach().numpy()
    expected["m"] = state["exp_avg"].numpy()
    expected["v"] = state["exp_avg_sq"].numpy()
    if case.amsgrad:
        expected["v_hat"] = state["max_exp_avg_sq"].numpy()
    return expected, f"torch {torch.__version__}"


# --------------------------------------------------------------------------
# The files
# --------------------------------------------------------------------------


def number(value):
    """The shortest decimal string that reads back as the same float."""
    return repr(value).replace("e-0", "e-")


def metadata_of(case):
    metadata = {
        "format": "embedding-replay/1",
        "input_dim": str(case.input_dim),
        "output_dim": str(case.output_dim),
        "steps": str(case.steps),
        "optimizer": case.optimizer,
        "update": case.update,
        "learning_rate": number(case.learning_rate),
        "beta_1": number(case.beta_1),
        "beta_2": number(case.beta_2),
        "epsilon": number(case.epsilon),
        "epsilon_form": case.epsilon_form,
        "weight_decay": number(case.weight_decay),
        "amsgrad": "true" if case.amsgrad else "false",
    }
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


def main():
    for case in CASES:
        inputs = make_inputs(case)
        run = run_keras if case.framework == "keras" else run_torch
        expected, made_by = run(case, inputs)
        for name, tensor in expected.items():
            assert tensor.dtype == np.float32 and np.isfinite(tensor).all(), (case.name, name)
        write(HERE / f"{case.name}.safetensors", inputs, metadata_of(case))
        write(HERE / f"{case.name}.expected.safetensors", expected, {"made_by": made_by})
        print(f"{case.name}: {case.steps} steps, {made_by}")


if __name__ == "__main__":
    main()
