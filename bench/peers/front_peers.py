"""moocore, pymoo and Optuna on the inputs that `bench_front --write DIR` wrote: its peers.

usage: front_peers.py DIR [REPEAT]
Prints case,tool,n,m,seconds,value: the least processor time of REPEAT runs (5) after one to warm up, one thread. What takes
longer than 2 s is run once. Peers that are not installed are left out and named. Values: ranks of dominance, volume within
(1.1, ...)."""
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np

folder, repeat = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5


def load(kind, n, m):
    return np.load(f"{folder}/{kind}_{n}_{m}.npy")


def least(f):
    best = float("inf")
    for k in range(repeat + 1):
        at = time.process_time()
        value = f()
        took = time.process_time() - at
        if k or took > 2:
            best = min(best, took)
        if took > 2:
            break
    return best, value


def row(case, tool, v, f):
    seconds, value = least(f)
    print(f"{case},{tool},{v.shape[0]},{v.shape[1]},{seconds:.6f},{value:.12g}", flush=True)


def moocore_rows():
    import moocore
    for n, m, front in RANKS:
        v = load("sphere" if front else "noise", n, m)
        row("ranks" + "-front" * front, "moocore", v, lambda: int(moocore.pareto_rank(v).max()) + 1)
    for n, m in VOLUMES:
        v = load("sphere", n, m)
        row("volume-front", "moocore", v, lambda: moocore.hypervolume(v, ref=[1.1] * m))
    for n, m in SHARES:
        v = load("sphere", n, m)
        row("shares-front", "moocore", v,
            lambda: moocore.hv_contributions(v, ref=[1.1] * m, ignore_dominated=False).sum())


def pymoo_rows():
    from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting
    sort = NonDominatedSorting()

    def step(v):
        fronts = sort.do(v)
        for f in fronts:
            calc_crowding_distance(v[f])
        return len(fronts)

    for n, m, front in RANKS:
        v = load("sphere" if front else "noise", n, m)
        row("ranks" + "-front" * front, "pymoo", v, lambda: len(sort.do(v)))
    for n, m, front in STEPS:
        v = load("sphere" if front else "noise", n, m)
        row("nsga2" + "-front" * front, "pymoo", v, lambda: step(v))


def optuna_rows():
    from optuna._hypervolume import compute_hypervolume
    from optuna.study._multi_objective import _fast_non_domination_rank
    for n, m, front in RANKS:
        v = load("sphere" if front else "noise", n, m)
        row("ranks" + "-front" * front, "optuna", v, lambda: int(_fast_non_domination_rank(v).max()) + 1)
    for n, m in VOLUMES:
        if n * m > 3000 or m > 5:  # minutes
            continue
        v = load("sphere", n, m)
        row("volume-front", "optuna", v, lambda: compute_hypervolume(v, np.full(m, 1.1)))


RANKS = [(10000, 2, False), (10000, 3, False), (10000, 3, True), (10000, 4, False), (10000, 5, False),
         (10000, 4, True), (2000, 8, False)]
STEPS = [(2000, 2, False), (2000, 3, False), (2000, 3, True)]
VOLUMES = [(1000, 2), (1000, 3), (100000, 3), (300, 4), (1000, 4), (100, 5), (300, 5), (100, 6), (60, 7), (50, 8)]
SHARES = [(1000, 2), (1000, 3), (300, 4), (100, 5)]

print("case,tool,n,m,seconds,value")
for peer in (moocore_rows, pymoo_rows, optuna_rows):
    try:
        peer()
    except ImportError as e:
        print(f"# {peer.__name__[:-5]} left out: {e}")
