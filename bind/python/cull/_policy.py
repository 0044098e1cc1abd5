"""Policies of tasks compute and trust: fitted, kept as files, applied; and what they decide."""

from __future__ import annotations

import ctypes
import difflib
import math
import os
import tempfile
from ctypes import byref, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, TypeVar, Union

import numpy as np
import numpy.typing as npt

from . import _catalogue, _lib
from ._catalogue import COMMON, Method
from ._lib import Context, InputError, OptionError, lib, python_name
from ._outcomes import NAMES, Rows, address
from .results import _copy

Where = Union[str, "os.PathLike[str]"]

# ---- what is guaranteed ----


@dataclass(frozen=True)
class Guarantee:
    """What is guaranteed: `bounds` is at most `level`, but with a chance of `delta` (0 = in expectation)."""

    bounds: str
    level: float
    delta: float
    assumes: str
    broken: Optional[str]  # why it does not hold here
    rows: int  # that it rests on

    def __bool__(self) -> bool:
        return self.broken is None

    def __str__(self) -> str:
        if self.broken is not None:
            return f"no guarantee: {self.broken}"
        how = f"but with a chance of {self.delta:g}" if self.delta > 0 else "in expectation"
        return (
            f"{self.bounds} at most {self.level:g}, {how}; from {self.rows} rows, "
            f"assuming that {self.assumes}"
        )


def guarantee_of(g: Any) -> Optional[Guarantee]:
    if not g.bounds:
        return None
    text = [
        None if s is None else s.decode("utf-8", "replace") for s in (g.bounds, g.assumes, g.broken)
    ]
    return Guarantee(text[0] or "", g.level, g.delta, text[1] or "", text[2], g.n)


# ---- decisions ----

_FIELDS: Tuple[Tuple[str, type], ...] = (
    ("model", np.int32),
    ("cost", np.float64),
    ("label", np.int32),
    ("score", np.float64),
    ("p", np.float64),
    ("lo", np.float64),
    ("hi", np.float64),
    ("level", np.float64),
    ("drift", np.float64),
)


class Decisions:
    """What a policy decides about rows; what it does not decide is None.

    model   (n,) whose answer is taken; -1 = of several together
    called  (n, K) bool: which models ran
    cost    (n,) of all that ran
    label   (n,) the class, -1 = none
    score   (n,) how sure, larger = surer
    keep    (n,) bool: trusted
    p       (n,) p-value of "this row is not what is looked for"
    lo, hi  (n,) ends of an interval
    set     (n, classes) bool: classes of a set
    level   (n,) of a stream that is watched: the level in force
    drift   (n,) likewise: log10 of what the test against drift has come to
    models  names of the models
    guarantee  of trust: what is guaranteed of these rows
    """

    model: Optional[npt.NDArray[np.int32]]
    called: Optional[npt.NDArray[np.bool_]]
    cost: Optional[npt.NDArray[np.float64]]
    label: Optional[npt.NDArray[np.int32]]
    score: Optional[npt.NDArray[np.float64]]
    keep: Optional[npt.NDArray[np.bool_]]
    p: Optional[npt.NDArray[np.float64]]
    lo: Optional[npt.NDArray[np.float64]]
    hi: Optional[npt.NDArray[np.float64]]
    set: Optional[npt.NDArray[np.bool_]]
    level: Optional[npt.NDArray[np.float64]]
    drift: Optional[npt.NDArray[np.float64]]
    guarantee: Optional[Guarantee]

    def __init__(self, policy: "Policy", d: _lib.DecisionsStruct) -> None:
        n = d.n
        self.policy = policy
        self.models = policy.models
        self.guarantee = None
        for name, dtype in _FIELDS:
            at = getattr(d, name)
            setattr(self, name, _copy(at, n, dtype) if at else None)
        self._bits = _copy(d.called, n, np.uint64) if d.called else None
        self.called = None
        if self._bits is not None:
            which = np.arange(len(self.models), dtype=np.uint64)
            self.called = (self._bits[:, None] >> which & np.uint64(1)).astype(np.bool_)
        self.keep = _copy(d.keep, n, np.uint8).view(np.bool_) if d.keep else None
        self.set = None
        if d.set:
            self.set = _copy(d.set, n * d.classes, np.uint8).reshape(n, d.classes).view(np.bool_)
        self._n = n

    def __len__(self) -> int:
        return int(self._n)

    def _struct(self) -> _lib.DecisionsStruct:
        """Borrows the arrays."""
        d = _lib.DecisionsStruct(n=self._n)
        for name, _ in _FIELDS:
            setattr(d, name, address(getattr(self, name)))
        d.called, d.keep, d.set = address(self._bits), address(self.keep), address(self.set)
        d.classes = 0 if self.set is None else self.set.shape[1]
        return d

    def save(self, path: Where) -> None:
        """To a file: csv, tsv, json or jsonl by its name, .gz and .zst too."""
        with self.policy._use() as (cx, at):
            cx.check(lib.cull_decisions_write(cx.at, byref(self._struct()), at, os.fsencode(path)))

    def __repr__(self) -> str:
        what = [n for n, _ in _FIELDS if getattr(self, n) is not None]
        what += [n for n in ("called", "keep", "set") if getattr(self, n) is not None]
        return f"<Decisions of {self.policy.method}: {self._n} rows, {', '.join(what)}>"


