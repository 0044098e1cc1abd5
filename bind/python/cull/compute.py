"""Choose how much work each input gets: cascades, routers, exits.

    policy = cull.compute.fit("cascade", quality={"small": q1, "large": q2}, score={"small": s1, "large": s2},
                              cost={"small": 1, "large": 12}, budget=4)
    decisions = policy.apply(score={"small": t1, "large": t2}, cost={"small": 1, "large": 12})
    decisions.model, decisions.cost

The same policy to the bit as `cull compute` fits. Rows are described by

INPUTS
"""

from __future__ import annotations

import math
from ctypes import byref
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from . import _catalogue, _lib, _outcomes, _policy
from ._lib import lib
from ._policy import Decisions, Guarantee, Plan, Policy, Where

METHODS: List[str] = [m["slug"] for m in _catalogue.methods_of("compute")]
__all__ = [
    "METHODS",
    "ComputePolicy",
    "Decisions",
    "Guarantee",
    "Line",
    "Plan",
    "Verdict",
    "describe",
    "fit",
    "judge",
    "load",
    "plan",
]


class ComputePolicy(Policy):
    __doc__ = Policy.__doc__
    task = "compute"

    def apply(self, **given: Any) -> Decisions:
        """Decide about rows, described as for `fit`, without quality and truth. Options of the method may be
        given anew; `seed` is that of random draws."""
        return self._decide(lib.cull_compute_apply, given)


def _problem(
    budget: Optional[float],
    target: Optional[float],
    within: Optional[float],
    risk: Optional[float],
    delta: float,
) -> _lib.ComputeProblem:
    return _lib.ComputeProblem(
        budget=_policy.number("budget", budget, math.inf),
        target=_policy.number("target", target, -math.inf),
        delay=_policy.number("within", within, math.inf),
        risk=_policy.number("risk", risk, math.nan),
        delta=_policy.number("delta", delta, 0.1),
    )


def fit(
    method: str,
    *,
    budget: Optional[float] = None,
    target: Optional[float] = None,
    within: Optional[float] = None,
    risk: Optional[float] = None,
    delta: float = 0.1,
    **given: Any,
) -> ComputePolicy:
    """Learn a policy from rows whose outcomes are known.

    budget: most mean cost of a row. target: least mean quality. within: most delay of a row. risk: the mean
    loss (1 - quality) is at most this, but with a chance of delta (0 = in expectation). Also what describes
    rows (help(cull.compute)), the method's options (cull.compute.describe(method)), seed, threads, memory,
    isa, tmpdir and progress."""
    p = _problem(budget, target, within, risk, delta)
    return _policy.fitted(ComputePolicy, method, p, lib.cull_compute_fit, given)


def plan(
    method: str,
    *,
    budget: Optional[float] = None,
    target: Optional[float] = None,
    within: Optional[float] = None,
    risk: Optional[float] = None,
    delta: float = 0.1,
    **given: Any,
) -> Plan:
    """What `fit` would hold and do, of the same arguments; nothing is learnt but from some of the rows, for a trial."""
    p = _problem(budget, target, within, risk, delta)
    return _policy.planned("compute", method, p, lib.cull_compute_plan, given)


def load(path: Where) -> ComputePolicy:
    """A policy from its file."""
    return _policy.loaded(ComputePolicy, path)


def describe(method: str) -> str:
    """What a method does, its paper, its options: `print(cull.compute.describe("cascade"))`."""
    return _policy.described("compute", method)


# ---- what decisions are worth ----


@dataclass(frozen=True)
class Line:
    """A policy or a model alone: its mean quality and cost, each with its 95 % interval."""

    what: str
    quality: float
    quality_interval: Tuple[float, float]
    cost: float
    cost_interval: Tuple[float, float]
    saving: Optional[float]  # 1 - cost / cost of the model that is best alone
    saving_interval: Optional[Tuple[float, float]]


@dataclass(frozen=True)
class Verdict:
    policy: Line
    models: List[Line]
    best: Optional[Line]  # the model that is best alone
    share: List[float]  # of rows that each model ran on


def _line(c: Any, what: str) -> Line:
    known = not math.isnan(c.saving)
    return Line(
        what,
        c.quality,
        (c.quality_lo, c.quality_hi),
        c.cost,
        (c.cost_lo, c.cost_hi),
        c.saving if known else None,
        (c.saving_lo, c.saving_hi) if known else None,
    )


def judge(decisions: Decisions, *, seed: int = 1, **given: Any) -> Verdict:
    """What decisions cost and are worth on rows whose outcomes are known, beside each model alone."""
    _catalogue.refuse("judge", given, _outcomes.NAMES)
    rows = _outcomes.Rows(given, decisions.models)
    rows.same(len(decisions), len(decisions.models))
    v = _lib.ComputeVerdict()
    with decisions.policy._use(seed) as (cx, _):
        cx.check(lib.cull_compute_judge(cx.at, byref(decisions._struct()), byref(rows.c), byref(v)))
    lines = [_line(v.line[k], decisions.models[k - 1] if k else "policy") for k in range(v.lines)]
    best = lines[v.best] if v.best > 0 else None
    return Verdict(lines[0], lines[1:], best, list(v.share[: len(decisions.models)]))


for _made in (ComputePolicy, Line, Verdict):
    _made.__module__ = __name__
__doc__ = (__doc__ or "").replace("INPUTS", _catalogue.describe([*_outcomes.GIVEN]))
