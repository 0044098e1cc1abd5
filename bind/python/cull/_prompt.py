"""Prompts: instruction and exemplars chosen for a model, under a budget of calls (Teach Better or Show Smarter, Wan et al.
2024). The same as `cull prompt`.

    found = cull.prompt.search(rows, ask, instructions=["Answer yes or no."], test=others, budget=32)
    found.text("Is it raining?")

Rows are a file or a list of {"input": ..., "target": ...} or (input, target). A model is a function of a prompt, or a list of
words: a program that reads a prompt on standard input and prints the answer."""

from __future__ import annotations

import ctypes
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _catalogue, _inputs, _lib
from ._lib import InputError, OptionError, lib

__all__ = ["Prompt", "Score", "load", "search"]

Rows = Union[str, "os.PathLike[str]", Sequence[Any]]
Model = Union[Callable[[str], str], Callable[[List[str]], List[str]], Sequence[str]]
_STRATEGIES = ("none", "random", "nearest", "diverse", "all", "search", "mutate")
_RULES = ("auto", "whole", "halving")
_SCORES = ("normal", "exact", "contains", "number")
_ROWS = {"val": "validation", "test": "test", "pool": "pool"}
_CANCEL = -4  # CULL_ECANCEL


@dataclass(frozen=True)
class Score:
    mean: float
    low: float  # 95 %, by a bootstrap over rows
    high: float


@dataclass(frozen=True)
class Prompt:
    """What cull.prompt.search gives back. `record` is all of it, as it is saved."""

    instruction: str
    exemplars: List[Tuple[str, str]]  # input and output, in the prompt's order
    validation: Score  # on the rows it was chosen on
    expected: float  # what the choice would score on others; NaN = not estimated
    test: Optional[Score]
    optimism: Optional[Score]  # validation - test
    calls: Dict[str, int]
    record: Dict[str, Any] = field(repr=False)

    def text(self, input: str) -> str:
        """The prompt for one input."""
        data = json.dumps(self.record, ensure_ascii=False).encode()
        c = _lib.plain()
        saved, out = c_void_p(), c_void_p()
        try:
            c.check(lib.cull_prompt_saved_from(c.at, data, len(data), b"the prompt", byref(saved)))
            c.check(lib.cull_prompt_saved_text(c.at, saved, _utf8(input, "input"), byref(out)))
            return _taken(out)
        finally:
            lib.cull_prompt_saved_free(saved)
            c.release()

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """As cull prompt search -o writes it; `load` and cull prompt show read it."""
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.record, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


def load(path: Union[str, "os.PathLike[str]"]) -> Prompt:
    """A prompt that was saved."""
    c = _lib.plain()
    saved = c_void_p()
    try:
        c.check(lib.cull_prompt_read(c.at, os.fsencode(path), byref(saved)))
    finally:
        lib.cull_prompt_saved_free(saved)
        c.release()
    with open(path, encoding="utf-8") as f:
        return _prompt(json.load(f))


# ---- what goes in and comes out ----


