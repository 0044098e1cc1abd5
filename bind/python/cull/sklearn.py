"""cull in scikit-learn: an estimator for each method that chooses examples, and for each that chooses columns.

NAMES

Each of these keeps rows of X under a budget: `Kmq(0.1).fit(X).sample_indices_`. They stand in a pipeline of
imbalanced-learn as they are; `OnSelected(estimator, selector)` makes the choice a part of a model,
for scikit-learn's own Pipeline, cross-validation and GridSearchCV. Columns are kept by

COLUMNS

which are feature selectors as those of scikit-learn: `Mrmr(20).fit_transform(X, y)`. `FeatureSelector`
is the base of selectors of one's own.
"""

from __future__ import annotations

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError:
    raise ImportError("cull.sklearn needs scikit-learn; pip install scikit-learn") from None

from . import _catalogue
from ._estimators import ExampleSelector, FeatureSelector, OnSelected, estimator as _estimator

from ._selectors import FeatureMethod, selector as _selector

_MINE = {c.__name__: c for c in (_estimator(m, __name__) for m in _catalogue.methods_of("data"))}
_COLUMNS = {
    c.__name__: c for c in (_selector(m, __name__) for m in _catalogue.methods_of("feature"))
}
globals().update(_MINE)
globals().update(_COLUMNS)
_ALL = ["ExampleSelector", "FeatureMethod", "FeatureSelector", "OnSelected", *_MINE, *_COLUMNS]
globals()["__all__"] = _ALL
__doc__ = (__doc__ or "").replace("NAMES", ", ".join(_MINE))
__doc__ = __doc__.replace("COLUMNS", ", ".join(_COLUMNS))

for _name in _ALL:  # what they are called in tracebacks and pickles
    globals()[_name].__module__ = __name__