# ---- streams ----


@dataclass(frozen=True)
class Watched:
    """What a stream that is watched came to.

    alarms    rows at which drift was seen, the first 16
    known     rows whose outcome came
    missed    mean loss (of sets and intervals the share missed) up to the first alarm, and after it (None = there are none)
    fixed     what it would have been by the policy as fitted
    bound     of a threshold: the share missed of all of them is off the level by this at most; of a limit to the risk: the mean loss
              is above it by this at most, but for what `helpless` rows lost; None where nothing follows
    helpless  rows that lost more although the safest choice was in force
    fits      (first, last) row of those that the policy was fitted anew on, the first 16
    refused   how often such a fit was refused
    """

    alarms: Tuple[int, ...]
    known: int
    missed: Tuple[Optional[float], Optional[float]]
    fixed: Tuple[Optional[float], Optional[float]]
    bound: Optional[float]
    helpless: int
    fits: Tuple[Tuple[int, int], ...]
    refused: int


def _watched(w: Any) -> Watched:
    def share(v: Any, of: Any) -> Tuple[Optional[float], Optional[float]]:
        a, b = (v[i] / of[i] if w.follows and of[i] else None for i in range(2))
        return a, b

    alarms = tuple(int(r) for r in w.at[: min(w.alarms, 16)])
    bound = float(w.bound) if w.follows else None
    fits = tuple((int(w.fit_from[i]), int(w.fit_to[i])) for i in range(min(w.fits, 16)))
    missed, fixed = share(w.missed, w.of), share(w.still, w.still_of)
    return Watched(alarms, int(w.known), missed, fixed, bound, int(w.helpless), fits, int(w.refused))


# ---- policies ----


class _Use:
    """A policy in its context, alone."""

    def __init__(self, policy: "Policy", seed: int) -> None:
        self.policy, self.seed = policy, seed

    def __enter__(self) -> Tuple[Context, int]:
        p = self.policy
        p._here()
        self.cx = p._cx
        self.cx.lock.acquire()
        try:
            lib.cull_ctx_reseed(self.cx.at, self.seed)
            self.call = _lib.Call(self.cx, None)
            self.call.__enter__()
        except BaseException:
            self.cx.release()
            raise
        return self.cx, p._at

    def __exit__(self, *error: Any) -> None:
        try:
            self.call.__exit__(*error)
        finally:
            self.cx.release()


P = TypeVar("P", bound="Policy")


