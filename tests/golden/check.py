"""Holds the golden case files of this folder against the formulas, in float64.

    python check.py [NAME ...]

For each case (all, or those named, as generate.py takes them) it computes the
whole run again from the case file alone, and prints how far the framework's
float32 is from it at most:

    outputs, weights    the difference
    state arrays        the difference over the largest value of the row

and fails where that is more than LARGEST_OF_WEIGHTS or LARGEST_OF_STATE.
It needs numpy and safetensors only.
"""

import fnmatch
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load

HERE = Path(__file__).resolve().parent
LARGEST_OF_WEIGHTS = 7e-7
LARGEST_OF_STATE = 2e-6
# Lion's sign is of b1 m + (1 - b1) g. Where that is less than this share of its
# terms' sizes, rounding could turn it.
LEAST_FOR_A_SIGN = 1e-5
NAMES_OF_FORMAT_1 = {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "v_hat"}


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return load(data), json.loads(data[8 : 8 + length])["__metadata__"]


def compute(tensors, metadata):
    """The case's expected tensors in float64, and for Lion the least share of LEAST_FOR_A_SIGN."""
    kind = metadata["optimizer"]
    lazy = metadata["update"] == "lazy"
    number = lambda name, default="0": float(metadata.get(name, default))
    lr, decay, mu = number("learning_rate"), number("weight_decay"), number("momentum")
    b1, b2, epsilon = number("beta_1"), number("beta_2"), number("epsilon")
    keras_epsilon = metadata.get("epsilon_form") == "keras"
    keras_momentum = metadata.get("momentum_form") == "keras"
    nesterov = metadata.get("nesterov") == "true"
    amsgrad = metadata.get("amsgrad") == "true"

    weight = tensors["weight"].astype(np.float64)
    rows, _ = weight.shape
    zeros = lambda: np.zeros_like(weight)
    state = {}
    if kind == "sgd" and mu:
        state["momentum_buffer"] = zeros()
    if kind in ("adam", "adamw", "lion"):
        state["exp_avg"] = zeros()
    if kind in ("adam", "adamw"):
        state["exp_avg_sq"] = zeros()
    if amsgrad:
        state["max_exp_avg_sq"] = zeros()
    if kind in ("adagrad", "rowwise_adagrad"):
        state["sum"] = (zeros() if kind == "adagrad" else np.zeros(rows)) + number(
            "initial_accumulator"
        )

    expected, least = {}, np.inf
    for step in range(int(metadata["steps"])):
        t = step + 1
        indices = tensors[f"step.{step}.indices"]
        expected[f"step.{step}.output"] = weight[indices]
        g = zeros()
        each = tensors[f"step.{step}.grad_output"].astype(np.float64)
        np.add.at(g, indices.reshape(-1), each.reshape(-1, weight.shape[1]))
        updated = np.full(rows, not lazy)
        updated[indices.reshape(-1)] = True
        if "padding_idx" in metadata:
            g[int(metadata["padding_idx"])] = 0
            updated[int(metadata["padding_idx"])] &= not lazy

        new = {name: value.copy() for name, value in state.items()}
        if kind == "sgd" and not mu:
            move = lr * g
        elif kind == "sgd" and keras_momentum:
            m = new["momentum_buffer"] = mu * state["momentum_buffer"] - lr * g
            move = -(mu * m - lr * g) if nesterov else -m
        elif kind == "sgd":
            b = new["momentum_buffer"] = mu * state["momentum_buffer"] + g
            move = lr * (g + mu * b if nesterov else b)
        elif kind in ("adagrad", "rowwise_adagrad"):
            square = g * g
            if kind == "adagrad":
                G = new["sum"] = state["sum"] + square
            else:
                new["sum"] = state["sum"] + square.mean(axis=1)
                G = new["sum"][:, None]
            move = lr * g / (np.sqrt(G + epsilon) if keras_epsilon else np.sqrt(G) + epsilon)
        elif kind == "lion":
            kept, added = b1 * state["exp_avg"], (1 - b1) * g
            move = lr * np.sign(kept + added)
            sizes = np.abs(kept) + np.abs(added)
            share = np.abs(kept + added)[sizes > 0] / sizes[sizes > 0]
            least = min(least, share.min(initial=np.inf))
            new["exp_avg"] = b2 * state["exp_avg"] + (1 - b2) * g
        else:
            m = new["exp_avg"] = b1 * state["exp_avg"] + (1 - b1) * g
            v = new["exp_avg_sq"] = b2 * state["exp_avg_sq"] + (1 - b2) * g * g
            if amsgrad:
                v = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
            root = np.sqrt(1 - b2**t)
            move = lr * root / (1 - b1**t) * m
            move /= np.sqrt(v) + (epsilon if keras_epsilon else epsilon * root)

        # An update that is not lazy is of every row, and so is its decay.
        weight = np.where(updated[:, None], weight * (1 - lr * decay) - move, weight)
        for name in state:
            of_row = updated if state[name].ndim == 1 else updated[:, None]
            state[name] = np.where(of_row, new[name], state[name])

    if metadata["format"] == "embedding-replay/1":
        state = {NAMES_OF_FORMAT_1[name]: value for name, value in state.items()}
    return expected | {"weight": weight} | state, least


def differences(tensors, metadata, expected):
    computed, least = compute(tensors, metadata)
    assert computed.keys() == expected.keys(), (computed.keys(), expected.keys())
    found = {"outputs": 0.0}
    for name, value in computed.items():
        assert value.shape == expected[name].shape, (name, value.shape)
        difference = np.abs(value - expected[name])
        if name.startswith("step."):
            found["outputs"] = max(found["outputs"], difference.max())
        elif name == "weight":
            found[name] = difference.max()
        else:
            size = np.abs(value)
            if value.ndim == 2:
                difference, size = difference.max(axis=1), size.max(axis=1)
            # Rows whose state is still zero must have exactly that.
            assert not difference[size == 0].any(), name
            found[name] = (difference[size > 0] / size[size > 0]).max(initial=0.0)
    return found, least


def main(patterns):
    paths = sorted(HERE.glob("*.expected.safetensors"))
    names = [path.name.removesuffix(".expected.safetensors") for path in paths]
    names = [name for name in names if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)]
    failed = not names
    for name in names:
        tensors, metadata = read(HERE / f"{name}.safetensors")
        expected, _ = read(HERE / f"{name}.expected.safetensors")
        found, least = differences(tensors, metadata, expected)
        is_off = any(
            not value <= (LARGEST_OF_WEIGHTS if kind in ("outputs", "weight") else LARGEST_OF_STATE)
            for kind, value in found.items()
        )
        failed |= is_off or not least >= LEAST_FOR_A_SIGN
        text = "  ".join(f"{kind} {value:.1e}" for kind, value in found.items())
        if np.isfinite(least):
            text += f"  (least for a sign {least:.0e})"
        print(f"{name:34s} {text}{'  TOO FAR' if is_off else ''}")
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
