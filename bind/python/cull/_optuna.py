"""A sampler for Optuna: its studies ask, cull's methods propose."""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

try:
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ImportError as e:
    raise ImportError(
        f"cull.search.OptunaSampler is a sampler for Optuna, which cannot be imported ({e}); "
        "pip install optuna"
    ) from None

from . import _catalogue
from ._create import _method, create
from ._lib import Error, InputError
from ._space import Parameter, Space, integer, one, real
from ._study import NoTrial, Study

_OVER = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_WHOLE = 1 << 53  # whole numbers beyond are none of a space's
_MOST_BRANCHES = 64  # values of a parameter that others hang on
_MOST_PARENTS = 100  # parameters that others are thought to hang on


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


def _limits(trial: FrozenTrial) -> Dict[str, float]:
    """Constraints, by name from Optuna 5 on, before that by place."""
    said: Optional[Dict[str, float]] = getattr(trial, "constraints", None)
    if said is None:
        said = {str(i): v for i, v in enumerate(trial.system_attrs.get("constraints") or ())}
    return said


# ---- which parameters hang on which ----


def _branches(d: BaseDistribution) -> int:
    """How many values a parameter has that others may hang on; 0 = it is none such."""
    if isinstance(d, CategoricalDistribution):
        n = len(d.choices)
    else:
        n = (d.high - d.low) // d.step + 1 if isinstance(d, IntDistribution) else 0
    return n if 1 < n <= _MOST_BRANCHES else 0


@dataclass(frozen=True)
class _When:
    """A parameter is there where `parent` is one of these values; of numbers those from the least to the largest."""

    parent: str
    values: FrozenSet[int]

    def text(self, name: str, d: BaseDistribution) -> str:
        if isinstance(d, CategoricalDistribution):
            return f"{name} in {{{', '.join(map(str, sorted(self.values)))}}}"
        return f"{name} >= {min(self.values)} and {name} <= {max(self.values)}"


@dataclass
class _Pair:
    """What trials show of a parameter and one that it may hang on."""

    with_it: Set[int]  # that one's values in trials that had both
    without: Set[int]  # ... in trials that had it alone
    against: bool  # a trial had the parameter, and not that one


_Found = Tuple[Dict[str, BaseDistribution], Dict[str, _When], bool]


class _Tree:
    """What trials show of a space that Optuna never sees as a whole: its parameters, and of each that is not always there a
    parameter whose value decides. What no value of one parameter explains is left out."""

    def __init__(self) -> None:
        self.trials: Set[int] = set()
        self.of: Dict[str, BaseDistribution] = {}
        self.times: Dict[str, int] = {}  # trials that had it
        self.mixed: Set[str] = set()  # of several distributions
        self.values: Dict[str, Set[int]] = {}  # of those that others may hang on: what they were so far
        self.pairs: Dict[str, Dict[str, _Pair]] = {}  # of those that are not always there, by the other
        self.space: Optional[_Found] = None  # None = not known since the last trial
        self.limits: Set[str] = set()  # constraints that any trial had

    def learn(self, trial: FrozenTrial) -> None:
        if trial.number in self.trials:
            return
        self.limits.update(_limits(trial))
        for name in self.of:
            if name not in trial.params and name not in self.pairs:  # all trials so far had it
                self._part(name, True)
        for name, d in trial.distributions.items():
            if name not in self.of:
                self._meet(name, d)
            elif self.of[name] != d:
                self.mixed.add(name)
        here = {
            p: int(self.of[p].to_internal_repr(trial.params[p]))
            for p in self.values
            if p in trial.params and p not in self.mixed
        }
        for child, pairs in self.pairs.items():
            there = child in trial.params
            for parent, pair in pairs.items():
                if parent in here:
                    (pair.with_it if there else pair.without).add(here[parent])
                pair.against |= there and parent not in here
        for parent, value in here.items():
            self.values[parent].add(value)
        for name in trial.params:
            self.times[name] += 1
        self.trials.add(trial.number)
        self.space = None

    def _meet(self, name: str, d: BaseDistribution) -> None:
        self.of[name], self.times[name] = d, 0
        if self.trials:
            self._part(name, False)
        if _branches(d) and len(self.values) < _MOST_PARENTS:
            self.values[name] = set()
            for child, pairs in self.pairs.items():
                if child != name:
                    pairs[name] = _Pair(set(), set(), self.times[child] > 0)

    def _part(self, child: str, was: bool) -> None:
        """It is one that is not always there: all trials so far had it, or none had."""
        n = len(self.trials)
        self.pairs[child] = {
            p: _Pair(set(v) if was else set(), set() if was else set(v), was and self.times[p] < n)
            for p, v in self.values.items()
            if p != child
        }

    def _why(self, child: str, among: Iterable[str]) -> Optional[_When]:
        """The parameter of the fewest values that explains it: such a one is soonest refuted if it does not."""
        found: List[Tuple[int, str, _When]] = []
        for parent in among:
            pair = self.pairs[child].get(parent)
            if pair is None or pair.against or not pair.with_it or not pair.without:
                continue
            values = pair.with_it
            if isinstance(self.of[parent], IntDistribution):
                values = set(range(min(values), max(values) + 1))
            if not values & pair.without:
                found.append((_branches(self.of[parent]), parent, _When(parent, frozenset(values))))
        return min(found, key=lambda f: f[:2])[2] if found else None

    def found(self) -> _Found:
        """Parameters, on what some of them hang (those stand behind it), and whether these are all that there are."""
        if self.space is not None:
            return self.space
        fit = [n for n, d in sorted(self.of.items()) if n not in self.mixed and not d.single() and _holds(d)]
        inside, rest = [n for n in fit if n not in self.pairs], [n for n in fit if n in self.pairs]
        when: Dict[str, _When] = {}
        while True:
            more = {n: why for n in rest if (why := self._why(n, inside))}
            if not more:
                break
            when.update(more)
            inside += more
            rest = [n for n in rest if n not in more]
        whole = all(n in inside or d.single() and n not in self.mixed for n, d in self.of.items())
        self.space = {n: self.of[n] for n in inside}, when, whole
        return self.space


