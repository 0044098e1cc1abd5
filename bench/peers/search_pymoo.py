"""pymoo, the peer of `bench_search nsga2` and `bench_search zdt1`.

usage: search_pymoo.py nsga2      milliseconds of a generation of 1000 at three objectives, and of the survival in it
       search_pymoo.py zdt1       NSGA-II, 100 x 250 on ZDT1: milliseconds, volume within (1.1, 1.1)
Compiled modules as they come with the package; the problem's own time is measured and taken off."""
import sys
import time

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowding
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.indicators.hv import HV
from pymoo.optimize import minimize

SPENT = [0.0]


class Timed(Problem):
    def _evaluate(self, x, out, *args, **kwargs):
        t = time.process_time()
        out["F"] = self.values(x)
        SPENT[0] += time.process_time() - t


class Zdt1(Timed):
    def __init__(self):
        super().__init__(n_var=30, n_obj=2, xl=0.0, xu=1.0)

    def values(self, x):
        g = 1 + 9 * x[:, 1:].sum(axis=1) / 29
        return np.column_stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))])


class Dtlz2(Timed):
    def __init__(self):
        super().__init__(n_var=12, n_obj=3, xl=0.0, xu=1.0)

    def values(self, x):
        r, a, b = 1 + ((x[:, 2:] - 0.5) ** 2).sum(axis=1), x[:, 0] * np.pi / 2, x[:, 1] * np.pi / 2
        return np.column_stack([r * np.cos(a) * np.cos(b), r * np.cos(a) * np.sin(b), r * np.sin(a)])


def run(problem, population, generations):
    SPENT[0], t = 0.0, time.process_time()
    r = minimize(problem, NSGA2(pop_size=population), ("n_gen", generations), seed=1)
    return 1e3 * (time.process_time() - t - SPENT[0]), r


if sys.argv[1:] == ["zdt1"]:
    ms, r = run(Zdt1(), 100, 250)
    print(f"seed,ms,volume\n1,{ms:.1f},{HV(ref_point=np.array([1.1, 1.1]))(r.F):.5f}")
elif sys.argv[1:] == ["nsga2"]:
    problem = Dtlz2()
    ms, _ = run(problem, 1000, 12)
    pop = Population.new(X=np.random.default_rng(1).random((2000, 12)))
    pop.set("F", problem.values(pop.get("X")))
    pop.set("G", np.zeros((2000, 0)), "H", np.zeros((2000, 0)))
    t = time.process_time()
    for _ in range(5):
        RankAndCrowding().do(problem, pop, n_survive=1000)
    print(f"generation_ms,survival_ms\n{ms / 12:.2f},{1e3 * (time.process_time() - t) / 5:.2f}")
else:
    sys.exit(__doc__)
