"""Choose which columns of a table to measure, under a budget: a function for each method.

Each takes X, y and budget, and by name the method's own options and:

INPUTS

and gives back a `cull.FeaturePick`. It raises a `cull.Error` that says what is wrong and what would be
right. `categorical`, `have` and `avoid` are names or numbers of columns, or a mask; `have` and `avoid`
also an earlier pick.
"""

from __future__ import annotations

from . import _catalogue, _features
from ._lib import python_name

_MINE = {python_name(m["slug"]): m for m in _catalogue.methods_of("feature")}
globals().update({name: _features.function(m) for name, m in _MINE.items()})
globals()["__all__"] = [*_MINE]
__doc__ = (__doc__ or "").replace("INPUTS", _features.describe_inputs())
