"""Makes exported.safetensors: tables as Python's safetensors library writes them, in each kind of float that is read.

    pip install numpy==2.4.6 ml_dtypes==0.6.0 safetensors==0.8.0
    python generate.py

NAME.f32 is numpy's own conversion of NAME to float32. A rerun gives the same bytes.
"""

from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import TensorSpec, serialize_file

generator = np.random.default_rng(7)
# Numbers of every size, with those that conversions go wrong at: zeros, subnormals, the largest, infinities.
values = generator.normal(size=(9, 5)) * 10.0 ** generator.integers(-9, 5, size=(9, 5))
values[0] = [0.0, -0.0, np.inf, -np.inf, 65504.0]
values[1] = [2.0**-24, -(2.0**-14), 2.0**-149, 1.0 + 2.0**-24, 1.0 + 2.0**-23]

tables = {"model.embed_tokens.weight": values.astype(np.float32), "double": values}
with np.errstate(over="ignore"):
    tables["half"] = values.astype(np.float16)
tables["brain"] = values.astype(ml_dtypes.bfloat16)
for name in ["double", "half", "brain"]:
    tables[f"{name}.f32"] = tables[name].astype(np.float32)
# What is no table of floats.
tables["ids"] = np.arange(10, dtype=np.int64).reshape(5, 2)
tables["bias"] = np.zeros(5, dtype=np.float32)
tables["stack"] = np.zeros((2, 3, 4), dtype=np.float32)

specs = {
    name: TensorSpec(dtype=str(table.dtype), shape=list(table.shape), data_ptr=table.ctypes.data, data_len=table.nbytes)
    for name, table in tables.items()
}
serialize_file(specs, str(Path(__file__).with_name("exported.safetensors")))
