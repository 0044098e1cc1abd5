"""Surgery on checkpoints (safetensors: a file, a sharded index, a folder): several merged to one, or one made smaller.

    cull.weights.merge("ties", ["math", "code"], "merged", base="base", density=0.3)
    cull.weights.prune("magnitude", "model", "pruned", sparsity=0.5)
    cull.weights.soup(["a", "b", "c"], "soup", score=accuracy)
    cull.weights.stat("merged"), cull.weights.diff("base", "merged"), cull.weights.verify("merged")

The same bytes as `cull weights` writes. Tensors are read and written in blocks; no model is ever held.
"""

from __future__ import annotations

import ctypes
import math
import os
from ctypes import byref, c_void_p
from dataclasses import dataclass, fields
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from . import _catalogue, _lib, _policy
from ._catalogue import COMMON
from ._lib import Context, InputError, OptionError, lib

Where = Union[str, "os.PathLike[str]"]
METHODS: List[str] = [m["slug"] for m in _catalogue.methods_of("weights")]
__all__ = [
    "METHODS",
    "Difference",
    "Finding",
    "Report",
    "Soup",
    "TensorStat",
    "describe",
    "diff",
    "merge",
    "plan",
    "prune",
    "soup",
    "stat",
    "verify",
]
MODELS = 32


@dataclass(frozen=True)
class Report:
    """What a run read, wrote and held, in bytes; of a plan what it would at most."""

    tensors: int
    computed: int  # the others are copied
    read: int
    written: int
    held: int
    zeroed: int  # of methods that prune: numbers that became 0,
    pruned_of: int  # of so many
    unequal: int  # copied from the first although another model's is not the same


@dataclass(frozen=True)
class Soup:
    """Which models are in a greedy soup, and its score."""

    kept: List[bool]
    score: float
    report: Report


@dataclass(frozen=True)
class TensorStat:
    """A tensor of a checkpoint; mean, std and absmax are of its finite numbers."""

    name: str
    dtype: str
    shape: Tuple[int, ...]
    role: str
    layer: Optional[int]
    expert: Optional[int]
    zeros: int
    nans: int
    infs: int
    mean: float
    std: float
    absmax: float


@dataclass(frozen=True)
class Difference:
    """How far two tensors of one name are apart; rel = |a - b| / |a|."""

    name: str
    same: bool
    equal: int  # numbers that are the same
    absmax: float
    rel: float
    cosine: Optional[float]  # None where one is all zeros


@dataclass(frozen=True)
class Finding:
    """What is wrong with a checkpoint. An error: it cannot be used as it is."""

    error: bool
    tensor: Optional[str]
    text: str


# ---- what C is given ----


class _Open:
    """Checkpoints that are open, in a context, until the end of a call."""

    def __init__(self, cx: Context) -> None:
        self.cx, self.at = cx, []  # type: Context, List[Optional[int]]

    def __call__(self, path: Where) -> Optional[int]:
        out = c_void_p()
        self.cx.check(lib.cull_checkpoint_open(self.cx.at, os.fsencode(path), byref(out)))
        self.at.append(out.value)
        return out.value

    def __enter__(self) -> "_Open":
        return self

    def __exit__(self, *_: Any) -> None:
        for at in self.at:
            lib.cull_checkpoint_free(at)


def _texts(name: str, given: Union[str, Sequence[str], None]) -> Tuple[Any, int]:
    """char **, and how many; one text is a list of itself."""
    texts = [] if given is None else [given] if isinstance(given, str) else list(given)
    if not all(isinstance(t, str) for t in texts):
        raise InputError(f"{name} takes a text or a list of texts")
    return (ctypes.c_char_p * (len(texts) + 1))(*(t.encode() for t in texts)), len(texts)


