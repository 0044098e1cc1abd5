"""POT's log-domain Sinkhorn on the input that bench_num wrote: the peer of `bench_num sinkhorn`.

usage: sinkhorn_pot.py DIR THREADS REPEAT
Finds, five iterations at a time, how many bring the dual value as near to the best one as cull's was
(DIR/value.txt), and times that many from the start: median of REPEAT runs, the better of f32 and f64 (above 10^8
pairs f32 alone, whose matrix is half as large). The cost
matrix is made beforehand. Prints case,tool,threads,seconds,gflops; flops as if each iteration made it anew."""
import statistics
import sys
import time
import warnings

import numpy as np
import ot

folder, threads, repeat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
warnings.simplefilter("ignore")
x, y = np.load(folder + "/x.npy"), np.load(folder + "/q.npy")
epsilon, dual, best, _ = map(float, open(folder + "/value.txt").read().split())
(n, d), m = x.shape, y.shape[0]


def value(log_v):
    """The dual value at these column potentials and the best row potentials for them, in f64."""
    g = epsilon * (log_v.astype(np.float64) + np.log(m))
    yy, total = (y.astype(np.float64) ** 2).sum(1), 0.0
    for lo in range(0, n, 500):
        b = x[lo : lo + 500].astype(np.float64)
        c = (b * b).sum(1)[:, None] - 2 * b @ y.T.astype(np.float64) + yy
        t = (g - c) / epsilon
        top = t.max(1)
        total -= epsilon * (top + np.log(np.exp(t - top[:, None]).mean(1))).sum()
    return total / n + g.mean()


def run(cost, iterations, start=None):
    a, b = np.full(n, 1 / n, cost.dtype), np.full(m, 1 / m, cost.dtype)
    _, log = ot.sinkhorn(a, b, cost, epsilon, method="sinkhorn_log", numItermax=iterations, stopThr=0,
                         warn=False, log=True, warmstart=start)
    return log["log_u"], log["log_v"]


times = {}
for kind in (np.float32, np.float64) if n * m <= 10**8 else (np.float32,):
    cost = ot.dist(x.astype(kind), y.astype(kind)).astype(kind)
    count, at = 0, None
    while count < 2000:
        at = run(cost, 5, at)
        count += 5
        gap = best - value(at[1])
        if gap <= max(best - dual, 0):
            break
    else:
        print(f"# pot {kind.__name__}: gap {gap:.3g} after {count} iterations, cull's {best - dual:.3g}", file=sys.stderr)
        continue
    runs = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run(cost, count)
        runs.append(time.perf_counter() - begin)
    times[kind.__name__] = (statistics.median(runs), count)
    print(f"# pot {kind.__name__}: {count} iterations, {times[kind.__name__][0]:.3f} s, gap {gap:.3g} (cull {best - dual:.3g})",
          file=sys.stderr)
    del cost
t, count = min(times.values())
print(f"sinkhorn-n{n}-d{d}-m{m}-k1,pot,{threads},{t:.4f},{2e-9 * n * m * d * count / t:.1f}")
