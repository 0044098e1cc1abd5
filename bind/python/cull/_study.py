"""A study: points are asked for, evaluated, told. See include/cull/search.h."""

from __future__ import annotations

import math
import operator
import os
import threading
import warnings
import weakref
from contextlib import contextmanager
from ctypes import byref, c_bool, c_double, c_int, c_int64, sizeof
from dataclasses import dataclass, field
from types import TracebackType
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    Union,
)

import numpy as np

from . import _lib
from ._lib import Context, Error, InputError, OptionError, lib
from ._space import Params, Point, Space, _free, _hint, _path

STATES = ("running", "done", "stopped", "failed", "timeout", "lost")
_NODATA = -6
FANOVA_PAIRS = 28  # of the eight most important parameters, as by default


class NoTrial(Error):
    """There is no trial to evaluate now: the study is done, or a rung waits for trials that run."""


@dataclass(frozen=True)
class Result:
    """A trial as the study has it."""

    number: int
    params: Params = field(hash=False)
    state: str  # 'running', 'done', 'stopped', 'failed', 'timeout', 'lost'
    values: Optional[Dict[str, float]] = field(
        hash=False
    )  # by objective; None where there are none
    constraints: Optional[Dict[str, float]] = field(hash=False)  # fulfilled at 0 or below
    mean: Optional[Dict[str, float]] = field(hash=False)  # over the evaluations of its point
    cost: float  # as told
    began: float  # seconds since the study began
    ended: float
    steps: int  # of its last report
    budget: Optional[int]  # steps that it was given; None = all
    replicate: int  # of an earlier trial's point; 0 = the first
    point: int  # trials of one point share it
    note: Optional[str]  # why it failed

    @property
    def value(self) -> Optional[float]:
        """That of the only objective; None where there is none."""
        if self.values is None:
            return None
        if len(self.values) > 1:
            raise InputError(f"trial {self.number} has {len(self.values)} values: see its values")
        return next(iter(self.values.values()))


