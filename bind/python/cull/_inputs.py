"""What callers hold - arrays, texts, records, tables, paths - as the named inputs of a job."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
from collections.abc import Mapping
from ctypes import byref, c_char_p, c_void_p
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._lib import InputError, OptionError, lib
from .results import Job

Given = Dict[str, Any]  # inputs by Python name, None left out


def _kind(value: object) -> str:
    t = type(value)
    return t.__qualname__ if t.__module__ == "builtins" else f"{t.__module__}.{t.__qualname__}"


def is_missing(v: Any) -> bool:
    """None, NaN, and what pandas has for them."""
    return v is None or type(v).__name__ in ("NAType", "NaTType") or (v != v) is True or _nan(v)


def _nan(v: Any) -> bool:
    return isinstance(v, (np.floating, Decimal)) and bool(v != v)


def path_of(value: object) -> Optional[str]:
    return os.fsdecode(value) if isinstance(value, (str, os.PathLike)) else None


# ---- settings as text ----


def text(name: str, value: Any) -> str:
    """A setting as cull_job_set and cull_opts_set read it."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    raise OptionError(f"{name} is of type {_kind(value)}; it takes a number or text")


def budget(value: Any) -> str:
    """500 = a count, 0.02 = a share, 1e6 = a sum of costs; text as the command has it."""
    if type(value) is int:
        return str(value)
    if isinstance(value, Real) and not isinstance(value, Integral):
        share = float(value)
        if share == 1:
            raise OptionError("budget 1.0 is a count or a share; write 1 or '100%'")
        if 0 < share < 1:
            return format((Decimal(repr(share)) * 100).normalize(), "f") + "%"
        return str(int(share)) if share.is_integer() else repr(share)
    if isinstance(value, bool) or not isinstance(value, (str, Integral)):
        raise OptionError(f"budget is of type {_kind(value)}; it takes 500, 0.02 or '2%'")
    return text("budget", value)


def quota(value: Any) -> str:
    """Text as the command has it ("equal", "NAME=SHARE,..."), or a mapping of names to shares."""
    if not isinstance(value, Mapping):
        return text("quota", value)
    for name in value:
        if "," in str(name):
            raise OptionError(f"quota: the group '{name}' has a comma, which separates quotas")
    return ",".join(f"{_name_of(n)}={text('quota', s)}" for n, s in value.items())


# ---- arrays ----


_DTYPES = {np.dtype(n): code for n, code in _lib.DTYPES.items() if n != "bfloat16"}
_DTYPES[np.dtype("V2")] = _lib.DTYPES["bfloat16"]  # as numpy reads what ml_dtypes saved


