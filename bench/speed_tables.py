"""Tables of speed in README.md and bench/README.md, between their marks, from the rows in bench/results.

usage: speed_tables.py            writes them
       speed_tables.py --check    says whether they are what the rows give"""
import collections
import csv
import os
import statistics
import sys

BENCH = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(BENCH, "results")
HEAD = "| same input, same run | threads | cull | best peer | |\n| --- | --- | --- | --- | --- |\n"

# title, file, case, tools of peers by how they begin; a peer's best setting counts
TIMED = [
    ("top-10 of 500k x 384 for each of 500 queries", "topk", "topk-n500000-d384-m500-k10", {"faiss": "faiss flat"}),
    ("top-100", "topk", "topk-n500000-d384-m500-k100", {"faiss": "faiss flat"}),
    ("top-1000", "topk", "topk-n500000-d384-m500-k1000", {"faiss": "faiss flat"}),
    ("k-means 500k x 64, k 256, 10 iterations on every point, same start", "kmeans", "kmeans-n500000-d64-m0-k256",
     {"sklearn": "scikit-learn", "faiss": "faiss"}),
    ("facility location, 10,000 x 1,024, 1,000 kept, similarities included", "facility-location",
     "facility-location-n10000-d1024-m0-k1000", {"apricot": "apricot", "submodlib": "submodlib"}),
    ("pairs with a cosine of 0.95 or more, 100k x 384 with near copies", "near", "near-n100000-d384-m0-k1",
     {"faiss": "faiss range search"}),
    ("the same in noise", "near", "near-noise-n100000-d384-m0-k1", {"faiss": "faiss range search"}),
    ("entropic transport 5,000 x 5,000, d 64, equal dual value", "sinkhorn", "sinkhorn-n5000-d64-m5000-k1",
     {"pot": "POT"}),
]
# title, case of search.csv, its unit, tools of peers
SEARCHED = [
    ("tree-structured Parzen estimator, an ask and a tell behind 1,000 trials of ten parameters",
     "tpe ask+tell apart 1000", "us cpu", {"optuna": "Optuna"}),
    ("a trial asked, told and kept on disk, safe from kills", "told kill-safe disk", "us wall",
     {"optuna journal": "Optuna, its journal", "optuna sqlite": "its SQLite"}),
    ("NSGA-II, ZDT1, 100 members, 250 generations", "zdt1 100 x 250", "ms cpu", {"pymoo": "pymoo"}),
    ("ranks of dominance, 10,000 points on a sphere in 3 objectives", "ranks-front 10000 x 3", "ms cpu",
     {"pymoo": "pymoo", "moocore": "moocore"}),
    ("ranks of dominance in 4 objectives", "ranks-front 10000 x 4", "ms cpu", {"pymoo": "pymoo", "moocore": "moocore"}),
]
# title, method of weights.csv
MERGED = [("two checkpoints of 4 GB averaged, page cache cold", "linear")]
# checkpoints that are read; one is written
READ = {("cp", "copy"): 1, ("cp", "copy-and-sync"): 1, ("cull", "linear"): 2, ("cull", "ties"): 3, ("cull", "breadcrumbs"): 3}


def rows_of(name, head=None):
    with open(os.path.join(RESULTS, name + ".csv"), newline="") as f:
        return list(csv.DictReader((line for line in f if not line.startswith("#")), head))