class Trial:
    """A point to evaluate, as `ask` gives it: `trial["lr"]`, or `trial.params`, a dict."""

    def __init__(self, study: "Study", t: _lib.TrialStruct, x: Point) -> None:
        self._study = study
        self.number = int(t.number)
        self.params: Params = study.space.params(x)
        self.budget: Optional[int] = int(t.budget) or None  # steps that it may take; None = all
        self.replicate = int(t.replicate)
        self.stopped = False  # by a report: it is over, and is not told

    def __getitem__(self, name: str) -> Any:
        try:
            return self.params[name]
        except KeyError:
            known = name in self._study.space.names
            raise KeyError(
                f"{name} is not active in trial {self.number}"
                if known
                else f"the space has no parameter '{name}'{_hint(name, self._study.space.names)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.params

    def get(self, name: str, default: Any = None) -> Any:
        return self.params.get(name, default)

    def report(self, step: int, value: Any) -> bool:
        """How good it is after so many steps (from 1). False: it should stop, and is not told."""
        return self._study._report(self, step, value)

    def __reduce__(self) -> Any:
        raise TypeError("a trial is of its study's process; give its params to another")

    def __repr__(self) -> str:
        return f"<Trial {self.number}: {self.params}>"


# ---- the study ----

BEAT = 5.0  # seconds between two signs of life


class Beat(threading.Thread):
    """Signs of life of a study whose store others share, as long as it is open."""

    def __init__(self, study: "Study") -> None:
        super().__init__(name="cull-search-beat", daemon=True)
        self.of = weakref.ref(study)
        self.over = threading.Event()
        self.end = weakref.finalize(study, self.over.set)

    def run(self) -> None:
        while not self.over.wait(BEAT):
            study = self.of()
            if study is None or study._at is None:
                return
            study._beat()
            del study


class Study:
    """What cull.search.create and cull.search.load give back."""

    def __init__(self, cx: Context, at: int, space: Optional[Space], shared: bool) -> None:
        self._cx = cx
        self._at: Optional[int] = at
        self._end = weakref.finalize(self, _free, lib.cull_study_free, at, cx, space)
        p = lib.cull_study_problem(at)[0]
        self.space: Space = space or Space._of(cx, p.space)
        self.directions: Dict[str, str] = {
            p.objective[i].name.decode(): "maximize" if p.objective[i].maximize else "minimize"
            for i in range(p.objectives)
        }
        self.constraints: List[str] = [p.constraint[i].decode() for i in range(p.constraints)]
        self._names = list(self.directions)
        self._mine: Set[int] = set()  # asked here, and not told
        self._heard = False  # a report, or the warning that there was none
        self.shared = bool(shared)
        self._hush: Optional[Callable[[], Any]] = None  # ends the signs of life
        if shared:
            self._claim()

    # ---- calls ----

    def _own(self) -> bool:
        return self._cx.pid == os.getpid()

    def _handle(self) -> int:
        if self._at is None or not self._end.alive:  # the interpreter's end closes it too
            raise InputError("the study is closed")
        if not self._own():
            raise InputError(
                "a study is of the process that opened it; a child opens its store anew"
            )
        return self._at

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The handle, for a call. Asked for before the lock too, which a fork may have left locked."""
        self._handle()
        with self._cx.lock, _lib.Call(self._cx, None):
            yield self._handle()

    @contextmanager
    def _fresh(self) -> Iterator[int]:
        """The same to look at the trials: with what others that share the store have told since."""
        with self._locked() as at:
            if self.shared:
                self._cx.check(lib.cull_study_refresh(at))
            yield at

    def _call(self, function: Any, *args: Any) -> None:
        with self._locked() as at:
            self._cx.check(function(at, *args))

    def _settle(self, function: Any, number: int, *args: Any) -> None:
        """A call after which the trial is no more this process's, also where a signal's handler raises as it ends."""
        with self._locked() as at:
            self._cx.check(function(at, number, *args))
            self._mine.discard(number)

    def _copied(self, t: _lib.TrialStruct) -> Point:
        """Its point: the study's own until the next call."""
        width = self.space._width
        return np.ctypeslib.as_array(t.x, (width,)).copy() if width else np.empty(0)

    # ---- ask and tell ----

    def ask(self) -> Trial:
        """The next trial to evaluate. NoTrial: there is none now; `done` says whether for good."""
        return self._ask(set())

    def _ask(self, asked: Set[int]) -> Trial:
        """Its number is in `asked` even where a signal's handler raises before the caller has the trial."""
        t, trial = _lib.TrialStruct(), None
        try:
            with self._locked() as at:
                status = lib.cull_study_ask(at, byref(t))
                if status == _NODATA:
                    raise NoTrial(lib.cull_error(self._cx.at).decode("utf-8", "replace"))
                self._cx.check(status)
                trial = Trial(self, t, self._copied(t))
                self._mine.add(trial.number)
                asked.add(trial.number)
        except BaseException:  # a signal's handler raised as the call ended: nobody has the trial
            if trial is not None:
                self.give_back(trial)
            raise
        return trial

    def give_back(self, trial: Union[Trial, int]) -> None:
        """A trial whose evaluation was broken off is the next to be asked; it has not failed."""
        self._settle(lib.cull_study_give_back, self._number_of(trial))

    def _number_of(self, trial: Union[Trial, int]) -> int:
        if not isinstance(trial, Trial):
            return _whole("trial", trial)
        if trial._study is not self and not self.shared:
            raise InputError(f"trial {trial.number} is another study's")
        return trial.number

    def _values(self, value: Any) -> Tuple[List[float], Dict[str, float]]:
        """Objectives in order; constraints that a dict has beside them."""
        names = self._names
        if isinstance(value, Mapping):
            for name in value:
                if name not in names and name not in self.constraints:
                    known = [*names, *self.constraints]
                    raise InputError(
                        f"the study has no objective '{name}'{_hint(str(name), known)}"
                    )
            missing = [n for n in names if n not in value]
            if missing:
                raise InputError(f"there is no value of '{missing[0]}'")
            rest = {c: value[c] for c in self.constraints if c in value}
            return [_float(n, value[n]) for n in names], rest
        if len(names) == 1 and not isinstance(value, (list, tuple)) and not np.ndim(value):
            return [_float(names[0], value)], {}
        try:
            many = list(value)
        except TypeError:
            many = [value]
        if len(many) != len(names):
            raise InputError(
                f"{len(many)} value{'s' * (len(many) != 1)} for {len(names)} "
                f"objective{'s' * (len(names) != 1)}: {', '.join(names)}"
            )
        return [_float(n, v) for n, v in zip(names, many)], {}

    def _violation(self, given: Any) -> List[float]:
        """Constraints as the library has them."""
        if not isinstance(given, Mapping) and not np.ndim(given):
            given = [given]
        if isinstance(given, Mapping):
            for name in given:
                if name not in self.constraints:
                    hint = _hint(str(name), self.constraints)
                    raise InputError(f"the study has no constraint '{name}'{hint}")
            missing = [c for c in self.constraints if c not in given]
            if missing:
                raise InputError(f"there is no value of the constraint '{missing[0]}'")
            given = [given[c] for c in self.constraints]
        if len(given) != len(self.constraints):
            n, of = len(given), len(self.constraints)
            raise InputError(f"{n} value{'s' * (n != 1)} for {of} constraint{'s' * (of != 1)}")
        return [_float(c, v) for c, v in zip(self.constraints, given)]

    def _outcome(
        self,
        value: Any,
        state: Optional[str],
        constraints: Any,
        cost: float,
        noise: float,
        note: Optional[str],
    ) -> _lib.Outcome:
        out = _lib.Outcome(state=1, cost=_float("cost", cost), noise=_float("noise", noise))
        if isinstance(value, BaseException):
            note, value = note or _said(value), None
        if isinstance(value, float) and math.isnan(value):
            value = [value] * len(self._names)
        if state is None:
            state = "failed" if value is None else "done"
        out.state = _chosen("state", state, STATES)
        if state == "done":
            if value is None:
                raise InputError("a trial that is done has values; there are none")
            values, beside = self._values(value)
            out.value = (c_double * len(values))(*values)
            if all(map(math.isfinite, values)):  # else it failed
                violation = self._violation(beside if constraints is None else constraints)
                out.violation = (c_double * len(violation))(*violation)
        if note:
            out.note = " ".join(str(note).replace("\0", " ").split()).encode("utf-8", "replace")[
                :400
            ]
        return out

    def tell(
        self,
        trial: Union[Trial, int],
        value: Any = None,
        *,
        state: Optional[str] = None,
        constraints: Any = None,
        cost: float = 0,
        noise: float = 0,
        note: Optional[str] = None,
    ) -> None:
        """What a trial came to: a number, one for each objective in order, or a dict by name, which may
        hold the constraints too. None, NaN or an exception: it failed.

        state: 'done', 'failed' or 'timeout' where it is not plain. cost: what it cost, for cost_budget.
        noise: the standard deviation of the values, where it is known. note: why it failed."""
        number = self._number_of(trial)
        o = self._outcome(value, state, constraints, cost, noise, note)
        self._settle(lib.cull_study_tell, number, byref(o))

    def _report(self, trial: Trial, step: int, value: Any) -> bool:
        values, _ = self._values(value)
        go = c_bool(True)
        given = (c_double * len(values))(*values)
        self._heard = True
        words = trial.number, _whole("step", step), given, byref(go)
        with self._locked() as at:
            self._cx.check(lib.cull_study_report(at, *words))
            if not go.value:
                trial.stopped = True
                self._mine.discard(trial.number)
        return bool(go.value)

    def enqueue(self, params: Mapping[str, Any]) -> None:
        """A point to evaluate before any that the method proposes."""
        self._call(lib.cull_study_enqueue, self.space.point(params).ctypes.data)

    def add(
        self,
        params: Mapping[str, Any],
        value: Any = None,
        *,
        state: Optional[str] = None,
        constraints: Any = None,
        cost: float = 0,
        noise: float = 0,
        note: Optional[str] = None,
    ) -> int:
        """A result from elsewhere, which counts as told and against no budget. Its number."""
        o = self._outcome(value, state, constraints, cost, noise, note)
        x, number = self.space.point(params), c_int64()
        self._call(lib.cull_study_add, x.ctypes.data, byref(o), byref(number))
        return number.value

    def import_file(self, path: Union[str, "os.PathLike[str]"]) -> int:
        """The same of every row of a csv, tsv or jsonl file of an earlier study. How many there were."""
        added = c_int64()
        self._call(lib.cull_study_import, _path(path), byref(added))
        return added.value

    def optimize(
        self,
        fn: Callable[[Trial], Any],
        n_trials: Optional[int] = None,
        n_jobs: int = 1,
        catch: Tuple[Type[BaseException], ...] = (Exception,),
        in_order: Optional[int] = None,
    ) -> None:
        """Evaluate `fn(trial)` until the study is done, or n_trials times. It gives back what `tell`
        takes as value. One that raises what `catch` has is a trial that failed; any other exception ends
        the call, as do 10 failures before the first success; of fewer a warning says so. Another one tells, once, that
        a stop rule has had no report (`trial.report(step, value)`) to go by.

        n_jobs: threads, each with a trial of its own; -1 = one for each CPU. Without a budget and n_trials it goes on until all
        points of the space were asked, or Ctrl-C. With n_jobs=1, Ctrl-C interrupts `fn`, and its trial is
        the next to be asked; with more, evaluations that run are waited for, and told.

        in_order: so many trials are under way, and results are told in an order that does not depend on
        time: the answer is the same for any n_jobs, and that of `cull search --in-order` with a program
        that tells no cost. None = as they come. Not with a stop rule that reads reports. One that was killed
        goes on to the same; with retries or budgets (anew) what ran then may come in another order."""
        from ._optimize import Optimizer, Ordered

        if in_order is None:
            loop = Optimizer(self, fn, n_trials, n_jobs, catch)
        else:
            loop = Ordered(in_order, self, fn, n_trials, n_jobs, catch)
        loop.run()
        said = loop.poor() or loop.silent()
        if said:
            warnings.warn(said, stacklevel=2)

    # ---- how it stands ----

    @property
    def done(self) -> bool:
        """Nothing more is to be evaluated: the budget is spent, or all points were asked."""
        with self._fresh() as at:
            return bool(lib.cull_study_done(at))

    def stop(self) -> None:
        """No more is asked, by any process that shares the store, until it is opened with resume."""
        self._call(lib.cull_study_stop)

    def __len__(self) -> int:
        """Trials asked so far, added ones too."""
        with self._fresh() as at:
            return int(lib.cull_study_trials(at))

    @property
    def paid(self) -> int:
        """Evaluations that count against the budget."""
        with self._fresh() as at:
            return int(lib.cull_study_paid(at))

    def _result(self, number: int) -> Result:
        """With the lock held."""
        t = _lib.TrialStruct()
        self._cx.check(lib.cull_study_trial(self._handle(), number, byref(t)))
        has = t.state in (1, 2)
        return Result(
            number=int(t.number),
            params=self.space.params(self._copied(t)),
            state=STATES[t.state],
            values=_by_name(self._names, t.value) if has else None,
            constraints=_by_name(self.constraints, t.violation) if has and t.violation else None,
            mean=_by_name(self._names, t.mean) if not math.isnan(t.mean[0]) else None,
            cost=float(t.cost),
            began=float(t.began),
            ended=float(t.ended),
            steps=int(t.steps),
            budget=int(t.budget) or None,
            replicate=int(t.replicate),
            point=int(t.point),
            note=t.note.decode("utf-8", "replace") if t.note else None,
        )

    def _state(self, number: int) -> str:
        t = _lib.TrialStruct()
        self._call(lib.cull_study_trial, number, byref(t))
        return STATES[t.state]

    def _silent(self) -> bool:
        """Whether its stop rule waited in vain for a report."""
        t = _lib.TrialStruct()
        with self._locked() as at:
            stop = lib.cull_study_problem(at)[0].stop
            if stop.kind == 0 or stop.anew:
                return False
            for i in range(lib.cull_study_trials(at)):
                self._cx.check(lib.cull_study_trial(at, i, byref(t)))
                if t.steps:
                    return False
        return True

    @property
    def trials(self) -> List[Result]:
        """All of them, by number."""
        with self._fresh() as at:
            return [self._result(i) for i in range(lib.cull_study_trials(at))]

    @property
    def front(self) -> List[Result]:
        """Trials that no other dominates, constraints first; of one objective the best alone."""
        with self._fresh() as at:
            idx = np.empty(lib.cull_study_trials(at) + 1, np.int64)
            n = c_int64()
            self._cx.check(lib.cull_study_best(at, idx.ctypes.data, byref(n)))
            return [self._result(int(i)) for i in idx[: n.value]]

    @property
    def best(self) -> Result:
        """The best trial of one objective."""
        if len(self._names) > 1:
            raise InputError(
                f"a study of {len(self._names)} objectives has no best trial: see front"
            )
        found = self.front
        if not found:
            raise InputError("no trial has come to a result so far")
        return found[0]

    @property
    def best_params(self) -> Params:
        return self.best.params

    @property
    def best_value(self) -> float:
        found = self.best.mean
        assert found is not None
        return next(iter(found.values()))

    def importance(
        self, by: str = "ped-anova", objective: Optional[str] = None
    ) -> Dict[Union[str, Tuple[str, str]], float]:
        """How much each parameter decided, the most important first, as `cull search importance` has it.

        by: 'ped-anova', what sets the best tenth of the trials apart; 'fanova', what makes the values of
        one objective differ over the whole space, and then pairs of parameters by what they do together:
        {"lr": 0.6, ("lr", "opt"): 0.1}. NaN where it cannot be said of a parameter. objective: by which;
        None = of fanova the first, else all, by rank of dominance."""
        which = -1 if objective is None else _chosen("objective", objective, self._names)
        forest = _chosen("by", by, ("ped-anova", "fanova"))
        names = self.space.names
        with self._fresh() as at:
            if not forest:
                how = _lib.ImportanceOpts(objective=which)
                how.size = sizeof(how)
                rows = (_lib.Importance * len(names))()
                self._cx.check(lib.cull_study_importance(self._cx.at, at, byref(how), rows))
                return _by_share(zip(names, (r.share for r in rows)))
            f = _lib.FanovaOpts(objective=max(which, 0))
            f.size = sizeof(f)
            own, count = (_lib.Fanova * len(names))(), c_int()
            pair = (_lib.FanovaPair * FANOVA_PAIRS)()
            words = (self._cx.at, at, byref(f), own, pair, byref(count))
            self._cx.check(lib.cull_study_fanova(*words))
            found = _by_share(zip(names, (r.share for r in own)))
            found.update({(names[r.a], names[r.b]): r.share for r in pair[: count.value]})
            return found

    def columns(self) -> Dict[str, Any]:
        """The trials as a dict of arrays: number, state, the parameters, the objectives, ..."""
        trials = self.trials
        out: Dict[str, Any] = {
            "number": np.array([t.number for t in trials], np.int64),
            "state": np.array([t.state for t in trials], object),
        }
        for name in self.space.names:
            out[name] = _column([t.params.get(name) for t in trials])
        for names, of in ((self._names, "values"), (self.constraints, "constraints")):
            for name in names:
                told = [(getattr(t, of) or {}).get(name, np.nan) for t in trials]
                out[name] = np.array(told, np.float64)
        # a parameter that has such a name keeps it
        rest = {"cost": "cost", "began": "began", "ended": "ended", "steps": "steps"}
        rest.update(replicate="replicate")
        for name in rest:
            out.setdefault(name, np.array([getattr(t, name) for t in trials]))
        out.setdefault("note", np.array([t.note for t in trials], object))
        return out

    def to_dataframe(self) -> Any:
        """`columns` as a pandas.DataFrame; where pandas is not installed the dict itself."""
        try:
            import pandas
        except ImportError:
            warnings.warn(
                "pandas is not installed, so to_dataframe gives a dict of arrays", stacklevel=2
            )
            return self.columns()
        return pandas.DataFrame(self.columns())

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """All trials as .csv, .tsv, .jsonl or .json (.gz, .zst too)."""
        to = _path(path)
        with self._fresh() as at:
            n = lib.cull_study_trials(at)
            self._cx.check(lib.cull_study_write(self._cx.at, at, None, n, to))

    # ---- trials that run ----

    def running(self) -> List[Dict[str, Any]]:
        """Trials that were asked and not told, by any process: number, seconds, silent, worker."""
        with self._fresh() as at:
            n, cap = c_int64(), int(lib.cull_study_trials(at)) + 1
            row = (_lib.Running * cap)()
            self._cx.check(lib.cull_study_running(self._cx.at, at, row, cap, byref(n)))
            return [
                {
                    "number": int(r.number),
                    "seconds": float(r.seconds),
                    "silent": bool(r.silent),
                    "worker": r.worker.decode("utf-8", "replace"),
                }
                for r in row[: n.value]
            ]

    def _claim(self) -> None:
        """Others that share the store see that this process is at work, and whether it still is."""
        self._take_over()
        beat = Beat(self)
        beat.start()
        self._hush = beat.end

    def _take_over(self) -> None:
        """What ran in processes of this machine that are gone is asked again."""
        with self._locked() as at:
            self._cx.check(lib.cull_study_claim(self._cx.at, at))

    def _beat(self) -> None:
        with self._cx.lock:
            if self._at is not None and self._end.alive:
                mine = np.array(sorted(self._mine), np.int64)
                words = (self._cx.at, self._at, mine.ctypes.data, mine.size, BEAT)
                lib.cull_study_beat(*words)  # one that fails is made up for by the next

    # ---- its end ----

    def close(self) -> None:
        """Let go of the store; nothing the second time. What was asked here and not told goes back."""
        if not self._own():  # a child that was forked: the study is its parent's
            return
        with self._cx.lock:
            for number in sorted(self._mine) if self._at is not None else ():
                lib.cull_study_give_back(self._at, number)  # another process may have told it
            self._at = None
        if self._hush is not None:
            self._hush()
        self._end()

    def __enter__(self) -> "Study":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a study is of its process; give its store to another, which loads it")

    def __repr__(self) -> str:
        if self._at is None:
            return "<Study, closed>"
        ways = ", ".join(f"{way} {name}" for name, way in self.directions.items())
        with self._locked() as at:
            n = int(lib.cull_study_trials(at))
        return f"<Study of {n} trials: {ways}>"


def _whole(name: str, value: Any) -> int:
    try:
        found = operator.index(value)
    except TypeError:
        raise OptionError(f"{name} {value!r} is no whole number") from None
    if abs(found) >= 1 << 62:
        raise OptionError(f"{name} {value} is too large")
    return found


def _chosen(name: str, value: str, among: Sequence[str]) -> int:
    if value not in among:
        raise OptionError(f"{name} {value!r} is none of {', '.join(among)}")
    return among.index(value)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _float(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' is {value!r}, which is no number") from None
    except OverflowError:  # a whole number that no double holds
        return math.inf if value > 0 else -math.inf


def _by_name(names: Sequence[str], at: Any) -> Dict[str, float]:
    return {name: float(at[i]) for i, name in enumerate(names)}


def _by_share(
    shares: Iterable[Tuple[str, float]],
) -> Dict[Union[str, Tuple[str, str]], float]:
    """The largest first; NaN last, equal ones as they came."""
    return dict(sorted(shares, key=lambda s: math.inf if math.isnan(s[1]) else -s[1]))


def _column(values: List[Any]) -> Any:
    """Numbers as an array of them, NaN where not active; all else as objects."""
    if all(v is None or type(v) in (int, float) for v in values):
        if all(type(v) is int for v in values):
            return np.array(values, np.int64) if values else np.array([], np.float64)
        return np.array([np.nan if v is None else v for v in values], np.float64)
    out = np.empty(len(values), object)
    out[:] = values
    return out
