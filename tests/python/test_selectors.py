"""cull.sklearn's selectors of columns: scikit-learn's rules, and the columns that cull.feature keeps."""

import pickle

import numpy as np
import pytest
from test_feature import FACTS, SLOW
from test_sklearn import checked  # passes over where there is no scikit-learn

import cull
import cull.sklearn as cs
from cull import _lib
from cull._parameters import class_name

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

NAMES = {class_name(m["slug"]): name for name, m in FACTS.items()}


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 150)
    X = rng.poisson(3, (150, 6)).astype(np.float64)
    X[:, 1] += 3 * y
    X[:, 4] += 2 * (y == 2)
    return X, y


def of(name, *args, **given):
    return getattr(cs, name)(*args, **{**SLOW.get(NAMES[name], {}), **given})


@pytest.mark.filterwarnings("ignore:No features were selected")  # of noise there are none
@pytest.mark.parametrize("name", [n for n in NAMES if n != "Optfs"])  # their classes are three
def test_check_estimator(name, monkeypatch):
    assert checked(of(name), monkeypatch) > 20


@pytest.mark.parametrize("name", list(NAMES))
def test_keeps_what_the_function_keeps(name, study):
    X, y = study
    if name == "Optfs":
        y = y == 2
    e = of(name, 3, random_state=7).fit(X, y)
    given = SLOW.get(NAMES[name], {})
    want = getattr(cull.feature, NAMES[name])(X, y, 3, seed=7, **given)
    assert e.pick_.indices.tolist() == want.indices.tolist()
    assert np.array_equal(e.scores_, want.scores, equal_nan=True)
    assert (e.pvalues_ is None) == (want.p_values is None)
    assert (e.verdicts_ is None) == (want.verdicts is None)
    assert e.get_support().tolist() == want.support.tolist() == e.support_.tolist()
    assert e.ranking_[want.indices].tolist() == list(range(1, len(want) + 1))
    assert e.transform(X).tolist() == X[:, want.support].tolist()
    assert (e.inverse_transform(e.transform(X)) == X * want.support).all()
    assert e.get_feature_names_out().tolist() == [f"x{i}" for i in sorted(want)]
    again = pickle.loads(pickle.dumps(e))
    assert np.array_equal(again.transform(X), e.transform(X))
    assert not hasattr(clone(e), "pick_") and repr(clone(e)) == repr(e)
    options = [_lib.python_name(o["name"]) for o in FACTS[NAMES[name]]["options"]]
    assert set(options) < set(e.get_params())


def test_in_pipelines_and_searches(study):
    X, y = study
    pipe = make_pipeline(cs.Mrmr(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipe, {"mrmr__budget": [1, 2, 1.0], "mrmr__criterion": ["mid", "miq"]})
    search.fit(X, y)
    assert search.best_score_ > 0.7 and set(search.cv_results_["param_mrmr__budget"]) == {1, 2, 1.0}
    assert make_pipeline(cs.Boruta(rounds=20), LogisticRegression()).fit(X, y).score(X, y) > 0.7


def test_budgets(study):
    X, y = study
    assert [cs.FTest(b).fit(X, y).support_.sum() for b in (2, 0.5, "50%", 1.0, 0.01)] == [
        2,
        3,
        3,
        6,
        1,
    ]
    assert cs.FTest().fit(X, y).support_.sum() == 3 and cs.Boruta().budget is None
    with pytest.raises(cull.OptionError, match="budget 7 is more than the columns there are, 6"):
        cs.FTest(7).fit(X, y)
    with pytest.raises(cull.OptionError, match="budget is missing"):
        cs.FTest(None).fit(X, y)
    e = cs.FTest(4, cost=[1, 5, 1, 1, 1, 1]).fit(X, y)
    assert not e.support_[1] and e.pick_.spent == 4


def test_columns_that_are_held(study):
    X, y = study
    e = cs.Mrmr(1, have=[1], avoid=["x4"]).fit(X, y)
    assert e.support_.sum() == 2 and e.support_[1] and not e.support_[4]
    assert e.ranking_[1] == 0 and sorted(e.ranking_.tolist()) == [0, 1, 2, 2, 2, 2]
    assert (
        e.pick_.indices.tolist() == cull.feature.mrmr(X, y, 1, have=[1], avoid=[4]).indices.tolist()
    )


def test_missing_values_where_they_can_be_read(study):
    X, y = np.array(study[0]), study[1]
    X[::9, 2] = np.nan
    assert np.isnan(cs.Mrmr(1.0).fit_transform(X, y)).sum() == np.isnan(X).sum()
    with pytest.raises(ValueError, match="NaN"):
        cs.Quickselection().fit(X, y)


def test_categories(study):
    X, y = study
    by_number = cs.MutualInformation(2, categorical=[0, 1]).fit(X, y)
    want = cull.feature.mutual_information(X, y, 2, categorical=[0, 1])
    assert by_number.scores_.tolist() == want.scores.tolist()


def test_frames_with_text(study):
    pandas = pytest.importorskip("pandas")
    X, y = study
    words = np.array(["low", "mid", "high"])[y]
    frame = pandas.DataFrame({"a": X[:, 0], "word": words, "b": X[:, 1]})
    e = cs.Mrmr(1).fit(frame, words)
    assert e.get_feature_names_out().tolist() == ["word"]
    assert e.set_output(transform="pandas").transform(frame)["word"].tolist() == words.tolist()


def test_groups(study):
    X, y = np.repeat(study[0], 3, axis=0), np.repeat(study[1], 3)
    rows = np.repeat(np.arange(len(study[0])), 3)
    options = {"model": "knn", "neighbours": 1, "tolerance": 0}
    e = cs.Stepwise(2, **options).fit(X, y, groups=rows)
    want = cull.feature.stepwise(X, y, 2, group=rows, **options)
    assert e.scores_.tolist() == want.scores.tolist()


def test_wrong(study):
    X, y = study
    with pytest.raises(
        TypeError, match=r"Mrmr\(\) has no argument 'bugdet'; did you mean 'budget'?"
    ):
        cs.Mrmr(bugdet=3)
    with pytest.raises(ValueError, match="Mrmr requires y to be passed, but the target y is None"):
        cs.Mrmr().fit(X)
    with pytest.raises(ValueError, match="Negative values in data passed to Chi2"):
        cs.Chi2().fit(-X, y)
    with pytest.raises(cull.InputError, match="avoid: X has no column 'x9'"):
        cs.Mrmr(avoid="x9").fit(X, y)
    with pytest.raises(NotFittedError):
        cs.Mrmr().transform(X)
    assert cs.Variance(2).fit(X).support_.sum() == 2
