"""faiss IndexFlatIP on the input that bench_num wrote: the peer of `bench_num topk`.

usage: topk_faiss.py DIR K THREADS REPEAT
Prints case,tool,threads,seconds,gflops (median of REPEAT searches after one to warm up; building the
index and normalising are not timed)."""
import statistics
import sys
import time

import faiss
import numpy as np

folder, k, threads, repeat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
x, q = np.load(folder + "/x.npy"), np.load(folder + "/q.npy")
faiss.omp_set_num_threads(threads)
faiss.normalize_L2(x)
faiss.normalize_L2(q)
index = faiss.IndexFlatIP(x.shape[1])
index.add(x)
index.search(q, k)
times = []
for _ in range(repeat):
    at = time.perf_counter()
    score, idx = index.search(q, k)
    times.append(time.perf_counter() - at)
t = statistics.median(times)
case = f"topk-n{x.shape[0]}-d{x.shape[1]}-m{q.shape[0]}-k{k}"
print(f"{case},faiss,{threads},{t:.4f},{2e-9 * x.shape[0] * x.shape[1] * q.shape[0] / t:.1f}")
print(f"# sum of scores {score.astype(np.float64).sum():.9g}", file=sys.stderr)