class _Inner:
    """A cull study over one search space of Optuna's."""

    def __init__(
        self, found: _Found, limits: Sequence[str], study: "optuna.Study", how: Dict[str, Any]
    ) -> None:
        self.found = found
        self.limits = {name: f"c{i}" for i, name in enumerate(limits)}
        space, when, whole = found
        self.space = space
        self.names = {f"p{i}": name for i, name in enumerate(space)}  # Optuna's hold any text
        self.upward = [d == StudyDirection.MAXIMIZE for d in study.directions]
        ways = {f"v{i}": "maximize" if up else "minimize" for i, up in enumerate(self.upward)}
        parameters = {p: _parameter(space[name]) for p, name in self.names.items()}
        of = {name: p for p, name in self.names.items()}
        for name, w in when.items():
            parameters[of[name]] = parameters[of[name]].when(w.text(of[w.parent], space[w.parent]))
        # where others decide too, the same point is another trial
        again = "never" if whole else "paid"
        beside = list(self.limits.values())
        self.study: Study = create(Space(parameters), ways, constraints=beside, again=again, **how)
        self.asked: Dict[int, Tuple[int, Dict[str, Any]]] = {}  # by number there: number here, proposed
        self.known: Set[int] = set()  # numbers there that were told

    def propose(self, number: int) -> Dict[str, Any]:
        try:
            t = self.study.ask()
        except NoTrial:
            return {}
        given = {name: _given(self.space[name], t[p]) for p, name in self.names.items() if p in t}
        self.asked[number] = t.number, given
        return given

    def _active(self, name: str, trial: FrozenTrial) -> bool:
        """Whether it is a part of the trial's point here; a pruned trial may have what no whole one had so far."""
        when = self.found[1].get(name)
        if name not in trial.params or when is None:
            return name in trial.params
        if not self._active(when.parent, trial):
            return False
        return _taken(self.space[when.parent], trial.params[when.parent]) in when.values

    def _told(
        self, values: Optional[Sequence[float]], said: Dict[str, float]
    ) -> Optional[Dict[str, float]]:
        """None: it failed, as one does that says nothing of a constraint."""
        if values is None or not all(map(math.isfinite, values)) or not said.keys() >= self.limits.keys():
            return None
        told = {f"v{i}": v for i, v in enumerate(values)}
        told.update((name, said[limit]) for limit, name in self.limits.items())
        return told

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
        told = self._told(values, _limits(trial))
        here, given = self.asked.pop(trial.number, (None, {}))
        if here is not None:
            if all(trial.params.get(name, v) is v or trial.params[name] == v for name, v in given.items()):
                self.study.tell(here, told)
                return
            self.study.give_back(here)  # Optuna took values of its own, as those that were enqueued
        here_too = {p: n for p, n in self.names.items() if self._active(n, trial)}
        try:
            self.study.add({p: _taken(self.space[n], trial.params[n]) for p, n in here_too.items()}, told)
        except (Error, ValueError):  # it lies outside: the space there was another one
            pass


