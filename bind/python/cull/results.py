"""What cull's functions give back."""

from __future__ import annotations

import ctypes
import html
import json
import math
import os
import tempfile
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._lib import Context, InputError, lib

Path = Union[str, "os.PathLike[str]"]
_SHOWN = 5  # rows of a repr


class Job:
    """A cull_job with what it borrows; afterwards the owner of a result."""

    def __init__(self, context: Context, task: int) -> None:
        self.context = context
        out = ctypes.c_void_p()
        context.check(lib.cull_job_new(context.at, task, ctypes.byref(out)))
        self.at: int = out.value or 0
        self.flags = 0  # of its run
        self.borrowed: List[Any] = []  # objects that must live until the inputs are let go
        self.handles: List[Tuple[Any, Any]] = []  # their C handles and who frees them

    def settle(self) -> None:
        """The inputs are let go; the result stays."""
        lib.cull_job_settle(self.at)
        while self.handles:
            free, handle = self.handles.pop()
            free(handle)
        self.borrowed.clear()

    def __del__(self) -> None:
        if getattr(self, "at", None):
            self.context.free(lib.cull_job_free, self.at)


def _copy(at: Optional[int], n: int, dtype: type) -> npt.NDArray[Any]:
    out: npt.NDArray[Any] = np.empty(n, dtype)
    if n and at:
        ctypes.memmove(out.__array_interface__["data"][0], at, out.nbytes)
    return out


def form_of(path: Path) -> int:
    form = ctypes.c_int()
    if lib.cull_form_find(os.fsencode(path), ctypes.byref(form)):
        return form.value
    raise InputError(
        f"{os.fspath(path)}: a result is written as .json, .tsv, .html or .md, also with .gz or .zst"
    )


