"""The loop over a function: one thread, or several, each with a trial of its own."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional, Tuple, Type

from ._lib import InputError, OptionError
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
        self.study, self.fn, self.catch = study, fn, catch
        self.left = None if n_trials is None else _whole("n_trials", n_trials)
        self.jobs = _whole("n_jobs", n_jobs)
        if self.jobs < 1:
            raise OptionError(f"n_jobs {n_jobs} is less than 1")
        if self.left is not None and self.left < 0:
            raise OptionError(f"n_trials {n_trials} is less than 0")
        self.turn = threading.Condition()
        self.runs = 0  # evaluations under way
        self.begun = self.ended = 0  # threads
        self.over = False
        self.error: Optional[BaseException] = None
        self.failed, self.good = 0, False

    def run(self) -> None:
        if self.jobs == 1:
            self.work()
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
                    self.turn.notify_all()

    def next(self) -> Optional[Trial]:
        """A trial; None: there is nothing more to do. While a rung waits for trials that run, so does
        this thread."""
        with self.turn:
            while not self.over and self.left != 0:
                try:
                    trial = self.study.ask()
                except NoTrial:
                    if self.study.done or not (self.runs or self.study.shared):
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
            if self.good or self.failed < _GUARD:
                return
        raise InputError(
            f"each of the first {self.failed} evaluations failed, so no more is tried; "
            f"the last: {note}"
        ) from (value if isinstance(value, BaseException) else None)
