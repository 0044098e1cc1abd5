#!/usr/bin/env python3
"""Prints the stub of a task's Python module, or of cull.sklearn, from the catalogue of the built library.

usage: CULL_LIBRARY=build/libcull.so PYTHONPATH=bind/python gen_stubs.py MODULE > bind/python/cull/MODULE.pyi

Editors and type checkers read the stubs, as the functions themselves are made when cull is imported.
"""
import inspect
import sys
import textwrap

from cull import _catalogue, _features, _parameters
from cull._catalogue import COMMON, REPORT, default_of, inputs_of, python_name

HEAD = '''# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
import os
from typing import Any, Callable, Dict, Iterable, Literal, Mapping, Optional, Protocol, Sequence, Tuple, Union

import numpy.typing as npt

from .results import Comparison, Pick

class Table(Protocol):
    """pyarrow, polars, pandas, DuckDB: whatever has the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: Optional[object] = ...) -> object: ...

Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[str, float, float], object]
Examples = Union[
    npt.ArrayLike, Path, Sequence["os.PathLike[str]"], Sequence[str], Sequence[Mapping[str, Any]], Table
]
Budget = Union[int, float, str]
'''

COLUMNS = '''# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
import os
from typing import Any, Callable, Literal, Mapping, Optional, Protocol, Sequence, Union

import numpy.typing as npt

from ._features import FeaturePick

class Frame(Protocol):
    """pandas, polars, pyarrow: whatever has columns and gives them by name."""

    @property
    def columns(self) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...

Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[str, float, float], object]
Table = Union[npt.ArrayLike, Mapping[str, Any], Frame]
Target = Union[npt.ArrayLike, Frame]
Which = Union[str, Sequence[str], Sequence[int], npt.ArrayLike, FeaturePick]
Budget = Union[int, float, str]
'''

ESTIMATORS = '''# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
from typing import Any, Literal, Mapping, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._estimators import ExampleSelector as ExampleSelector
from ._estimators import FeatureSelector as FeatureSelector
from ._estimators import OnSelected as OnSelected
from ._selectors import FeatureMethod as FeatureMethod

Budget = Union[int, float, str]
Column = Union[int, str]
Columns = Union[int, str, Sequence[int], Sequence[str], npt.ArrayLike]
'''

# of inputs that take more than text; the rest by what the catalogue says their text looks like
TYPES = {
    "embeddings": "Union[npt.ArrayLike, Path, Sequence[\"os.PathLike[str]\"]]",
    "target_embeddings": "Union[npt.ArrayLike, Path, Sequence[\"os.PathLike[str]\"]]",
    "rates": "Union[str, Sequence[float], npt.ArrayLike]",
    "scores": "Union[Mapping[str, npt.ArrayLike], Table, Path]",
    "label": "Union[str, npt.ArrayLike]",
    "group": "Union[str, npt.ArrayLike]",
    "target_task": "Union[str, npt.ArrayLike]",
    "quota": "Union[str, Mapping[Any, Union[float, str]]]",
    "cost": "Union[str, npt.ArrayLike]",
    "avoid": "Examples",
    "against": "Examples",
    "have": "Union[Pick, npt.ArrayLike, Path]",
    "judge": "bool",
    "valid": "Examples",
    "valid_embeddings": "Union[npt.ArrayLike, Path]",
    "valid_label": "Union[Path, npt.ArrayLike]",
    "holdout": "Union[float, str]",
}
ARGS = {None: "bool", "N": "int", "S": "float", "P": "float", "FILE": "Path", "DIR": "Path", "LO-HI": "Union[int, str]"}
KINDS = {"f64": "float", "i64": "int", "bool": "bool"}


def type_of(row):
    name = python_name(row["name"])
    return TYPES.get(name) or ARGS.get(row["arg"], "str")


def option_type(option):
    if option["kind"] == "enum":
        return "Literal[" + ", ".join(f'"{c}"' for c in option["choices"].split("|")) + "]"
    return KINDS[option["kind"]]


def quoted(value):
    return f'"{value}"' if isinstance(value, str) else repr(value)


def function(name, first, rows, result, doc):
    rows = [f"{n}: {t} = {quoted(d)}" for n, t, d in rows]
    lines = [f"def {name}(", *(f"    {r}," for r in first), "    *,", *(f"    {r}," for r in rows)]
    body = textwrap.indent(f'"""{doc}\n"""', "    ", lambda line: bool(line.strip()))
    return "\n".join([*lines, f") -> {result}:", body, ""])


