"""The methods that keep columns as feature selectors of scikit-learn."""

# pyright: reportAttributeAccessIssue=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import Any, Dict, Optional, Type, TypeVar

import numpy as np
import numpy.typing as npt

from . import _columns, _features
from ._catalogue import Method
from ._estimators import FeatureSelector, _budget, _seed, constructor, validate_data
from ._features import FeaturePick
from ._lib import InputError
from ._parameters import class_name, document_features, feature_parameters

Self = TypeVar("Self", bound="FeatureMethod")
_COUNTS = ("chi2",)  # read no number below 0


class FeatureMethod(FeatureSelector):
    """Keeps columns of X under a budget. Base of the classes of cull.sklearn, one for each method.

    get_support, transform, inverse_transform and get_feature_names_out are those of scikit-learn's own
    selectors. After `fit`:
    support_   (d,) bool, true where a column is kept, or held (`have`)
    scores_    (d,) score of each column, larger is better; NaN = nothing to score
    pvalues_   (d,) where the method tests, else None
    verdicts_  (d,) "confirmed", "tentative", "rejected" where it finds its own number, else None
    ranking_   (d,) 1 for the column chosen first, then 2, ...; those left out share the next number, and
               0 is held
    pick_      the cull.FeaturePick that they are of
    n_features_in_, feature_names_in_  as everywhere in scikit-learn
    """

    _method: Method  # of the class
    _facts: Dict[str, Any]
    pvalues_: Optional[npt.NDArray[np.float64]]
    verdicts_: Optional[npt.NDArray[np.str_]]
    pick_: FeaturePick
    n_features_in_: int

    def fit(self: Self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Choose columns of X: (n, d) numbers, or a data frame, also with text where the method reads
        categories. groups: a value a row; equal ones stay in one fold."""
        given = {p: getattr(self, p) for p in self.get_params(deep=False)}
        seed = _seed(given.pop("random_state"))
        if self._facts["needs_y"] and y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X, y = self._checked(X, y)
        d = self.n_features_in_
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(d)])
        if given["budget"] is not None:
            given["budget"] = _budget(given["budget"], d, given["cost"] is not None)
        given.update(names=[str(n) for n in names], group=groups, seed=seed)
        self._keep(_features.run(self._method, self._facts, X, y, given), given)
        return self

    def _checked(self, X: Any, y: Any) -> Any:
        """X as scikit-learn takes it; a frame stays one, as it may hold text."""
        frame = self._facts["takes_categories"] and hasattr(X, "columns")
        how: Dict[str, Any] = {"dtype": None if frame else "numeric"}
        how["ensure_all_finite"] = "allow-nan" if self._facts["takes_missing"] else True
        if y is None:
            checked = validate_data(self, X, **how)
        else:
            checked, y = validate_data(self, X, y, multi_output=True, **how)
        if self._method.slug in _COUNTS and checked.dtype.kind in "if" and (checked < 0).any():
            raise InputError(
                f"Negative values in data passed to {type(self).__name__}; it takes counts, 0 or more"
            )
        return X if frame else checked, y

    def _keep(self, pick: FeaturePick, given: Dict[str, Any]) -> None:
        d, k = self.n_features_in_, len(pick)
        self.pick_, self.scores_ = pick, pick.scores
        self.pvalues_, self.verdicts_ = pick.p_values, pick.verdicts
        self.ranking_ = np.full(d, k + 1)
        self.ranking_[pick.indices] = np.arange(1, k + 1)
        if given["have"] is not None:
            table = _columns.Columns(np.empty((0, d)), given["names"])
            self.ranking_[_columns.marked("have", given["have"], table) > 0] = 0
        self.support_ = self.ranking_ <= k

    def _more_tags(self) -> Dict[str, Any]:  # before 1.6
        return {
            "allow_nan": self._facts["takes_missing"],
            "requires_y": self._facts["needs_y"],
            "requires_positive_X": self._method.slug in _COUNTS,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._facts["takes_missing"]
        tags.input_tags.positive_only = self._method.slug in _COUNTS
        tags.target_tags.required = self._facts["needs_y"]
        return tags


def selector(facts: Dict[str, Any], module: str) -> Type[FeatureMethod]:
    name = class_name(facts["slug"])
    members = {
        "__init__": constructor(name, feature_parameters(facts)),
        "__doc__": document_features(facts),
        "__module__": module,
        "_method": Method(facts),
        "_facts": facts,
    }
    return type(name, (FeatureMethod,), members)
