"""An array of rows that grows on disk while they are computed."""

from __future__ import annotations

import os
from ctypes import byref, c_void_p
from types import TracebackType
from typing import Any, Optional, Type, Union

from . import _inputs, _lib
from ._lib import Context, InputError, OptionError, lib


class Store:
    """Rows of `dim` numbers, appended to an .npy file as they are computed: gradients, embeddings.

        with cull.Store("grads.npy", 8192, project_from=n_parameters) as store:
            for batch in batches[len(store) :]:
                store.append(gradients(batch))

    PATH is an ordinary .npy file at any time. PATH.sums beside it holds checksums: whatever reads the
    array for a choice refuses rows that are not what was written. A process that is killed loses at
    most what it had not flushed; the same line again opens the store behind the rows that it has.

    path: ends in .npy. dtype: 'float16', 'bfloat16' (wider, coarser) or 'float32'.
    project_from: rows of so many numbers are given, and each is projected to `dim` by the random
    matrix of `seed`, which keeps lengths and angles; None = rows are kept as they are.
    threads: workers of the projection; 0 = one for each CPU."""

    def __init__(
        self,
        path: Union[str, "os.PathLike[str]"],
        dim: int,
        dtype: str = "float16",
        project_from: Optional[int] = None,
        seed: int = 1,
        threads: int = 0,
    ) -> None:
        self._at: Optional[int] = None
        self._dim = dim
        if dtype not in ("float16", "bfloat16", "float32"):
            raise OptionError(f"dtype '{dtype}' is none of float16, bfloat16, float32")
        self._cx = Context((threads, 0, None, None))  # its own: the handle must not outlive it
        lib.cull_ctx_reseed(self._cx.at, seed)
        out = c_void_p()
        width = project_from or 0
        name = os.fsencode(path)
        if b"\0" in name:
            raise InputError("path has a NUL character; it takes none")
        self._call(lib.cull_store_open, name, _lib.DTYPES[dtype], dim, width, byref(out))
        self._at = out.value

    def _call(self, function: Any, *args: Any) -> None:
        with self._cx.lock, _lib.Call(self._cx, None):
            self._cx.check(function(self._cx.at, *args))

    def _open(self) -> int:
        if self._at is None:
            raise InputError("the store is closed")
        return self._at

    def append(self, rows: Any) -> None:
        """(n, dim) numbers, or one row; (n, project_from) where they are projected. A number that is
        not finite, or beyond 65504 in float16, is refused."""
        a = _inputs.array("rows", rows)
        if a.ndim == 1:
            a = a.reshape(1, -1)
        self._call(lib.cull_store_append, self._open(), byref(_inputs.c_array(a)))

    def flush(self) -> None:
        """What was appended is safe, also when the machine stops."""
        self._call(lib.cull_store_flush, self._open())

    def close(self) -> None:
        """Flush and let go; nothing afterwards, the second time."""
        at, self._at = self._at, None
        if at is not None:
            self._call(lib.cull_store_close, at)

    def __len__(self) -> int:
        """Rows that it has."""
        return int(lib.cull_store_rows(self._open()))

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        cx = getattr(self, "_cx", None)
        if cx is not None and cx.pid == os.getpid() and self._at is not None:
            self.close()
