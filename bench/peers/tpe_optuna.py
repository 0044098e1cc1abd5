"""Optuna's TPE on what bench_tpe.c does: processor time of an ask and a tell after so many trials.

python3 bench/peers/tpe_optuna.py [MOST]     (10000 trials at most unless said)
"""
import random
import sys
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
D = optuna.distributions
SPACE = {
    "r1": D.FloatDistribution(0, 1),
    "r2": D.FloatDistribution(1e-5, 1, log=True),
    "r3": D.FloatDistribution(-5, 5),
    "r4": D.FloatDistribution(0, 1),
    "r5": D.FloatDistribution(1e-3, 10, log=True),
    "i1": D.IntDistribution(1, 10),
    "i2": D.IntDistribution(1, 1000, log=True),
    "i3": D.IntDistribution(0, 64),
    "c1": D.CategoricalDistribution(list("abc")),
    "c2": D.CategoricalDistribution(list("abcde")),
}


def values(x, objectives):
    first = (x["r1"] - 0.3) ** 2 + (x["r3"] / 5 + 0.4) ** 2 + (x["r4"] - x["r1"]) ** 2
    first += 0.01 * x["i1"] + 0.1 * (x["c1"] != "b") + 0.1 * (x["c2"] != "d")
    return [first, x["r4"] + x["r1"]][:objectives]


def drawn(rng):
    x = {}
    for name, d in SPACE.items():
        if isinstance(d, D.CategoricalDistribution):
            x[name] = rng.choice(d.choices)
        elif d.log:
            x[name] = type(d.low)(d.low * (d.high / d.low) ** rng.random())
        elif isinstance(d, D.IntDistribution):
            x[name] = rng.randint(d.low, d.high)
        else:
            x[name] = rng.uniform(d.low, d.high)
    return x


def run(case, objectives, n):
    sampler = optuna.samplers.TPESampler(multivariate=case == "joint", seed=1)
    study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
    rng = random.Random(3)
    trials = []
    for _ in range(n):
        x = drawn(rng)
        trials.append(
            optuna.trial.create_trial(params=x, distributions=SPACE, values=values(x, objectives))
        )
    study.add_trials(trials)
    asks = 20 if n <= 1000 else 5
    for i in range(-2, asks):
        if i == 0:
            began = time.process_time()
        t = study.ask(SPACE)
        study.tell(t, values(t.params, objectives))
    return (time.process_time() - began) / asks


most = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
print("case,tool,trials,seconds")
for case, objectives in (("joint", 1), ("apart", 1), ("two objectives", 2)):
    n = 100
    while n <= (most if objectives == 1 else min(most, 1000)):
        print(f"{case},optuna {optuna.__version__},{n},{run(case, objectives, n):.3g}", flush=True)
        n *= 10
