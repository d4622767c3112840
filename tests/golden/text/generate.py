"""Makes the JSON files of this folder with Keras's own text preparation.

How to run (Python 3.11, in a virtual environment outside the repository):

    pip install -r ../requirements.txt
    python generate.py

tokenizer.json   Tokenizer: settings, what it was fitted on, and what it then
                 says: to_json, with all its maps; ids of some texts, texts of
                 some ids, matrices
padding.json     pad_sequences
words.json       text_to_word_sequence, and hashing_trick with md5
keras.json       to_json of every third of these, just as Keras wrote it

In tokenizer.json the entries of word_docs, and so of index_docs, are put in the
order in which the words were first met, before to_json is called: Keras goes
over a Python set there, whose order changes from run to run. Nothing else is
touched. An exception is recorded by its type; an id that Keras gives as None
is null.
"""

import itertools
import json
import os
import sys
from pathlib import Path

# One fixed order of Python's sets, so that a rerun gives the same bytes.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ["JAX_PLATFORMS"] = "cpu"

import keras
from keras.src.legacy.preprocessing.text import Tokenizer, hashing_trick, text_to_word_sequence

HERE = Path(__file__).resolve().parent
MODES = ["binary", "count", "freq", "tfidf"]

PLAIN = ["The cat sat on the mat.", "The dog sat; the dog ran!", "a cat, a dog: a bird"]
UNICODE = [
    "Café CAFÉ cafe\u0301 CAFE\u0301 naïve Ærøskøbing",
    "İstanbul ISTANBUL ıstanbul Iğdır istanbul DİYARBAKIR",
    "Straße STRASSE strasse GROẞ groß",
    "ΟΔΥΣΣΕΥΣ Οδυσσεύς ΣΑΣ Σ ΑΣ. ΑΣΑ Α\u0301Σ\u0301 ΣΣ",
    "I ❤️ 🙂 👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 e\u0301\u0302 \u0301",
    "ДВА два Два, Ǆ ǅ ǆ ﬁ FI K Å Ω",
    "日本語 のテキスト 한국어 العربية עברית हिन्दी",
    "no\u00a0break thin\u2009space zero\u200bwidth line\u2028sep em\u3000space",
]
BLANK = ["", " ", "\t", "\n", "!!! ... ???", "a\tb\nc\rd\r\ne", "  two  spaces ", "it's 'quoted' don't", "\\back\\slash\\", "\x7f\x00\x1f\x85", "a\x1cb\x1dc\x1ed\x1fe\x0bf\x0cg\u1680h\u180ei\ufeffj\u3000k\u202fl\u205fm"]
TIES = ["b a c", "c b a d", "e e f f", "f e", "d"]
WITH_OOV = ["the <oov> cat <oov>", "oov the oov", "<OOV> <oov> zebra"]
WORDS = [["The", "cat sat", "", "THE", "!"], ["ΑΣ", "Σ", "İ", "the"], []]
PROBES = ["the cat and the zebra", "", "!?", "A DOG's bird", "oov <oov> <OOV>", "ΑΣ İ straße cafe\u0301 🙂"]
PROBE_WORDS = [["THE", "cat sat", "nope", ""], [], ["ΑΣ", "!"]]

ALL = PLAIN + UNICODE + BLANK + TIES


