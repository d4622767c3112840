"""Loads the files of `cargo bench --bench vectors -- --keep FOLDER` with gensim.

    python benches/vectors.py FOLDER

Prints a row a file, like the bench: each is loaded in a process of its own,
three times; median seconds, and the largest ru_maxrss.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

CASES = ["glove.txt", "glove.txt.gz", "word2vec.bin"]


def load(path):
    from gensim.models import KeyedVectors

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    binary = path.endswith(".bin")
    vectors = KeyedVectors.load_word2vec_format(path, binary=binary, no_header=not binary)
    seconds = time.perf_counter() - start
    assert vectors.vectors.shape == (400_000, 100), vectors.vectors.shape
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, after * 1024 / 1e6, before * 1024 / 1e6)


def main():
    if sys.argv[1] == "--case":
        return load(sys.argv[2])
    print("| file | s | most resident, MB | of which gensim itself, MB |\n|---|---|---|---|")
    for name in CASES:
        command = [sys.executable, __file__, "--case", str(Path(sys.argv[1]) / name)]
        outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(3)]
        runs = sorted([float(number) for number in output.split()] for output in outputs)
        print(f"| {name} | {runs[1][0]:.2f} | {max(run[1] for run in runs):.0f} | {runs[1][2]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
