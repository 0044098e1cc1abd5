"""geomloss's Sinkhorn on dense tensors, on the input that bench_num wrote: a peer of `bench_num sinkhorn`.

usage: sinkhorn_geomloss.py DIR THREADS REPEAT [SECONDS]
Its epsilon falls from the diameter to its end by a factor `scaling` in each iteration: the fastest fall of a list whose dual
value comes as near to the best one as cull's did (DIR/value.txt), timed: median of REPEAT runs, f32. Its cost is half
the squared distance, so that its epsilon is half of ours. A fall that took more than SECONDS (600) is the last that is tried: its
time is then told as it is, short of the value. Prints case,tool,threads,seconds,gflops."""
import statistics
import sys
import time

import geomloss
import numpy as np
import torch

folder, threads, repeat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
patience = float(sys.argv[4]) if len(sys.argv) > 4 else 600
torch.set_num_threads(threads)
x, y = np.load(folder + "/x.npy"), np.load(folder + "/q.npy")
epsilon, dual, best, _ = map(float, open(folder + "/value.txt").read().split())
(n, d), m = x.shape, y.shape[0]
tx, ty = torch.from_numpy(x), torch.from_numpy(y)


def value(g):
    """The dual value at these column potentials and the best row potentials for them, in f64."""
    g = g.astype(np.float64)
    yy, total = (y.astype(np.float64) ** 2).sum(1), 0.0
    for lo in range(0, n, 500):
        b = x[lo : lo + 500].astype(np.float64)
        t = (g - ((b * b).sum(1)[:, None] - 2 * b @ y.T.astype(np.float64) + yy)) / epsilon
        top = t.max(1)
        total -= epsilon * (top + np.log(np.exp(t - top[:, None]).mean(1))).sum()
    return total / n + g.mean()


for scaling in (0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995):
    loss = geomloss.SamplesLoss("sinkhorn", p=2, blur=(epsilon / 2) ** 0.5, scaling=scaling, debias=False,
                                potentials=True, backend="tensorized")
    with torch.no_grad():
        begin = time.perf_counter()
        g = 2 * loss(tx, ty)[1].flatten().numpy()
        first = time.perf_counter() - begin
    gap = best - value(g)
    print(f"# geomloss: scaling {scaling}, {first:.2f} s, gap {gap:.3g} (cull {best - dual:.3g})", file=sys.stderr, flush=True)
    if gap <= max(best - dual, 0) or first > patience:
        break
if gap > max(best - dual, 0):
    print("# geomloss does not come as near; the time is of the last try", file=sys.stderr)
    repeat = 1
runs = [first]
with torch.no_grad():
    for _ in range(repeat - 1):
        begin = time.perf_counter()
        loss(tx, ty)
        runs.append(time.perf_counter() - begin)
print(f"sinkhorn-n{n}-d{d}-m{m}-k1,geomloss{'' if gap <= max(best - dual, 0) else '-short'},{threads},{statistics.median(runs):.4f},")