def tokenizer_cases():
    """(name, arguments, calls): a call is (method, argument)."""
    fit = lambda *texts: [("fit_on_texts", text) for text in texts]
    yield "defaults", {}, fit(PLAIN)
    yield "all texts", {}, fit(ALL)
    yield "all texts, oov", {"oov_token": "<OOV>"}, fit(ALL)
    yield "case kept", {"lower": False}, fit(ALL)
    yield "blank", {}, fit(BLANK)
    yield "blank, oov", {"oov_token": "<OOV>"}, fit(BLANK)
    yield "nothing", {}, fit([])
    yield "nothing, oov", {"oov_token": "?"}, fit([])
    yield "unfitted", {}, []
    yield "unfitted, num_words", {"num_words": 4}, []
    yield "unfitted, oov", {"oov_token": "?"}, []
    yield "unfitted, oov and num_words", {"oov_token": "?", "num_words": 3}, []
    yield "ties", {}, fit(TIES)
    yield "several fits", {}, fit(TIES, PLAIN, TIES[::-1])
    yield "several fits, oov", {"oov_token": "<oov>", "num_words": 6}, fit(TIES, PLAIN, [], WITH_OOV)
    yield "several fits that change every id", {}, fit(["a b c"], ["c c c b b d d d d"])
    for num_words in [None, 0, 1, 2, 3, 4, 100]:
        for oov_token in [None, "<oov>"]:
            arguments = {"num_words": num_words, "oov_token": oov_token}
            yield f"num_words {num_words}, oov {oov_token}", arguments, fit(PLAIN)
    for num_words, filters in itertools.product([None, 0, 2, 4, 5], ["", '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n']):
        arguments = {"num_words": num_words, "oov_token": "oov" if filters else "<oov>", "filters": filters}
        yield f"oov among the texts, num_words {num_words}, filters {len(filters)}", arguments, fit(WITH_OOV)
    yield "oov of one text", {"oov_token": "the"}, fit(PLAIN)
    yield "oov empty", {"oov_token": ""}, fit(PLAIN)
    yield "oov empty, and a word of a list", {"oov_token": ""}, fit(WORDS)
    yield "oov in capitals", {"oov_token": "The"}, fit(PLAIN)
    yield "oov of Unicode", {"oov_token": "❓é"}, fit(UNICODE)
    yield "filters none", {"filters": ""}, fit(ALL)
    yield "filters of one", {"filters": "a"}, fit(ALL)
    yield "filters of Unicode", {"filters": "éσ🙂\u200d\u00a0ß日"}, fit(ALL)
    yield "filters with the split", {"filters": " .", "split": " "}, fit(ALL)
    yield "split of a letter", {"split": "t"}, fit(ALL)
    yield "split of a tab", {"split": "\t"}, fit(BLANK + PLAIN)
    yield "split of several", {"split": "at"}, fit(ALL)
    yield "split of several that filters complete", {"split": "aa", "filters": "!b"}, fit(["xa!ay", "a!!a", "bab ba", "aaa", "aaaa!a"])
    yield "split of several, case kept", {"split": "CA", "lower": False}, fit(UNICODE + ["CA ca CAca"])
    yield "split in capitals", {"split": "T"}, fit(PLAIN)
    yield "split of Unicode", {"split": "ς", "filters": ""}, fit(UNICODE)
    yield "split empty", {"split": ""}, fit(PLAIN)
    yield "split None", {"split": None}, fit(ALL)
    yield "split None, no filters", {"split": None, "filters": ""}, fit(ALL)
    yield "filters None", {"filters": None}, fit(PLAIN)
    yield "characters, filters and split None", {"filters": None, "split": None, "char_level": True}, fit(PLAIN)
    yield "characters", {"char_level": True}, fit(PLAIN)
    yield "characters of all", {"char_level": True, "oov_token": "�"}, fit(ALL)
    yield "characters, case kept", {"char_level": True, "lower": False}, fit(ALL)
    yield "characters, oov and num_words", {"char_level": True, "oov_token": "a", "num_words": 7}, fit(PLAIN)
    yield "characters, split empty", {"char_level": True, "split": ""}, fit(PLAIN)
    yield "characters, lists", {"char_level": True}, fit(WORDS, PLAIN)
    yield "lists", {}, fit(WORDS)
    yield "lists, case kept", {"lower": False, "oov_token": "?"}, fit(WORDS)
    yield "lists and texts", {"num_words": 5}, fit(WORDS, PLAIN)
    yield "lists, split empty", {"split": ""}, fit(WORDS)
    sequences = ("fit_on_sequences", [[1, 2, 2, 0], [], [2, 9, 4000000000], [0, 0]])
    yield "sequences", {"num_words": 5}, [sequences]
    yield "sequences, no width", {}, [sequences]
    yield "sequences and texts", {"oov_token": "?"}, [sequences, *fit(PLAIN), sequences]
    yield "texts and sequences", {}, [*fit(PLAIN), sequences, *fit(TIES)]


def outcome(compute):
    """What it gives, or the exception it raises."""
    try:
        return {"is": compute()}
    except Exception as error:
        return {"error": type(error).__name__}