class Pick:
    """Which rows were kept, in the order chosen.

    idx      (k,) int64: rows of the pool
    score    (k,) float64: the method's score of each, larger is better
    by       (k,) int32: what chose it (a target row, a task, a cluster: see by_what); -1 = nothing
    by_what  "target", "task", "cluster" or ""
    spent    the sum of their costs
    n        rows of the pool
    method   the method's name; "" where it is not known
    seed     of its random draws
    budget   how much could be kept, in `cost_unit`
    """

    idx: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    by: npt.NDArray[np.int32]
    # of a method that looks for copies: the row that stands for each of the pool, and how alike they are
    stands: Optional[npt.NDArray[np.int64]]
    like: Optional[npt.NDArray[np.float32]]
    _job: Optional[Job]
    _facts: Optional[Dict[str, Any]]  # all but the rows, once asked for
    _ids: Optional[List[str]]

    def __init__(self, job: Job, method: str) -> None:
        run = lib.cull_job_result(job.at).contents
        pick = run.pick.contents
        self._job, self._facts, self._ids = job, None, None
        self.idx = _copy(pick.idx, pick.n, np.int64)
        self.score = _copy(pick.score, pick.n, np.float64)
        self.by = _copy(pick.by, pick.n, np.int32)
        self.stands = _copy(pick.stands, pick.rows, np.int64) if pick.rows else None
        self.like = _copy(pick.like, pick.rows, np.float32) if pick.rows else None
        self.by_what: str = (pick.by_what or b"").decode()
        self.spent: float = pick.spent
        self.n: int = run.n
        self.method = method
        self.seed: int = run.seed
        self.budget: float = run.budget
        self.budget_text: str = (run.budget_text or b"").decode()
        self.cost_unit: str = (run.cost_unit or b"examples").decode()

    # ---- as a sequence of rows ----

    def __len__(self) -> int:
        return len(self.idx)

    def __iter__(self) -> Iterator[int]:
        return iter(self.idx.tolist())

    def __getitem__(self, i: Union[int, slice]) -> Any:
        """The row chosen i-th, or a list of them."""
        return self.idx[i].tolist()

    def mask(self, n: Optional[int] = None) -> npt.NDArray[np.bool_]:
        """(n,) bool, true where a row was kept; n = rows of the pool, where that is known."""
        n = self.n if n is None else n
        if len(self.idx) and n <= self.idx.max():
            raise InputError(f"a mask of {n} rows has no row {self.idx.max()}, which was kept")
        out = np.zeros(n, np.bool_)
        out[self.idx] = True
        return out

    def take(self, rows: Any, order: str = "pick") -> Any:
        """The kept ones of `rows`, which has a row for each of the pool's: an array, a list, a data
        frame, a table. order: "pick" = as chosen, "pool" = as they lie."""
        if order not in ("pick", "pool"):
            raise _lib.OptionError(f"order '{order}' is neither pick nor pool")
        have = len(rows)
        if (self.n and have != self.n) or (len(self.idx) and have <= self.idx.max()):
            raise InputError(f"there are {have} rows, the pool had {self.n or 'more'}")
        idx = np.sort(self.idx) if order == "pool" else self.idx
        if hasattr(rows, "iloc"):
            return rows.iloc[idx]
        if hasattr(rows, "__arrow_c_stream__") and hasattr(rows, "take"):
            return rows.take(idx)
        if isinstance(rows, (list, tuple)):
            return [rows[i] for i in idx.tolist()]
        return rows[idx]

    # ---- what is known of it ----

    @contextmanager
    def _run(self) -> Iterator[Tuple[Context, Any]]:
        """A context and the cull_run: the job's own, or made again of what was kept of it."""
        cx = _lib.plain()
        try:
            if self._job is not None:
                yield cx, lib.cull_job_result(self._job.at)
                return
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "pick.json")
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(self.report(), f, allow_nan=False)
                with _read(cx, path) as run:
                    yield cx, run
        finally:
            cx.release()

    def _known(self) -> Dict[str, Any]:
        if self._facts is None:
            with self._run() as (cx, run):
                facts = _parsed(cx, run)
            self._ids = _ids_of(facts.pop("pick"))
            self._facts = facts
        return self._facts

    def report(self) -> Dict[str, Any]:
        """All that is known of the run, as in the pick file (docs/formats.md)."""
        rows: List[Dict[str, Any]] = [{"row": r} for r in self.idx.tolist()]
        facts = {**self._known(), "pick": rows}
        for i, (row, score, by) in enumerate(zip(rows, self.score.tolist(), self.by.tolist())):
            if self._ids is not None:
                row["id"] = self._ids[i]
            if score == score:
                row["score"] = score
            if by >= 0:
                row["by"] = by
        return facts

    def save(self, path: Path) -> None:
        """Write it as the name says: .json (read by `Pick.load` and the command), .tsv, .html, .md."""
        form = form_of(path)
        with self._run() as (cx, run):
            cx.check(lib.cull_run_write(cx.at, run, form, os.fsencode(path)))

    @classmethod
    def load(cls, path: Path) -> "Pick":
        """A pick file, or a bare list of rows: tsv or csv with a column row, text, npy."""
        cx = _lib.plain()
        try:
            with _read(cx, path) as run:
                facts = _parsed(cx, run)
        finally:
            cx.release()
        rows = facts.pop("pick")
        out = cls.__new__(cls)
        out.__setstate__(
            (
                facts,
                np.array([r["row"] for r in rows], np.int64),
                np.array([r.get("score", math.nan) for r in rows], np.float64),
                np.array([r.get("by", -1) for r in rows], np.int32),
                _ids_of(rows),
                None,
                None,
            )
        )
        return out

    def to_pandas(self) -> Any:
        """A DataFrame: row, score, by; also id after report=True (ids take a pass over the pool)."""
        import pandas

        columns: Dict[str, Any] = {"row": self.idx, "score": self.score, "by": self.by}
        if self._facts is not None or (self._job and self._job.flags & _lib.IDS):
            self._known()
        if self._ids is not None:
            columns["id"] = self._ids
        return pandas.DataFrame(columns)

    def __getstate__(self) -> Tuple[Any, ...]:
        return self._known(), self.idx, self.score, self.by, self._ids, self.stands, self.like

    def __setstate__(self, state: Tuple[Any, ...]) -> None:
        facts, self.idx, self.score, self.by, self._ids, self.stands, self.like = state
        self._job, self._facts = None, facts
        self.by_what = facts.get("by_what", "")
        self.spent = float(facts.get("spent") or len(self.idx))
        self.n = facts.get("n", 0)
        self.method = facts.get("method") or ""
        self.seed = int(facts.get("seed", 0))
        self.budget = float(facts.get("budget") or 0)
        self.budget_text = facts.get("budget_text") or ""
        self.cost_unit = facts.get("cost_unit") or "examples"

    # ---- for people ----

    def _title(self) -> str:
        of = f" of {self.n} rows ({len(self) / self.n:.3g})" if self.n else " rows"
        cost = "" if self.cost_unit == "examples" else f", {self.spent:g} {self.cost_unit}"
        budget = f", budget {self.budget_text}" if self.budget_text else ""
        found = ""
        if self._facts is not None or (self._job and self._job.flags & _lib.JUDGE):
            own = (f for f in self._known()["figures"] if f["name"] == self.method)
            found = "".join(f", {f['metric']} {f['value']:.3g}" for f in own)
        return f"{self.method or 'a list'}: {len(self)}{of}{cost}{budget}{found}"

    def _rows(self) -> Tuple[List[str], List[List[str]]]:
        head = ["row", "score"] + ([self.by_what] if self.by_what else [])
        rows = []
        for i in range(min(len(self), _SHOWN)):
            row = [str(self.idx[i]), f"{self.score[i]:.4g}"]
            rows.append(row + ([str(self.by[i])] if self.by_what else []))
        return head, rows

    def __repr__(self) -> str:
        head, rows = self._rows()
        lines = ["".join(f"{c:>10}" for c in r) for r in [head] + rows]
        more = ["       ..."] if len(self) > _SHOWN else []
        return "\n".join([f"<Pick {self._title()}>"] + lines + more)

    def _repr_html_(self) -> str:
        if self._job and self._job.flags & _lib.BASELINES:
            with self._run() as (cx, run):
                page = _lib.text_of(
                    lambda out: int(lib.cull_run_text(cx.at, run, _lib.HTML, out)), cx
                )
            return _framed(page)
        head, rows = self._rows()
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in r) + "</tr>" for r in rows
        )
        return (
            f"<p>{html.escape(self._title())}. Plots and baselines: call with report=True.</p>"
            "<table><tr>" + "".join(f"<th>{c}</th>" for c in head) + f"</tr>{cells}</table>"
        )


