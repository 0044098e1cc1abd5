"""k-means over an array of any size."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _inputs, _lib
from ._lib import OptionError, lib
from .results import _copy


@dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """What cull.cluster gives back."""

    centroid: npt.NDArray[np.float32]  # (clusters, d)
    assign: npt.NDArray[np.int32]  # the nearest centroid of each row
    count: npt.NDArray[np.int64]  # rows of each cluster
    objective: float  # sum of squared distances of the rows from their centroids

    def __len__(self) -> int:
        return len(self.count)

    def __repr__(self) -> str:
        return (
            f"<Clusters: {len(self.count)} of {len(self.assign)} rows, "
            f"{self.count.min()} to {self.count.max()} each, objective {self.objective:.6g}>"
        )


def cluster(
    pool: Any,
    clusters: int,
    *,
    iterations: int = 25,
    restarts: int = 1,
    tolerance: float = 0.0,
    start: str = "k-means++",
    spherical: bool = False,
    batch: int = 0,
    checkpoint: Optional[Union[str, "os.PathLike[str]"]] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
) -> Clusters:
    """k-means: `cull cluster`. The same centroids to the bit for any number of threads.

    pool: an array (n, d) of any dtype, mapped ones too, or the name of a file; it is read in passes,
    never copied. start: 'k-means++' on a sample, or 'rows' drawn at random. batch: rows of a
    minibatch; 0 = all rows every time. tolerance: stop when the objective falls by less than this
    share. checkpoint: a folder that keeps the state, so that the same call goes on after a kill."""
    if start not in ("k-means++", "rows"):
        raise OptionError(f"start '{start}' is none of k-means++, rows")
    limit = _lib.bytes_in(str(memory)) if memory is not None else 0
    if limit is None:
        raise OptionError(f"memory '{memory}' is no size; write 512M or 4G")
    opts = _lib.ClusterOpts(
        size=ctypes.sizeof(_lib.ClusterOpts),
        clusters=clusters,
        iterations=iterations,
        restarts=restarts,
        tolerance=tolerance,
        sampled=start == "rows",
        spherical=spherical,
        batch=batch,
        checkpoint=None if checkpoint is None else os.fsencode(checkpoint),
    )
    path = _inputs.path_of(pool)
    rows = None if path is not None else _inputs.array("pool", pool)
    cx = _lib.take((threads, limit, None, None))
    at, out = c_void_p(), _lib.ClustersStruct()
    try:
        lib.cull_ctx_reseed(cx.at, seed)
        with _lib.Call(cx, None):
            if rows is None:
                assert path is not None
                cx.check(lib.cull_pool_open(cx.at, os.fsencode(path), byref(at)))
            else:
                a = _inputs.c_array(rows.reshape(len(rows), -1))
                shape = (a.shape[0], a.shape[1])
                cx.check(lib.cull_pool_from(cx.at, a.at, a.dtype, *shape, byref(at)))
            cx.check(lib.cull_cluster(cx.at, at, byref(opts), byref(out)))
        return Clusters(
            _copy(out.centroid, out.k * out.d, np.float32).reshape(out.k, out.d),
            _copy(out.assign, out.n, np.int32),
            _copy(out.count, out.k, np.int64),
            out.objective,
        )
    finally:
        lib.cull_clusters_free(byref(out))
        lib.cull_pool_free(at)
        cx.release()
