"""scikit-learn's mutual_info_classif beside cull's mutual-information, estimator knn: times and estimates.

usage: feature_sklearn.py BENCH_FEATURE X Y [COLUMNS [THREADS]]

X and Y are IDX files (.gz) or .npy. scikit-learn gets COLUMNS columns (16), evenly spread, and its time for
all of them is scaled from these; cull is timed on the same columns and on all."""

import gzip
import subprocess
import sys
import time

import numpy as np
from sklearn.feature_selection import mutual_info_classif


def load(path):
    if path.endswith(".npy"):
        return np.load(path)
    with gzip.open(path) as f:
        data = f.read()
    dims = data[3]
    shape = np.frombuffer(data, ">u4", dims, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def cull(bench, x, y, threads, columns, *ties):
    command = [bench, x, y, "mutual-information,estimator=knn" + "".join(ties), "--threads", threads, "--repeat", "3", "--scores"]
    if columns:
        command += ["--columns", str(columns)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return float(out[0].split(",")[-1]), np.array([float(v) for v in out[1:] if v])


bench, x, y, *more = sys.argv[1:]
columns = int(more[0]) if more else 16
threads = more[1] if len(more) > 1 else "2"
rows = load(x).reshape(len(load(y)), -1)
take = [k * rows.shape[1] // columns for k in range(columns)]
part, target = rows[:, take].astype(np.float64), load(y)
begin = time.perf_counter()
theirs = mutual_info_classif(part, target, random_state=0)
seconds = time.perf_counter() - begin
other = mutual_info_classif(part, target, random_state=1)
print(f"scikit-learn: {seconds:.2f} s for {columns} columns, so {seconds / columns * rows.shape[1]:.1f} s for {rows.shape[1]}")
print(f"  another seed of its noise: at most {np.nanmax(abs(theirs - other)):.2g} nats apart")
for ties in ((), (",ties=noise",)):
    some, ours = cull(bench, x, y, threads, columns, *ties)
    whole, _ = cull(bench, x, y, threads, 0, *ties)
    same = np.where(np.isnan(ours), 0, ours)
    print(f"cull{''.join(ties)}, {threads} threads: {some:.3f} s for {columns}, {whole:.2f} s for {rows.shape[1]}: "
          f"1/{seconds / columns * rows.shape[1] / whole:.0f} of the time; at most {abs(same - theirs).max():.2g} nats apart, "
          f"mean {abs(same - theirs).mean():.2g}, of estimates up to {theirs.max():.2g}")
