"""Choose which outputs to trust, with a guarantee: selection, sets, intervals, selective classification.

    cert = cull.trust.fit("conformal-selection", score=mu, truth=y, above=6.5, level=0.2)
    kept = cert.apply(score=new_mu)
    kept.keep, kept.guarantee
    cert.check(kept, truth=later_y)

The same certificate to the bit as `cull trust` fits. Rows are described by

INPUTS
"""

from __future__ import annotations

import math
from ctypes import byref
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _catalogue, _lib, _outcomes, _policy
from ._lib import InputError, lib
from ._policy import Decisions, Guarantee, Plan, Policy, Watched, Where

METHODS: List[str] = [m["slug"] for m in _catalogue.methods_of("trust")]
__all__ = [
    "METHODS",
    "Certificate",
    "ConformalClassifier",
    "Decisions",
    "Guarantee",
    "Plan",
    "Reliability",
    "SelectiveClassifier",
    "Verdict",
    "Watched",
    "describe",
    "fit",
    "load",
    "plan",
]


@dataclass(frozen=True)
class Verdict:
    """What the guarantee bounds, in one draw of calibration and test rows."""

    bounds: str
    level: float
    reached: float
    interval: Tuple[float, float]  # 95 %, exact
    p: Optional[float]  # chance of so much or more where the guarantee holds
    kept: int
    rows: int
    power: float  # share of what is looked for that was kept; of sets and intervals, mean size
    refuted: bool


class Certificate(Policy):
    __doc__ = Policy.__doc__
    task = "trust"

    def apply(self, **given: Any) -> Decisions:
        """Decide about rows, described as for `fit`, without truth. All rows of a selection count at once."""
        g = _lib.GuaranteeStruct()
        return self._decide(lib.cull_trust_apply, given, g)

    def check(self, decisions: Decisions, *, truth: Any) -> Verdict:
        """Decisions against the truth that became known later."""
        rows = _outcomes.Rows({"truth": truth})
        v = _lib.TrustVerdict()
        with self._use() as (cx, at):
            cx.check(
                lib.cull_trust_check(cx.at, at, byref(decisions._struct()), byref(rows.c), byref(v))
            )
            return Verdict(
                _policy._text(v.bounds),
                v.level,
                v.reached,
                (v.lo, v.hi),
                _policy.none_of(v.p),
                v.kept,
                v.rows,
                v.power,
                v.refuted,
            )


    def reliability(self, decisions: Decisions, *, truth: Any) -> "Reliability":
        """Of method calibration: how well probabilities fit what was the case."""
        rows = _outcomes.Rows({"truth": truth})
        r = _lib.ReliabilityStruct()
        with self._use() as (cx, at):
            d = decisions._struct()
            cx.check(lib.cull_trust_reliability(cx.at, at, byref(d), byref(rows.c), byref(r)))
        said = [(v.value, v.lo, v.hi) for v in (r.brier, r.log_loss, r.ece)]
        bins = [(b.rows, b.predicted, b.share, b.lo, b.hi) for b in r.bin]
        return Reliability(said[0], said[1], said[2], np.array(bins))


@dataclass(frozen=True)
class Reliability:
    """Each a value and the ends of its 95 % interval (bootstrap over rows)."""

    brier: Tuple[float, float, float]
    log_loss: Tuple[float, float, float]
    ece: Tuple[float, float, float]
    bins: npt.NDArray[np.float64]  # (15, 5): rows, mean probability, share of hits, its 95 % interval


def _problem(level: float, delta: float, above: Optional[float]) -> _lib.TrustProblem:
    return _lib.TrustProblem(
        level=_policy.number("level", level, 0.1),
        delta=_policy.number("delta", delta, 0),
        above=_policy.number("above", above, math.nan),
    )


