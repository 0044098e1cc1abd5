"""faiss range_search of a pool in itself, on the input that bench_num wrote: the peer of `bench_num near`.

usage: near_faiss.py DIR CASE COSINE THREADS REPEAT
Prints case,tool,threads,seconds,gflops (median of REPEAT runs; building the index and normalising are
not timed). Queries go in batches of BATCH, the quickest of some sizes on a part of the pool. Every pair is
found twice and every row finds itself; gflops count each pair once, as for cull."""
import statistics
import sys
import time

import faiss
import numpy as np

folder, name, cosine = sys.argv[1], sys.argv[2], float(sys.argv[3])
threads, repeat = int(sys.argv[4]), int(sys.argv[5])
x = np.load(folder + "/x.npy")
n, d = x.shape
faiss.omp_set_num_threads(threads)
faiss.normalize_L2(x)
index = faiss.IndexFlatIP(d)
index.add(x)


def pairs(rows, batch):
    found = 0
    for lo in range(0, rows, batch):
        limit = index.range_search(x[lo : min(lo + batch, rows)], cosine)[0]
        found += int(limit[-1])
    return found


def took(rows, batch):
    at = time.perf_counter()
    found = pairs(rows, batch)
    return time.perf_counter() - at, found


some = min(n, 4096)
batch = min((1024, 4096), key=lambda size: took(some, size)[0])
runs = [took(n, batch) for _ in range(repeat)]
t = statistics.median(run[0] for run in runs)
print(f"{name}-n{n}-d{d}-m0-k1,faiss,{threads},{t:.4f},{1e-9 * n * (n - 1) * d / t:.1f}")
print(f"# faiss: {(runs[0][1] - n) // 2} found, batches of {batch}", file=sys.stderr)
