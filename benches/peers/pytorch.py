"""PyTorch's steps of an embedding on a CUDA GPU: a line of JSON for each case, in seconds by CUDA's events.

A step is the lookup, the backward pass of a given gradient, and the optimizer. Run by `cargo bench -- gpu`.
"""

import json
import sys

try:
    import torch
except ImportError:
    sys.exit("python3 has no torch")
if not torch.cuda.is_available():
    sys.exit("torch has no CUDA")

ROUNDS = 15


def indices(rows, lookups, skew):
    if skew == "uniform":
        return torch.randint(rows, (lookups,), device="cuda")
    ranks = torch.arange(1, rows + 1, dtype=torch.float64, device="cuda")
    cumulative = torch.cumsum(ranks**-1.05, 0)
    drawn = torch.rand(lookups, dtype=torch.float64, device="cuda") * cumulative[-1]
    return torch.searchsorted(cumulative, drawn).clamp(max=rows - 1) * 2_654_435_761 % rows


def measure(name, rows, width, lookups, skew, is_sparse):
    embedding = torch.nn.Embedding(rows, width, sparse=is_sparse, device="cuda")
    if is_sparse:
        optimizer = torch.optim.SparseAdam(embedding.parameters())
    else:
        optimizer = torch.optim.Adam(embedding.parameters(), fused=True)
    batches = [indices(rows, lookups, skew) for _ in range(4)]
    gradient = torch.rand(lookups, width, device="cuda") * 2 - 1

    def step(number):
        optimizer.zero_grad(set_to_none=True)
        embedding(batches[number % 4]).backward(gradient)
        optimizer.step()

    for number in range(ROUNDS):
        step(number)
    seconds = []
    for number in range(ROUNDS):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begin.record()
        step(number)
        end.record()
        torch.cuda.synchronize()
        seconds.append(begin.elapsed_time(end) / 1e3)
    case = f"{name} step, V = {rows}, D = {width}, n = {lookups}, {skew}"
    print(json.dumps({"case": case, "seconds": sorted(seconds)[ROUNDS // 2]}), flush=True)


is_quick = "--quick" in sys.argv
for width in [64] if is_quick else [16, 64, 128, 300]:
    for lookups in [8_192] if is_quick else [8_192, 65_536, 1_048_576]:
        for skew in ["uniform", "Zipf 1.05"]:
            for name, is_sparse in [("SparseAdam", True), ("dense Adam", False)]:
                try:
                    measure(name, 1_000_000, width, lookups, skew, is_sparse)
                except torch.cuda.OutOfMemoryError:
                    torch.cuda.empty_cache()