def inputs(rows):
    return [(python_name(r["name"]), f"Optional[{type_of(r)}]", None) for r in rows]


# of parameters of estimators that are no options; embed_* as the inputs
ESTIMATOR_TYPES = {
    "budget": "Budget",
    "target": "Optional[npt.ArrayLike]",
    "against": "Optional[npt.ArrayLike]",
    "columns": "Optional[Mapping[str, Column]]",
    "cost": "Optional[Column]",
    "quota": f"Optional[{TYPES['quota']}]",
    "rates": f"Optional[{TYPES['rates']}]",
    "random_state": "Union[int, np.random.RandomState, None]",
    **{name: kind for name, kind, _, _ in COMMON},
}


SELECTOR_TYPES = {
    "budget": "Optional[Budget]",
    "task": 'Literal["auto", "classify", "regress"]',
    "categorical": "Optional[Columns]",
    "cost": "Union[Mapping[str, float], npt.ArrayLike, None]",
    "have": "Optional[Columns]",
    "avoid": "Optional[Columns]",
}


def selector(facts):
    types = {python_name(o["name"]): option_type(o) for o in facts["options"]}
    types.update({**ESTIMATOR_TYPES, **SELECTOR_TYPES})
    rows, doc = _parameters.feature_parameters(facts), _parameters.document_features(facts)
    return of_class(facts, "FeatureMethod", rows, types, doc)


def estimator(facts):
    types = {python_name(o["name"]): option_type(o) for o in facts["options"]}
    types.update(ESTIMATOR_TYPES)
    types.update((n, t) for n, t, _ in inputs(inputs_of(facts["task"])) if n.startswith("embed_"))
    rows, doc = _parameters.parameters(facts), _parameters.document(facts)
    return of_class(facts, "ExampleSelector", rows, types, doc)


def of_class(facts, base, rows, types, doc):
    args = [f"{name}: {types[name]} = {quoted(default)}" for name, default, _ in rows]
    lines = ["self", args[0], "*", *args[1:]]
    doc = textwrap.indent(
        f'"""{doc}\n"""', "    ", lambda line: bool(line.strip())
    )
    head = f"class {_parameters.class_name(facts['slug'])}({base}):\n{doc}\n"
    return head + "\n".join(
        ["    def __init__(", *(f"        {a}," for a in lines), "    ) -> None: ...", ""]
    )


def of_columns(facts):
    first = ["X: Table", "y: Optional[Target] = None", "budget: Optional[Budget] = None"]
    types = {n: t for n, t, *_ in (*_features.GIVEN, *COMMON)}
    types.update((python_name(o["name"]), option_type(o)) for o in facts["options"])
    rows = [(name, types[name], default) for name, default in _features.rows_of(facts)]
    name = python_name(facts["slug"])
    return function(name, first, rows, "FeaturePick", _features.document(facts))


def stub(task):
    if task == "feature":
        return "\n".join([COLUMNS, *map(of_columns, _catalogue.methods_of(task))])
    first = ["pool: Examples", "target: Optional[Examples] = None", "budget: Optional[Budget] = None"]
    common = [(n, t, d) for n, t, d, _ in COMMON]
    parts = [HEAD]
    for m in _catalogue.methods_of(task):
        rows = inputs(inputs_of(task))
        rows += [(python_name(o["name"]), option_type(o), default_of(o)) for o in m["options"]]
        rows += common + [REPORT[:3]]
        parts.append(function(python_name(m["slug"]), first, rows, "Pick", _catalogue.document(m)))
    several = "methods: Optional[Iterable[Union[str, Tuple[str, Dict[str, Any]]]]] = None"
    rows = inputs(inputs_of(task)) + inputs(_catalogue.compare_inputs()) + common
    doc = inspect.getdoc(sys.modules[f"cull.{task}"].compare)
    parts.append(
        function("compare", [*first, several, "seeds: int = 5"], rows, "Comparison", doc)
    )
    return "\n".join(parts)


if len(sys.argv) != 2 or sys.argv[1] not in [*_catalogue.TASKS, "sklearn"]:
    sys.exit(__doc__.split("\n\n")[1])
if sys.argv[1] == "sklearn":
    classes = [*map(estimator, _catalogue.methods_of("data"))]
    classes += map(selector, _catalogue.methods_of("feature"))
    print("\n".join([ESTIMATORS, *classes]), end="")
else:
    print(stub(sys.argv[1]), end="")