def _as_array(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        return _gaps(value)
    has = [hasattr(value, f"__{n}__") for n in ("dlpack", "array", "array_interface")]
    return np.from_dlpack(value) if has == [True, False, False] else np.asarray(value)


def _gaps(a: Any) -> npt.NDArray[Any]:
    """What a mask hides is missing: NaN among numbers, None among others."""
    kind = a.dtype.kind
    dtype: Any = a.dtype if kind == "f" else np.float64 if kind in "biu" else object
    out: npt.NDArray[Any] = a.astype(dtype).filled(None if dtype is object else np.nan)
    return out


def array(name: str, value: Any) -> npt.NDArray[Any]:
    """`value` as numbers in row-major order, copied only where they are not that already."""
    if not isinstance(value, (np.ndarray, list, tuple, memoryview)) and not any(
        hasattr(value, n) for n in ("__array__", "__array_interface__", "__dlpack__")
    ):
        raise InputError(
            f"{name} is of type {_kind(value)}; it takes an array, a path, a table, or a list of texts"
        )
    try:
        a = _as_array(value)
    except ValueError as e:  # ragged lists
        raise InputError(f"{name} is no array: {e}") from None
    if a.dtype not in _DTYPES:
        if a.dtype.kind in "iuf" and not a.dtype.isnative:
            a = a.astype(a.dtype.newbyteorder("="))
        if a.dtype not in _DTYPES and a.dtype.name != "bfloat16":
            raise InputError(
                f"{name} has the dtype {a.dtype}; it takes floats of 16 to 64 bits, bfloat16, "
                "integers"
            )
    if a.ndim > 8:
        raise InputError(f"{name} has {a.ndim} dimensions; it takes at most 8")
    return a if a.flags.c_contiguous and a.flags.aligned else np.require(a, requirements=["C", "A"])


def c_array(a: npt.NDArray[Any]) -> _lib.Array:
    out = _lib.Array()
    out.dtype = _DTYPES.get(a.dtype, _lib.DTYPES["bfloat16"])
    out.ndim = a.ndim
    out.shape[: a.ndim] = a.shape
    out.at = a.__array_interface__["data"][0]
    return out


def floats(name: str, value: Any) -> npt.NDArray[np.float64]:
    """(n,) float64."""
    a = array(name, value)
    if a.ndim != 1:
        raise InputError(f"{name} has {a.ndim} dimensions; it takes one number a row")
    return np.ascontiguousarray(a, np.float64)


# ---- texts, records, tables ----


def texts_of(value: Any) -> Optional[List[str]]:
    """The strings of a list, an array or a column of strings, else None."""
    value = _column(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUT" and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)) or not value or not isinstance(value[0], str):
        return None
    for i, s in enumerate(value):
        if not isinstance(s, str):
            raise InputError(f"text {i} is of type {_kind(s)}; all must be str")
    return list(value)


def _column(value: Any) -> Any:
    """A column of a data frame as an array; all else as it is."""
    one = hasattr(value, "to_numpy") and len(getattr(value, "shape", ())) == 1
    return value.to_numpy() if one else value


def is_table(value: Any) -> bool:
    return hasattr(value, "__arrow_c_stream__") or _is_frame(value)


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def _stream(value: Any) -> Any:
    """Its Arrow stream; None where a pandas lacks pyarrow, or is too old to have one."""
    if not hasattr(value, "__arrow_c_stream__"):
        return None
    try:
        return value.__arrow_c_stream__()
    except ImportError:
        if _is_frame(value):
            return None
        raise


class Table:
    """A table of the Arrow C stream interface; its columns are used where they lie."""

    def __init__(self, job: Job, capsule: Any, owner: Any) -> None:
        self.job, self.cx = job, job.context
        out = c_void_p()
        self.cx.check(lib.cull_arrow_open(self.cx.at, _pointer(capsule), byref(out)))
        self.at = out.value
        job.handles.append((lib.cull_arrow_free, self.at or 0))
        job.borrowed.append(owner)
        self.kinds: Dict[str, str] = {}
        kind = c_char_p()
        while True:
            name = lib.cull_arrow_column(self.at, len(self.kinds), byref(kind))
            if name is None:
                break
            self.kinds[name.decode()] = (kind.value or b"").decode()

    def array(self, column: str) -> _lib.Array:
        out = _lib.Array()
        self.cx.check(lib.cull_arrow_array(self.cx.at, self.at, column.encode(), byref(out)))
        self.job.handles.append((lib.cull_array_free, out))
        return out

    def floats(self, column: str) -> npt.NDArray[np.float64]:
        a = self.array(column)
        out = np.empty(a.shape[0], np.float64)
        lib.cull_array_f64(byref(a), 0, len(out), out.ctypes.data)
        return out


def _pointer(capsule: Any) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = c_void_p, [ctypes.py_object, c_char_p]
    return int(get(capsule, b"arrow_array_stream"))


def _parquet(name: str, paths: List[str]) -> Any:
    try:
        import pyarrow.dataset
    except ImportError:
        raise InputError(
            f"{name}: {paths[0]} is parquet, which is read by pyarrow; pip install pyarrow"
        ) from None
    return pyarrow.dataset.dataset(paths).to_table()


def _encoded(texts: List[str]) -> Tuple[bytes, npt.NDArray[np.int64]]:
    try:
        parts = [s.encode() for s in texts]
    except UnicodeEncodeError:
        bad = next(i for i, s in enumerate(texts) if any("\ud800" <= c <= "\udfff" for c in s))
        raise InputError(f"text {bad} has half of a surrogate pair; it is no Unicode") from None
    offset = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offset[1:])
    return b"".join(parts), offset


def _name_of(value: Any) -> str:
    """What a group or label is called, as in a file of records."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float):
        return _lib.number_text(value)
    return str(value)


def _rows_of(pool: Any) -> int:
    """Of what is in memory; 0 = not known before it is read."""
    if isinstance(pool, (list, tuple)):
        return 0 if pool and isinstance(pool[0], os.PathLike) else len(pool)
    shape = getattr(pool, "shape", ())
    return int(shape[0]) if isinstance(shape, tuple) and shape else 0


class Giver:
    """Puts what a call was given into a job."""

    def __init__(self, job: Job, columns: List[str], given: Given, tmpdir: Optional[str]) -> None:
        self.job, self.cx = job, job.context
        self.columns = columns  # score columns that the method reads
        self.given = given
        self.tmpdir = tmpdir
        self.tables: Dict[str, Table] = {}

    def all(self) -> None:
        for name, value in self.given.items():
            give = getattr(self, "_give_" + name, None)
            if give:
                give(name, value)
            else:
                self.set(name, text(name, value))

    def set(self, name: str, value: Union[str, bytes]) -> None:
        value = os.fsencode(value)
        if b"\0" in value:
            raise InputError(f"{name} has a NUL character; it takes none")
        self.cx.check(lib.cull_job_set(self.job.at, name.encode(), value))

    def borrow(self, name: str, a: npt.NDArray[Any]) -> None:
        self.job.borrowed.append(a)
        self.cx.check(lib.cull_job_array(self.job.at, name.encode(), byref(c_array(a))))

    # ---- pool, target, against, avoid, have ----

    def _give_examples(self, name: str, value: Any) -> None:
        value = _column(value)
        if isinstance(value, np.ndarray) and value.dtype.kind not in "OUT":
            return self.borrow(name, array(name, value))
        path = path_of(value)
        if path is not None:
            if path.endswith(".parquet"):
                return self._table(name, _parquet(name, [path]))
            return self.set(name, path)
        if isinstance(value, (list, tuple)) and not value:
            raise InputError(f"{name} is empty")
        texts = texts_of(value)
        if texts is not None:
            return self._texts(name, texts)
        if isinstance(value, (list, tuple)) and isinstance(value[0], os.PathLike):
            paths = [os.fspath(p) for p in value]
            if paths[0].endswith(".parquet"):
                return self._table(name, _parquet(name, paths))
            for p in paths:
                self.set(name, p)
        elif isinstance(value, (list, tuple)) and isinstance(value[0], Mapping):
            self._spool(name, value)
        elif is_table(value):
            self._table(name, value)
        else:
            self.borrow(name, array(name, value))

    _give_pool = _give_target = _give_against = _give_valid = _give_examples

    def _give_avoid(self, name: str, value: Any) -> None:
        value = _column(value)
        masks = isinstance(value, np.ndarray) or (
            isinstance(value, (list, tuple)) and value and isinstance(value[0], (bool, np.bool_))
        )
        if not masks or texts_of(value) is not None:
            return self._give_examples(name, value)
        a = array(name, value)
        if a.dtype != np.bool_:
            raise InputError(
                f"avoid is an array of {a.dtype}; it takes a mask of booleans or texts"
            )
        self.borrow(name, a)

    def _give_have(self, name: str, value: Any) -> None:
        """A pick, a file of one, a mask, or rows."""
        path = path_of(value)
        if path is not None:
            return self.set(name, path)
        a = array(name, _column(getattr(value, "idx", value)))
        if a.dtype == np.bool_:
            return self.borrow(name, a)
        if a.dtype.kind not in "iu" or a.ndim != 1:
            raise InputError(
                f"have is an array of {a.dtype} of {a.ndim} dimensions; "
                "it takes rows, a mask of booleans, a pick or a file of one"
            )
        self._refuse_rows(name, a)
        folder = self._folder(name, "give a mask or a pick's file")
        path = os.path.join(folder, name + ".npy")
        np.save(path, a)
        self.set(name, path)

    def _refuse_rows(self, name: str, a: npt.NDArray[Any]) -> None:
        """Said here of what was given, as its file would be none of the caller's."""
        if (a < 0).any():
            i = int(np.argmax(a < 0))
            raise InputError(f"{name}[{i}] is row {a[i]}; the first row is 0")
        rows, count = np.unique(a, return_counts=True)
        if (count > 1).any():
            raise InputError(f"{name} has row {rows[int(np.argmax(count > 1))]} twice")
        n = _rows_of(self.given.get("pool"))
        if n and len(a) and rows[-1] >= n:
            raise InputError(f"{name} has row {rows[-1]}; the pool has rows 0 to {n - 1}")

    def _spool(self, name: str, records: Iterable[Any]) -> None:
        """Records in memory go the way of a file, so that fields by path mean the same."""
        folder = self._folder(name, "checkpoints and shards are for files and arrays")
        path = os.path.join(folder, name + ".jsonl")
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as f:
            f.writelines(map(_line, records))
        self.set(name, path)

    def _folder(self, name: str, instead: str) -> str:
        """For what goes the way of a file, a new one each time: a run that goes on would not know it
        again."""
        if not {"checkpoint", "shard", "parts"}.isdisjoint(self.given):
            raise OptionError(f"{name} cannot be read again by a later run: {instead}")
        folder = tempfile.TemporaryDirectory(dir=self.tmpdir, prefix="cull-")
        self.job.handles.append((tempfile.TemporaryDirectory.cleanup, folder))
        return folder.name

    def _fields(self, name: str) -> _lib.CorpusOpts:
        """Which columns are what; those of the pool only."""
        o = _lib.CorpusOpts(size=ctypes.sizeof(_lib.CorpusOpts), text_optional=True)
        g = {k: v.encode() for k, v in self.given.items() if isinstance(v, str)}
        if name == "avoid":
            return o
        alike = name in ("target", "against")
        o.text = g.get("target_text", g.get("text")) if alike else g.get("text")
        if name == "target":
            o.group = g.get("target_task")
        if name == "pool":
            split = g.get("split_by")
            together = None if split == b"copies" else split
            o.id, o.group = g.get("id"), g.get("group", together)
        if name in ("pool", "valid"):
            o.label = g.get("label")
        return o

    def _texts(self, name: str, texts: List[str]) -> None:
        data, offset = _encoded(texts)
        self.job.borrowed += [data, offset]
        o = self._fields(name)
        if name != "pool":
            o.text = b"text"  # where `text` names a field it is the pool's
        column = _lib.Column(
            b"text", offset.ctypes.data, ctypes.cast(c_char_p(data), c_void_p).value, None
        )
        out = c_void_p()
        self.cx.check(
            lib.cull_corpus_from(self.cx.at, len(texts), byref(column), 1, byref(o), byref(out))
        )
        self._records(name, out.value or 0)

    def _table(self, name: str, value: Any) -> None:
        capsule = _stream(value)
        if capsule is None:
            return self._spool(name, value.to_dict("records"))
        table = self.tables[name] = Table(self.job, capsule, value)
        o = self._fields(name)
        wanted: List[str] = []
        if name == "pool":
            wanted = [c for c in self.columns if table.kinds.get(c) == "number"]
            cost = self.given.get("cost")
            if isinstance(cost, str) and cost not in ("words", "bytes", *wanted):
                wanted.append(cost)
        o.ncolumns = len(wanted)
        o.columns = (c_char_p * len(wanted))(*(c.encode() for c in wanted))
        out = c_void_p()
        self.cx.check(lib.cull_arrow_corpus(self.cx.at, table.at, byref(o), byref(out)))
        self._records(name, out.value or 0)

    def _records(self, name: str, corpus: int) -> None:
        self.job.handles.append((lib.cull_corpus_free, corpus))
        self.cx.check(lib.cull_job_records(self.job.at, name.encode(), corpus))

    # ---- beside them ----

    def _give_embeddings(self, name: str, value: Any) -> None:
        of = {"target_embeddings": "target", "valid_embeddings": "valid"}.get(name, "pool")
        table = self.tables.get(of)
        if isinstance(value, str) and table and value in table.kinds:
            a = table.array(value)
            self.cx.check(lib.cull_job_array(self.job.at, name.encode(), byref(a)))
        elif path_of(value) is not None:
            self.set(name, text(name, value))
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], os.PathLike):
            for p in value:  # side by side
                self.set(name, os.fspath(p))
        else:
            self.borrow(name, array(name, value))

    _give_target_embeddings = _give_valid_embeddings = _give_embeddings

    def _give_rates(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            value = ",".join(repr(rate) for rate in floats(name, value).tolist())
        self.set(name, value)

    def _give_cost(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            self.set(name, value)
        else:
            self.borrow(name, floats(name, value))

    def _give_scores(self, name: str, value: Any) -> None:
        if path_of(value) is not None:
            return self.set(name, text(name, value))
        if isinstance(value, Mapping):
            columns = {str(k): floats(f"scores['{k}']", v) for k, v in value.items()}
        elif getattr(getattr(value, "dtype", None), "names", None):
            columns = {k: floats(f"scores['{k}']", value[k]) for k in value.dtype.names}
        elif is_table(value):
            columns = self._numbers(value)
        else:
            raise InputError(
                f"scores is of type {_kind(value)}; it takes a dict of name -> numbers, a table, a path"
            )
        for k, v in columns.items():
            self.job.borrowed.append(v)
            self.cx.check(lib.cull_job_column(self.job.at, k.encode(), v.ctypes.data, len(v)))

    def _numbers(self, value: Any) -> Dict[str, npt.NDArray[np.float64]]:
        """The numeric columns of a table; of a pandas without pyarrow those that the method reads."""
        capsule = _stream(value)
        if capsule is None:
            wanted = [k for k in value.columns if k in self.columns]
            return {k: floats(f"scores['{k}']", value[k]) for k in wanted}
        table = Table(self.job, capsule, value)
        return {k: table.floats(k) for k, kind in table.kinds.items() if kind == "number"}

    def _give_group(self, name: str, value: Any) -> None:
        """A field, or a value for each row, which become codes in order of first appearance."""
        if isinstance(value, os.PathLike):  # labels of an array
            return self.set(name, os.fspath(value))
        if isinstance(value, str):
            if ("target" if name == "target_task" else "pool") not in self.tables:
                self.set(name, value)
            return  # or the records were opened with it
        value = _column(value)
        values = value.tolist() if hasattr(value, "tolist") else list(value)
        seen: Dict[Any, int] = {}
        for i, v in enumerate(values):
            if is_missing(v) or isinstance(v, (list, dict)):
                raise InputError(f"{name}[{i}] is {v}; it takes a name or a number a row")
            seen.setdefault(v, len(seen))
        codes = np.fromiter((seen[v] for v in values), np.int32, len(values))
        names = (c_char_p * len(seen))(
            *(_name_of(v).encode("utf-8", "surrogatepass") for v in seen)
        )
        self.job.borrowed += [codes, names]
        self.cx.check(
            lib.cull_job_codes(
                self.job.at, name.encode(), codes.ctypes.data, len(codes), names, len(seen)
            )
        )

    _give_label = _give_target_task = _give_group

    def _give_valid_label(self, name: str, value: Any) -> None:
        self._give_group(name, Path(value) if isinstance(value, str) else value)

    # ---- settings ----

    def _give_budget(self, name: str, value: Any) -> None:
        self.set(name, budget(value))

    def _give_quota(self, name: str, value: Any) -> None:
        self.set(name, quota(value))

    def _give_text(self, name: str, value: Any) -> None:
        if "pool" not in self.tables:
            self.set(name, text(name, value))

    _give_id = _give_text

    def _give_target_text(self, name: str, value: Any) -> None:
        if "target" not in self.tables:
            self.set(name, text(name, value))


def _line(record: Any) -> str:
    if not isinstance(record, Mapping):
        raise InputError(f"a record is of type {_kind(record)}; all must be dict")
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"
    except (TypeError, ValueError) as e:
        raise InputError(f"a record cannot be written as JSON: {e}") from None


def _plain(value: Any) -> Any:
    """numpy's scalars and arrays in records."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{_kind(value)} is no JSON value")
