"""Functional ANOVA by Optuna on the trials of tests/unit/fanova.c, the peer of cull_search_fanova: the figures that test records.

usage: fanova_optuna.py

Optuna's evaluator takes a number of a log scale as it is, where cull takes it on its scale, as points are drawn; so both have
plain scales here. Shares are not brought to sum 1 (normalize=False)."""
import math

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1), "c": CategoricalDistribution(["w", "x", "y", "z"]),
         "d": IntDistribution(0, 9)}
OF_C = 0, 1, 0.5, 0
TRIALS, SEEDS = 300, 5


def part(k, root):
    v = (k + 1) * (math.sqrt(root) / 8)
    return v - math.floor(v)


def study(together):
    s = optuna.create_study()
    for k in range(TRIALS):
        a, b, c, d = part(k, 2), part(k, 3), int(4 * part(k, 5)), int(10 * part(k, 7))
        s.add_trial(optuna.trial.create_trial(params={"a": a, "b": b, "c": "wxyz"[c], "d": d}, distributions=SPACE,
                                              value=3 * a + 2 * b + OF_C[c] + together * (a - 0.5) * (b - 0.5)))
    return s


for together in (0, 8):
    s, sums = study(together), dict.fromkeys(SPACE, 0.0)
    for seed in range(SEEDS):
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        for name, v in optuna.importance.get_param_importances(s, evaluator=evaluator, normalize=False).items():
            sums[name] += v / SEEDS
    print(optuna.__version__, together, *(f"{name} {v:.4f}" for name, v in sums.items()))
