"""Methods that keep columns: their functions, made from the catalogue, and what they give back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from ctypes import byref, c_char_p, c_void_p
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _catalogue, _columns, _inputs, _lib
from ._catalogue import COMMON, Method
from ._lib import Context, InputError, lib, python_name
from .results import _copy

# What every call takes beside its method's options and COMMON: name, type, default, help.
GIVEN: Tuple[Tuple[str, str, Any, str], ...] = (
    ("names", "Optional[Sequence[str]]", None, "what the columns are called; a frame has names"),
    (
        "task",
        'Literal["auto", "classify", "regress"]',
        "auto",
        "what y is; auto: classes where it is text, booleans or at most 20 different whole numbers",
    ),
    (
        "categorical",
        "Optional[Which]",
        None,
        "columns of numbers that are names of kinds; columns with text are in any case",
    ),
    ("group", "Optional[npt.ArrayLike]", None, "a value a row; equal ones stay in one fold"),
    (
        "cost",
        "Union[Mapping[str, float], npt.ArrayLike, None]",
        None,
        "a number for each column, or a dict of name -> cost; None = 1 each",
    ),
    (
        "have",
        "Optional[Which]",
        None,
        "columns held already: free, never kept again, and they count where columns add to one "
        "another",
    ),
    ("avoid", "Optional[Which]", None, "columns never to be kept"),
)
_VERDICTS = np.array(["rejected", "tentative", "confirmed"])
_SHOWN = 5


class FeaturePick:
    """Which columns were kept, in the order chosen, and what was found of every column.

    indices   (k,) int64: columns of X
    names     k names of them
    support   (d,) bool, true where a column was kept
    scores    (d,) float64: larger is better; NaN = nothing to score (constant, missing, avoided)
    score_is  what the scores are
    p_values  (d,) float64 where the method tests, else None
    verdicts  (d,) "confirmed", "tentative", "rejected" where the method finds its own number, else None
    levels    of a method that also chooses values: for each column a bool array, true where a value counts:
              its categories by code (a numeric column: its bins, in order), then a missing value; else None
    columns   d names of all
    spent     the sum of the costs kept
    remark    what was taken for granted, in sentences; "" = nothing
    method, seed
    """

    indices: npt.NDArray[np.int64]
    names: List[str]
    support: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    score_is: str
    p_values: Optional[npt.NDArray[np.float64]]
    verdicts: Optional[npt.NDArray[np.str_]]
    levels: Optional[List[npt.NDArray[np.bool_]]]
    columns: List[str]
    spent: float
    remark: str
    method: str
    seed: int

    def __init__(self, found: _lib.FeaturePickStruct, columns: List[str], **facts: Any) -> None:
        d = found.d
        self.indices = _copy(found.pick.idx, found.pick.n, np.int64)
        self.columns = columns
        self.names = [columns[i] for i in self.indices.tolist()]
        self.support = np.zeros(d, np.bool_)
        self.support[self.indices] = True
        self.scores = _copy(found.score, d, np.float64)
        self.score_is = (found.score_is or b"").decode()
        self.p_values = _copy(found.p, d, np.float64) if found.p else None
        self.verdicts = _VERDICTS[_copy(found.verdict, d, np.uint8)] if found.verdict else None
        self.levels = None
        if found.level_at:
            at = _copy(found.level_at, d + 1, np.int64)
            kept = _copy(found.level_kept, int(at[-1]), np.uint8).astype(np.bool_)
            self.levels = [kept[at[c] : at[c + 1]] for c in range(d)]
        self.spent = found.pick.spent
        self.remark = facts["remark"]
        self.method = facts["method"]
        self.seed = facts["seed"]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices.tolist())

    def take(self, X: Any, order: str = "pick") -> Any:
        """The kept columns of X: of an array by their numbers; of a dict of columns or a data frame by
        their names, whatever else it has. order: "pick" = as chosen, "table" = as they lie in X."""
        if order not in ("pick", "table"):
            raise _lib.OptionError(f"order '{order}' is neither pick nor table")
        keys = _columns.keys(X)
        if keys is None:
            a = np.asanyarray(X)
            self._same_width(a.shape[1] if a.ndim == 2 else 0)
            return a[:, np.sort(self.indices) if order == "table" else self.indices]
        if self._nameless() and not {str(k) for k in keys}.issuperset(self.names):
            self._same_width(len(keys))
            at = self.indices.tolist()
        else:
            at = _columns.places(self.names, keys)
        at = sorted(at) if order == "table" else at
        if hasattr(X, "iloc"):
            return X.iloc[:, at]
        wanted = [keys[i] for i in at]
        if isinstance(X, Mapping):
            return {k: X[k] for k in wanted}
        return X.select(wanted) if hasattr(X, "select") else X[wanted]

    def _nameless(self) -> bool:
        """Whether the columns are called what an array's are, here or in cull.sklearn."""
        return any(self.columns == [f"{c}{i}" for i in range(len(self.columns))] for c in "cx")

    def _same_width(self, d: int) -> None:
        if d != len(self.columns):
            raise InputError(f"there are {d} columns, the table had {len(self.columns)}")

    def to_pandas(self) -> Any:
        """A DataFrame: a row for each column of X, the kept ones first, in the order chosen."""
        import pandas

        rest = np.flatnonzero(~self.support)
        order = np.concatenate([self.indices, rest]).astype(np.int64)
        found: Dict[str, Any] = {
            "column": [self.columns[i] for i in order.tolist()],
            "kept": self.support[order],
            "score": self.scores[order],
        }
        if self.p_values is not None:
            found["p"] = self.p_values[order]
        if self.verdicts is not None:
            found["verdict"] = self.verdicts[order]
        return pandas.DataFrame(found)

    def __repr__(self) -> str:
        cost = "" if self.spent == len(self) else f", cost {self.spent:g}"
        head = f"<FeaturePick {self.method}: {len(self)} of {len(self.columns)} columns{cost}>"
        rows = [["column", "score"] + ["p"] * (self.p_values is not None)]
        for i in self.indices[:_SHOWN].tolist():
            row = [self.columns[i], f"{self.scores[i]:.4g}"]
            rows.append(row + ([] if self.p_values is None else [f"{self.p_values[i]:.3g}"]))
        width = max(len(r[0]) for r in rows)
        lines = [f"  {r[0]:<{width}}" + "".join(f"{c:>12}" for c in r[1:]) for r in rows]
        return "\n".join([head, *lines, *["  ..."] * (len(self) > _SHOWN)])


