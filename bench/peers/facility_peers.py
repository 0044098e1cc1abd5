"""apricot and submodlib facility location by lazy greedy on the input that bench_num wrote: the peers of
`bench_num facility-location`.

usage: facility_peers.py DIR apricot|submodlib K THREADS REPEAT
Prints case,tool,threads,seconds,gflops (median of REPEAT; apricot's compiler runs on a small pool before).
The cosine kernel is made by numpy and counted; its part of the time and the objective go to stderr."""
import contextlib
import io
import statistics
import sys
import time

import numpy as np

folder, tool, k, threads, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
x = np.load(folder + "/x.npy")
n, d = x.shape


def kernel(x):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    s = u @ u.T
    return np.maximum(s, 0, out=s)


if tool == "apricot":
    from apricot import FacilityLocationSelection

    def choose(s, k):
        f = FacilityLocationSelection(k, metric="precomputed", optimizer="lazy")
        f.fit(s)
        return f.ranking

    choose(kernel(x[:500]), 10)
else:
    from submodlib import FacilityLocationFunction

    def choose(s, k):
        f = FacilityLocationFunction(n=len(s), mode="dense", sijs=s, separate_rep=False)
        with contextlib.redirect_stdout(io.StringIO()):
            return np.array([i for i, _ in f.maximize(budget=k, optimizer="LazyGreedy", show_progress=False)])


times, kernels = [], []
for _ in range(repeat):
    at = time.perf_counter()
    s = kernel(x)
    kernels.append(time.perf_counter() - at)
    rows = choose(s, k)
    times.append(time.perf_counter() - at)
t = statistics.median(times)
print(f"facility-location-n{n}-d{d}-m0-k{k},{tool},{threads},{t:.4f},{2e-9 * n * n * d / t:.1f}")
print(f"# {tool}: kernel {statistics.median(kernels):.3f} s, objective {s[:, rows].max(1).sum(dtype=np.float64):.9g}", file=sys.stderr)