def _utf8(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise InputError(f"{name} is {type(value).__name__}, no str")
    if "\0" in value:
        raise InputError(f"{name} holds a NUL")
    try:
        return value.encode()
    except UnicodeEncodeError as e:
        raise InputError(f"{name} is no text: {e}") from None


def _taken(out: c_void_p) -> str:
    text = ctypes.cast(out, c_char_p).value or b""
    lib.cull_text_free(out)
    return text.decode()


def _prompt(record: Dict[str, Any]) -> Prompt:
    def score(key: str, mean: str) -> Optional[Score]:
        s = record.get(key)
        nan = float("nan")
        return s and Score(*(nan if s[k] is None else s[k] for k in (mean, "low", "high")))

    expected = record["expected"]
    return Prompt(
        instruction=record["instruction"],
        exemplars=[(e["input"], e["output"]) for e in record["exemplars"]],
        validation=score("validation", "score") or Score(*[float("nan")] * 3),
        expected=float("nan") if expected is None else expected,
        test=score("test", "score"),
        optimism=score("optimism", "mean"),
        calls=record["calls"],
        record=record,
    )


def _number(value: str, of: Tuple[str, ...], name: str) -> int:
    if value not in of:
        raise OptionError(f"{name} '{value}' is none of {', '.join(of)}")
    return of.index(value)


def _words(words: Optional[Sequence[str]], name: str) -> Any:
    """A C array of strings that ends with NULL."""
    if words is None:
        return None
    if isinstance(words, str):
        raise InputError(f"{name} is one text, {words!r}; it takes a list of them")
    each = [_utf8(w, name) for w in words]
    return (c_char_p * (len(each) + 1))(*each, None)


class _Rows:
    """Rows as the library reads them, and what they point to."""

    def __init__(self, call: "_Call", value: Rows, name: str, fields: Tuple[str, str]) -> None:
        self.at = _lib.PromptRows()
        self.mine = False
        path = _inputs.path_of(value)
        if path is not None:
            words = [f.encode() for f in fields]
            call.check(
                lib.cull_prompt_rows_open(
                    call.context.at, os.fsencode(path), *words, byref(self.at)
                )
            )
            self.mine = True
            return
        pairs = [self.pair(row, f"{name}[{i}]", fields) for i, row in enumerate(value)]  # type: ignore[arg-type]
        if not pairs:
            raise InputError(f"there are no {_ROWS[name]} rows")
        self.input = (c_char_p * (len(pairs) + 1))(*[p[0] for p in pairs])
        self.target = (c_char_p * (len(pairs) + 1))(*[p[1] for p in pairs])
        self.at.n = len(pairs)
        self.at.input, self.at.target = ctypes.addressof(self.input), ctypes.addressof(self.target)

    @staticmethod
    def pair(row: Any, name: str, fields: Tuple[str, str]) -> Tuple[bytes, bytes]:
        try:
            values = [row[f] for f in fields] if isinstance(row, dict) else list(row)
        except (KeyError, TypeError):
            values = []
        if len(values) != 2 or isinstance(row, str):
            raise InputError(f"{name} is no {{'{fields[0]}': ..., '{fields[1]}': ...}} and no pair")
        target = values[1]
        if isinstance(target, (int, float)) and not isinstance(target, bool):
            target = str(target)
        return _utf8(values[0], f"{name}'s input"), _utf8(target, f"{name}'s target")


class _Call:
    def __init__(self, context: _lib.Context) -> None:
        self.context = context
        self.rows: List[_Rows] = []
        self.task = c_void_p()
        self.result = _lib.PromptResult()
        self.held: List[Any] = []  # what C points to

    def check(self, status: int) -> None:
        self.context.check(status)

    def open(self, value: Optional[Rows], name: str, fields: Tuple[str, str]) -> Any:
        if value is None:
            return None
        rows = _Rows(self, value, name, fields)
        self.rows.append(rows)
        return ctypes.pointer(rows.at)

    def close(self) -> None:
        lib.cull_prompt_result_free(byref(self.result))
        lib.cull_prompt_task_free(self.task)
        for rows in self.rows:
            if rows.mine:
                lib.cull_prompt_rows_free(byref(rows.at))


@contextmanager
def _call(seed: int, threads: int, progress: Optional[_lib.Progress]) -> Iterator[_Call]:
    context = _lib.take((threads, 0, None, None))
    call = _Call(context)
    try:
        lib.cull_ctx_reseed(context.at, seed)
        with _lib.Call(context, progress):
            yield call
    finally:
        call.close()
        context.release()


def _stop(context: _lib.Context, error: BaseException) -> int:
    """The search ends, and the exception is raised where it was called."""
    running = _lib._calls[context.number]
    if running.error is None:
        running.error = error
    return _CANCEL


def _asking(call: _Call, model: Any, workers: int, batched: bool) -> Any:
    """The function that the library calls with prompts."""

    def answers(texts: List[str]) -> List[str]:
        if batched:
            return list(model(texts))
        if workers == 1 or len(texts) == 1:
            said = []
            for text in texts:
                _lib._calls[call.context.number].answer()  # a signal need not wait for all
                said.append(model(text))
            return said
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(model, texts))

    def ask(user: Any, prompts: Any, n: int, out: int) -> int:
        try:
            texts = [prompts[i].decode() for i in range(n)]
            said = answers(texts)
            if len(said) != n:
                raise InputError(f"the model gave {len(said)} answers to {n} prompts")
            for i, text in enumerate(said):
                status = int(lib.cull_prompt_answer_put(out, i, _utf8(text, "an answer")))
                if status:
                    return status
        except BaseException as e:
            return _stop(call.context, e)
        return 0

    return _lib.PROMPT_ANSWER(ask)


