"""cull chooses what to keep, under a budget.

A module for each task, in it a function for each method: `cull.data.rds_plus(pool, target, 500)`,
`cull.feature.mrmr(X, y, 20)`. They come from the catalogue of the library, so `help(cull.data)` is
always what is installed.
"""

from __future__ import annotations

from . import _layout as layout
from . import _prompt as prompt
from . import compute, data, feature, search, trust, weights
from ._lib import (
    CancelledError,
    DataMissingError,
    Error,
    FileError,
    InputError,
    InternalError,
    MemoryLimitError,
    OptionError,
    WaitingError,
    version as _version,
)
from ._cluster import Clusters, cluster
from ._features import FeaturePick
from ._store import Store
from .results import Comparison, Pick

__version__: str = _version()
__all__ = [
    "CancelledError",
    "Clusters",
    "Comparison",
    "DataMissingError",
    "Error",
    "FeaturePick",
    "FileError",
    "InputError",
    "InternalError",
    "MemoryLimitError",
    "OptionError",
    "Pick",
    "Store",
    "WaitingError",
    "cluster",
    "compute",
    "data",
    "feature",
    "layout",
    "prompt",
    "search",
    "trust",
    "weights",
]

for _name in __all__:  # what they are called in tracebacks
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