class OptunaSampler(BaseSampler):  # type: ignore[misc, unused-ignore]  # Any where Optuna is not there
    """Optuna's trials by a method of cull:

        optuna.create_study(sampler=cull.search.OptunaSampler("tpe", seed=1))

    method, seed and the method's options are those of cull.search.create. Parameters that all trials so
    far have in common are proposed by the method, and so are those that come only in some where the trials
    show why: one of a few values of another parameter decides, as in `if optimizer == "sgd"` or
    `for i in range(layers)`. All others, and the first trial's, are drawn at random; so are whole numbers
    beyond 2^53. Trials that the study has already count as
    results, and so do those that were enqueued. A pruned trial's value is its last report. Constraints are what
    trials set by set_constraint, or what constraints_func(trial) gives back, fulfilled at 0 or below. For another
    study the sampler begins anew."""

    def __init__(
        self,
        method: Optional[str] = None,
        seed: int = 1,
        *,
        constraints_func: Optional[Callable[[FrozenTrial], Sequence[float]]] = None,
        **options: Any,
    ) -> None:
        self._limits = constraints_func
        self._how = {"method": method, "seed": _catalogue._whole("seed", seed, (1 << 64) - 1), **options}
        _catalogue.refuse("OptunaSampler", options, list(_method(method, 0).options))
        try:  # what is wrong with a value is said now, not at the second trial
            create("x = real(0, 1)", **self._how).close()
        except InputError:
            pass  # a method of other spaces
        self._random = RandomSampler(seed=seed % (1 << 32))
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._name: Optional[str] = None  # of the study that is sampled
        self._inner: Optional[_Inner] = None
        self._tree = _Tree()

    def __getstate__(self) -> Dict[str, Any]:
        return {"_how": self._how, "_random": self._random, "_limits": self._limits}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Of what is drawn at random alone: cull's methods draw by seed and number of the trial."""
        self._random.reseed_rng()

    def infer_relative_search_space(
        self, study: "optuna.Study", trial: FrozenTrial
    ) -> Dict[str, BaseDistribution]:
        if self._pid != os.getpid():  # a child that was forked: what it has here is its parent's
            self._forget()
        with self._lock:
            if study.study_name != self._name:
                self._name, self._inner, self._tree = study.study_name, None, _Tree()
            for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                self._tree.learn(t)
            return dict(sorted(self._tree.found()[0].items()))

    def _of(self, study: "optuna.Study") -> _Inner:
        """The study of the space that is known, with all results so far."""
        inner, found, limits = self._inner, self._tree.found(), sorted(self._tree.limits)
        if inner is None or inner.found != found or list(inner.limits) != limits:
            inner = self._inner = _Inner(found, limits, study, self._how)
        for t in study.get_trials(deepcopy=False, states=_OVER):
            inner.tell(t, t.state, t.values)
        return inner

    def sample_relative(
        self, study: "optuna.Study", trial: FrozenTrial, search_space: Dict[str, BaseDistribution]
    ) -> Dict[str, Any]:
        if not search_space:
            return {}
        with self._lock:
            proposed = self._of(study).propose(trial.number)
        return {name: v for name, v in proposed.items() if name in search_space}

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
        if self._limits is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
            said = tuple(float(v) for v in self._limits(trial))
            if any(map(math.isnan, said)):
                raise ValueError(f"constraints_func gave {said}; a constraint is never NaN")
            study._storage.set_trial_system_attr(trial._trial_id, "constraints", said)
            trial = study._storage.get_trial(trial._trial_id)
        with self._lock:
            if self._inner is not None:
                self._inner.tell(trial, state, values)
