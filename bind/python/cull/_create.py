"""How a study begins: from the arguments of a call, or from its store."""

from __future__ import annotations

import ctypes
import difflib
import os
from ctypes import byref, c_void_p
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

from . import _catalogue, _lib
from ._lib import Context, OptionError, lib
from ._space import Space, _path
from ._study import Study, _chosen, _float, _whole

_AGAIN = ("never", "cached", "paid")
_STOPS = ("none", "median", "halving", "asha", "hyperband")

Names = Union[str, Sequence[str]]
Directions = Union[Mapping[str, str], str, Sequence[str]]

# ---- what create takes ----


def _listed(names: Optional[Names]) -> List[str]:
    if names is None:
        return []
    return names.split(",") if isinstance(names, str) else [str(n) for n in names]


def _ways(directions: Optional[Directions]) -> List[Tuple[str, str]]:
    if directions is None or isinstance(directions, Mapping):
        return list((directions or {}).items())
    ways = _listed(directions)
    return [("value", ways[0])] if len(ways) == 1 else [(f"value{i}", w) for i, w in enumerate(ways, 1)]


def objectives_of(
    directions: Optional[Directions], minimize: Optional[Names], maximize: Optional[Names]
) -> List[Tuple[str, bool]]:
    """Names, and whether each is maximised. Without any, one that is called 'value'."""
    found = []
    for name, way in _ways(directions):
        if way not in ("minimize", "maximize"):
            raise OptionError(f"direction {way!r} of '{name}' is none of minimize, maximize")
        found.append((str(name), way == "maximize"))
    found += [(name, False) for name in _listed(minimize)]
    found += [(name, True) for name in _listed(maximize)]
    return found or [("value", False)]


def _stop(
    kind: Optional[str], rungs: Optional[Tuple[int, int]], eta: Optional[float], anew: bool
) -> _lib.StopStruct:
    if kind is None:
        for name, value in (("rungs", rungs), ("eta", eta), ("anew", anew or None)):
            if value is not None:
                raise OptionError(f"{name} is of stop, which is not given")
        return _lib.StopStruct()
    found = _lib.StopStruct(kind=_chosen("stop", kind, _STOPS[1:]) + 1)
    try:
        first, last = rungs  # type: ignore[misc]
    except (TypeError, ValueError):
        raise OptionError("stop wants rungs=(first, last): steps, as (1, 81)") from None
    found.first, found.last = _whole("rungs", first), _whole("rungs", last)
    found.eta = 0 if eta is None else _float("eta", eta)
    found.anew = anew or kind == "halving"
    return found