class Policy:
    """What a method learnt. It is kept by `save` and pickled; `load` of its module reads it.

    method    its name
    models    names of the models it was fitted for
    options   of its method
    notes     sentences about what was learnt
    guarantee what is guaranteed, or None
    """

    task = ""

    def __init__(self, cx: Context, at: int) -> None:
        self._cx, self._at = cx, at
        facts = self._facts()
        self.method: str = facts["slug"]
        if facts["task"] != self.task:
            raise InputError(f"the policy is of {self.method}, a method of task {facts['task']}")
        models = lib.cull_policy_models(at)
        self.models: List[str] = [_text(lib.cull_policy_model(at, k)) for k in range(models)]
        self.notes: List[str] = [
            _text(lib.cull_policy_note_at(at, i)) for i in range(lib.cull_policy_notes(at))
        ]
        said = lib.cull_policy_guaranteed(at)
        self.guarantee: Optional[Guarantee] = guarantee_of(said[0]) if said else None

    def _facts(self) -> Dict[str, Any]:
        m = lib.cull_policy_method(self._at)
        for facts in _catalogue.CATALOGUE["methods"]:
            if lib.cull_method_find(facts["slug"].encode(), None) == m:
                return dict(facts)
        raise InputError("the policy is of a method that this cull lacks")

    def __del__(self) -> None:
        if getattr(self, "_at", None):
            self._cx.free(lib.cull_policy_free, self._at)

    def _here(self) -> None:
        """In a forked child, whose contexts have lost their workers, the policy moves to a new one."""
        if self._cx.pid == os.getpid():
            return
        other = opened(type(self), self._text())
        self._cx, self._at, other._at = other._cx, other._at, 0

    def _use(self, seed: int = 1) -> _Use:
        return _Use(self, seed)

    def _text(self) -> bytes:
        """The file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "policy.json")
            cx = _lib.plain()
            try:
                cx.check(lib.cull_policy_write(cx.at, self._at, os.fsencode(path)))
            finally:
                cx.release()
            return path.read_bytes()

    def __reduce__(self) -> Tuple[Any, ...]:
        return opened, (type(self), self._text())

    def save(self, path: Where) -> None:
        """One JSON file, the same as the command's."""
        with self._use() as (cx, at):
            cx.check(lib.cull_policy_write(cx.at, at, os.fsencode(path)))

    def _opts(self, cx: Context, options: Dict[str, Any]) -> Optional[int]:
        """Options given now count instead of those of the fit."""
        if not options:
            return None
        m = Method(self._facts())
        _catalogue.refuse("apply", options, [*NAMES, "seed", *m.options])
        out = c_void_p()
        cx.check(lib.cull_policy_options(cx.at, self._at, byref(out)))
        try:
            set_options(cx, out.value, m, options)
        except BaseException:
            lib.cull_opts_free(out)
            raise
        return out.value

    def _decide(
        self, function: Any, given: Dict[str, Any], said: Optional[_lib.GuaranteeStruct] = None
    ) -> Decisions:
        seed = given.pop("seed", 1)
        options = {k: given.pop(k) for k in list(given) if k not in NAMES}
        more = () if said is None else (byref(said),)
        rows = Rows(given, self.models)
        d = _lib.DecisionsStruct()
        with self._use(seed) as (cx, at):
            opts = self._opts(cx, options)
            try:
                cx.check(function(cx.at, at, opts, byref(rows.c), byref(d), *more))
                found = Decisions(self, d)
                found.guarantee = None if said is None else guarantee_of(said)
                return found
            finally:
                lib.cull_opts_free(opts)
                lib.cull_decisions_free(byref(d))

    def watch(
        self, *, alarm: float = 0.05, rate: float = 0.0, window: int = 0, anew: int = 0, **given: Any
    ) -> Tuple[Decisions, "Watched"]:
        """Decide about rows in order, with what became of them where that is known (nan = it is not), and say when they
        stop being like those of the calibration. Where a threshold bounds a share of all rows, or a choice their mean loss in
        expectation, it follows them.

        alarm: the chance of any false alarm, at most. rate: how fast the level follows, 0 = several rates,
        weighed, or 0.005 of a limit to the risk. window: rows that the threshold is set by, 0 = as many as were calibrated on,
        100 to 10000. anew: of what does not follow: after an alarm it is fitted anew on so many rows, 0 = not. Also rows and
        options as in `apply`."""
        seed = given.pop("seed", 1)
        options = {k: given.pop(k) for k in list(given) if k not in NAMES}
        rows = Rows(given, self.models)
        o = _lib.WatchOpts(ctypes.sizeof(_lib.WatchOpts), alarm, rate, window, anew)
        d, total, s = _lib.DecisionsStruct(), _lib.StreamSummary(), c_void_p()
        with self._use(seed) as (cx, at):
            opts = self._opts(cx, options)
            try:
                cx.check(lib.cull_stream_new(cx.at, at, opts, byref(s)))
                cx.check(lib.cull_stream_watch(cx.at, s, byref(o)))
                cx.check(lib.cull_stream_next(cx.at, s, byref(rows.c), byref(d)))
                cx.check(lib.cull_stream_sum(cx.at, s, byref(total)))
                return Decisions(self, d), _watched(total.watch)
            finally:
                lib.cull_stream_free(s)
                lib.cull_opts_free(opts)
                lib.cull_decisions_free(byref(d))

    def __repr__(self) -> str:
        said = [f"<{type(self).__name__} {self.method} of {', '.join(self.models)}>", *self.notes]
        return "\n  ".join(said + ([str(self.guarantee)] if self.guarantee is not None else []))