class Comparison:
    """Many methods on one problem: metrics of each over its seeds, with 95 % intervals.

    metrics  what was measured, for example ["precision", "coverage"]
    report() all of it: runs, tables, notes
    """

    def __init__(self, job: Job, at: int) -> None:
        self._job, self._at = job, at
        self._facts: Dict[str, Any] = json.loads(self._text(_lib.JSON))
        self.metrics: List[str] = self._facts["metrics"]

    def _text(self, form: int) -> str:
        cx = _lib.plain()
        try:
            return _lib.text_of(
                lambda out: int(lib.cull_compare_text(cx.at, self._at, form, out)), cx
            )
        finally:
            cx.release()

    def report(self) -> Dict[str, Any]:
        return self._facts

    def save(self, path: Path) -> None:
        """Write it as the name says: .json, .tsv, .html or .md, also with .gz or .zst."""
        form = form_of(path)
        cx = _lib.plain()
        try:
            cx.check(lib.cull_compare_write(cx.at, self._at, form, os.fsencode(path)))
        finally:
            cx.release()

    def to_pandas(self) -> Any:
        """A DataFrame: a row for each metric and method."""
        import pandas

        tables = self._facts["tables"]
        return pandas.DataFrame(
            [{"metric": t["metric"], **m} for t in tables for m in t["methods"]]
        )

    def __repr__(self) -> str:
        lines = []
        chance = self._facts["chance"]
        for t in self._facts["tables"]:
            head = f"{t['metric']:<24}{'mean':>8}  {'95 % interval':<16}{'runs':>5}"
            lines.append(f"{head}  to {chance}")
            for m in t["methods"]:
                if not m["runs"]:
                    continue
                known = m["lo"] is not None
                range_ = f"[{m['lo']:.3f}, {m['hi']:.3f}]" if known else ""
                line = f"  {m['method']:<22}{m['mean']:>8.3f}  {range_:<16}{m['runs']:>5}"
                lines.append(f"{line}  {_change(m)}".rstrip())
        return "\n".join(lines + self._facts["notes"])

    def _repr_html_(self) -> str:
        return _framed(self._text(_lib.HTML))


def _change(m: Dict[str, Any]) -> str:
    """The difference to chance with its interval; * where that does not hold 0."""
    if m["to_chance"] is None:
        return ""
    lo, hi = m["to_chance_lo"], m["to_chance_hi"]
    range_ = "" if lo is None else f" [{lo:.3f}, {hi:.3f}]{'*' * (lo > 0 or hi < 0)}"
    return f"{m['to_chance']:+.3f}{range_}"


def _framed(page: str) -> str:
    return (
        f'<iframe srcdoc="{html.escape(page)}" style="width:100%;height:720px;border:0"></iframe>'
    )


@contextmanager
def _read(cx: Context, path: Path) -> Iterator[Any]:
    """A pick file; it begins with its cull_run."""
    file = ctypes.create_string_buffer(_lib.PICK_FILE_BYTES)
    cx.check(lib.cull_pick_read(cx.at, os.fsencode(path), file))
    try:
        yield file
    finally:
        lib.cull_pick_file_free(file)


def _ids_of(rows: List[Dict[str, Any]]) -> Optional[List[str]]:
    return [r["id"] for r in rows] if rows and "id" in rows[0] else None


def _parsed(cx: Context, run: Any) -> Dict[str, Any]:
    text = _lib.text_of(lambda out: int(lib.cull_run_text(cx.at, run, _lib.JSON, out)), cx)
    facts: Dict[str, Any] = json.loads(text)
    return facts
