"""Choose a design: ask for a point of a space, tell how good it is, again and again.

    space = cull.search.Space({"lr": cull.search.real(1e-5, 0.1, log=True),
                               "opt": cull.search.one("sgd", "adam")})
    study = cull.search.create(space, minimize="error", budget=50)
    study.optimize(lambda trial: train(**trial.params))
    study.best.params

The same trials as `cull search` has for the same space, method and seed. A study in a store may be gone
on with by either, and by several at a time."""

from __future__ import annotations

from typing import Any, List

from . import _catalogue
from ._create import create, load
from ._lib import python_name
from ._space import (
    Parameter,
    Space,
    either,
    integer,
    one,
    optional,
    ordinal,
    permutation,
    real,
    repeat,
    simplex,
    subset,
)
from ._study import NoTrial, Result, Study, Trial

METHODS: List[str] = [m["slug"] for m in _catalogue.methods_of("search")]

__all__ = [
    "METHODS",
    "NoTrial",
    "Parameter",
    "Result",
    "Space",
    "Study",
    "Trial",
    "create",
    "describe",
    "either",
    "integer",
    "load",
    "one",
    "optional",
    "ordinal",
    "permutation",
    "real",
    "repeat",
    "simplex",
    "subset",
]


def describe(method: str) -> str:
    """What a method does, its paper, its options: `print(cull.search.describe("nsga2"))`."""
    from ._create import _method

    facts = next(m for m in _catalogue.methods_of("search") if m["slug"] == _method(method, 0).slug)
    options = [f"{python_name(o['name'])}: {_catalogue.told(o)}" for o in facts["options"]]
    return "\n".join([_catalogue.headline(facts), *([""] if options else []), *options])


def __getattr__(name: str) -> Any:
    """Optuna is looked for when it is asked for."""
    if name == "OptunaSampler":
        from ._optuna import OptunaSampler

        return OptunaSampler
    raise AttributeError(f"module 'cull.search' has no attribute '{name}'")


for _made in (
    NoTrial,
    Parameter,
    Result,
    Space,
    Study,
    Trial,
):  # what they are called in tracebacks
    _made.__module__ = __name__
