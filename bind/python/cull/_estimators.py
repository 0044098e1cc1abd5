"""The methods of the catalogue as estimators of scikit-learn, and what carries them."""

# scikit-learn has no types of its own, and what a checker infers of it is often wrong
# pyright: reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from __future__ import annotations

import inspect
from numbers import Integral, Real
from typing import Any, Callable, Dict, List, Sequence, Tuple, Type, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from . import _catalogue, _inputs
from ._catalogue import Method
from ._lib import InputError
from ._parameters import READ, Parameter, class_name, document, names, parameters
from .results import Pick

try:
    from sklearn.utils.validation import validate_data as validate_data
except ImportError:  # scikit-learn before 1.6

    def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **how: Any) -> Any:
        if "ensure_all_finite" in how:
            how["force_all_finite"] = how.pop("ensure_all_finite")
        return estimator._validate_data(X, y, **how)


Self = TypeVar("Self", bound="ExampleSelector")
Call = TypeVar("Call", bound=Callable[..., Any])

# ---- examples ----


class ExampleSelector(BaseEstimator):  # type: ignore[misc]
    """Keeps rows of X under a budget. Base of the classes of cull.sklearn, one for each method.

    After `fit`:
    sample_indices_  (k,) rows kept, in the order chosen
    scores_          (k,) the method's score of each of them, larger is better
    pick_            the cull.Pick that they are of
    n_features_in_, feature_names_in_  as everywhere in scikit-learn; not where X is texts
    """

    _method: Method  # of the class
    _facts: Dict[str, Any]
    budget: Any
    cost: Any
    quota: Any
    random_state: Any
    n_features_in_: int
    sample_indices_: npt.NDArray[np.int64]
    scores_: npt.NDArray[np.float64]
    pick_: Pick

    def fit(self: Self, X: Any, y: Any = None) -> Self:
        """Choose rows of X: (n, d) numbers, or n texts where the method can read them. y is read
        only for `quota`."""
        facts = self._facts
        given: Dict[str, Any] = {name: getattr(self, name) for name in self._passed_on}
        texts = _inputs.texts_of(X) if self._takes[1] else None
        if texts is not None:
            if getattr(self, "columns", None):
                raise InputError("columns are those of numbers; X is texts, which have none")
            given.update(pool=texts, cost=self.cost)
        elif facts["needs_text"]:
            what = (
                "empty" if hasattr(X, "__len__") and not len(X) else f"of type {type(X).__name__}"
            )
            raise InputError(
                f"X is {what}; {type(self).__name__} takes a list or a 1-D array of str"
            )
        else:
            least = max(1, len(names(facts["columns"])) + facts["needs_pool"])
            how = {} if self._looks else {"dtype": None, "ensure_all_finite": False}
            given.update(self._columns_of(validate_data(self, X, ensure_min_features=least, **how)))
        if facts["needs_target"]:
            given["target"] = self._target_for(given["pool"])
        if facts["needs_against"]:
            given["against"] = self._against_for(given["pool"])
        n = len(given["pool"])
        check_consistent_length(given["pool"], y)
        if self.quota is not None:
            if y is None:
                raise InputError(
                    f"{type(self).__name__} requires y to be passed, but the target y is None; "
                    "quotas are of the classes in y"
                )
            given.update(quota=self.quota, group=column_or_1d(y))
        given["budget"] = _budget(self.budget, n, self.cost is not None)
        given["seed"] = _seed(self.random_state)
        self.pick_ = _catalogue.run(self._method, given)
        self.sample_indices_ = self.pick_.idx
        self.scores_ = self.pick_.score
        return self

    def get_support(self, indices: bool = False) -> npt.NDArray[Any]:
        """(n,) bool, true where a row of X was kept; with `indices` their numbers, ascending."""
        check_is_fitted(self)
        mask = self.pick_.mask()
        return np.flatnonzero(mask) if indices else mask

    def select(self, X: Any, *arrays: Any) -> Any:
        """The kept rows of X, in the order chosen; with `arrays`, which have a row for each of X's,
        a list of the kept rows of each. None stays None."""
        check_is_fitted(self)
        kept = [None if a is None else self.pick_.take(_sized(a)) for a in (X, *arrays)]
        return kept if arrays else kept[0]

    def fit_resample(self, X: Any, y: Any) -> Tuple[Any, Any]:
        """fit, then the kept rows of X and y: what a pipeline of imbalanced-learn calls."""
        X_kept, y_kept = self.fit(X, y).select(X, y)
        return X_kept, y_kept

    # ---- what a method reads of X ----

    @property
    def _passed_on(self) -> List[str]:
        """Parameters that are the method's as they stand."""
        return [p for p in self.get_params(deep=False) if p not in READ]

    def _columns_of(self, X: npt.NDArray[Any]) -> Dict[str, Any]:
        """The pool, scores and costs in X. Embeddings are the columns that nothing else reads."""
        facts = self._facts
        required = names(facts["columns"])
        wanted = getattr(self, "columns", None) or {}
        known = getattr(self, "feature_names_in_", np.empty(0, object)).tolist()
        for name in wanted:
            if name not in self._method.columns:
                scores = ", ".join(self._method.columns)
                raise InputError(
                    f"columns has '{name}'; {self._method.slug} reads the scores {scores}"
                )
        by_order = not wanted and not set(required).intersection(known)
        at = {name: i for i, name in enumerate(required) if by_order}
        for name in self._method.columns:
            if name in wanted:
                at[name] = self._place(name, wanted[name], known)
            elif name in known:
                at[name] = known.index(name)
            elif name in required and not by_order:
                raise InputError(
                    f"{name}: X has no column of that name; say in `columns` which it is"
                )
        given: Dict[str, Any] = {
            "pool": X,
            "scores": {name: X[:, i] for name, i in at.items()} or None,
        }
        used = list(at.values())
        if self.cost is not None:
            used.append(self._place("cost", self.cost, known))
            given["cost"] = np.asarray(X[:, used[-1]], np.float64)
        if facts["needs_pool"] and used:
            given["pool"] = np.delete(X, used, axis=1)
        elif not self._looks:
            given["pool"] = np.zeros((len(X), 1), np.uint8)
        return given

    def _place(self, what: str, column: Any, known: List[Any]) -> int:
        """The number of a column of X that is given by number or name."""
        if column in known:
            return known.index(column)
        if isinstance(column, (int, np.integer)) and 0 <= column < self.n_features_in_:
            return int(column)
        have = f"0 to {self.n_features_in_ - 1}" + "".join(f", {name}" for name in known)
        raise InputError(f"{what}: X has no column {column!r}; it has {have}")

    def _target_for(self, pool: Any) -> Any:
        """`target`; without it the pool stands for itself: its texts, or the mean of its rows."""
        if self.target is not None:
            target = _inputs.texts_of(self.target)
            target = check_array(self.target, input_name="target") if target is None else target
            if isinstance(target, list) != isinstance(pool, list):
                raise InputError("one of X and `target` is texts, one numbers; they must be alike")
            return target
        if self._facts["needs_text"]:
            return pool
        if isinstance(pool, list):
            raise InputError(
                f"{type(self).__name__} needs `target`, a list of texts, where X is texts"
            )
        return pool.mean(axis=0, keepdims=True, dtype=np.float64)

    def _against_for(self, pool: Any) -> Any:
        """`against`; without it a row that is like nothing."""
        if self.against is not None:
            texts = _inputs.texts_of(self.against)
            return check_array(self.against, input_name="against") if texts is None else texts
        return [""] if isinstance(pool, list) else np.zeros((1, pool.shape[1]), np.float32)

    # ---- what scikit-learn asks ----

    @property
    def _looks(self) -> bool:
        """At the values in X, which may be anything otherwise, also missing."""
        facts = self._facts
        return bool(facts["needs_pool"] or facts["needs_text"] or self._method.columns)

    @property
    def _takes(self) -> Tuple[bool, bool]:
        """(n, d) numbers; texts."""
        text = self._facts["needs_text"]
        return not text, text or not self._facts["columns"]

    def _more_tags(self) -> Dict[str, Any]:  # before 1.6
        takes = [kind for kind, takes in zip(("2darray", "string"), self._takes) if takes]
        return {
            "X_types": takes,
            "allow_nan": not self._looks,
            "requires_y": self.quota is not None,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = self._takes
        tags.input_tags.allow_nan = not self._looks
        tags.target_tags.required = self.quota is not None
        return tags


def _sized(a: Any) -> Any:
    """What is an array only by its __array__ becomes one."""
    return a if hasattr(a, "__len__") else np.asarray(a)


def _budget(value: Any, n: int, cost: bool) -> str:
    """1.0 is all, as everywhere in scikit-learn; a share of few rows is at least one row."""
    if cost:
        return _inputs.budget(value)
    if value == 1 and isinstance(value, Real) and not isinstance(value, Integral):
        return "100%"
    text = _inputs.budget(value)
    try:
        few = text.endswith("%") and 0 < float(text[:-1]) * n < 100
    except ValueError:  # for the library to say
        few = False
    return "1" if few else text


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


# ---- their classes ----


def constructor(name: str, rows: List[Parameter]) -> Callable[..., None]:
    """The __init__ of a class: the first parameter by place too, the others by name."""
    known = [p for p, _, _ in rows]
    place, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    own = [inspect.Parameter(p, place if p == "budget" else named, default=d) for p, d, _ in rows]
    signature = inspect.Signature([inspect.Parameter("self", place), *own])

    def __init__(self: Any, *args: Any, **given: Any) -> None:
        _catalogue.refuse(name, given, known)
        bound = signature.bind(self, *args, **given)
        bound.apply_defaults()
        for p in known:
            setattr(self, p, bound.arguments[p])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def estimator(facts: Dict[str, Any], module: str) -> Type[ExampleSelector]:
    name = class_name(facts["slug"])
    members = {
        "__init__": constructor(name, parameters(facts)),
        "__doc__": document(facts),
        "__module__": module,
        "_method": Method(facts),
        "_facts": facts,
    }
    return type(name, (ExampleSelector,), members)


# ---- an estimator on what is kept ----


def _where(name: str) -> Callable[[Call], Call]:
    """A method of OnSelected that is there where the estimator has `name`."""
    found: Callable[[Call], Call] = available_if(
        lambda self: hasattr(getattr(self, "estimator_", self.estimator), name)
    )
    return found


def _passed(name: str) -> Callable[..., Any]:
    def call(self: "OnSelected", X: Any, **params: Any) -> Any:
        check_is_fitted(self)
        return getattr(self.estimator_, name)(X, **params)

    call.__name__ = name
    call.__doc__ = f"{name} of the fitted estimator."
    return _where(name)(call)


def _is_by_row(value: Any, n: int) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, dict)) and len(value) == n