def _method(name: Optional[str], trials: int, store: Optional[bytes] = None, cx: Optional[Context] = None) -> _catalogue.Method:
    of = {m["slug"]: m for m in _catalogue.methods_of("search")}
    slug = name or lib.cull_search_default(cx.at if cx else None, store, trials).decode()
    slug = str(slug).replace("_", "-")
    if slug not in of:
        near = difflib.get_close_matches(slug, of, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise OptionError(f"task search has no method '{name}'{hint}")
    return _catalogue.Method(of[slug])


def _strings(words: Sequence[str]) -> Any:
    return (ctypes.c_char_p * max(1, len(words)))(*(w.encode() for w in words))


# ---- opening ----


def create(
    space: Union[Space, str, "os.PathLike[str]", Mapping[str, Any]],
    directions: Optional[Directions] = None,
    *,
    minimize: Optional[Names] = None,
    maximize: Optional[Names] = None,
    constraints: Names = (),
    method: Optional[str] = None,
    budget: Optional[int] = None,
    cost_budget: Optional[float] = None,
    time: Optional[float] = None,
    seed: int = 1,
    store: Union[str, "os.PathLike[str]", None] = None,
    resume: bool = False,
    widen: bool = False,
    sync: bool = False,
    again: str = "never",
    replicates: int = 1,
    retries: int = 0,
    stop: Optional[str] = None,
    rungs: Optional[Tuple[int, int]] = None,
    eta: Optional[float] = None,
    anew: bool = False,
    id: Optional[str] = None,
    default_first: bool = False,
    threads: int = 1,
    **options: Any,
) -> Study:
    """A study of points of a space, by the same rules as `cull search`.

    space: a Space, or what it is made of.
    directions: {"error": "minimize", "speed": "maximize"}, or minimize, maximize: names; or "maximize" alone,
        whose objective is called 'value', or a list, of 'value1', 'value2', ... Without any 'value' is minimised.
    constraints: names of what is told beside them, fulfilled at 0 or below.
    method: see cull.search.METHODS; None = gp up to a budget of 300, else tpe. Its
        options are given by name.
    budget: evaluations in all; cost_budget: the sum of what `tell` says they cost; time: seconds.
    seed: of every draw.
    store: where it is kept: a file, or postgresql://...; None = in memory. One that is there goes on.
    resume: it must be there; also after stop. widen: the space may have grown. sync: what was told
        survives a power failure.
    again: a point that was asked before is asked 'never', 'cached' (told what it was) or 'paid' for.
    replicates: evaluations of each point, whose mean counts. retries: of one that failed.
    stop: 'median', 'halving', 'asha' or 'hyperband', on what trials report; rungs: (first, last) steps;
        eta: the share 1/eta goes on, 3; anew: evaluations begin anew at each rung, with trial.budget.
    id: what the results depend on besides, kept in the store.
    default_first: a study that begins asks for the point of defaults first."""
    at = space if isinstance(space, Space) else Space(space)
    names = objectives_of(directions, minimize, maximize)
    cx = _context(seed, threads)
    with cx.lock, _lib.Call(cx, None):
        m = _method(
            method, 0 if budget is None else _whole("budget", budget), None if store is None else _path(store), cx
        )
    _catalogue.refuse("create", options, list(m.options))
    beside = _listed(constraints)
    for what, n in (("objectives", len(names)), ("constraints", len(beside))):
        if n > 16:
            raise OptionError(f"a study has at most 16 {what}, not {n}")
    p = _lib.SearchProblem(
        space=at.at,
        objectives=len(names),
        objective=(_lib.ObjectiveStruct * len(names))(
            *(_lib.ObjectiveStruct(n.encode(), up) for n, up in names)
        ),
        constraints=len(beside),
        constraint=_strings(beside),
        trials=0 if budget is None else _whole("budget", budget),
        seconds=_float("time", time or 0),
        cost=_float("cost_budget", cost_budget or 0),
        again=_chosen("again", again, _AGAIN),
        replicates=_whole("replicates", replicates),
        retries=_whole("retries", retries),
        stop=_stop(stop, rungs, eta, anew),
        id=None if id is None else id.encode(),
    )
    o = _lib.StudyOpts(
        size=ctypes.sizeof(_lib.StudyOpts),
        store=None if store is None else _path(store),
        resume=resume,
        widen=widen,
        sync=sync,
        default_first=default_first,
    )
    if store is None and (resume or widen or sync):
        raise OptionError("resume, widen and sync are of a study that is kept: name its store")
    out = c_void_p()
    with cx.lock, _lib.Call(cx, None):
        opts = m.set(cx, options)
        try:
            cx.check(lib.cull_study_open(cx.at, byref(p), m.at, opts, byref(o), byref(out)))
        finally:
            lib.cull_opts_free(opts)
    return _opened(cx, out, at, store is not None)


def load(store: Union[str, "os.PathLike[str]"], *, threads: int = 1) -> Study:
    """The study of a store, as it says itself: space, objectives, method, options, seed. It may go on;
    a budget is not kept, so it has none. Values of `one` are texts there: `create` with the space has them as they were given."""
    cx, out = _context(1, threads), c_void_p()
    with cx.lock, _lib.Call(cx, None):
        cx.check(lib.cull_study_reopen(cx.at, _path(store), byref(out)))
    return _opened(cx, out, None, True)


def _context(seed: int, threads: int) -> Context:
    """The study's own: the handle must not outlive it."""
    cx = Context((_catalogue._whole("threads", threads, 4096), 0, None, None))
    lib.cull_ctx_reseed(cx.at, _catalogue._whole("seed", seed, (1 << 64) - 1))
    return cx


def _opened(cx: Context, out: c_void_p, space: Optional[Space], kept: bool) -> Study:
    assert out.value
    return Study(cx, out.value, space, kept)
