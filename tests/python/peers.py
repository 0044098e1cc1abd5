"""What other packages choose on inputs that anyone can make again.

usage: peers.py PACKAGE...   asks the packages that this interpreter has (submodlib, apricot, pot, faiss)
and writes their answers, with their versions, to peers.json, which test_peers.py holds cull against."""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np

ANSWERS = Path(__file__).with_name("peers.json")
N, D, M, K = 400, 24, 30, 25


def numbers(count, seed):
    """SplitMix64 (Steele, Lea and Flood 2014) to multiples of 2^-12 in [0, 1): the same bits anywhere."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(52)).astype(np.float64) / 4096


def rows(n, seed):
    """n rows about 12 points, f32."""
    centre = 2 * numbers(12 * D, 7).reshape(12, D) - 1
    at = (numbers(n, seed) ** 2 * 12).astype(int)
    noise = numbers(n * D * 4, seed + 1).reshape(n, D, 4).sum(2) - 2
    return (centre[at] + 0.5 * noise).astype(np.float32)


POOL, TARGET, KNOWN = rows(N, 100), rows(M, 200), rows(M, 300)
SCALED = ((POOL - POOL.min(0)) / np.ptp(POOL, axis=0)).astype(np.float32)  # as submodlib does by itself


def cosine(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    x, y = x / np.linalg.norm(x, axis=1, keepdims=True), y / np.linalg.norm(y, axis=1, keepdims=True)
    return x @ y.T


def dot(x):
    return x.astype(np.float64) @ x.astype(np.float64).T


def clipped(x, y):
    return np.maximum(cosine(x, y), 0)


def of_submodlib():
    import submodlib as s
    from submodlib_cpp import FeatureBased as modes

    def taken(f):
        with contextlib.redirect_stdout(io.StringIO()):
            return [int(i) for i, _ in f.maximize(budget=K, optimizer="NaiveGreedy", show_progress=False)]

    own = clipped(POOL, POOL).astype(np.float32)

    def concave(mode):
        return s.FeatureBasedFunction(n=N, features=SCALED.tolist(), numFeatures=D, sparse=False, mode=mode)

    return {
        "facility-location": taken(s.FacilityLocationFunction(n=N, mode="dense", sijs=own, separate_rep=False)),
        "facility-location-mi": taken(
            s.FacilityLocationVariantMutualInformationFunction(
                n=N, num_queries=M, query_sijs=clipped(POOL, TARGET).astype(np.float32), queryDiversityEta=1
            )
        ),
        "facility-location-cg": taken(
            s.FacilityLocationConditionalGainFunction(
                n=N, num_privates=M, data_sijs=own, private_sijs=clipped(POOL, KNOWN).astype(np.float32), privacyHardness=1
            )
        ),
        "graph-cut": taken(
            s.GraphCutFunction(n=N, mode="dense", lambdaVal=0.5, ggsijs=((1 + cosine(POOL, POOL)) / 2).astype(np.float32))
        ),
        "log-det": taken(
            s.LogDeterminantFunction(n=N, mode="dense", lambdaVal=0.5, sijs=dot(POOL).astype(np.float32))
        ),
        "feature-coverage sqrt": taken(concave(modes.squareRoot)),
        "feature-coverage log": taken(concave(modes.logarithmic)),
    }


def of_apricot():
    import apricot as a

    own, some = clipped(POOL, POOL), np.abs(POOL.astype(np.float64))

    def taken(f, x):
        return [int(i) for i in f.fit(x).ranking]

    return {
        "facility-location": taken(a.FacilityLocationSelection(K, metric="precomputed", optimizer="naive"), own),
        "saturated-coverage": taken(
            a.SaturatedCoverageSelection(K, metric="precomputed", alpha=0.05, optimizer="naive"), own
        ),
        "feature-coverage sqrt": taken(a.FeatureBasedSelection(K, concave_func="sqrt", optimizer="naive"), some),
        "feature-coverage log": taken(a.FeatureBasedSelection(K, concave_func="log", optimizer="naive"), some),
    }


def of_pot():
    """The derivative of the transport's value by each row's mass (got-d), by entropic potentials."""
    import ot

    x, y = POOL.astype(np.float64), TARGET.astype(np.float64)
    cost = ((x[:, None] - y[None]) ** 2).sum(2)
    a, b = np.full(N, 1 / N), np.full(M, 1 / M)
    eps = 0.1 * cost.mean()
    plan, log = ot.sinkhorn(a, b, cost, eps, method="sinkhorn_log", stopThr=1e-12, numItermax=100000, log=True)
    f = eps * (log["log_u"] if "log_u" in log else np.log(log["u"]))
    score = -(f - (f.sum() - f) / (N - 1))
    return {"got-d": [float(v) for v in score], "sinkhorn mass error": float(np.abs(plan.sum(0) - b).sum())}


def of_faiss():
    """Nearest rows by cosine to one direction."""
    import faiss

    unit = (POOL / np.linalg.norm(POOL, axis=1, keepdims=True)).astype(np.float32)
    index = faiss.IndexFlatIP(D)
    index.add(unit)
    score, row = index.search(TARGET[:1] / np.linalg.norm(TARGET[0]), K)
    return {"nearest": [int(i) for i in row[0]], "nearest scores": [float(v) for v in score[0]]}


def version(package):
    from importlib import metadata

    for name in {"apricot": ["apricot-select"], "submodlib": ["submodlib", "submodlib-py"], "pot": ["pot", "POT"]}.get(package, [package]):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "?" if package != "faiss" else __import__("faiss").__version__


if __name__ == "__main__":
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    for package in sys.argv[1:]:
        known[package] = {"version": version(package), **globals()["of_" + package]()}
    ANSWERS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
