"""BorutaPy with scikit-learn's forest: the peer of `bench_trees X Y boruta`.

usage: boruta_borutapy.py X.npy Y.npy THREADS TREES SEEDS
Prints borutapy,threads,seed,seconds,kept, the columns kept, counted from 0, and how many stay tentative."""
import sys
import time

import numpy as np
from boruta import BorutaPy
from sklearn.ensemble import RandomForestClassifier

x, y = np.load(sys.argv[1]).astype("f4"), np.load(sys.argv[2])
threads, trees, seeds = map(int, sys.argv[3:6])
for seed in range(1, seeds + 1):
    forest = RandomForestClassifier(n_jobs=threads)
    started = time.perf_counter()
    found = BorutaPy(forest, n_estimators=trees, alpha=0.01, random_state=seed).fit(x, y)
    seconds = time.perf_counter() - started
    kept = np.flatnonzero(found.support_)
    print(f"borutapy,{threads},{seed},{seconds:.3f},{len(kept)},{' '.join(map(str, kept))},", end="")
    print(f"{found.support_weak_.sum()} tentative", flush=True)
