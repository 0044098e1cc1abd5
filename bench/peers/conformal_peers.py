#!/usr/bin/env python3
"""conformal_peers.py - prediction sets and intervals beside MAPIE, crepes and venn-abers, on the same numbers.

usage: conformal_peers.py LIBCULL [--write FILE.tsv]

Prints `what,peer,rows,differences,largest,note`: how many rows differ, and by how much at most. Sets are compared class by class. Needs
MAPIE 1.x, crepes, venn-abers. --write saves the peers' answers on the small problem of tests/method/trust_peers.c.

Where conventions differ:
- crepes keeps a class where its p-value is at least 1 - confidence, cull where it is above: one place of the calibration scores apart where
  (n + 1) level is a whole number, else the same. Both are valid. The lines marked "whole" show it.
- crepes' intervals take place int((1 - confidence)(n + 1)) in floating point, which is one too few where 1 - 0.9 comes out below 0.1: it is
  given a confidence smaller by 1e-12.
- MAPIE's APS draws random numbers for the calibration rows even where include_last_label is not "randomized", and its sets are never empty
  then. With random numbers both are the paper's, with draws of their own: size and coverage are compared. Without, sets are compared
  with the formula in numpy.
- MAPIE's RAPS tunes lambda and k on a part of the rows: RAPS is compared with its formula in numpy. Its k is that of --tune; in 1.6 the
  sets by which it chooses lambda have other penalties than the scores, so that it takes the largest.
- MAPIE's CQR corrects each end by itself at half the level unless symmetric_correction=True: `ends` each and both.
- MAPIE's split intervals take the quantile ceil((n + 1)(1 - level)) / n of numpy's "higher": the same order statistic.
- venn-abers answers at the precision it is given: it is asked for all digits.
"""
import ctypes as ct
import sys
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

warnings.filterwarnings("ignore")
I64, F64, P = ct.c_int64, ct.c_double, ct.c_void_p


class Rows(ct.Structure):
    _fields_ = [("v", P), ("dtype", ct.c_int), ("proba", ct.c_bool), ("n", I64), ("classes", I64)]


class SetOpts(ct.Structure):
    _fields_ = [("score", ct.c_int), ("randomised", ct.c_bool), ("penalty", F64), ("k", I64), ("stream", ct.c_uint64)]


class VennAbers(ct.Structure):
    _fields_ = [("n", I64), ("score", P), ("p0", P), ("p1", P), ("mem", P)]


def at(a):
    return a.ctypes.data_as(P)


class Cull:
    """The C functions of cull/sets.h, cull/conform.h and cull/confidence.h."""

    def __init__(self, path):
        self.lib = ct.CDLL(path)
        self.lib.cull_ctx_new.restype = P
        self.lib.cull_error.restype = ct.c_char_p
        self.cx = P(self.lib.cull_ctx_new(None))

    def must(self, status):
        if status:
            raise SystemExit("cull: " + self.lib.cull_error(self.cx).decode())

    def quantile(self, v, alpha, group=None, groups=1, w=None, tw=None):
        v = np.ascontiguousarray(v, float)
        out = np.empty(len(tw) if w is not None else groups)
        if w is not None:
            w, tw = np.ascontiguousarray(w, float), np.ascontiguousarray(tw, float)
            self.must(self.lib.cull_conform_quantile_weighted(self.cx, at(v), at(w), I64(len(v)), F64(alpha), at(tw), I64(len(tw)), at(out)))
        elif group is None:
            self.must(self.lib.cull_conform_quantile(self.cx, at(v), I64(len(v)), F64(alpha), at(out)))
        else:
            group = np.ascontiguousarray(group, np.int32)
            self.must(self.lib.cull_conform_quantile_groups(self.cx, at(v), at(group), I64(len(v)), ct.c_int32(groups), F64(alpha), at(out), None))
        return out

    def sets(self, z, label, zt, score, alpha, by_class=False, **o):
        z, zt = np.ascontiguousarray(z, np.float32), np.ascontiguousarray(zt, np.float32)
        label = np.ascontiguousarray(label, np.int32)
        v, q, k = np.empty(len(z)), None, z.shape[1]
        opts = SetOpts({"lac": 0, "aps": 1, "raps": 2, "top": 3}[score], o.get("randomised", False), o.get("penalty", 0), o.get("k", 0), 1)
        self.must(self.lib.cull_set_scores(self.cx, ct.byref(Rows(at(z), 0, False, len(z), k)), at(label), ct.byref(opts), at(v)))
        q = self.quantile(v, alpha, label, k) if by_class else self.quantile(v, alpha)
        out = np.empty((len(zt), k), np.uint8)
        opts.stream = 2
        self.must(self.lib.cull_set_members(self.cx, ct.byref(Rows(at(zt), 0, False, len(zt), k)), ct.byref(opts), at(q), I64(0), I64(int(by_class)), at(out)))
        return out.astype(bool)

    def venn_abers(self, s, y, t):
        s, t, y = np.ascontiguousarray(s, float), np.ascontiguousarray(t, float), np.ascontiguousarray(y, np.uint8)
        f, p0, p1 = VennAbers(), np.empty(len(t)), np.empty(len(t))
        self.must(self.lib.cull_venn_abers_fit(self.cx, at(s), at(y), I64(len(s)), ct.byref(f)))
        self.lib.cull_venn_abers_apply(ct.byref(f), at(t), I64(len(t)), at(p0), at(p1))
        self.lib.cull_venn_abers_free(ct.byref(f))
        return p0, p1