def tokenizer_case(name, arguments, calls):
    tokenizer = Tokenizer(**arguments)
    case = {"name": name, "arguments": arguments, "calls": [list(call) for call in calls]}
    seen = set()
    for method, argument in calls:
        failed = outcome(lambda: getattr(tokenizer, method)(argument)).get("error")
        if failed:
            return case | {"error": failed}
        # The order, as said above.
        tokenizer.word_docs.update({word: tokenizer.word_docs.pop(word) for word in tokenizer.word_counts})
        if method == "fit_on_texts":
            first = [tokenizer.word_index[word] for word in tokenizer.word_counts]
            kept = [id for id in tokenizer.index_docs if id in seen]
            ordered = kept + [id for id in first if id not in seen]
        else:
            met = list(dict.fromkeys(id for sequence in argument for id in sequence))
            ordered = [id for id in tokenizer.index_docs if id in seen] + [id for id in met if id not in seen]
        assert set(ordered) == set(tokenizer.index_docs)
        for id in ordered:
            tokenizer.index_docs[id] = tokenizer.index_docs.pop(id)
        seen = set(ordered)
    case["json"] = tokenizer.to_json()
    count = len(tokenizer.word_index)
    ids = [list(range(min(count, 20) + 3)), [], [count, 0, count + 1, 1, 1], [4294967295]]
    case["texts"] = outcome(lambda: [[text, tokenizer.texts_to_sequences([text])[0]] for text in PROBES])
    case["words"] = outcome(lambda: [[words, tokenizer.texts_to_sequences([words])[0]] for words in PROBE_WORDS])
    case["sequences"] = [[id, outcome(lambda: tokenizer.sequences_to_texts([id])[0])] for id in ids]
    case["matrix_of"] = [[1, 1, 1, 2, 5], [], [0, 3, 4000000000, 3], [count + 1, count]]
    if count > 40:
        return case | {"matrices": None}
    for mode in MODES:
        matrix = outcome(lambda: tokenizer.sequences_to_matrix(case["matrix_of"], mode=mode).tolist())
        case.setdefault("matrices", {})[mode] = matrix
    return case


def padding_cases():
    groups = [
        [[1], [2, 3], [4, 5, 6, 7]],
        [[], [1, 2, 3], []],
        [[], []],
        [[0, -5, 2147483647], [-2147483648]],
        [[9] * 12, list(range(12))],
        [[]],
    ]
    for sequences, maxlen, padding, truncating, value in itertools.product(
        groups, [None, 1, 2, 3, 4, 7], ["pre", "post"], ["pre", "post"], [None, 0, -1, 7]
    ):
        arguments = {"maxlen": maxlen, "padding": padding, "truncating": truncating}
        if value is not None:
            arguments["value"] = value
        padded = keras.utils.pad_sequences(sequences, **arguments)
        yield {"sequences": sequences, **arguments, "shape": list(padded.shape), "padded": padded.tolist()}
    for maxlen, value in itertools.product([None, 2, 5], [None, -0.5, 0.1]):
        sequences = [[0.25], [], [1.5, -2.75, 1e30, 0.1]]
        arguments = {"maxlen": maxlen} | ({} if value is None else {"value": value})
        padded = keras.utils.pad_sequences(sequences, dtype="float64", **arguments)
        yield {"float_sequences": sequences, **arguments, "shape": list(padded.shape), "padded": padded.tolist()}
    padded = keras.utils.pad_sequences([], maxlen=3)
    yield {"sequences": [], "maxlen": 3, "shape": list(padded.shape), "padded": []}
    padded = keras.utils.pad_sequences([[1, 2], []], maxlen=0, truncating="post")
    yield {"sequences": [[1, 2], []], "maxlen": 0, "truncating": "post", "shape": list(padded.shape), "padded": padded.tolist()}


def word_cases():
    settings = [
        {},
        {"lower": False},
        {"filters": ""},
        {"split": "t"},
        {"split": "at", "filters": "s"},
        {"split": None},
        {"split": ""},
        {"filters": None},
    ]
    for text, arguments in itertools.product(ALL, settings):
        case = {"text": text, "arguments": arguments}
        case["words"] = outcome(lambda: text_to_word_sequence(text, **arguments))
        case["hashed"] = [
            [n, outcome(lambda: hashing_trick(text, n, hash_function="md5", **arguments))]
            for n in [2, 3, 1000, 2**31 - 1, 2**32 - 1]
        ]
        yield case


def keras_json():
    for _, arguments, calls in tokenizer_cases():
        tokenizer = Tokenizer(**arguments)
        try:
            for method, argument in calls:
                getattr(tokenizer, method)(argument)
        except Exception:
            continue
        yield tokenizer.to_json()


def write(name, cases):
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


write("tokenizer.json", [tokenizer_case(*case) for case in tokenizer_cases()])
write("padding.json", list(padding_cases()))
write("words.json", list(word_cases()))
write("keras.json", list(keras_json())[::3])
