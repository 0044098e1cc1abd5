"""Optuna's samplers on the tables of `cull bench search`, the peer of its methods.

usage: search_tables.py TABLES.jsonl SEEDS AT,AT,... [SAMPLER ...] > runs.csv

TABLES.jsonl is what `cull bench search TABLE... --dump` writes, so both search the same spaces for the same values. Ordinals
are whole numbers to Optuna (their places), categories are categories; a design without a result is a failed trial; its regret
while nothing else is known is that of the worst design, as in cull. Of two objectives it is the share that is missing of the
volume of the table's front (cull/bench.h), 1 while nothing is known. Seeds are 1, 2, ...

Optuna may ask for a design again, which cull does not. Each sampler is counted in both ways, from one run: `tpe`: every trial
is an evaluation, as a user has it who does nothing about it; `tpe/distinct`: a repeat is told what is known and costs nothing
(at most MOST times as many trials as evaluations). SAMPLER: random, tpe (as by default), tpe-joint (multivariate and group),
nsga2 (as by default)."""
import json
import math
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
optuna.logging.disable_default_handler()
S = optuna.samplers
SAMPLERS = {"random": lambda seed: S.RandomSampler(seed=seed), "tpe": lambda seed: S.TPESampler(seed=seed),
            "tpe-joint": lambda seed: S.TPESampler(seed=seed, multivariate=True, group=True),
            "nsga2": lambda seed: S.NSGAIISampler(seed=seed)}
MOST = 2


def regret(t, v):
    if t["ratio"]:
        return abs(math.log10(v / t["best"]))
    return t["scale"] * abs(t["best"] - v)


def ask(trial, t):
    """The number of the point asked for, the first parameter slowest."""
    at = 0
    for p in t["parameters"]:
        n = len(p["values"])
        if p["kind"] == "ordinal":
            k = trial.suggest_int(p["name"], 0, n - 1)
        else:
            k = p["values"].index(trial.suggest_categorical(p["name"], p["values"]))
        at = at * n + k
    return at


def measured(t, first, second):
    """Two objectives, both minimised, a ratio by its log10."""
    if t["ratio"]:
        first = math.log10(first)
    return (first if t["minimize"] else -first), second


def volume(points, reference):
    """Of the plane that points dominate within the reference point."""
    total, below = 0.0, reference[1]
    for x, y in sorted(points):
        if x < reference[0] and y < below:
            total += (reference[0] - x) * (below - y)
            below = y
    return total


class Count:
    """The best after so many evaluations, of which some are asked for; of two objectives all that was found."""

    def __init__(self, t, budgets):
        self.t, self.budgets, self.n, self.best, self.rows, self.found = t, budgets, 0, None, [], []

    def add(self, at):
        v = self.t["value"][at]
        if v is not None and (self.best is None or (v < self.t["value"][self.best] if self.t["minimize"] else
                                                    v > self.t["value"][self.best])):
            self.best = at
        if v is not None and "second" in self.t:
            self.found.append(measured(self.t, v, self.t["second_value"][at]))
        self.n += 1
        if self.n in self.budgets:
            self.rows.append((self.n, *self.now()))

    def now(self):
        if "second" in self.t:
            return 1 - volume(self.found, self.t["reference"]) / self.t["volume"], ""
        if self.best is None:
            return regret(self.t, self.t["worst"]), ""
        return regret(self.t, self.t["value"][self.best]), self.t["test"][self.best] if "test" in self.t else ""

    def fill(self):
        """Where a run ended before: what was best then."""
        return self.rows + [(n, *self.now()) for n in self.budgets[len(self.rows):]]


def run(t, name, seed, budgets):
    directions = ["minimize" if t["minimize"] else "maximize"] + ["minimize"] * ("second" in t)
    study = optuna.create_study(sampler=SAMPLERS[name](seed), directions=directions)
    every, distinct, seen = Count(t, budgets), Count(t, budgets), set()
    while every.n < budgets[-1] or distinct.n < budgets[-1] and every.n < MOST * budgets[-1]:
        trial = study.ask()
        at = ask(trial, t)
        v = t["value"][at]
        if v is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, [v, t["second_value"][at]] if "second" in t else v)
        every.add(at)
        if at not in seen:
            seen.add(at)
            distinct.add(at)
    return every.fill(), distinct.fill()


def main(path, seeds, at, *names):
    budgets = [int(a) for a in at.split(",")]
    print("table,method,seed_index,at,regret,test")
    with open(path) as f:
        for line in f:
            t = json.loads(line)
            for name in names or SAMPLERS:
                for seed in range(1, int(seeds) + 1):
                    for way, rows in zip(("", "/distinct"), run(t, name, seed, budgets)):
                        for n, r, test in rows:
                            print(f"{t['table']},optuna-{name}{way},{seed - 1},{n},{r:.9g},{test}")
                sys.stdout.flush()


if len(sys.argv) < 4:
    sys.exit(__doc__)
main(*sys.argv[1:])