class _Task:
    """The words of a call, as a cull_weights_problem."""

    NAMES = ("base", "activations", "weights", "rule", "rename", "tied", "dtype", "shard_size", "packing")
    SWITCHES = ("common_rows", "allow_nan", "sparse")

    def __init__(self, function: str, method: str, models: Any, given: Dict[str, Any]) -> None:
        self.method = _policy.method_of("weights", method)
        self.models = [models] if isinstance(models, (str, os.PathLike)) else list(models)
        if len(self.models) > MODELS:
            raise InputError(f"{len(self.models)} models are too many; at most {MODELS}")
        common = [name for name, *_ in COMMON]
        known = [*self.NAMES, *self.SWITCHES, *common, *self.method.options]
        _catalogue.refuse(function, given, known)
        given = {k: v for k, v in given.items() if v is not None}
        self.options = {k: given.pop(k) for k in self.method.options if k in given}
        self.given = {k: given.pop(k) for k in (*self.NAMES, *self.SWITCHES) if k in given}
        self.common = given

    def _rules(self) -> List[str]:
        weights, rules = self.given.get("weights"), self.given.get("rule", ())
        own: List[str] = []
        if weights is not None:
            if len(weights) != len(self.models):
                raise InputError(
                    f"weights has {len(weights)} numbers, and there are {len(self.models)} models"
                )
            own = [f"model={i + 1}: weight={float(w)!r}" for i, w in enumerate(weights)]
        return own + ([rules] if isinstance(rules, str) else list(rules))

    def _problem(self, open_: _Open) -> _lib.WeightsProblem:
        g, p = self.given, _lib.WeightsProblem()
        p.base = open_(g["base"]) if "base" in g else None
        p.activations = open_(g["activations"]) if "activations" in g else None
        self.at = (c_void_p * (len(self.models) + 1))(*(open_(m) for m in self.models))
        p.model, p.models = ctypes.cast(self.at, c_void_p), len(self.models)
        self.texts = [
            _texts("rule", self._rules()),
            _texts("rename", g.get("rename")),
            _texts("tied", g.get("tied")),
        ]
        for (array, n), (at, count) in zip(
            self.texts, (("rule", "rules"), ("rename", "renames"), ("tied", "ties"))
        ):
            setattr(p, at, ctypes.cast(array, c_void_p))
            setattr(p, count, n)
        p.dtype = str(g["dtype"]).upper().encode() if "dtype" in g else None
        p.shard = _catalogue.bytes_of(g.get("shard_size"))
        p.common_rows, p.allow_nan = bool(g.get("common_rows")), bool(g.get("allow_nan"))
        p.sparse = bool(g.get("sparse"))
        p.packing = str(g["packing"]).encode() if "packing" in g else None
        return p

    def run(self, call: Callable[[Context, Any, Any, Any, Any], int]) -> Report:
        """call(context, method, options, problem, report)."""

        def work(cx: Context) -> Report:
            report = _lib.WeightsReport()
            with _Open(cx) as open_:
                problem = self._problem(open_)
                opts = self.method.set(cx, self.options)
                try:
                    cx.check(call(cx, self.method.at, opts, byref(problem), byref(report)))
                finally:
                    lib.cull_opts_free(opts)
            return Report(*(getattr(report, f.name) for f in fields(Report)))

        found: Report = _catalogue.with_context(self.common, work)
        return found


# ---- calls ----


def merge(method: str, models: Sequence[Where], out: Where, **given: Any) -> Report:
    """The checkpoint `out` from `models`, by a method of task weights.

    base         what the models were fine-tuned from, for methods that need it
    weights      the weight of each model, for methods that have weight
    rule         options of some tensors: "role=ffn layer=0-15: density=0.3", or a list of them
    rename, tied "OLD=NEW", "NAME=OTHER", or lists of them
    dtype        of what is computed; as it was
    shard_size   bytes of a file, "4G"; one file
    common_rows, allow_nan    True or False
    sparse       True: tensors that get smaller so are packed, as by cull weights pack; packing: how, the smallest
    Options of the method (`describe(method)`), and seed, threads, memory, progress, tmpdir, isa."""
    task = _Task("merge", method, models, given)
    path = os.fsencode(out)
    return task.run(lambda cx, m, o, p, r: lib.cull_weights_run(cx.at, m, o, p, path, r))


def prune(method: str, model: Where, out: Where, **given: Any) -> Report:
    """The checkpoint `out`, a smaller `model`; as merge, of one model."""
    task = _Task("prune", method, model, given)
    path = os.fsencode(out)
    return task.run(lambda cx, m, o, p, r: lib.cull_weights_run(cx.at, m, o, p, path, r))


def plan(method: str, models: Union[Where, Sequence[Where]], **given: Any) -> Report:
    """What merge or prune would read, write and hold at most; all is checked but numbers, nothing is written."""
    task = _Task("plan", method, models, given)
    return task.run(lambda cx, m, o, p, r: lib.cull_weights_plan(cx.at, m, o, p, r))


