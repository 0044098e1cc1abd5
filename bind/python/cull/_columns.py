"""Tables and targets that callers hold - arrays, dicts of columns, data frames - as the C door takes them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _inputs
from ._inputs import _as_array, _kind, _name_of, is_missing
from ._lib import InputError, OptionError, number_text

FEW, MANY = 20, 1000  # different numbers: classes by themselves; classes at all
TASKS = ("auto", "classify", "regress")
_TAKES = "it takes an array (rows, columns), a dict of columns or a data frame"


@dataclass
class Columns:
    """A table as the library reads it."""

    x: npt.NDArray[Any]  # (n, d), of a categorical column its codes, NaN = missing
    names: Optional[List[str]] = None  # None = c0, c1, ...
    levels: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    text: List[int] = field(default_factory=list)  # columns that hold text
    notes: Dict[int, str] = field(default_factory=dict)  # of such that nearly are numbers

    def called(self) -> List[str]:
        return [f"c{i}" for i in range(self.x.shape[1])] if self.names is None else self.names


@dataclass
class Target:
    y: Optional[npt.NDArray[np.float64]] = None
    classes: int = 0  # 0 = y is numbers
    ys: Optional[npt.NDArray[Any]] = None  # several, (n, m)
    remark: str = ""


# ---- one column ----


def codes(values: Sequence[Any]) -> Tuple[npt.NDArray[np.float64], List[Any]]:
    """In order of first appearance; NaN where a value is missing."""
    seen: Dict[Any, int] = {}
    out = np.full(len(values), np.nan)
    for i, v in enumerate(values):
        if not is_missing(v):
            out[i] = seen.setdefault(v, len(seen))
    return out, list(seen)


def _is_text(v: Any) -> bool:
    return isinstance(v, str)


def _is_number(v: Any) -> bool:
    return isinstance(v, (Real, Decimal, np.bool_))


def _values(column: Any) -> npt.NDArray[Any]:
    """Lists stay what they are: numpy would make text of a NaN beside text."""
    if isinstance(column, (list, tuple)):
        out = np.empty(len(column), object)
        for i, v in enumerate(column):
            out[i] = v
        return out
    return _as_array(column)


def read(what: str, column: Any) -> Tuple[npt.NDArray[np.float64], Optional[List[Any]]]:
    """One of `what` as numbers; of text its codes and what they stand for."""
    a = _values(column)
    if a.ndim != 1:
        raise InputError(f"{what} has {a.ndim} dimensions; it takes a value for each row")
    category = str(getattr(column, "dtype", "")) == "category"
    if a.dtype.kind in "biuf" or a.dtype.name == "bfloat16":
        return codes(a.tolist()) if category else (a.astype(np.float64), None)
    if a.dtype.kind not in "OUT":
        raise InputError(f"{what} has the dtype {a.dtype}; it takes numbers or text")
    values = a.tolist()
    numbers = True
    for i, v in enumerate(values):
        if is_missing(v):
            continue
        if not _is_text(v) and not _is_number(v):
            raise InputError(f"{what} of row {i} is of type {_kind(v)}; it takes a number or text")
        numbers &= not _is_text(v)
    if numbers and not category:
        return np.array([np.nan if is_missing(v) else float(v) for v in values]), None
    return codes([v if is_missing(v) else _name_of(v) for v in values])


# ---- a table ----


def _parts(X: Any) -> Optional[Tuple[List[str], List[Any]]]:
    """Names and columns of what has them, else None."""
    found = keys(X)
    return None if found is None else ([str(k) for k in found], [X[k] for k in found])


def keys(X: Any) -> Optional[List[Any]]:
    """What X calls its columns, else None."""
    if isinstance(X, Mapping):
        return list(X)
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if fields:
        return list(fields)
    found = getattr(X, "column_names", None)  # pyarrow
    found = getattr(X, "columns", None) if found is None else found
    if found is None or callable(found) or not hasattr(X, "__getitem__"):
        return None
    return list(found)


def _array_of(X: Any) -> npt.NDArray[Any]:
    rows = isinstance(X, (list, tuple))
    if hasattr(X, "toarray"):
        raise InputError(f"X is of type {_kind(X)}; {_TAKES}: X.toarray() makes one")
    if isinstance(X, str) or not (rows or hasattr(X, "__array__") or hasattr(X, "__dlpack__")):
        raise InputError(f"X is of type {_kind(X)}; {_TAKES}")
    try:
        mixed = rows and any(_is_text(v) for row in X if hasattr(row, "__iter__") for v in row)
        a = np.array(X, object) if mixed else _as_array(X)
    except ValueError as e:  # ragged lists
        raise InputError(f"X is no array: {e}") from None
    if a.ndim != 2:
        raise InputError(f"X has {a.ndim} dimension{'s' * (a.ndim != 1)}; {_TAKES}")
    return a


def table(X: Any, names: Optional[Sequence[Any]] = None) -> Columns:
    if names is not None and not hasattr(names, "__len__"):
        raise InputError(f"names is of type {_kind(names)}; it takes a name for each column")
    parts = _parts(X)
    if parts is None:
        a = _array_of(X)
        if a.dtype.kind not in "OUT":
            found = Columns(_inputs.array("X", a))
        else:
            width = a.shape[1]
            given = names is not None and len(names) == width
            called = [str(n) for n in names or ()] if given else [f"c{i}" for i in range(width)]
            found = _joined(called, list(a.T))
            found.names = None
    else:
        found = _joined(*parts)
    if names is not None:
        found.names = [str(n) for n in names]
        have = found.x.shape[1]
        if len(found.names) != have:
            raise InputError(f"names has {len(found.names)}, X has {have} columns")
    _refuse_twice(found.names or [])
    if not len(found.levels):
        found.levels = np.zeros(found.x.shape[1], np.int32)
    return found


def _refuse_twice(names: List[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise InputError(f"two columns are called '{name}'; each needs a name of its own")
        seen.add(name)


def _is_written_number(text: Any) -> bool:
    try:
        return "_" not in str(text) and bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _nearly_numbers(
    name: str, values: npt.NDArray[np.float64], kinds: List[Any]
) -> Optional[str]:
    """What to say of text of which nine values of ten are numbers, as written."""
    numbers = np.array([_is_written_number(k) for k in kinds], bool)
    at = values[~np.isnan(values)].astype(np.int64)
    n, all_ = int(numbers[at].sum()) if len(kinds) else 0, len(at)
    if n == all_ or n < 9 * (all_ - n):
        return None
    first = kinds[int(np.argmin(numbers))]
    row = int(np.argmax(values == np.argmin(numbers)))
    return (
        f"Column {name} is taken as text, as '{first}' of row {row} is no number, although {n} of its "
        f"{all_} values are; mend such values, or set them to None."
    )


def _needs_f64(values: npt.NDArray[np.float64]) -> bool:
    """Numbers close together and far from 0, or whole ones past 24 bits: the library sees to them (cull_pool_centre)."""
    v = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        lost = v[v.astype(np.float32) != v]
    if not len(lost):
        return False
    return bool(np.abs(lost).max() > 1 << 24 or np.ptp(v) * 256 <= np.abs(v).max())


def _joined(names: List[str], columns: List[Any]) -> Columns:
    """float32 is what the library reads; wider where a column would lose by it."""
    _refuse_twice(names)
    x: npt.NDArray[Any] = np.empty((0, 0), np.float32)
    found = Columns(x, names, np.zeros(len(columns), np.int32))
    for i, column in enumerate(columns):
        values, kinds = read(f"column {names[i]}", column)
        if not i:
            found.x = np.empty((len(values), len(columns)), np.float32)
        if len(values) != len(found.x):
            raise InputError(
                f"column {names[i]} has {len(values)} rows, {names[0]} has {len(found.x)}"
            )
        if found.x.dtype == np.float32 and kinds is None and _needs_f64(values):
            found.x = found.x.astype(np.float64)
        with np.errstate(over="ignore"):  # becomes an infinity, which the library refuses by name
            found.x[:, i] = values
        if kinds is not None:
            found.levels[i] = max(1, len(kinds))
            found.text.append(i)
            said = _nearly_numbers(names[i], values, kinds)
            if said:
                found.notes[i] = said
    return found


def categories(c: Columns, marked: npt.NDArray[np.uint8]) -> Columns:
    """The marked columns of numbers become codes."""
    turn = [i for i in np.flatnonzero(marked).tolist() if not c.levels[i]]
    if not turn:
        return c
    x = np.array(c.x, np.float32 if c.x.dtype == np.float32 else np.float64)
    for i in turn:
        x[:, i], kinds = codes(np.asarray(c.x[:, i]).tolist())
        c.levels[i] = max(1, len(kinds))
    return Columns(x, c.names, c.levels, c.text, c.notes)


# ---- columns by name or number ----


def marked(what: str, value: Any, c: Columns) -> npt.NDArray[np.uint8]:
    """(d,) 1 for columns that `value` names: names, numbers, a mask, or a pick of them."""
    names, d = c.called(), c.x.shape[1]
    out = np.zeros(d, np.uint8)
    if hasattr(value, "score_is"):
        value = value.names
    a = [value] if isinstance(value, (str, int)) else value
    a = a if isinstance(a, (list, tuple, set, frozenset)) else np.asarray(a)
    if isinstance(a, np.ndarray) and not a.ndim:
        raise InputError(
            f"{what} is of type {_kind(value)}; it takes names or numbers of columns, or a mask"
        )
    mask = np.asarray(a) if isinstance(a, (np.ndarray, list)) else np.empty(0)
    if mask.dtype == np.bool_ and mask.size:
        if mask.shape != (d,):
            raise InputError(f"{what} is a mask of shape {mask.shape}, X has {d} columns")
        out[mask] = 1
        return out
    for v in a.tolist() if isinstance(a, np.ndarray) else a:
        out[_place(what, v, names)] = 1
    return out


def _place(what: str, v: Any, names: List[str]) -> int:
    if isinstance(v, (int, np.integer)) and not isinstance(v, bool):
        if 0 <= v < len(names):
            return int(v)
        raise InputError(f"{what}: X has no column {v}; it has 0 to {len(names) - 1}")
    if not isinstance(v, str):
        raise InputError(
            f"{what} has a {_kind(v)}; it takes names or numbers of columns, or a mask"
        )
    if v in names:
        return names.index(v)
    near = difflib.get_close_matches(v, names, 1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise InputError(f"{what}: X has no column '{v}'{hint}")


def places(names: List[str], found: List[Any]) -> List[int]:
    """Where a table that calls its columns `found` has these."""
    called = [str(k) for k in found]
    for name in names:
        if called.count(name) > 1:
            raise InputError(f"take: X has two columns '{name}'")
    return [_place("take", name, called) for name in names]


def costs(value: Any, c: Columns) -> npt.NDArray[np.float64]:
    """(d,) of numbers for each column, or of a dict that has each by name."""
    names = c.called()
    if isinstance(value, Mapping):
        out = np.zeros(len(names))
        seen = np.zeros(len(names), bool)
        for k, v in value.items():
            at = _place("cost", k, names)
            out[at], seen[at] = _inputs.floats("cost", [v])[0], True
        if not seen.all():
            lacks = names[int(np.argmin(seen))]
            raise InputError(f"cost: column '{lacks}' has no cost; every column costs something")
    else:
        out = _inputs.floats("cost", value)
    if len(out) != len(names):
        raise InputError(f"cost has {len(out)} numbers, X has {len(names)} columns")
    for name, v in zip(names, out.tolist()):
        if not 0 < v < float("inf"):
            raise InputError(
                f"the cost of column {name} is {v:g}; costs must be finite and above 0"
            )
    return out


def budget(value: Any, own: bool, cost: Optional[npt.NDArray[np.float64]], d: int) -> float:
    """Columns or a sum of costs; infinite = what a method finds by itself."""
    if value is None and own:
        return float("inf")
    if value is None:
        raise OptionError(
            "budget is missing: a number of columns (20), a share (10%) or a sum of costs"
        )
    text = _inputs.budget(value)
    percent = text.endswith("%")
    try:
        number = float("nan" if "_" in text else text.rstrip("%") if percent else text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise OptionError(f"budget '{text}' is neither a number nor a share; write 20 or 10%")
    total = float(d if cost is None else cost.sum())
    if number <= 0:
        raise OptionError(f"budget {text}: it must be above 0")
    if percent and number > 100:
        raise OptionError(f"budget {text} is more than all; it must be at most 100%")
    if not percent and cost is None and number != int(number):
        raise OptionError(f"budget {text} is no whole number of columns")
    if not percent and number > total:
        what = "there are," if cost is None else "cost,"
        raise OptionError(f"budget {text} is more than the columns {what} {number_text(total)}")
    found = number / 100 * total if percent else number
    if cost is None:
        found = float(int(found + 1e-9))
    if found <= 0:
        raise OptionError(f"budget {text} of {number_text(total)} columns is none")
    return found


# ---- what is to be predicted ----


def target(y: Any, task: str, n: int) -> Target:
    if task not in TASKS:
        raise OptionError(f"task '{task}' is none of {', '.join(TASKS)}")
    if y is None:
        return Target()
    parts = _parts(y)
    a = y if parts is None else parts[1][0] if len(parts[1]) == 1 else _numbers_alone(*parts)
    if isinstance(a, (list, tuple)) and a and isinstance(a[0], (list, tuple, np.ndarray)):
        try:
            a = np.asarray(a)
        except ValueError as e:  # ragged lists
            raise InputError(f"y is no array: {e}") from None
    shape = np.shape(a) if not isinstance(a, (list, tuple)) else (len(a),)
    if not shape:
        raise InputError(f"y is of type {_kind(y)}; it takes a value for each row")
    if shape[0] != n:
        raise InputError(f"y has {shape[0]} rows, X has {n}")
    if len(shape) == 2 and shape[1] == 1:
        a = _as_array(a).ravel()
    elif len(shape) == 2 and not shape[1]:
        raise InputError(f"y has {n} rows of 0 numbers; it takes a value for each row")
    elif len(shape) == 2:
        return _several(a, task)
    values, kinds = read("y", a)
    return _classes(values, kinds, task) if _are_kinds(a, kinds) else _numbers(values, task)


def _numbers_alone(names: List[str], columns: List[Any]) -> npt.NDArray[Any]:
    c = _joined(names, columns)
    if c.text:
        raise InputError(f"y: column {names[c.text[0]]} holds text; several targets are numbers")
    return c.x


def _are_kinds(a: Any, kinds: Optional[List[Any]]) -> bool:
    if kinds is not None:
        return True
    known = getattr(a, "dtype", None)
    if known is not None and known != object:
        return str(known) in ("bool", "boolean")
    return any(isinstance(v, (bool, np.bool_)) for v in a)


def _several(a: Any, task: str) -> Target:
    ys = _inputs.array("y", a)
    if task == "classify":
        raise InputError(f"y has {ys.shape[1]} columns; several targets are numbers, not classes")
    return Target(ys=ys)


def _classes(values: npt.NDArray[np.float64], kinds: Optional[List[Any]], task: str) -> Target:
    if task == "regress":
        raise InputError(
            "y holds text or booleans; they are classes, and task 'regress' is for numbers"
        )
    gone = np.isnan(values)
    if gone.any():
        raise InputError(f"the target of row {int(np.argmax(gone))} is missing; it must be a class")
    return Target(values, 2 if kinds is None else len(kinds))


def _numbers(values: npt.NDArray[np.float64], task: str) -> Target:
    bad = ~np.isfinite(values)
    if bad.any():
        i = int(np.argmax(bad))
        how = "missing" if np.isnan(values[i]) else "infinite"
        raise InputError(f"the target of row {i} is {how}; it must be a finite number")
    seen, place = np.unique(values, return_inverse=True)
    if task == "classify" and len(seen) > MANY:
        raise InputError(
            f"the target takes {len(seen)} different numbers, more than {MANY} classes; "
            "task 'regress' predicts numbers"
        )
    whole = bool((seen == np.floor(seen)).all())
    few = whole and len(seen) <= FEW
    remark = ""
    if task == "auto" and few:
        remark = (
            f"The target is {len(seen)} whole numbers, taken as classes; "
            "task='regress' takes them as numbers."
        )
    elif task == "auto":
        remark = f"The target is {len(seen)} different numbers, predicted as such."
    if task == "classify" or (task == "auto" and few):
        return Target(place.astype(np.float64).ravel(), len(seen), None, remark)
    return Target(values, 0, None, remark)


def group(value: Any, n: int) -> Tuple[npt.NDArray[np.int32], int]:
    """(n,) codes of what rows belong together, and how many there are."""
    values = _values(value)
    if values.shape != (n,):
        raise InputError(f"group has {len(values) if values.ndim else 1} rows, X has {n}")
    found, kinds = codes(values.tolist())
    gone = np.isnan(found)
    if gone.any():
        i = int(np.argmax(gone))
        raise InputError(f"group[{i}] is missing; it takes a name or a number a row")
    return found.astype(np.int32), len(kinds)


def names_of_rows(c: Columns, kept: npt.NDArray[np.uint8]) -> List[int]:
    """Columns of text that name the rows rather than say something of them, but those in `kept`."""
    n = len(c.x)
    wide = [i for i in c.text if c.levels[i] > FEW and 2 * int(c.levels[i]) > n]
    return [i for i in wide if not kept[i]]
