"""What the estimators of cull.sklearn take, from the catalogue; without scikit-learn, for stubs."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from . import _catalogue
from ._catalogue import default_of
from ._lib import python_name, spoken

# parameters that are read here: name, default, help
READ: Dict[str, Tuple[Any, str]] = {
    "budget": (
        0.1,
        "how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum "
        "of costs",
    ),
    "target": (
        None,
        "what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for "
        "itself, by its texts or the mean of its rows",
    ),
    "against": (
        None,
        "what to stay away from: (a, d) as wide as the embeddings in X, or texts; None = nothing",
    ),
    "columns": (
        None,
        "dict of score -> its column of X, by number or name; a score left out is the column of "
        "that name",
    ),
    "cost": (None, "column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row"),
    "quota": (
        None,
        "most of each class in y: 'equal', 'proportional', or a dict of class -> share",
    ),
    "random_state": (1, "seed; None or a RandomState draws one, as elsewhere in scikit-learn"),
}
_COMMON = ("threads", "memory")
# method -> inputs that only it reads, not by rows of X: name, help
_BESIDE: Dict[str, List[Tuple[str, str]]] = {
    "less": [
        (
            "rates",
            "a number for each checkpoint, its learning rate, where a row of X is gradients at "
            "several, side by side; None = X is of one",
        )
    ],
}
Parameter = Tuple[str, Any, str]


def parameters(facts: Dict[str, Any]) -> List[Parameter]:
    """name, default, help of what the class of a method takes."""
    reads = ["budget"]
    reads += ["target"] * facts["needs_target"]
    reads += ["against"] * facts["needs_against"]
    found = [(name, *READ[name]) for name in reads]
    scores, more = names(facts["columns"]), names(facts["may_columns"])
    if scores or more:
        first = [
            f"; where X has none of these names, its first ones are: {', '.join(scores)}"
        ] * bool(scores)
        maybe = [f"; used where there is one: {', '.join(more)}"] * bool(more)
        default, help = READ["columns"]
        found.append(("columns", default, "".join([help, *first, *maybe])))
    found += [(name, *READ[name]) for name in ("cost", "quota")]
    found += [(python_name(o["name"]), default_of(o), _catalogue.told(o)) for o in facts["options"]]
    if facts["needs_pool"]:
        rows = ((python_name(i["name"]), i["help"]) for i in _catalogue.inputs_of(facts["task"]))
        found += [(name, None, f"of texts: {h}") for name, h in rows if name.startswith("embed_")]
    found += [(name, None, help) for name, help in _BESIDE.get(facts["slug"], [])]
    found += [("random_state", *READ["random_state"])]
    found += [(name, d, h) for name, _, d, h in _catalogue.COMMON if name in _COMMON]
    return found


# parameters of every method that keeps columns, beside its budget and options
_OF_COLUMNS: Tuple[Parameter, ...] = (
    (
        "task",
        "auto",
        "what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 "
        "different whole numbers",
    ),
    (
        "categorical",
        None,
        "columns of numbers that are names of kinds: numbers or names of columns, or a mask",
    ),
    ("cost", None, "a number for each column, or a dict of name -> cost; None = 1 each"),
    (
        "have",
        None,
        "columns that are kept in any case, for free, and count where columns add to one another",
    ),
    ("avoid", None, "columns never to be kept"),
)


def feature_parameters(facts: Dict[str, Any]) -> List[Parameter]:
    """The same of a method that keeps columns."""
    own = facts["own_number"]
    more = "; None = as many as the method finds" if own else ""
    help = "how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs"
    found: List[Parameter] = [("budget", None if own else 0.5, help + more), *_OF_COLUMNS]
    found += [(python_name(o["name"]), default_of(o), _catalogue.told(o)) for o in facts["options"]]
    found += [("random_state", *READ["random_state"])]
    return found + [(name, d, h) for name, _, d, h in _catalogue.COMMON if name in _COMMON]


def document_features(facts: Dict[str, Any]) -> str:
    lines = [_catalogue.headline(facts), ""]
    lines += [f"{name}: {spoken(help)}" for name, _, help in feature_parameters(facts)]
    return "\n".join(
        [*lines, "", "What fit leaves and the other calls: help(cull.sklearn.FeatureMethod)."]
    )


def class_name(slug: str) -> str:
    return "".join(word.capitalize() for word in slug.split("-"))


def names(columns: str) -> List[str]:
    return [c for c in columns.split(",") if c]


def document(facts: Dict[str, Any]) -> str:
    lines = [_catalogue.headline(facts), ""]
    lines += [f"{name}: {spoken(help)}" for name, _, help in parameters(facts)]
    return "\n".join(
        [*lines, "", "What fit leaves and the other calls: help(cull.sklearn.ExampleSelector)."]
    )
