"""Makes the small vector files here with gensim itself, and what they hold.

    pip install -r ../requirements.txt
    python generate.py

`expected.safetensors` has the tensor `values`, [words, width] float32, and
`words.txt` a word a line. The other files are the same vectors as gensim's
`save_word2vec_format` writes them; `fasttext.vec` has the trailing space that
fastText puts at the end of each row, and `newlines.bin` the newline that the
original word2vec puts after each vector, which gensim reads and does not write.
`rounding.txt` has decimal numbers beside the bits of float32 that numpy makes
of them when it reads them as float32 at once, as float(text) rounded (which is
what gensim does), and what exact arithmetic gives.
"""

from fractions import Fraction
from pathlib import Path
import gzip

import numpy as np
from gensim.models import KeyedVectors
from safetensors.numpy import save_file

HERE = Path(__file__).parent
WIDTH = 7


def words():
    # White space that is no space (U+00A0, U+0085, U+2028, U+3000), words that
    # are numbers, a combining accent, characters of two to four bytes.
    tricky = ["the", ",", "5", "-0.25", "nan", "\u00a0", "a\u00a0b", "\u0085", "x\u2028y", "\u3000",
              "caf\u00e9", "cafe\u0301", "\u0130stanbul", "stra\u00dfe", "\u6771\u4eac", "\U0001f980", "</s>", "\"", "\\"]
    return tricky + [f"word{number}" for number in range(81)]


def values(count):
    random = np.random.default_rng(5)
    result = random.standard_normal((count, WIDTH)).astype(np.float32)
    # Any bits but those of NaN and infinity; numbers with long and short decimals; both zeros; subnormals.
    bits = random.integers(0, 2**32, 30 * WIDTH, dtype=np.uint32).view(np.float32).reshape(30, WIDTH)
    result[30:60] = np.where(np.isfinite(bits), bits, np.float32(0.1))
    limits = np.finfo(np.float32)
    result[60] = [0.0, -0.0, limits.max, limits.min, limits.tiny, limits.smallest_subnormal, -limits.smallest_subnormal]
    result[61] = [1.0, -1.0, 0.5, 100000.0, 1e16, 1e-5, 123456789.0]
    return result


def nearest(text):
    """float32 nearest to the decimal number, in exact arithmetic, ties to even."""
    exact = Fraction(text)
    guess = np.float32(float(exact))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - exact), x.view(np.uint32) & 1))


def rounding():
    random = np.random.default_rng(6)
    lines = []
    for number in range(400):
        low = np.float32(random.standard_normal())
        high = np.nextafter(low, np.float32(np.inf))
        middle = (Fraction(float(low)) + Fraction(float(high))) / 2
        # Just above, on, and just below half-way: nearer than a float64 can tell.
        exact = middle + Fraction(number % 3 - 1, 10**40)
        sign = "-" if exact < 0 else ""
        digits = abs(exact)
        text = f"{sign}{int(digits)}." + str(int((digits - int(digits)) * 10**70)).zfill(70)
        lines.append(text)
    lines += [repr(float(x)) for x in random.standard_normal(100)]
    rows = []
    for text in lines:
        twice, once, exact = np.float32(float(text)), np.array([text]).astype(np.float32)[0], nearest(text)
        rows.append(f"{text} {twice.view(np.uint32)} {once.view(np.uint32)} {exact.view(np.uint32)}\n")
    return rows


def main():
    keys = words()
    expected = values(len(keys))
    (HERE / "words.txt").write_text("".join(f"{key}\n" for key in keys), encoding="utf-8", newline="")
    save_file({"values": expected}, HERE / "expected.safetensors")
    vectors = KeyedVectors(WIDTH)
    vectors.add_vectors(keys, expected)
    vectors.save_word2vec_format(str(HERE / "word2vec.txt"))
    vectors.save_word2vec_format(str(HERE / "word2vec.bin"), binary=True)
    vectors.save_word2vec_format(str(HERE / "glove.txt"), write_header=False)
    text = (HERE / "word2vec.txt").read_bytes()
    header, *rows = text.split(b"\n")[:-1]
    (HERE / "fasttext.vec").write_bytes(header + b"\n" + b"".join(row + b" \n" for row in rows))
    (HERE / "word2vec.txt.gz").write_bytes(gzip.compress(text, mtime=0))
    binary = b"%d %d\n" % expected.shape
    binary += b"".join(key.encode() + b" " + row.tobytes() + b"\n" for key, row in zip(keys, expected))
    (HERE / "newlines.bin").write_bytes(binary)
    (HERE / "rounding.txt").write_text("".join(rounding()))
    for name in ["word2vec.bin", "newlines.bin", "word2vec.txt", "fasttext.vec", "word2vec.txt.gz"]:
        again = KeyedVectors.load_word2vec_format(str(HERE / name), binary=name.endswith(".bin"))
        assert again.index_to_key == keys and np.array_equal(again.vectors.view(np.uint32), expected.view(np.uint32)), name


if __name__ == "__main__":
    main()