def _text(s: Optional[bytes]) -> str:
    return (s or b"").decode("utf-8", "replace")


def set_options(cx: Context, opts: Optional[int], m: Method, options: Dict[str, Any]) -> None:
    from ._inputs import text

    for name, value in options.items():
        cx.check(lib.cull_opts_set(cx.at, opts, m.options[name], text(name, value).encode()))


# ---- fit, load ----


def method_of(task: str, name: str) -> Method:
    of = {m["slug"]: m for m in _catalogue.methods_of(task)}
    slug = str(name).replace("_", "-")
    if slug not in of:
        near = difflib.get_close_matches(slug, of, 1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(of)}"
        raise OptionError(f"task {task} has no method '{name}'{hint}")
    return Method(of[slug])


@dataclass(frozen=True)
class Plan:
    """What a fit would hold and do.

    bytes    held at once, at most, beside the rows
    tried    rows of the largest trial that says so
    refused  why so few rows are refused, or None; all of them need not be
    work     the sizes that its time goes by
    """

    bytes: int
    tried: int
    refused: Optional[str]
    work: Dict[str, float]


T = TypeVar("T")


def _with_rows(
    task: str,
    verb: str,
    method: str,
    problem: Any,
    given: Dict[str, Any],
    call: Callable[[Context, Any, Optional[int]], T],
) -> T:
    m = method_of(task, method)
    common = [name for name, *_ in COMMON]
    _catalogue.refuse(verb, given, [*NAMES, *common, *m.options])
    given = {k: v for k, v in given.items() if v is not None}
    options = {k: given.pop(k) for k in m.options if k in given}
    rows = Rows({k: given.pop(k) for k in NAMES if k in given})
    problem.rows = ctypes.pointer(rows.c)

    def work(cx: Context) -> T:
        opts = m.set(cx, options)
        try:
            return call(cx, m.at, opts)
        finally:
            lib.cull_opts_free(opts)

    found: T = _catalogue.with_context(given, work)
    return found


def fitted(kind: Type[P], method: str, problem: Any, function: Any, given: Dict[str, Any]) -> P:
    def call(cx: Context, at: Any, opts: Optional[int]) -> P:
        out = c_void_p()
        cx.check(function(cx.at, at, opts, byref(problem), byref(out)))
        return kind(cx, out.value or 0)

    return _with_rows(kind.task, "fit", method, problem, given, call)


def planned(task: str, method: str, problem: Any, function: Any, given: Dict[str, Any]) -> Plan:
    def call(cx: Context, at: Any, opts: Optional[int]) -> Plan:
        p = _lib.PolicyPlan()
        cx.check(function(cx.at, at, opts, byref(problem), byref(p)))
        work = {_text(w.what): float(w.n) for w in p.work[: p.works]}
        return Plan(int(p.bytes), int(p.tried), _text(p.refused) or None, work)

    return _with_rows(task, "plan", method, problem, given, call)


def loaded(kind: Type[P], path: Where) -> P:
    def work(cx: Context) -> P:
        out = c_void_p()
        cx.check(lib.cull_policy_open(cx.at, os.fsencode(path), byref(out)))
        return kind(cx, out.value or 0)

    found: P = _catalogue.with_context({}, work)
    return found


def opened(kind: Type[P], text: bytes) -> P:
    """Of the bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "policy.json")
        path.write_bytes(text)
        return loaded(kind, path)


def number(name: str, value: Any, none: float) -> float:
    if value is None:
        return none
    try:
        return float(value)
    except (TypeError, ValueError):
        raise OptionError(f"{name} {value!r} is no number") from None


def described(task: str, method: str) -> str:
    slug = method_of(task, method).slug
    facts = next(m for m in _catalogue.methods_of(task) if m["slug"] == slug)
    options = [f"{python_name(o['name'])}: {_catalogue.told(o)}" for o in facts["options"]]
    return "\n".join([_catalogue.headline(facts), *([""] if options else []), *options])


def none_of(v: float) -> Optional[float]:
    return None if math.isnan(v) else v
