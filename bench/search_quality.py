"""Means of the runs of bench/run_quality.sh, and the table of bench/README.md.

usage: search_quality.py means RUNS.csv... > search-quality.csv
       search_quality.py page search-quality.csv README.md      (between its two marks)

Runs are what `cull bench search -o runs.csv` and peers/search_tables.py write. A mean over seeds comes with 95 % of a
bootstrap (percentiles of 2000 means)."""
import collections
import csv
import random
import sys

DRAWS = 2000
MARKS = "<!-- search-quality -->\n", "<!-- /search-quality -->\n"
OURS, PEERS = "gp", ("random-search", "regularized-evolution", "optuna-tpe")
ALSO = ("tpe", "optuna-tpe/distinct", "optuna-tpe-joint")


def interval(v):
    r = random.Random(1)
    means = sorted(sum(r.choices(v, k=len(v))) / len(v) for _ in range(DRAWS))
    return means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS) - 1]


def means(paths):
    regret, test = collections.defaultdict(dict), collections.defaultdict(dict)
    for path in paths:
        with open(path, newline="") as f:
            for r in csv.DictReader(f):
                key = r["table"], r["method"], int(r["at"])
                regret[key][r["seed_index"]] = float(r["regret"])
                if r["test"]:
                    test[key][r["seed_index"]] = float(r["test"])
    print("table,method,at,seeds,regret,lo,hi,test")
    for key in sorted(regret):
        v = list(regret[key].values())
        lo, hi = interval(v)
        t = test[key].values()
        mean = f"{sum(t) / len(t):.4f}" if t else ""
        print(f"{','.join(map(str, key))},{len(v)},{sum(v) / len(v):.5f},{lo:.5f},{hi:.5f},{mean}")


def cell(rows, key, best):
    if key not in rows:
        return "-"
    r = rows[key]
    text = f"{float(r['regret']):.3f}"
    return f"**{text}**" if float(r["regret"]) == best else text


def page(path, readme):
    with open(path, newline="") as f:
        rows = {(r["table"], r["method"], int(r["at"])): r
                for r in csv.DictReader(line for line in f if not line.startswith("#"))}
    out, won = [], collections.Counter()
    for at in (50, 100):
        tables = sorted({t for t, m, a in rows if a == at and m == OURS})
        out.append(f"\nMean regret after {at} evaluations; the best of gp and its three peers is bold, - was not run.\n\n")
        out.append("| table | gp | 95 % | random-search | regularized-evolution | Optuna TPE | tpe | Optuna TPE, repeats free | "
                   "Optuna TPE, joint |\n|---|---|---|---|---|---|---|---|---|\n")
        for t in tables:
            mine = rows[t, OURS, at]
            four = [float(rows[t, m, at]["regret"]) for m in (OURS, *PEERS) if (t, m, at) in rows]
            cells = [cell(rows, (t, m, at), min(four)) for m in PEERS] + [cell(rows, (t, m, at), None) for m in ALSO]
            if all((t, m, at) in rows for m in PEERS):
                won[at, "of"] += 1
                won[at, "ahead"] += four[0] < min(four[1:])
                won[at, "level"] += four[0] == min(four[1:])
            out.append(f"| {t} | {cell(rows, (t, OURS, at), min(four))} | {float(mine['lo']):.3f} to "
                       f"{float(mine['hi']):.3f} | {' | '.join(cells)} |\n")
        out.append(f"\ngp is ahead of all three on {won[at, 'ahead']} of {won[at, 'of']} tables, level with the best of them on "
                   f"{won[at, 'level']}.\n")
    with open(readme) as f:
        text = f.read()
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    with open(readme, "w") as f:
        f.write(head + MARKS[0] + "".join(out) + "\n" + MARKS[1] + tail)


if len(sys.argv) > 2 and sys.argv[1] == "means":
    means(sys.argv[2:])
elif len(sys.argv) == 4 and sys.argv[1] == "page":
    page(*sys.argv[2:])
else:
    sys.exit(__doc__)
