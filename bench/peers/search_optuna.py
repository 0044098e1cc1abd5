"""Optuna, the peer of `bench_search`.

usage: search_optuna.py ask [SAMPLER ...]           microseconds of an ask and a tell, after 100 and 1000 trials
       search_optuna.py zdt1                        NSGA-II, 100 x 250 on ZDT1: milliseconds, volume within (1.1, 1.1)
       search_optuna.py told FILE N                 a trial asked and told into an SQLite file, and into a journal beside it
       search_optuna.py table CSV COLUMN SAMPLER EVALS SEEDS
In memory, the same spaces as bench_search; times are of the processor, on one thread. SAMPLER: random, tpe, qmc,
nsga2, nsga3."""
import csv
import math
import os
import statistics
import sys
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
S = optuna.samplers
SAMPLERS = {"random": lambda seed: S.RandomSampler(seed=seed), "tpe": lambda seed: S.TPESampler(seed=seed),
            "qmc": lambda seed: S.QMCSampler(seed=seed, scramble=True),
            "nsga2": lambda seed: S.NSGAIISampler(seed=seed), "nsga3": lambda seed: S.NSGAIIISampler(seed=seed)}


def mixed(trial):
    x = [trial.suggest_float(n, 0, 1) for n in "abc"]
    x += [trial.suggest_float(n, 1e-5, 1, log=True) for n in "de"]
    x += [trial.suggest_int("f", 0, 100), trial.suggest_int("g", 1, 1000), trial.suggest_int("h", 16, 256, log=True)]
    return x + ["uvw".index(trial.suggest_categorical("i", list("uvw"))),
                "uvwxy".index(trial.suggest_categorical("j", list("uvwxy")))]


def ask(names):
    print("sampler,us_to_100,us_to_1000")
    for name in names or SAMPLERS:
        m = 3 if name == "nsga3" else 1
        study = optuna.create_study(sampler=SAMPLERS[name](1), directions=["minimize"] * m)
        row, n = [name], 0
        for upto in (100, 1000):
            start, t = n, time.process_time()
            for n in range(n, upto):
                trial = study.ask()
                x = mixed(trial)
                study.tell(trial, [sum(math.sin(v + i) for v in x) for i in range(m)])
            n = upto
            row.append(f"{1e6 * (time.process_time() - t) / (upto - start):.1f}")
        print(",".join(row), flush=True)


def zdt1():
    study = optuna.create_study(sampler=S.NSGAIISampler(population_size=100, seed=1), directions=["minimize"] * 2)

    def f(trial):
        x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(30)]
        g = 1 + 9 * sum(x[1:]) / 29
        return x[0], g * (1 - math.sqrt(x[0] / g))
    t = time.process_time()
    study.optimize(f, n_trials=100 * 250)
    ms = 1e3 * (time.process_time() - t)
    from optuna._hypervolume import compute_hypervolume
    import numpy as np
    v = np.array([t.values for t in study.best_trials])
    print(f"seed,ms,volume\n1,{ms:.1f},{compute_hypervolume(v, np.array([1.1, 1.1])):.5f}")


def told(path, n):
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    print("case,tool,n,cpu_us,wall_us")
    for tool, name in (("optuna sqlite", path), ("optuna journal", path + ".log")):
        if os.path.exists(name):
            os.remove(name)
        store = JournalStorage(JournalFileBackend(name)) if name != path else RDBStorage("sqlite:///" + path)
        study = optuna.create_study(storage=store, sampler=S.RandomSampler(seed=1))
        t, w = time.process_time(), time.time()
        for _ in range(n):
            trial = study.ask()
            x = mixed(trial)
            study.tell(trial, math.sin(x[0]) + x[1])
        print(f"told kill-safe,{tool},{n},{1e6 * (time.process_time() - t) / n:.1f},{1e6 * (time.time() - w) / n:.1f}")
        os.remove(name)


def table(path, column, name, evals, seeds):
    with open(path, newline="") as f:
        value = {r["arch"]: float(r[column]) for r in csv.DictReader(f)}
    digits = sorted({d for a in value for d in a})
    width, best, start = len(next(iter(value))), [], time.process_time()
    for seed in range(1, seeds + 1):
        study = optuna.create_study(sampler=SAMPLERS[name](seed), direction="maximize")
        for _ in range(evals):
            trial = study.ask()
            study.tell(trial, value["".join(trial.suggest_categorical(f"p{i}", digits) for i in range(width))])
        best.append(study.best_value)
    us = 1e6 * (time.process_time() - start) / seeds / evals
    print(f"{name},{evals} evals,{seeds} seeds,best {statistics.mean(best):.4f},"
          f"sem {statistics.stdev(best) / seeds ** 0.5:.4f},us {us:.1f}")


if len(sys.argv) > 1 and sys.argv[1] == "ask":
    ask(sys.argv[2:])
elif sys.argv[1:] == ["zdt1"]:
    zdt1()
elif len(sys.argv) == 4 and sys.argv[1] == "told":
    told(sys.argv[2], int(sys.argv[3]))
elif len(sys.argv) == 7 and sys.argv[1] == "table":
    table(*sys.argv[2:5], *map(int, sys.argv[5:]))
else:
    sys.exit(__doc__)