# ---- a call ----


def _at(a: Optional[npt.NDArray[Any]]) -> Optional[int]:
    return None if a is None else int(a.__array_interface__["data"][0])


class Problem:
    """A cull_feature_problem and what it borrows."""

    def __init__(self, facts: Dict[str, Any], X: Any, y: Any, given: Dict[str, Any]) -> None:
        c = _columns.table(X, given.get("names"))
        n, d = c.x.shape
        if not n or not d:
            raise InputError(f"X has {n} rows and {d} columns; there is nothing to choose from")
        if facts["needs_y"] and y is None:
            raise InputError(f"{facts['slug']} needs what is to be predicted (y)")
        kinds = self._marks("categorical", given, c)
        if kinds is not None:
            c = _columns.categories(c, kinds)
        self.columns = c
        self.target = _columns.target(y, given.get("task", "auto"), n)
        self.have = self._marks("have", given, c)
        self.avoid = self._marks("avoid", given, c)
        self.remark = self.target.remark
        self._pass_over(c, kinds)
        for i, said in c.notes.items():
            if kinds is None or not kinds[i]:
                self.remark = f"{self.remark} {said}".strip()
        self._refuse_none(d)
        self.cost = _columns.costs(given["cost"], c) if "cost" in given else None
        self.budget = _columns.budget(given.get("budget"), facts["own_number"], self.cost, d)
        self.group: Optional[npt.NDArray[np.int32]] = None
        self.groups = 0
        if "group" in given:
            self.group, self.groups = _columns.group(given["group"], n)

    @staticmethod
    def _marks(
        name: str, given: Dict[str, Any], c: _columns.Columns
    ) -> Optional[npt.NDArray[np.uint8]]:
        return _columns.marked(name, given[name], c) if name in given else None

    def _pass_over(self, c: _columns.Columns, kinds: Optional[npt.NDArray[np.uint8]]) -> None:
        d = c.x.shape[1]
        wide = _columns.names_of_rows(c, np.zeros(d, np.uint8) if kinds is None else kinds)
        if not wide:
            return
        self.avoid = np.zeros(d, np.uint8) if self.avoid is None else self.avoid
        self.avoid[wide] = 1
        first, more = c.called()[wide[0]], ", ..." * (len(wide) > 1)
        said = (
            f"{len(wide)} column{'s' * (len(wide) > 1)} of text passed over, as most rows have one "
            f"of their own: {first}{more}; `categorical` keeps such a column."
        )
        self.remark = f"{self.remark} {said}".strip()

    def _refuse_none(self, d: int) -> None:
        gone = np.zeros(d, np.uint8)
        for marks in (self.have, self.avoid):
            gone |= gone if marks is None else marks
        if gone.all():
            raise InputError(
                "X: no column is left to choose from: every one is held, to be avoided, or text of "
                "which most rows have one of their own"
            )

    def select(self, cx: Context, m: Method, opts: Optional[int], seed: int) -> FeaturePick:
        c, t = self.columns, self.target
        x, ys, out = c_void_p(), c_void_p(), _lib.FeaturePickStruct()
        p = _lib.FeatureProblem(n=c.x.shape[0], d=c.x.shape[1], budget=self.budget)
        p.levels = _at(c.levels) if c.levels.any() else None
        if c.names is not None:
            p.name = (c_char_p * len(c.names))(*(_encoded(n) for n in c.names))
        p.y, p.classes = _at(t.y), t.classes
        p.group, p.groups, p.cost = _at(self.group), self.groups, _at(self.cost)
        p.have, p.avoid = _at(self.have), _at(self.avoid)
        try:
            self._pool(cx, "X", c.x, x)
            p.x = x
            remark = self._centre(cx, x)
            if t.ys is not None:
                self._pool(cx, "y", t.ys, ys)
                p.ys = ys
            cx.check(lib.cull_feature_select(cx.at, m.at, opts, byref(p), byref(out)))
            return FeaturePick(out, c.called(), remark=remark, method=m.slug, seed=seed)
        finally:
            lib.cull_feature_pick_free(byref(out))
            lib.cull_pool_free(ys)
            lib.cull_pool_free(x)

    @staticmethod
    def _pool(cx: Context, name: str, a: npt.NDArray[Any], out: c_void_p) -> None:
        n, d = a.shape
        c = _inputs.c_array(a)
        cx.check(lib.cull_pool_from(cx.at, c.at, c.dtype, n, d, byref(out)))
        lib.cull_pool_rename(out, name.encode())


    def _centre(self, cx: Context, x: c_void_p) -> str:
        """What of X is still lost to f32, beside what is remarked already."""
        lost = _lib.PoolMerge()
        cx.check(lib.cull_pool_centre(cx.at, x, byref(lost)))
        if lost.column < 0:
            return self.remark
        name, both = self.columns.called()[lost.column], np.float32(lost.a)
        said = (
            f"Numbers are read with 24 bits: in column {name} {lost.a:.17g} and {lost.b:.17g} are both "
            f"{both:.17g}. Where the difference matters subtract a constant from the column."
        )
        return f"{self.remark} {said}".strip()


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def run(m: Method, facts: Dict[str, Any], X: Any, y: Any, given: Dict[str, Any]) -> FeaturePick:
    """given: all by Python name. What is None is as if it were not there."""
    given = {k: v for k, v in given.items() if v is not None}
    options = {k: given.pop(k) for k in m.options if k in given}
    seed = given.get("seed", 1)
    problem = Problem(facts, X, y, given)

    def work(cx: Context) -> FeaturePick:
        opts = m.set(cx, options)
        try:
            return problem.select(cx, m, opts, int(seed))
        finally:
            lib.cull_opts_free(opts)

    found: FeaturePick = _catalogue.with_context(given, work)
    return found


