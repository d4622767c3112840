"""Words a second of gensim's skip-gram, at the settings of the example word2vec.

    pip install gensim==4.4.0
    python benches/word2vec.py FILE
    cargo run --release --example word2vec -- FILE
"""

import sys
import time

from gensim.models.word2vec import Word2Vec

EPOCHS = 5

with open(sys.argv[1], encoding="utf-8") as file:
    sentences = [line.split() for line in file]
model = Word2Vec(sg=1, negative=5, workers=2, vector_size=100, window=5, min_count=5, sample=1e-3)
model.build_vocab(sentences)
start = time.perf_counter()
model.train(sentences, total_examples=len(sentences), epochs=EPOCHS)
seconds = time.perf_counter() - start
words = sum(map(len, sentences)) * EPOCHS
print(f"trained in {seconds:.1f} s: {words / seconds:.0f} words/s")
