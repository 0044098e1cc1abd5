#!/usr/bin/env python3
"""optcs_rule.py - conformal selection beside its rules as the papers write them, in NumPy, on the same numbers.

usage: optcs_rule.py LIBCULL [--rows N] [--models K] [--sample S]

Prints `case,tool,n,m,models,seconds,note`, processor time on one thread. N calibration and N test rows (5000), K models (20).

- optcs, counted: for each test row and model, auxiliary p-values from counts made once for the model, a sort, the largest place that
  passes. So the rule with all that NumPy can share; its time is that of S test rows (30), times N / S.
- optcs, as released: each auxiliary p-value counts calibration rows anew and the places are found one by one, as the released script does
  with a data frame; the time is that of two test rows and one model, times N / 2 and K. Own words: no code of theirs is here.
- weighted: the same for weighted selection, where the released code counts anew for each pair of rows.

Sizes must be equal on the sampled rows, or it ends with 1.
"""
import argparse
import ctypes as ct
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np  # noqa: E402

I64, P = ct.c_int64, ct.c_void_p


class CtxOpts(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("seed", ct.c_uint64), ("threads", ct.c_int), ("tick_ms", ct.c_int), ("memory", ct.c_uint64),
                ("seconds", ct.c_double), ("isa", P), ("tmpdir", P), ("user", P), ("tick", P), ("log", P), ("alloc", P), ("free", P), ("ranks", P)]


class SelectOpts(ct.Structure):
    _fields_ = [("q", ct.c_double), ("prune", ct.c_int), ("beta", ct.c_double), ("ties", ct.c_int), ("stream", ct.c_uint64)]


class Selection(ct.Structure):
    _fields_ = [(a, P) for a in ("keep", "p", "e", "size", "model")] + [("kept", I64), ("threshold", ct.c_double)]


def at(a):
    return a.ctypes.data_as(P)


class Cull:
    def __init__(self, path):
        self.lib = ct.CDLL(path)
        self.lib.cull_ctx_new.restype = P
        self.lib.cull_error.restype = ct.c_char_p
        o = CtxOpts(size=ct.sizeof(CtxOpts), seed=1, threads=1, tick_ms=50)
        self.cx = P(self.lib.cull_ctx_new(ct.byref(o)))

    def sizes(self, v, t, q, w=None, tw=None):
        models, n = v.shape
        m = t.shape[1]
        size = np.empty(m, np.int64)
        o, out = SelectOpts(q=q, prune=1), Selection(size=size.ctypes.data)
        head = (self.cx, at(v))
        if w is None:
            s = self.lib.cull_conform_select_model(*head, I64(n), at(t), I64(m), ct.c_int(models), ct.byref(o), ct.byref(out))
        else:
            s = self.lib.cull_conform_select_weighted(*head, at(w), I64(n), at(t), at(tw), I64(m), ct.byref(o), ct.byref(out))
        if s:
            raise SystemExit("cull: " + self.lib.cull_error(self.cx).decode())
        return size


def bh_size(p, q):
    """How many Benjamini-Hochberg keeps."""
    m = len(p)
    passed = np.nonzero(np.sort(p) <= q * np.arange(1, m + 1) / m * (1 + 1e-12))[0]
    return passed[-1] + 1 if len(passed) else 0


def counted(v, t, q, rows):
    """R_j of some test rows: the largest over models."""
    n = v.shape[1]
    counts = [np.searchsorted(np.sort(a), b, side="right") for a, b in zip(v, t)]
    size = np.zeros(len(rows), np.int64)
    for at_row, j in enumerate(rows):
        for k in range(len(v)):
            p = (counts[k] + (t[k, j] <= t[k])) / (n + 1)
            p[j] = 0
            size[at_row] = max(size[at_row], bh_size(p, q))
    return size


def place_by_place(p, q):
    order = np.sort(p)
    m = len(p)
    return max((r + 1 for r in range(m) if order[r] <= q * (r + 1) / m * (1 + 1e-12)), default=0)


def released(v, t, q, j):
    n, m = v.shape[1], t.shape[1]
    p = np.zeros(m)
    for other in range(m):
        if other != j:
            p[other] = (np.sum(v[0] <= t[0, other]) + (t[0, j] <= t[0, other])) / (n + 1)
    return place_by_place(p, q)


def weighted(v, w, t, tw, q, j):
    p = np.zeros(t.shape[1])
    for other in range(len(p)):
        if other != j:
            p[other] = np.sum(w[v[0] < t[0, other]]) + tw[j] * (t[0, j] < t[0, other])
    return place_by_place(p / (w.sum() + tw[j]), q)


def timed(fn, *args, repeat=1):
    best, out = float("inf"), None
    for _ in range(repeat):
        start = time.process_time()
        out = fn(*args)
        best = min(best, time.process_time() - start)
    return best, out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("lib")
    a.add_argument("--rows", type=int, default=5000)
    a.add_argument("--models", type=int, default=20)
    a.add_argument("--sample", type=int, default=30)
    a = a.parse_args()
    n, models, q = a.rows, a.models, 0.2
    r = np.random.default_rng(1)
    truth, test_truth = r.normal(size=n), r.normal(size=n)
    noise = np.linspace(0.3, 3, models)[:, None]
    v = np.where(truth > 0, np.inf, -(truth + noise * r.normal(size=(models, n))))
    t = -(test_truth + noise * r.normal(size=(models, n)))
    w, tw = r.random(n) + 0.1, r.random(n) + 0.1
    cull = Cull(a.lib)
    rows = r.permutation(n)[: a.sample]
    print("case,tool,n,m,models,seconds,note")

    def say(case, tool, k, seconds, note):
        print(f"{case},{tool},{n},{n},{k},{seconds:.6g},{note}", flush=True)

    wrong = 0
    own, size = timed(cull.sizes, v, t, q, repeat=5)
    say("optcs", "cull", models, own, "")
    took, want = timed(counted, v, t, q, rows)
    wrong += int(np.sum(want != size[rows]))
    took *= n / len(rows)
    say("optcs", "numpy counted", models, took, f"extrapolated from {len(rows)} test rows; {took / own:.0f} times")
    one = cull.sizes(v[:1].copy(), t[:1].copy(), q)
    took = 0
    for j in rows[:2]:
        here, want = timed(released, v, t, q, j)
        took += here
        wrong += int(want != one[j])
    took *= n / 2 * models
    say("optcs", "as released", models, took, f"extrapolated from 2 test rows and 1 model; {took / own:.0f} times")
    own, size = timed(cull.sizes, v[:1].copy(), t[:1].copy(), q, w, tw, repeat=5)
    say("weighted", "cull", 1, own, "")
    took = 0
    for j in rows[:2]:
        here, want = timed(weighted, v, w, t, tw, q, j)
        took += here
        wrong += int(want != size[j])
    took *= n / 2
    say("weighted", "as released", 1, took, f"extrapolated from 2 test rows; {took / own:.0f} times")
    if wrong:
        sys.exit(f"{wrong} sizes differ")


main()