class Classes(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its input."""

    def __init__(self, classes=2):
        self.classes, self.classes_, self.n_features_in_ = classes, np.arange(classes), classes

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.asarray(x)

    def predict(self, x):
        return np.asarray(x).argmax(1)


class Column(RegressorMixin, BaseEstimator):
    """A regressor that answers with a column of its input."""

    def __init__(self, column=0, columns=1):
        self.column, self.columns, self.n_features_in_ = column, columns, columns

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.asarray(x)[:, self.column]


def mapie_sets(p, label, pt, alpha, score, **o):
    from mapie.classification import SplitConformalClassifier
    m = SplitConformalClassifier(Classes(p.shape[1]), confidence_level=1 - alpha, conformity_score=score, prefit=True, random_state=1)
    m.conformalize(p, label)
    return m.predict_set(pt, conformity_score_params=o)[1][:, :, 0]


def mapie_split(f, y, ft, alpha):
    from mapie.regression import SplitConformalRegressor
    m = SplitConformalRegressor(Column(), confidence_level=1 - alpha, prefit=True)
    m.conformalize(f[:, None], y)
    return m.predict_interval(ft[:, None])[1][:, :, 0]


def mapie_cqr(lo, hi, y, lot, hit, alpha, symmetric):
    from mapie.regression import ConformalizedQuantileRegressor
    m = ConformalizedQuantileRegressor([Column(c, 3) for c in range(3)], confidence_level=1 - alpha, prefit=True)
    m.conformalize(np.c_[lo, hi, (lo + hi) / 2], y)
    return m.predict_interval(np.c_[lot, hit, (lot + hit) / 2], symmetric_correction=symmetric)[1][:, :, 0]


def crepes_sets(v, vt, alpha, bins=None, labels=None):
    from crepes import ConformalClassifier
    c = ConformalClassifier().fit(v, bins=bins)
    kinds = np.arange(vt.shape[1])
    if bins is None:
        return c.predict_set(vt, confidence=1 - alpha, smoothing=False).astype(bool)
    # by class: each column's own bin
    return np.stack([c.predict_set(vt[:, [k]], bins=np.full(len(vt), k), confidence=1 - alpha, smoothing=False)[:, 0] for k in kinds], 1).astype(bool)


def crepes_intervals(r, ft, alpha, s=None, st=None, bins=None, binst=None):
    from crepes import ConformalRegressor
    c = ConformalRegressor().fit(r, sigmas=s, bins=bins)
    return c.predict_int(ft, sigmas=st, bins=binst, confidence=1 - alpha - 1e-12)


def softmax(z):
    z = np.asarray(z, float)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def raps(p, penalty, k):
    order = np.argsort(-p, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    total = np.take_along_axis(np.cumsum(np.take_along_axis(p, order, 1), 1), rank, 1)
    return total + penalty * np.maximum(0, rank + 1 - k)


def say(what, peer, ours, theirs, note=""):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    apart = np.abs(ours - theirs)
    apart[ours == theirs] = 0
    rows = (apart > 1e-12).reshape(len(apart), -1).any(1).sum()
    print(f"{what},{peer},{len(apart)},{rows},{apart.max():.3g},{note}")


def compare(cull, n, m, alpha, seed):
    g = np.random.default_rng(seed)
    k = 8
    z = g.normal(0, 2, (n + m, k)).astype(np.float32)
    label = (z + g.gumbel(size=z.shape)).argmax(1)
    p, a, t = softmax(z), slice(0, n), slice(n, None)
    whole = abs((n + 1) * alpha - round((n + 1) * alpha)) < 1e-9
    mark = " (whole)" if whole else ""
    say("LAC" + mark, "MAPIE", cull.sets(z[a], label[a], z[t], "lac", alpha), mapie_sets(p[a], label[a], p[t], alpha, "lac"))
    v = 1 - p
    say("LAC" + mark, "crepes", cull.sets(z[a], label[a], z[t], "lac", alpha), crepes_sets(v[a][np.arange(n), label[a]], v[t], alpha), "p-value at least or above" if whole else "")
    say("LAC by class" + mark, "crepes", cull.sets(z[a], label[a], z[t], "lac", alpha, by_class=True), crepes_sets(v[a][np.arange(n), label[a]], v[t], alpha, bins=label[a]), "classes' own n may be whole")
    ours, theirs = cull.sets(z[a], label[a], z[t], "aps", alpha, randomised=True), mapie_sets(p[a], label[a], p[t], alpha, "aps", include_last_label="randomized")
    hit = np.arange(m), label[t]
    print(f"APS randomised,MAPIE,{m},-,-,mean size {ours.sum(1).mean():.3f} and {theirs.sum(1).mean():.3f}; coverage {ours[hit].mean():.4f} and {theirs[hit].mean():.4f}")
    for name, penalty in (("aps", 0), ("raps", .05)):
        r = raps(p, penalty, 2)
        q = np.sort(r[a][np.arange(n), label[a]])[int(np.ceil((n + 1) * (1 - alpha) - 1e-9)) - 1]
        say(name.upper(), "numpy", cull.sets(z[a], label[a], z[t], name, alpha, penalty=penalty, k=2), r[t] <= q + 1e-12)
    say("top-k", "MAPIE", cull.sets(z[a], label[a], z[t], "top", alpha), mapie_sets(p[a], label[a], p[t], alpha, "top_k"))
    x = g.uniform(0, 1, n + m)
    s = .2 + x * x
    y = np.sin(6 * x) + s * g.normal(size=n + m)
    f, lo, hi, group = np.sin(6 * x), np.sin(6 * x) - s, np.sin(6 * x) + 1.3 * s, (x > .5).astype(np.int32)
    q = cull.quantile(np.abs(y - f)[a], alpha)
    say("split" + mark, "MAPIE", np.c_[f[t] - q, f[t] + q], mapie_split(f[a], y[a], f[t], alpha))
    say("split" + mark, "crepes", np.c_[f[t] - q, f[t] + q], crepes_intervals((y - f)[a], f[t], alpha))
    q = cull.quantile((np.abs(y - f) / s)[a], alpha)
    say("normalised" + mark, "crepes", np.c_[f[t] - q * s[t], f[t] + q * s[t]], crepes_intervals((y - f)[a], f[t], alpha, s[a], s[t]))
    q = cull.quantile(np.abs(y - f)[a], alpha, group[a], 2)[group[t]]
    say("split by group", "crepes", np.c_[f[t] - q, f[t] + q], crepes_intervals((y - f)[a], f[t], alpha, bins=group[a], binst=group[t]))
    q = cull.quantile(np.maximum(lo - y, y - hi)[a], alpha)
    say("CQR both ends" + mark, "MAPIE", np.c_[lo[t] - q, hi[t] + q], mapie_cqr(lo[a], hi[a], y[a], lo[t], hi[t], alpha, True))
    ql, qh = cull.quantile((lo - y)[a], alpha / 2), cull.quantile((y - hi)[a], alpha / 2)
    say("CQR each end" + mark, "MAPIE", np.c_[lo[t] - ql, hi[t] + qh], mapie_cqr(lo[a], hi[a], y[a], lo[t], hi[t], alpha, False))
    from venn_abers import VennAbers as Peer
    score = np.round(g.uniform(0, 1, n + m), 3)
    hits = (g.uniform(size=n + m) < score ** 2).astype(int)
    peer = Peer()
    peer.fit(np.c_[1 - score[a], score[a]], hits[a])
    theirs = peer.predict_proba(np.c_[1 - score[t], score[t]])[1]
    say("Venn-Abers", "venn-abers", np.stack(cull.venn_abers(score[a], hits[a], score[t]), 1), theirs)


def small():
    """The problem of tests/method/trust_peers.c."""
    u = lambda i, a, b, m: ((a * i + b) % m) / m
    n, m, k = 89, 31, 4
    z = np.array([[6 * u(5 * i + 3 * c, 71, 3 * c, 997) for c in range(k)] for i in range(n + m)], np.float32)
    label = np.array([max(range(k), key=lambda c: float(z[i][c]) + 4 * u(i, 41, 17 * c, 89)) for i in range(n + m)])
    x = np.array([u(i, 37, 5, 131) for i in range(n + m)])
    s = .25 + x
    y = np.array([3 * x[i] + s[i] * (2 * u(i, 53, 2, 97) - 1) for i in range(n + m)])
    return n, z, label, x, s, y, (x > .5).astype(np.int32)


def write(path):
    alpha = .17
    n, z, label, x, s, y, group = small()
    a, t = slice(0, n), slice(n, None)
    p, f, lo, hi = softmax(z), 3 * x, 3 * x - s / 2, 3 * x + s / 4
    v = 1 - p
    word = lambda b: ["".join("1" if c else "0" for c in r) for r in b]
    columns = {
        "mapie_lac": word(mapie_sets(p[a], label[a], p[t], alpha, "lac")),
        "mapie_top": word(mapie_sets(p[a], label[a], p[t], alpha, "top_k")),
        "crepes_lac_class": word(crepes_sets(v[a][np.arange(n), label[a]], v[t], alpha, bins=label[a])),
    }
    for name, e in (("mapie_split", mapie_split(f[a], y[a], f[t], alpha)),
                    ("crepes_spread", crepes_intervals((y - f)[a], f[t], alpha, s[a], s[t])),
                    ("crepes_group", crepes_intervals((y - f)[a], f[t], alpha, bins=group[a], binst=group[t])),
                    ("mapie_cqr_both", mapie_cqr(lo[a], hi[a], y[a], lo[t], hi[t], alpha, True)),
                    ("mapie_cqr_each", mapie_cqr(lo[a], hi[a], y[a], lo[t], hi[t], alpha, False))):
        columns[name + "_lo"], columns[name + "_hi"] = [repr(float(c)) for c in e[:, 0]], [repr(float(c)) for c in e[:, 1]]
    import crepes, mapie
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"# bench/peers/conformal_peers.py LIBCULL --write: MAPIE {mapie.__version__}, crepes {crepes.__version__}; "
                  f"rows {n} .. {n + len(label[t]) - 1} of the problem of trust_peers.c, level {alpha}\n")
        out.write("\t".join(columns) + "\n")
        for r in zip(*columns.values()):
            out.write("\t".join(r) + "\n")
    q = np.sort(label[a])
    print("classes of the calibration rows:", np.bincount(q), "groups:", np.bincount(group[a]))


def main():
    cull = Cull(sys.argv[1])
    if "--write" in sys.argv:
        write(sys.argv[sys.argv.index("--write") + 1])
        return
    print("what,peer,rows,differences,largest,note")
    compare(cull, 2000, 3000, .1, 1)
    compare(cull, 1999, 3000, .1, 2)


if __name__ == "__main__":
    main()
