#!/usr/bin/python3
"""The same features by scikit-learn: hashed word 1-2-grams, TF-IDF, randomized truncated SVD.

usage: text_sklearn.py FILE.jsonl THREADS [OUT.npy]
prints case,tool,threads,seconds,quality: quality is the share of a text's 10 nearest neighbours
(cosine) that carry its label, over at most 2000 texts; empty when the records have no label.
usage: text_sklearn.py --quality FILE.jsonl EMBEDDINGS.npy: that share, for anyone's embeddings
"""
import json
import os
import sys
import time


def read(path):
    text, label = [], []
    with open(path, encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            text.append(r["text"])
            label.append(r.get("label"))
    return text, label


def precision(e, label, k=10, queries=2000):
    import numpy as np

    if label[0] is None:
        return ""
    code = np.unique(np.array(label, dtype=str), return_inverse=True)[1]
    e = np.asarray(e, np.float32)
    e = e / np.maximum(np.linalg.norm(e, axis=1, keepdims=True), 1e-30)
    ask = np.random.default_rng(0).permutation(len(e))[:queries]
    hits = 0.0
    for lo in range(0, len(ask), 200):
        q = ask[lo : lo + 200]
        s = e[q] @ e.T
        s[np.arange(len(q)), q] = -2
        near = np.argpartition(-s, k, axis=1)[:, :k]
        hits += (code[near] == code[q][:, None]).mean(axis=1).sum()
    return f"{hits / len(ask):.4f}"


def main():
    if sys.argv[1] == "--quality":
        import numpy as np

        print(precision(np.load(sys.argv[3]), read(sys.argv[2])[1]))
        return
    threads = sys.argv[2]
    for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[v] = threads
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    t0 = time.perf_counter()
    text, label = read(sys.argv[1])
    t1 = time.perf_counter()
    x = HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False,
                          norm=None).transform(text)
    x = TfidfTransformer(sublinear_tf=True).fit_transform(x)
    t2 = time.perf_counter()
    e = TruncatedSVD(128, algorithm="randomized", random_state=0).fit_transform(x)
    t3 = time.perf_counter()
    for case, s in (("read", t1 - t0), ("tfidf", t2 - t1), ("svd", t3 - t2)):
        print(f"{case},sklearn,{threads},{s:.3f},")
    print(f"all,sklearn,{threads},{t3 - t0:.3f},{precision(e, label)}")
    if len(sys.argv) > 3:
        np.save(sys.argv[3], e)


main()