# ---- functions ----


def function(facts: Dict[str, Any]) -> Callable[..., FeaturePick]:
    m = Method(facts)
    rows = [n for n, *_ in (*GIVEN, *COMMON)]
    known = ["X", "y", "budget", *rows, *m.options]

    def call(X: Any, y: Any = None, budget: Any = None, **given: Any) -> FeaturePick:
        _catalogue.refuse(call.__name__, given, known)
        return run(m, facts, X, y, {"budget": budget, **given})

    call.__name__ = call.__qualname__ = python_name(m.slug)
    call.__module__ = "cull." + facts["task"]
    call.__doc__ = document(facts)
    call.__signature__ = signature(facts)  # type: ignore[attr-defined]
    return call


def rows_of(facts: Dict[str, Any]) -> List[Tuple[str, Any]]:
    """Names and defaults of what a function takes by name."""
    found = [(name, default) for name, _, default, _ in GIVEN]
    found += [(python_name(o["name"]), _catalogue.default_of(o)) for o in facts["options"]]
    return found + [(name, default) for name, _, default, _ in COMMON]


def signature(facts: Dict[str, Any]) -> inspect.Signature:
    place, name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    found = [inspect.Parameter("X", place)]
    found += [inspect.Parameter(n, place, default=None) for n in ("y", "budget")]
    rest = [inspect.Parameter(n, name, default=d) for n, d in rows_of(facts)]
    return inspect.Signature([*found, *rest])


def document(facts: Dict[str, Any]) -> str:
    """The docstring of a method's function."""
    lines = [_catalogue.headline(facts), ""]
    target = "Needs no y." if not facts["needs_y"] else "Needs y"
    if facts["needs_y"]:
        target += ", which must be classes." if facts["needs_classes"] else "."
    takes = [
        what
        for what, taken in (
            ("missing values", facts["takes_missing"]),
            ("categorical columns", facts["takes_categories"]),
        )
        if taken
    ]
    lines.append(
        " ".join([target, f"Takes {' and '.join(takes)} as they are."] if takes else [target])
    )
    lines += ["", _TABLE, _BUDGET + (_OWN if facts["own_number"] else "")]
    for o in facts["options"]:
        lines.append(f"{python_name(o['name'])}: {_catalogue.told(o)}")
    lines += ["", f"Also the inputs of every method: help(cull.{facts['task']})."]
    return "\n".join(lines)


def describe_inputs() -> str:
    return _catalogue.describe([(name, help) for name, _, _, help in (*GIVEN, *COMMON)])


_TABLE = """X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
    with text are categorical.
y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers."""
_BUDGET = (
    "budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs"
)
_OWN = ";\n    None = as many as the method finds"