def _judging(call: _Call, score: Callable[[str, str, str], float]) -> Any:
    def judge(user: Any, input: bytes, target: bytes, answer: bytes) -> float:
        try:
            return float(score(input.decode(), target.decode(), answer.decode()))
        except BaseException as e:
            _stop(call.context, e)
            return float("nan")

    return _lib.PROMPT_JUDGE(judge)


# ---- the search ----


def search(
    val: Rows,
    model: Model,
    *,
    instructions: Optional[Sequence[str]] = None,
    test: Optional[Rows] = None,
    pool: Optional[Rows] = None,
    strategy: str = "mutate",
    k: int = 3,
    budget: float = 32,
    calls: int = 0,
    share: float = 0.25,
    rule: str = "auto",
    shows: str = "answers",
    ordered: bool = True,
    race: bool = True,
    starts: int = 0,
    score: Union[str, Callable[[str, str, str], float]] = "normal",
    after: Optional[str] = None,
    right: float = 1.0,
    template: Optional[str] = None,
    exemplar: Optional[str] = None,
    fields: Tuple[str, str] = ("input", "target"),
    propose: Optional[Sequence[str]] = None,
    cache: Union[str, "os.PathLike[str]", None] = None,
    id: Optional[str] = None,
    workers: int = 1,
    batched: bool = False,
    stay: bool = False,
    timeout: float = 0,
    retries: int = 2,
    seed: int = 1,
    threads: int = 0,
    progress: Optional[_lib.Progress] = None,
) -> Prompt:
    """The best prompt that the budget finds: `budget` validations of all rows, or so many `calls`, of which `share` goes
    to the choice among several instructions and the rest to that of `k` exemplars. shows: "answers", the model's own
    right ones, or "targets". score: "normal", "exact", "contains", "number", or a function of input, target and answer
    that gives 0 to 1. A model that is a function is called with a prompt, by `workers` threads, or with a list of them
    where `batched`; what it raises ends the search. With `cache`, a file, and an `id` that names the model, answers are
    kept, and the same search goes on where it was stopped. docs/prompt.md has the rest."""
    if shows not in ("answers", "targets"):
        raise OptionError(f"shows '{shows}' is none of answers, targets")
    workers = _catalogue._whole("workers", workers, 1024)
    if not workers:
        raise OptionError("workers 0 is less than 1")
    o = _lib.PromptOpts(
        size=ctypes.sizeof(_lib.PromptOpts),
        strategy=_number(strategy, _STRATEGIES, "strategy"),
        rule=_number(rule, _RULES, "rule"),
        k=k,
        budget=budget,
        calls=calls,
        share=share,
        ordered=ordered,
        race=race,
        starts=starts,
        right=right,
        draws=1000,
    )
    with _call(_catalogue._whole("seed", seed, (1 << 64) - 1), threads, progress) as c:
        t = _lib.PromptTaskOpts(size=ctypes.sizeof(_lib.PromptTaskOpts), workers=workers)
        t.val = c.open(val, "val", fields)
        t.test = c.open(test, "test", fields)
        t.pool = c.open(pool, "pool", fields)
        told = _words(instructions, "instruction")
        words = None if callable(model) else _words(model, "model")
        proposer = _words(propose, "propose")
        asks = _asking(c, model, workers, batched) if callable(model) else None
        judge = _judging(c, score) if callable(score) else None
        c.held = [told, words, proposer, asks, judge]
        t.instruction, t.instructions = told, len(instructions or ())
        t.argv, t.propose = words, proposer
        if asks:
            t.answer = asks
        if judge:
            t.judge_fn = judge
        else:
            t.scoring = _number(str(score), _SCORES, "score")
        t.labels = shows == "targets"
        t.after = None if after is None else _utf8(after, "after")
        t.template_ = None if template is None else _utf8(template, "template")
        t.exemplar = None if exemplar is None else _utf8(exemplar, "exemplar")
        t.id = None if id is None else _utf8(id, "id")
        t.cache = None if cache is None else os.fsencode(cache)
        t.path = os.environ.get("PATH", os.defpath).encode()
        t.stay, t.timeout, t.retries = stay, timeout, retries
        at = c.context.at
        c.check(lib.cull_prompt_task_open(at, byref(t), byref(c.task)))
        c.check(lib.cull_prompt_task_search(at, c.task, byref(o), byref(c.result)))
        out = c_void_p()
        c.check(lib.cull_prompt_json(at, c.task, byref(o), byref(c.result), byref(out)))
        return _prompt(json.loads(_taken(out)))
