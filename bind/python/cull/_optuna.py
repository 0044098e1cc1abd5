"""A sampler for Optuna: its studies ask, cull's methods propose."""

from __future__ import annotations

import math
import threading
from typing import Any, Dict, Optional, Sequence, Set, Tuple

try:
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.search_space import IntersectionSearchSpace
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ImportError as e:
    raise ImportError(
        f"cull.search.OptunaSampler is a sampler for Optuna, which cannot be imported ({e}); "
        "pip install optuna"
    ) from None

from . import _catalogue
from ._create import _method, create
from ._lib import Error
from ._space import Parameter, Space, integer, one, real
from ._study import NoTrial, Study

_OVER = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_WHOLE = 1 << 53  # whole numbers beyond are none of a space's


def _steps(d: FloatDistribution) -> int:
    """Of a stepped float: values after the first."""
    assert d.step is not None
    return int(round((d.high - d.low) / d.step))


def _holds(d: BaseDistribution) -> bool:
    """Whether a space can have it."""
    if isinstance(d, FloatDistribution):
        return math.isfinite(d.high - d.low) and (d.step is None or _steps(d) <= _WHOLE)
    return not isinstance(d, IntDistribution) or max(abs(d.low), abs(d.high)) <= _WHOLE


def _parameter(d: BaseDistribution) -> Parameter:
    if isinstance(d, CategoricalDistribution):
        return one(*range(len(d.choices)))
    if isinstance(d, IntDistribution):
        return integer(d.low, d.high, step=d.step, log=d.log)
    assert isinstance(d, FloatDistribution)
    return real(d.low, d.high, log=d.log) if d.step is None else integer(0, _steps(d))


def _given(d: BaseDistribution, value: Any) -> Any:
    """What Optuna takes for a value of `_parameter`."""
    if isinstance(d, CategoricalDistribution):
        return d.choices[value]
    if isinstance(d, FloatDistribution) and d.step is not None:
        return min(d.low + value * d.step, d.high)
    return value


def _taken(d: BaseDistribution, value: Any) -> Any:
    """The reverse."""
    if isinstance(d, CategoricalDistribution):
        return int(d.to_internal_repr(value))
    if isinstance(d, FloatDistribution) and d.step is not None:
        return int(round((value - d.low) / d.step))
    return value


class _Inner:
    """A cull study over one search space of Optuna's."""

    def __init__(
        self, space: Dict[str, BaseDistribution], study: "optuna.Study", how: Dict[str, Any]
    ) -> None:
        self.space = space
        self.names = {f"p{i}": name for i, name in enumerate(space)}  # Optuna's hold any text
        self.upward = [d == StudyDirection.MAXIMIZE for d in study.directions]
        ways = {f"v{i}": "maximize" if up else "minimize" for i, up in enumerate(self.upward)}
        parameters = {p: _parameter(space[name]) for p, name in self.names.items()}
        self.study: Study = create(Space(parameters), ways, **how)
        self.asked: Dict[int, Tuple[int, Dict[str, Any]]] = {}  # by number there: number here, proposed
        self.known: Set[int] = set()  # numbers there that were told

    def propose(self, number: int) -> Dict[str, Any]:
        try:
            t = self.study.ask()
        except NoTrial:
            return {}
        given = {name: _given(self.space[name], t[p]) for p, name in self.names.items()}
        self.asked[number] = t.number, given
        return given

    def tell(
        self, trial: FrozenTrial, state: TrialState, values: Optional[Sequence[float]]
    ) -> None:
        if trial.number in self.known:
            return
        self.known.add(trial.number)
        if state == TrialState.PRUNED and len(self.upward) == 1 and trial.intermediate_values:
            values = [trial.intermediate_values[max(trial.intermediate_values)]]
        elif state != TrialState.COMPLETE:
            values = None
        told = None if values is None or not all(map(math.isfinite, values)) else list(values)
        here, given = self.asked.pop(trial.number, (None, {}))
        if here is not None:
            if all(trial.params.get(name, v) is v or trial.params[name] == v for name, v in given.items()):
                self.study.tell(here, told)
                return
            self.study.give_back(here)  # Optuna took values of its own, as those that were enqueued
        if not all(name in trial.params for name in self.space):
            return
        try:
            self.study.add(
                {p: _taken(self.space[n], trial.params[n]) for p, n in self.names.items()}, told
            )
        except (Error, ValueError):  # it lies outside: the space there was another one
            pass


class OptunaSampler(BaseSampler):
    """Optuna's trials by a method of cull:

        optuna.create_study(sampler=cull.search.OptunaSampler("tpe", seed=1))

    method, seed and the method's options are those of cull.search.create. Parameters that all trials so
    far have in common are proposed by the method; the first trial's, and those that come only in some
    trials, are drawn at random; so are whole numbers beyond 2^53. Trials that the study has already count as
    results, and so do those that were enqueued. A pruned trial's value is its last report. For another study
    the sampler begins anew."""

    def __init__(self, method: Optional[str] = None, seed: int = 1, **options: Any) -> None:
        self._how = {"method": method, "seed": _catalogue._whole("seed", seed, (1 << 64) - 1), **options}
        _catalogue.refuse("OptunaSampler", options, list(_method(method, 0).options))
        self._random = RandomSampler(seed=seed % (1 << 32))
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._name: Optional[str] = None  # of the study that is sampled
        self._inner: Optional[_Inner] = None
        self._common = IntersectionSearchSpace()

    def __getstate__(self) -> Dict[str, Any]:
        return {"_how": self._how, "_random": self._random}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()
        self._forget()

    def reseed_rng(self) -> None:
        """Of what is drawn at random alone: cull's methods draw by seed and number of the trial."""
        self._random.reseed_rng()

    def infer_relative_search_space(
        self, study: "optuna.Study", trial: FrozenTrial
    ) -> Dict[str, BaseDistribution]:
        with self._lock:
            if study.study_name != self._name:
                self._forget()
                self._name = study.study_name
            common = self._common.calculate(study)
        return {name: d for name, d in sorted(common.items()) if not d.single() and _holds(d)}

    def _of(self, study: "optuna.Study", space: Dict[str, BaseDistribution]) -> _Inner:
        """The study of this space, with all results so far."""
        inner = self._inner
        if inner is None or inner.space != space:
            inner = self._inner = _Inner(space, study, self._how)
        for t in study.get_trials(deepcopy=False, states=_OVER):
            inner.tell(t, t.state, t.values)
        return inner

    def sample_relative(
        self, study: "optuna.Study", trial: FrozenTrial, search_space: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        if not search_space:
            return {}
        with self._lock:
            return self._of(study, search_space).propose(trial.number)

    def sample_independent(
        self,
        study: "optuna.Study",
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: "optuna.Study",
        trial: FrozenTrial,
        state: TrialState,
        values: Optional[Sequence[float]],
    ) -> None:
        with self._lock:
            if self._inner is not None:
                self._inner.tell(trial, state, values)