def time(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= 0.1 * size:
            break
    else:
        unit, size = "us", 1e-6
    return f"{float(f'{seconds / size:.3g}'):,g} {unit}"


def times(ratios):
    return " / ".join(f"{float(f'{r:.2g}'):,g}x" for r in ratios)


def row(title, threads, ours, peers):
    """ours: a time for each number of threads; peers: name -> the same."""
    best = {t: min(p[t] for p in peers.values() if t in p) for t in threads}
    said = ", ".join(f"{name} {' / '.join(time(p[t]) for t in threads if t in p)}" for name, p in peers.items())
    return f"| {title} | {' / '.join(threads)} | {' / '.join(time(ours[t]) for t in threads)} | {said} | " \
           f"{times(best[t] / ours[t] for t in threads)} |\n"


def timed(title, name, case, peers):
    ours, theirs = {}, {}
    for r in rows_of(name):  # the first machine's, where a file has several
        if r["case"] != case:
            continue
        if r["tool"] == "cull":
            if r["threads"] in ours:
                break
            ours[r["threads"]] = float(r["seconds"])
        tool = r["tool"].split("-")[0]
        if tool in peers:
            of = theirs.setdefault(peers[tool], {})
            of[r["threads"]] = min(float(r["seconds"]), of.get(r["threads"], 1e9))
    return row(title, sorted(ours), ours, theirs)


def searched(title, case, unit, peers):
    size = {"us": 1e-6, "ms": 1e-3}[unit.split()[0]]
    value = {r["tool"]: float(r["value"]) * size for r in rows_of("search") if (r["case"], r["unit"]) == (case, unit)}
    return row(title, ["1"], {"1": value["cull"]}, {name: {"1": value[tool]} for tool, name in peers.items()})


def texts():
    rows = [r for r in rows_of("text", ["file", "case", "tool", "threads", "seconds", "found"]) if r["case"] == "all"]
    seconds, found = ({r["tool"]: float(r[what]) for r in rows} for what in ("seconds", "found"))
    text = row("FOLDOC jsonl to 128 features, 2^18 hashed words and pairs; share of neighbours with the same label", ["1"],
               {"1": seconds["cull"]}, {"scikit-learn": {"1": seconds["sklearn"]}})
    for tool in ("cull", "sklearn"):
        text = text.replace(time(seconds[tool]), f"{time(seconds[tool])}, {found[tool]:.3f}")
    return text


def runs(name):
    """Seconds and MiB of (tool, method), in the order of rounds."""
    out = collections.defaultdict(list)
    for r in rows_of(name):
        if r["exit"] == "0":
            out[r["what"], r["method"]].append((float(r["seconds"]), int(r["anonymous_mib"])))
    return out


def middle(rounds):
    return statistics.median(seconds for seconds, _ in rounds)


def merged(title, method):
    all_ = runs("weights")
    return row(title, ["2"], {"2": middle(all_["cull", method])}, {"mergekit": {"2": middle(all_["mergekit", method])}})


def merges():
    """Rates are bytes read and written a second, over those of cp until its copy is on the disk."""
    out = ["| | cold, s | of cp's rate | warm, s | of cp's rate | MiB | mergekit cold, s | MiB |\n" + "| --- " * 8 + "|\n"]
    kinds = [runs("weights"), runs("weights-warm")]
    for (tool, method), read in READ.items():
        cells = []
        for all_ in kinds:
            mine, cp = all_[tool, method], all_["cp", "copy-and-sync"]
            rate = (read + 1) / middle(mine) / (2 / middle(cp))
            cells += [", ".join(f"{seconds:.1f}" for seconds, _ in mine), f"{rate:.2f}"]
        cells.append(str(max(mib for all_ in kinds for _, mib in all_[tool, method])))
        theirs = kinds[0].get(("mergekit", method), [])
        cells += [f"{middle(theirs):.1f}" if theirs else "", f"{max(m for _, m in theirs):,}" if theirs else ""]
        out.append(f"| {tool}, {method} | {' | '.join(cells)} |\n")
    return "".join(out)


def table():
    rows = [timed(*t) for t in TIMED]
    rows.insert(4, texts())
    return "".join([HEAD, *rows, *(searched(*s) for s in SEARCHED), *(merged(*m) for m in MERGED)])


def put(path, name, made, check):
    with open(path) as f:
        text = f.read()
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    head, rest = text.split(first)
    new = head + first + made + last + rest.split(last)[1]
    if check and new != text:
        sys.exit(f"{path}: its table of {name} is not what bench/results has: python3 bench/speed_tables.py")
    if not check:
        with open(path, "w") as f:
            f.write(new)


if sys.argv[1:] not in ([], ["--check"]):
    sys.exit(__doc__)
put(os.path.join(BENCH, "..", "README.md"), "speed", table(), sys.argv[1:])
put(os.path.join(BENCH, "README.md"), "merges", merges(), sys.argv[1:])
