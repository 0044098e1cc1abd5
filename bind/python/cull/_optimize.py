"""The loop over a function: one thread, or several, each with a trial of its own; results as they come, or in an order that does
not depend on how many threads there are."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, List, Optional, Set, Tuple, Type

from ._lib import InputError, OptionError, lib
from ._study import NoTrial, Study, Trial, _said, _whole

_GUARD = 10  # failures without a success, after which nothing more is tried
_POOR = "it gave back no finite value"
_LOOK = 0.2  # seconds before a study that waits for others is asked again


class Optimizer:
    def __init__(
        self,
        study: Study,
        fn: Callable[[Trial], Any],
        n_trials: Optional[int],
        n_jobs: int,
        catch: Tuple[Type[BaseException], ...],
    ) -> None:
        if not callable(fn):
            raise OptionError(f"{fn!r} is no function; optimize takes one that evaluates a trial")
        self.study, self.fn, self.catch = study, fn, catch
        self.left = None if n_trials is None else _whole("n_trials", n_trials)
        self.jobs = _whole("n_jobs", n_jobs)
        if self.jobs == -1:
            self.jobs = len(os.sched_getaffinity(0))
        if self.jobs < 1:
            raise OptionError(f"n_jobs {n_jobs} is less than 1; -1 is one for each CPU")
        if self.left is not None and self.left < 0:
            raise OptionError(f"n_trials {n_trials} is less than 0")
        self.turn = threading.Condition()
        self.runs = 0  # evaluations under way
        self.begun = self.ended = 0  # threads
        self.over = False
        self.error: Optional[BaseException] = None
        self.failed, self.good, self.note = 0, False, ""
        self.asked: Set[int] = set()  # and not evaluated

    def run(self) -> None:
        if self.jobs == 1:
            try:
                self.work()
            except BaseException:  # Ctrl-C where nobody had the trial: it is asked again
                for number in self.asked & self.study._mine:
                    self.study.give_back(number)
                raise
            return
        try:
            for _ in range(self.jobs):
                threading.Thread(target=self.guarded, daemon=True).start()
                self.begun += 1
            self.wait()
        except BaseException:  # Ctrl-C: what runs is waited for; a second one does not wait
            self.end()
            self.wait()
            raise
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        with self.turn:
            self.over = True
            self.turn.notify_all()

    def wait(self) -> None:
        """For all threads. A join that Ctrl-C interrupts takes its thread for ended."""
        with self.turn:
            while self.ended < self.begun:
                self.turn.wait(_LOOK)

    def guarded(self) -> None:
        try:
            self.work()
        except BaseException as e:
            with self.turn:
                self.error = self.error or e
            self.end()
        finally:
            with self.turn:
                self.ended += 1
                self.turn.notify_all()

    def poor(self) -> Optional[str]:
        """What is to be said where all failed, too few to end the call, and the study has no result at all."""
        if self.good or not self.failed or self.study.front:
            return None
        many = f"all {self.failed} evaluations" if self.failed > 1 else "the only evaluation"
        return f"{many} failed; the last: {self.note}"

    def silent(self) -> Optional[str]:
        """What is to be said, once, where a stop rule has had nothing to go by."""
        if not self.good or self.study._heard:
            return None
        self.study._heard = True
        if not self.study._silent():
            return None
        return (
            "no trial reported on its way, so the stop rule had nothing to go by: "
            "trial.report(step, value) is a report, and where it gives back False the trial ends"
        )

    # ---- one thread's ----

    def work(self) -> None:
        while True:
            trial = self.next()
            if trial is None:
                return
            try:
                self.evaluate(trial)
            finally:
                with self.turn:
                    self.runs -= 1
                    self.asked.discard(trial.number)
                    self.turn.notify_all()

    def done(self) -> bool:
        """Whether the study is; also once what killed processes had under way was taken over."""
        if self.study.shared and self.study.done:
            self.study._take_over()
        return self.study.done

    def next(self) -> Optional[Trial]:
        """A trial; None: there is nothing more to do. While a rung waits for trials that run, so does
        this thread."""
        with self.turn:
            while not self.over and self.left != 0:
                try:
                    trial = self.study._ask(self.asked)
                except NoTrial:
                    if self.done() or not (self.runs or self.study.shared):
                        return None
                    self.turn.wait(_LOOK)
                    continue
                self.runs += 1
                if self.left is not None:
                    self.left -= 1
                return trial
        return None

    def evaluate(self, trial: Trial) -> None:
        try:
            try:
                value = self.fn(trial)
            except self.catch as e:
                value = e
            except Exception as e:
                self.tell(trial, e)
                raise
            self.tell(trial, value)
        except BaseException:  # Ctrl-C, or what was given back is no value: it is asked again
            if trial.number in self.study._mine:
                self.study.give_back(trial)
            raise
        state = self.study._state(trial.number)
        note = _said(value) if isinstance(value, BaseException) else _POOR
        self.count(state in ("done", "stopped"), note, value)

    def tell(self, trial: Trial, value: Any) -> None:
        """One that was told by another process meanwhile, which took this one for lost, is passed over."""
        if trial.stopped:
            return
        try:
            self.study.tell(trial, value)
        except InputError:
            if not self.study.shared or self.study._state(trial.number) == "running":
                raise
            self.study._mine.discard(trial.number)

    def count(self, good: bool, note: str, value: Any) -> None:
        with self.turn:
            self.good |= good
            self.failed += not good
            self.note = note
            if self.good or self.failed < _GUARD:
                return
        raise InputError(
            f"each of the first {self.failed} evaluations failed, so no more is tried; "
            f"the last: {note}"
        ) from (value if isinstance(value, BaseException) else None)


class _Entry:
    """A trial under way: its result comes at a virtual time that is known when it is asked."""

    def __init__(self, trial: Trial, at: float) -> None:
        self.trial, self.at = trial, at
        self.begun = self.ended = False
        self.value: Any = None


class Ordered(Optimizer):
    """As `--in-order N` of the command: N trials are under way, each takes 1 (with a budget its share of a whole one), and
    results are told in the order of that time, of equals the lower number first. Each is followed by asking."""

    def __init__(self, in_order: int, *args: Any) -> None:
        super().__init__(*args)
        self.places = _whole("in_order", in_order)
        if not 1 <= self.places <= 1024:
            raise OptionError(f"in_order {in_order} is not in 1 to 1024")
        with self.study._locked() as at:
            stop = lib.cull_study_problem(at)[0].stop
            reads, self.last = stop.kind != 0 and not stop.anew, float(stop.last)
        if reads:
            raise OptionError(
                "in_order is of studies whose trials do not report: those without stop, or with anew"
            )
        self.entries: List[_Entry] = []
        self.now = 0.0

    def run(self) -> None:
        try:
            super().run()
        finally:  # of Ctrl-C, or a failure: who was not told is asked again
            for e in self.entries:
                if e.trial.number in self.study._mine:
                    self.study.give_back(e.trial)

    def fill(self) -> None:
        while len(self.entries) < self.places and self.left != 0:
            try:
                trial = self.study._ask(self.asked)
            except NoTrial:
                return
            share = trial.budget / self.last if trial.budget and self.last else 1
            self.entries.append(_Entry(trial, self.now + share))
            if self.left is not None:
                self.left -= 1

    def next(self) -> Optional[Trial]:
        with self.turn:
            while not self.over:
                self.fill()
                waiting = [e for e in self.entries if not e.begun]
                if waiting:
                    first = min(waiting, key=lambda e: e.trial.number)
                    first.begun = True
                    self.runs += 1
                    return first.trial
                if not self.entries and (self.left == 0 or self.done() or not self.study.shared):
                    return None
                self.turn.wait(_LOOK)
        return None

    def evaluate(self, trial: Trial) -> None:
        wrong: Optional[Exception] = None
        try:
            value = self.fn(trial)
        except self.catch as e:
            value = e
        except Exception as e:
            value = wrong = e
        with self.turn:
            entry = next(e for e in self.entries if e.trial is trial)
            entry.value, entry.ended = value, True
            self.settle()
        if wrong is not None:
            raise wrong

    def settle(self) -> None:
        """Tell in turn what can be."""
        while self.entries and not self.over:
            first = min(self.entries, key=lambda e: (e.at, e.trial.number))
            if not first.ended:
                return
            self.tell(first.trial, first.value)
            self.entries.remove(first)
            self.now = max(self.now, first.at)
            state = self.study._state(first.trial.number)
            note = _said(first.value) if isinstance(first.value, BaseException) else _POOR
            self.count(state in ("done", "stopped"), note, first.value)
            self.fill()