def fit(
    method: str,
    *,
    level: float = 0.1,
    delta: float = 0.0,
    above: Optional[float] = None,
    **given: Any,
) -> Certificate:
    """Calibrate on rows whose truth is known.

    level: what may go wrong at most. delta: the chance that it is more; 0 = the level holds in expectation.
    above: of a selection, rows of truth > above are looked for; None = of truth 1. Also what describes rows
    (help(cull.trust)), the method's options (cull.trust.describe(method)), seed, threads, memory, isa,
    tmpdir and progress."""
    p = _problem(level, delta, above)
    return _policy.fitted(Certificate, method, p, lib.cull_trust_fit, given)


def plan(
    method: str,
    *,
    level: float = 0.1,
    delta: float = 0.0,
    above: Optional[float] = None,
    **given: Any,
) -> Plan:
    """What `fit` would hold and do, of the same arguments; calibration is on some of the rows, for a trial."""
    p = _problem(level, delta, above)
    return _policy.planned("trust", method, p, lib.cull_trust_plan, given)


def load(path: Where) -> Certificate:
    """A certificate from its file."""
    return _policy.loaded(Certificate, path)


def describe(method: str) -> str:
    """What a method does, its paper, its options: `print(cull.trust.describe("prediction-sets"))`."""
    return _policy.described("trust", method)


# ---- as scikit-learn has it ----


class _Calibrated:
    """Wraps a classifier that is fitted already; `fit` calibrates it on rows that it has not seen."""

    _method = ""

    def __init__(
        self, estimator: Any, *, level: float = 0.1, delta: float = 0.0, **options: Any
    ) -> None:
        self.estimator, self.level, self.delta, self.options = estimator, level, delta, options

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        return {
            "estimator": self.estimator,
            "level": self.level,
            "delta": self.delta,
            **self.options,
        }

    def set_params(self, **params: Any) -> Any:
        for name, value in params.items():
            if name in ("estimator", "level", "delta"):
                setattr(self, name, value)
            else:
                self.options[name] = value
        return self

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = np.asarray(self.estimator.classes_)
        at = {v: i for i, v in enumerate(self.classes_.tolist())}
        truth = [at.get(v, -1) for v in np.asarray(y).tolist()]
        if -1 in truth:
            i = truth.index(-1)
            raise InputError(f"y[{i}] is {y[i]!r}, which the estimator was not fitted with")
        self.certificate_ = fit(
            self._method,
            probabilities=self.estimator.predict_proba(X),
            truth=np.array(truth),
            level=self.level,
            delta=self.delta,
            **self.options,
        )
        return self

    def _decided(self, X: Any) -> Decisions:
        if not hasattr(self, "certificate_"):
            raise InputError(f"{type(self).__name__} is not calibrated; call fit")
        return self.certificate_.apply(probabilities=self.estimator.predict_proba(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class."""
        label = self._decided(X).label
        assert label is not None
        return np.asarray(self.classes_[label])


class ConformalClassifier(_Calibrated):
    """Sets of classes that hold the true one but for a share `level`: prediction-sets. Its options are given
    by name."""

    _method = "prediction-sets"

    def predict_set(self, X: Any) -> npt.NDArray[np.bool_]:
        """(n, classes): which of `classes_` are in the set."""
        found = self._decided(X).set
        assert found is not None
        return found


class SelectiveClassifier(_Calibrated):
    """Answers only where few answers are wrong, a share `level` at most: selective-classification. Its options
    are given by name."""

    _method = "selective-classification"

    def __init__(
        self, estimator: Any, *, level: float = 0.1, delta: float = 0.1, **options: Any
    ) -> None:
        super().__init__(estimator, level=level, delta=delta, **options)

    def accepts(self, X: Any) -> npt.NDArray[np.bool_]:
        """Which answers of `predict` are to be trusted."""
        found = self._decided(X).keep
        assert found is not None
        return found


for _made in (Certificate, ConformalClassifier, SelectiveClassifier, Verdict):
    _made.__module__ = __name__
__doc__ = (__doc__ or "").replace("INPUTS", _catalogue.describe([*_outcomes.GIVEN]))
