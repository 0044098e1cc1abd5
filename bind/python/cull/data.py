"""Choose which training examples to keep, under a budget: a function for each method.

Each takes pool, target and budget, and by name the inputs of the task, the method's own options and:

INPUTS

and gives back a `cull.Pick`. It raises a `cull.Error` that says what is wrong and what would be right.
"""

from __future__ import annotations

import inspect
from typing import Any

from . import _catalogue
from ._lib import python_name
from .results import Comparison

_MINE = {python_name(m["slug"]): m for m in _catalogue.methods_of("data")}
globals().update({name: _catalogue.function(m) for name, m in _MINE.items()})
globals()["__all__"] = [*_MINE, "compare"]
__doc__ = (__doc__ or "").replace("INPUTS", _catalogue.describe_inputs("data"))


def compare(
    pool: Any,
    target: Any = None,
    budget: Any = None,
    methods: _catalogue.Variants = None,
    seeds: int = 5,
    **given: Any,
) -> Comparison:
    """Run many methods on one problem, those that draw once for each of `seeds` seeds.

    methods: names, or (name, {option: value}); None = all whose inputs are there. The rest is as for
    the methods, and:

    COMPARE

    What is measured: precision (with label and label_is), coverage (with a target), accuracy and
    balanced accuracy of the classifier (with judge)."""
    given = {"pool": pool, "target": target, "budget": budget, **given}
    return _catalogue.compare("data", methods, seeds, given)


compare.__doc__ = inspect.cleandoc(compare.__doc__ or "").replace(
    "COMPARE", _catalogue.describe_compare()
)