def soup(
    models: Sequence[Where],
    out: Where,
    score: Callable[[str], float],
    scores: Optional[Sequence[float]] = None,
    **given: Any,
) -> Soup:
    """The greedy soup: from the best model on, in the order of their scores, a model joins the mean where that scores no
    worse. `score` is given a path and says how good that checkpoint is, larger is better; `scores` are the models'."""
    task = _Task("soup", "soup", models, given)
    raised: List[BaseException] = []

    def ask(_: Any, path: bytes, value: Any) -> int:
        try:
            value[0] = float(score(os.fsdecode(path)))
        except BaseException as e:  # it cannot cross C
            raised.append(e)
            return 1
        return 0

    n = len(task.models)
    if scores is not None and len(scores) != n:
        raise InputError(f"scores has {len(scores)} numbers, and there are {n} models")
    known = None if scores is None else (ctypes.c_double * (n + 1))(*(float(s) for s in scores))
    kept, best = (ctypes.c_bool * (n + 1))(), ctypes.c_double()
    hook, path = _lib.WEIGHTS_SCORE(ask), os.fsencode(out)
    try:
        report = task.run(
            lambda cx, m, o, p, r: lib.cull_weights_soup(
                cx.at, o, p, known, hook, None, path, kept, byref(best), r
            )
        )
    except _lib.Error:
        if raised:
            raise raised[0] from None
        raise
    return Soup(list(kept[:n]), best.value, report)


# ---- looking ----


def _tensor(ck: Optional[int], i: int) -> Any:
    return lib.cull_checkpoint_at(ck, i).contents


def stat(path: Where, **common: Any) -> List[TensorStat]:
    """What each tensor holds."""

    def work(cx: Context) -> List[TensorStat]:
        found, s = [], _lib.TensorStat()
        with _Open(cx) as open_:
            ck = open_(path)
            for i in range(lib.cull_checkpoint_count(ck)):
                t = _tensor(ck, i)
                if not t.numeric:
                    continue
                cx.check(lib.cull_checkpoint_stat(cx.at, ck, i, byref(s)))
                found.append(
                    TensorStat(
                        t.name.decode(),
                        t.dtype.decode(),
                        tuple(t.shape[: t.ndim]),
                        lib.cull_role_name(t.role).decode(),
                        None if t.layer < 0 else t.layer,
                        None if t.expert < 0 else t.expert,
                        s.zeros,
                        s.nans,
                        s.infs,
                        s.mean,
                        lib.cull_tensor_stat_std(byref(s)),
                        s.absmax,
                    )
                )
        return found

    _catalogue.refuse("stat", common, [name for name, *_ in COMMON])
    found: List[TensorStat] = _catalogue.with_context(common, work)
    return found


def diff(a: Where, b: Where, **common: Any) -> List[Difference]:
    """How far the tensors of two checkpoints are apart. Names, shapes must be the same."""

    def pairs(one: Optional[int], two: Optional[int]) -> List[Tuple[int, int]]:
        found = []
        for i in range(lib.cull_checkpoint_count(one)):
            name = _tensor(one, i).name
            k = lib.cull_checkpoint_find(two, name, None)
            if k < 0:
                raise InputError(f"{os.fspath(b)} has no tensor '{name.decode()}'")
            found.append((i, k))
        if len(found) < lib.cull_checkpoint_count(two):
            raise InputError(f"{os.fspath(b)} has tensors that {os.fspath(a)} has not")
        return found

    def work(cx: Context) -> List[Difference]:
        found, d = [], _lib.TensorDiff()
        with _Open(cx) as open_:
            one, two = open_(a), open_(b)
            for i, k in pairs(one, two):
                cx.check(lib.cull_checkpoint_diff(cx.at, one, i, two, k, byref(d)))
                cosine = lib.cull_tensor_diff_cosine(byref(d))
                rel = lib.cull_tensor_diff_rel(byref(d))
                found.append(
                    Difference(
                        _tensor(one, i).name.decode(),
                        d.same == d.n,
                        d.same,
                        d.absmax,
                        rel,
                        None if math.isnan(cosine) else cosine,
                    )
                )
        return found

    _catalogue.refuse("diff", common, [name for name, *_ in COMMON])
    found: List[Difference] = _catalogue.with_context(common, work)
    return found


def verify(path: Where, numbers: bool = True, **common: Any) -> List[Finding]:
    """What is wrong with a checkpoint: index, shards, config, and (numbers) what is not finite. [] = nothing."""

    def work(cx: Context) -> List[Finding]:
        found: List[Finding] = []

        def add(_: Any, f: Any) -> None:
            tensor, text = f.contents.tensor, f.contents.text
            found.append(
                Finding(
                    bool(f.contents.error), None if tensor is None else tensor.decode(), text.decode()
                )
            )

        hook = _lib.FINDING(add)
        with _Open(cx) as open_:
            cx.check(lib.cull_checkpoint_verify(cx.at, open_(path), numbers, hook, None))
        return found

    _catalogue.refuse("verify", common, [name for name, *_ in COMMON])
    found: List[Finding] = _catalogue.with_context(common, work)
    return found


def describe(method: str) -> str:
    """What a method does, and its options with their defaults."""
    return _policy.described("weights", method)