class OnSelected(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Fits `estimator` on the rows that `selector` keeps; predicts for all, as the estimator does.

    So the choice of examples is a part of the model: it happens within each fold of a
    cross-validation, on its training rows, and `selector__budget` is a parameter to search over.

    estimator  any estimator; a clone of it is fitted
    selector   one of the classes of cull.sklearn, or what has their fit, get_support and select

    After `fit`: estimator_, selector_, and the estimator's classes_, n_features_in_,
    feature_names_in_.
    """

    _required_parameters = ["estimator", "selector"]

    def __init__(self, estimator: Any, selector: Any) -> None:
        self.estimator = estimator
        self.selector = selector

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "OnSelected":
        """Choose rows of X, then fit on them. What `fit_params` has with a value for each row of X,
        such as sample_weight, is cut down to the same rows."""
        self.selector_ = clone(self.selector).fit(X, y)
        n = len(self.selector_.get_support())
        params = {
            name: self.selector_.select(value) if _is_by_row(value, n) else value
            for name, value in fit_params.items()
        }
        X, y = self.selector_.select(X, y)
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    predict = _passed("predict")
    predict_proba = _passed("predict_proba")
    predict_log_proba = _passed("predict_log_proba")
    decision_function = _passed("decision_function")
    score_samples = _passed("score_samples")
    transform = _passed("transform")
    inverse_transform = _passed("inverse_transform")

    @_where("transform")
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """fit on the rows kept, then transform of all rows."""
        return self.fit(X, y, **fit_params).transform(X)

    @_where("get_feature_names_out")
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        check_is_fitted(self)
        return self.estimator_.get_feature_names_out(input_features)

    @_where("score")
    def score(self, X: Any, y: Any = None, **params: Any) -> Any:
        """score of the fitted estimator on all of X."""
        check_is_fitted(self)
        return self.estimator_.score(X, y, **params)

    @property
    def classes_(self) -> Any:
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        return int(self.estimator_.n_features_in_)

    @property
    def feature_names_in_(self) -> Any:
        return self.estimator_.feature_names_in_

    @property
    def _estimator_type(self) -> Any:  # before 1.6
        return self.estimator._estimator_type

    def _more_tags(self) -> Dict[str, Any]:  # before 1.6
        from sklearn.utils._tags import _safe_tags

        tags, other = _safe_tags(self.estimator), _safe_tags(self.selector)
        both = tags["allow_nan"] and other["allow_nan"]
        return {**tags, "allow_nan": both, "pairwise": False}

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags, other = get_tags(self.estimator), get_tags(self.selector)
        tags.input_tags.allow_nan &= other.input_tags.allow_nan
        tags.input_tags.sparse &= other.input_tags.sparse
        tags.input_tags.pairwise = False
        return tags

    def get_metadata_routing(self) -> Any:
        """What is given to fit and score beside X and y goes to the estimator."""
        from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

        ways = MethodMapping().add(caller="fit", callee="fit").add(caller="score", callee="score")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=ways)


# ---- features ----


class FeatureSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps columns of X. Base of classes that have

        _choose(X, y) -> (columns kept, in the order chosen), (d,) score of every column

    with X checked and y too unless it is None. The rest is scikit-learn's: get_support, transform,
    inverse_transform, get_feature_names_out. After `fit`:
    support_   (d,) bool, true where a column is kept
    scores_    (d,) score of each column, larger is better
    ranking_   (d,) 1 for the column chosen first, then 2, ...; those left out share the next number
    """

    support_: npt.NDArray[np.bool_]
    scores_: npt.NDArray[np.float64]
    ranking_: npt.NDArray[np.int64]

    def _choose(self, X: npt.NDArray[Any], y: Any) -> Tuple[Sequence[int], npt.ArrayLike]:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> "FeatureSelector":
        checked = validate_data(self, X, y)
        X, y = (checked, None) if y is None else checked
        chosen, scores = self._choose(X, y)
        kept = np.asarray(chosen, np.intp)
        self.scores_ = np.asarray(scores, np.float64)
        self.ranking_ = np.full(X.shape[1], len(kept) + 1)
        self.ranking_[kept] = np.arange(1, len(kept) + 1)
        self.support_ = self.ranking_ <= len(kept)
        return self

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_
