"""Means of the runs of bench/run_quality.sh, and the table of bench/README.md.

usage: search_quality.py means OLD-search-quality.csv RUNS.csv... > search-quality.csv
       search_quality.py page search-quality.csv README.md      (between its two marks)

Runs are what `cull bench search -o runs.csv` and peers/search_tables.py write. A mean over seeds comes with 95 % of a
bootstrap (percentiles of 2000 means); means of OLD stay where no run has them."""
import collections
import csv
import random
import sys

DRAWS = 2000
MARKS = "<!-- search-quality -->\n", "<!-- /search-quality -->\n"
OURS, PEERS = "gp", ("random-search", "regularized-evolution", "optuna-tpe")
ALSO = ("tpe", "optuna-tpe/distinct")
PEERS2 = ("random-search", "nsga2", "optuna-tpe", "optuna-nsga2")
ALSO2 = ("tpe", "nsga3", "linas", "optuna-tpe-joint", "optuna-tpe/distinct", "optuna-nsga2/distinct")
TITLES = {"optuna-tpe": "Optuna TPE", "optuna-tpe/distinct": "Optuna TPE, repeats free",
          "optuna-tpe-joint": "Optuna TPE, joint", "optuna-nsga2": "Optuna NSGA-II",
          "optuna-nsga2/distinct": "Optuna NSGA-II, repeats free"}


def interval(v):
    r = random.Random(1)
    means = sorted(sum(r.choices(v, k=len(v))) / len(v) for _ in range(DRAWS))
    return means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS) - 1]


def rows_of(path):
    with open(path, newline="") as f:
        return {(r["table"], r["method"], int(r["at"])): r
                for r in csv.DictReader(line for line in f if not line.startswith("#"))}


def means(results, *paths):
    regret, test = collections.defaultdict(dict), collections.defaultdict(dict)
    for path in paths:
        with open(path, newline="") as f:
            for r in csv.DictReader(f):
                key = r["table"], r["method"], int(r["at"])
                regret[key][r["seed_index"]] = float(r["regret"])
                if r["test"]:
                    test[key][r["seed_index"]] = float(r["test"])
    lines = {key: ",".join(r.values()) for key, r in rows_of(results).items()}
    for key in regret:
        v = list(regret[key].values())
        lo, hi = interval(v)
        t = test[key].values()
        mean = f"{sum(t) / len(t):.4f}" if t else ""
        lines[key] = f"{','.join(map(str, key))},{len(v)},{sum(v) / len(v):.5f},{lo:.5f},{hi:.5f},{mean}"
    print("table,method,at,seeds,regret,lo,hi,test")
    for key in sorted(lines):
        print(lines[key])


def cell(rows, key, best):
    if key not in rows:
        return "-"
    r = rows[key]
    text = f"{float(r['regret']):.3f}"
    return f"**{text}**" if float(r["regret"]) == best else text


def page_of(rows, tables, at, peers, also):
    """The lines of some tables at one budget, and how many gp is ahead on, level on, of how many."""
    names = [TITLES.get(m, m) for m in (*peers, *also)]
    out, won = [f"| table | gp | 95 % | {' | '.join(names)} |\n|---|{'---|' * (2 + len(names))}\n"], [0, 0, 0]
    for t in tables:
        mine = rows[t, OURS, at]
        best = [float(rows[t, m, at]["regret"]) for m in (OURS, *peers) if (t, m, at) in rows]
        cells = [cell(rows, (t, m, at), min(best)) for m in peers] + [cell(rows, (t, m, at), None) for m in also]
        if all((t, m, at) in rows for m in peers):
            won[0] += best[0] < min(best[1:])
            won[1] += best[0] == min(best[1:])
            won[2] += 1
        out.append(f"| {t} | {cell(rows, (t, OURS, at), min(best))} | {float(mine['lo']):.3f} to "
                   f"{float(mine['hi']):.3f} | {' | '.join(cells)} |\n")
    return "".join(out), won


def page(path, readme):
    rows = rows_of(path)
    out = []
    for at in (50, 100):
        mine = sorted({t for t, m, a in rows if a == at and m == OURS})
        fronts = [t for t in mine if (t, "nsga2", at) in rows]
        text, won = page_of(rows, [t for t in mine if t not in fronts], at, PEERS, ALSO)
        out.append(f"\nMean regret after {at} evaluations; the best of gp and its three peers is bold, - was not run.\n\n{text}\n"
                   f"gp is ahead of all three on {won[0]} of {won[2]} tables, level with the best of them on {won[1]}.\n")
        text, won = page_of(rows, fronts, at, PEERS2, ALSO2)
        out.append(f"\nTwo objectives: the share of the front's volume that is missing after {at} evaluations; the best of gp and its "
                   f"four peers is bold.\n\n{text}\ngp is ahead of all four on {won[0]} of {won[2]} tables, level with the best of them "
                   f"on {won[1]}.\n")
    with open(readme) as f:
        text = f.read()
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    with open(readme, "w") as f:
        f.write(head + MARKS[0] + "".join(out) + "\n" + MARKS[1] + tail)


if len(sys.argv) > 2 and sys.argv[1] == "means":
    means(*sys.argv[2:])
elif len(sys.argv) == 4 and sys.argv[1] == "page":
    page(*sys.argv[2:])
else:
    sys.exit(__doc__)
