"""cull.sklearn: the estimators keep scikit-learn's rules and choose what cull.data chooses."""

import functools
import pickle
import warnings

import numpy as np
import pytest
from conftest import BUDGET, python
from test_stubs import mypy

import cull
from cull import _catalogue, _lib
from cull._parameters import class_name

pytest.importorskip(
    "sklearn",
    reason="scikit-learn is not installed (Debian: python3-sklearn; pip install scikit-learn)",
)
from scipy.sparse import csr_matrix  # noqa: E402
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: E402
from sklearn.exceptions import NotFittedError, SkipTestWarning  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import cull.sklearn as cs  # noqa: E402

FACTS = {class_name(m["slug"]): m for m in _catalogue.methods_of("data")}
NAMES = list(FACTS)
ON_NUMBERS = [n for n, m in FACTS.items() if not m["needs_text"]]


def test_a_class_for_each_method():
    bases = ["ExampleSelector", "FeatureMethod", "FeatureSelector", "OnSelected"]
    of_columns = [class_name(m["slug"]) for m in _catalogue.methods_of("feature")]
    assert cs.__all__ == [*bases, *NAMES, *of_columns] and len(set(cs.__all__)) == len(cs.__all__)
    assert NAMES[:2] == ["ColorFilter", "Dsir"] and "RdsPlus" in NAMES
    for name, m in FACTS.items():
        assert all(
            _lib.python_name(o["name"]) in getattr(cs, name)().get_params() for o in m["options"]
        )


def checked(estimator, monkeypatch):
    """check_estimator, and how often it fitted."""
    cls, fits = type(estimator), []
    fit = cls.fit

    @functools.wraps(fit)
    def counted(*args, **kw):
        fits.append(1)
        return fit(*args, **kw)

    monkeypatch.setattr(cls, "fit", counted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        check_estimator(estimator)
    return len(fits)


@pytest.mark.parametrize("name", ON_NUMBERS)
def test_check_estimator(name, monkeypatch):
    assert checked(getattr(cs, name)(), monkeypatch) > 20


def made(name, p, **more):
    """An estimator of the class, X and y for it, and the same call of cull.data."""
    m = FACTS[name]
    params, given = {"budget": BUDGET, "random_state": 5}, {}
    X = p.texts if m["needs_text"] else p.pool
    if m["columns"]:
        columns = m["columns"].split(",")
        X = np.column_stack([p.scores[c] for c in columns])
        given["scores"] = p.scores
    if m["needs_target"]:
        params["target"] = given["target"] = p.want if m["needs_text"] else p.target
    if m["needs_against"]:
        params["against"] = given["against"] = p.target
    function = getattr(cull.data, _lib.python_name(m["slug"]))
    want = function(X, budget=BUDGET, seed=5, **given)
    return getattr(cs, name)(**params, **more), X, want


@pytest.mark.parametrize("name", NAMES)
def test_chooses_what_the_function_chooses(name, problem):
    e, X, want = made(name, problem)
    y = np.arange(len(X)) % 3
    assert e.fit(X, y) is e
    assert e.sample_indices_.tolist() == list(want)
    assert e.scores_.tolist() == want.score.tolist() == e.pick_.score.tolist()
    assert e.get_support().tolist() == want.mask(len(X)).tolist()
    assert e.get_support(indices=True).tolist() == sorted(want)
    assert getattr(e, "n_features_in_", 0) == (X.shape[1] if isinstance(X, np.ndarray) else 0)
    kept = [X[i] for i in want]
    for got in (e.select(X), e.select(X, y)[0], e.fit_resample(X, y)[0]):
        assert np.array_equal(got, kept) and type(got) is type(X)
    X_kept, y_kept, other, none = e.select(X, y, list(range(len(X))), None)
    assert np.array_equal(y_kept, y[want.idx]) and other == list(want) and none is None
    assert np.array_equal(e.fit_resample(X, y)[1], y[want.idx])


@pytest.mark.parametrize("name", NAMES)
def test_copies(name, problem):
    e, X, want = made(name, problem, threads=1)
    again = clone(e)
    assert not hasattr(again, "sample_indices_") and repr(again) == repr(e)
    assert clone(e).set_params(budget=7).fit(X).get_support().sum() == 7
    e.fit(X)
    read = pickle.loads(pickle.dumps(e))
    assert read.sample_indices_.tolist() == list(want) and list(read.pick_) == list(want)
    assert np.array_equal(read.get_support(), e.get_support())
    with pytest.raises(NotFittedError):
        again.get_support()
    with pytest.raises(NotFittedError):
        again.select(X)


def test_parameters():
    e = cs.RdsPlus(0.2, rule="max")
    assert repr(e) == "RdsPlus(budget=0.2, rule='max')"
    assert e.get_params()["candidates"] == 2.0 and e.get_params()["embed_dim"] is None
    assert "embed_dim" not in cs.Random().get_params() and "target" not in cs.Kmq().get_params()
    with pytest.raises(
        TypeError, match=r"RdsPlus\(\) has no argument 'budgte'; did you mean 'budget'?"
    ):
        cs.RdsPlus(budgte=3)
    with pytest.raises(TypeError, match="positional"):
        cs.Random(3, None)
    with pytest.raises(cull.OptionError, match="select2reason: weight 3 is outside 0 to 1"):
        cs.Select2reason(weight=3).fit(np.eye(5))
    with pytest.raises(cull.MemoryLimitError):
        cs.Kmq(memory="1K").fit(np.eye(300))
    assert "Lloyd iterations at most (1 to 10000; 50)" in cs.Kmq.__doc__


@pytest.mark.parametrize(
    "budget, kept",
    [(7, 7), (np.int64(7), 7), (0.1, 4), ("25%", 10), (1.0, 40), (1, 1), (0.001, 1), ("1%", 1)],
)
def test_budget(budget, kept):
    assert len(cs.Random(budget).fit(np.eye(40)).sample_indices_) == kept


@pytest.mark.parametrize("budget", [41, 0, "x%", 1.5, None])
def test_no_budget(budget):
    with pytest.raises(cull.OptionError, match="budget"):
        cs.Random(budget).fit(np.eye(40))


def test_random_state():
    X = np.eye(200)

    def rows(state):
        return cs.Random(random_state=state).fit(X).sample_indices_.tolist()

    assert rows(1) == list(cull.data.random(X, budget=0.1)) != rows(2)
    assert rows(2**40) != rows(2**40 + 1)
    assert rows(np.random.RandomState(3)) == rows(np.random.RandomState(3))
    drawn = np.random.RandomState(3)
    assert rows(drawn) != rows(drawn)
    assert rows(None) != rows(None)
    with pytest.raises(ValueError, match="[Ss]eed"):
        rows(-1)


# ---- what is read of X and y ----


def test_scores_in_columns(problem):
    """By order, by a dict, by the names of a data frame; the rest of X is embeddings."""
    p = problem
    prior, cond, quality = p.scores["loss_prior"], p.scores["loss_cond"], p.scores["quality"]
    want = list(cull.data.color_filter(p.pool, budget=BUDGET, scores=p.scores))
    X = np.column_stack([p.pool[:, :2], cond, prior])
    given = cs.ColorFilter(BUDGET, columns={"loss_cond": 2, "loss_prior": np.int64(3)}).fit(X)
    assert given.sample_indices_.tolist() == want
    ordered = cs.ColorFilter(BUDGET).fit(np.column_stack([prior, cond, p.pool]))
    assert ordered.sample_indices_.tolist() == want

    want = list(cull.data.kmq(p.pool, budget=BUDGET, clusters=5, scores={"quality": quality}))
    assert want != list(cull.data.kmq(p.pool, budget=BUDGET, clusters=5))
    X = np.column_stack([p.pool[:, :4], quality, p.pool[:, 4:]])
    e = cs.Kmq(BUDGET, clusters=5, columns={"quality": 4})
    assert e.fit(X).sample_indices_.tolist() == want and e.n_features_in_ == X.shape[1]


def test_names_of_columns(problem):
    pandas = pytest.importorskip("pandas")
    p = problem
    names = ["loss_cond", "x", "loss_prior", "quality"]
    X = pandas.DataFrame({n: p.scores.get(n, p.cost) for n in names})
    e = cs.ColorFilter(BUDGET).fit(X)
    want = cull.data.color_filter(p.pool, budget=BUDGET, scores=p.scores)
    assert e.sample_indices_.tolist() == list(want) and e.feature_names_in_.tolist() == names
    kept, y = e.select(X, X["x"])
    assert kept.index.tolist() == y.index.tolist() == list(want)
    turned = cs.ColorFilter(BUDGET, columns={"loss_prior": "loss_cond", "loss_cond": "loss_prior"})
    scores = {"loss_prior": p.scores["loss_cond"], "loss_cond": p.scores["loss_prior"]}
    want = cull.data.color_filter(p.pool, budget=BUDGET, scores=scores)
    assert turned.fit(X).sample_indices_.tolist() == list(want)
    kmq = cs.Kmq(BUDGET, clusters=3).fit(X)
    want = cull.data.kmq(X[names[:3]].to_numpy(), budget=BUDGET, clusters=3, scores=p.scores)
    assert kmq.sample_indices_.tolist() == list(want)
    with pytest.raises(cull.InputError, match="loss_prior: X has no column of that name"):
        cs.ColorFilter().fit(X.drop(columns="loss_prior"))
    with pytest.raises(
        cull.InputError, match="no column 'z'; it has 0 to 3, loss_cond, x, loss_prior"
    ):
        cs.Random(0.1, cost="z").fit(X)
    mixed = pandas.DataFrame(
        {"a": ["u", None, "v", "w"], "b": [1.0, np.nan, 3, 4], "c": [1, 1, 1, 9]}
    )
    assert len(cs.Random(0.5).fit(mixed).select(mixed)) == 2
    assert 3 not in cs.Random(3, cost="c").fit(mixed).sample_indices_


def test_costs(problem):
    p = problem
    want = cull.data.kmq(p.pool, budget=100, clusters=5, cost=p.cost)
    X = np.column_stack([p.cost, p.pool.astype(np.float64)])
    e = cs.Kmq(100, clusters=5, cost=0).fit(X)
    assert e.sample_indices_.tolist() == list(want) and e.pick_.spent == want.spent <= 100
    e = cs.Random(50, cost="words").fit(p.texts)
    assert e.sample_indices_.tolist() == list(cull.data.random(p.texts, budget=50, cost="words"))
    half = cs.Random(0.5, cost=0).fit(X).pick_
    assert half.spent <= p.cost.sum() / 2 < half.spent + p.cost.max()
    with pytest.raises(cull.InputError, match="record 0 has cost 0; costs must be above 0"):
        cs.Random(0.5, cost=1).fit(np.eye(4)[:, ::-1])


@pytest.mark.parametrize("y", [["a"] * 90 + ["b"] * 10, [1.0] * 90 + [2.0] * 10])
def test_quotas_of_classes(y):
    X = np.random.default_rng(1).normal(size=(100, 3))
    some, few = y[0], y[-1]
    kept = cs.Kmq(12, clusters=4, quota="equal").fit_resample(X, np.array(y))[1].tolist()
    assert kept.count(few) == kept.count(some) == 6
    kept = cs.Random(10, quota={few: 0.7, some: 0.3}).fit_resample(X, y)[1]
    assert kept.count(few) == 7
    with pytest.raises(cull.InputError, match="requires y to be passed, but the target y is None"):
        cs.Random(10, quota="equal").fit(X)


def test_without_a_target(problem):
    """X stands for itself: by the mean of its rows, or its texts."""
    p = problem
    want = cull.data.rds_plus(p.pool, p.pool.mean(0, dtype=np.float64)[None], BUDGET)
    assert cs.RdsPlus(BUDGET).fit(p.pool).sample_indices_.tolist() == list(want)
    want = cull.data.tfidf_mean(p.texts, p.texts, BUDGET)
    assert cs.TfidfMean(BUDGET).fit(p.texts).sample_indices_.tolist() == list(want)
    with pytest.raises(cull.InputError, match="RdsPlus needs `target`, a list of texts"):
        cs.RdsPlus(BUDGET).fit(p.texts)


def test_rates_of_checkpoints(problem):
    """Of Less: a row is gradients at three checkpoints, side by side."""
    x, wanted = problem.pool, problem.target
    rates = [3e-5, 2e-5, 1e-5]
    want = cull.data.less(x, wanted, BUDGET, rates=rates)
    for given in (rates, np.array(rates), "3e-5,2e-5,1e-5"):
        e = cs.Less(BUDGET, target=wanted, rates=given)
        assert clone(e).fit(x).sample_indices_.tolist() == list(want)
        assert e.fit(x).scores_.tolist() == want.score.tolist()
    assert list(cs.Less(BUDGET, target=wanted).fit(x).pick_) != list(want)
    assert "rates" not in cs.RdsPlus().get_params()
    with pytest.raises(cull.InputError, match="not 5 gradients of one length"):
        cs.Less(BUDGET, target=wanted, rates=[1.0] * 5).fit(x)


def test_texts(problem):
    """Methods of embeddings read texts too, by features of their words."""
    p = problem
    want = list(cull.data.rds_plus(p.texts, p.want, BUDGET, embed_dim=24))
    for X in (p.texts, np.array(p.texts), np.array(p.texts, object)):
        e = cs.RdsPlus(BUDGET, target=p.want, embed_dim=24).fit(X)
        assert e.sample_indices_.tolist() == want
    with pytest.raises(cull.InputError, match="columns are those of numbers; X is texts"):
        cs.Kmq(columns={"quality": 1}).fit(p.texts)


REFUSED = [
    (cs.Kmq(), csr_matrix(np.eye(9)), TypeError, "[Ss]parse"),
    (cs.Random(), csr_matrix(np.eye(9)), TypeError, "[Ss]parse"),
    (cs.Kmq(), np.full((9, 2), np.nan), ValueError, "Input X contains NaN"),
    (cs.Kmq(), np.full((9, 2), np.inf), ValueError, "Input X contains infinity"),
    (cs.Kmq(), np.zeros(9), ValueError, "Expected 2D array, got 1D array"),
    (cs.Kmq(), np.zeros((9, 0)), ValueError, "0 feature"),
    (cs.Kmq(), np.array([["a", "b"]]), ValueError, "bytes/strings|could not convert"),
    (cs.ColorFilter(), ["a", "b"], ValueError, "2D array"),
    (cs.ColorFilter(), np.zeros((9, 1)), ValueError, "1 feature.*minimum of 2"),
    (
        cs.ColorFilter(columns={"loss": 1}),
        np.zeros((9, 3)),
        cull.InputError,
        "color-filter reads.*loss_prior",
    ),
    (
        cs.ColorFilter(columns={"loss_prior": 0, "loss_cond": 3}),
        np.zeros((9, 3)),
        cull.InputError,
        "no column 3; it has 0 to 2",
    ),
    (
        cs.ColorFilter(columns={"loss_cond": 0}),
        np.zeros((9, 3)),
        cull.InputError,
        "loss_prior: X has no column",
    ),
    (cs.Kmq(columns={"quality": 0}), np.zeros((9, 1)), cull.InputError, "no number"),
    (cs.RdsPlus(target=np.zeros(3)), np.eye(3), ValueError, "Expected 2D array"),
    (cs.RdsPlus(target=np.ones((2, 4))), np.eye(3), cull.InputError, "must be one embedding"),
    (cs.RdsPlus(target=[[np.nan] * 3]), np.eye(3), ValueError, "Input target contains NaN"),
    (
        cs.Dsir(),
        np.eye(3),
        cull.InputError,
        "X is of type ndarray; Dsir takes a list or a 1-D array of str",
    ),
    (cs.RdsPlus(target=["a"]), np.eye(3), cull.InputError, "one of X and `target` is texts"),
    (cs.Dsir(target=np.eye(3)), ["a", "b"], cull.InputError, "one of X and `target` is texts"),
    (cs.Dsir(), "a text", cull.InputError, "X is of type str"),
    (cs.Dsir(), [], cull.InputError, "X is empty"),
    (cs.Dsir(), ["a", None], cull.InputError, "text 1 is of type NoneType"),
]


@pytest.mark.parametrize("e, X, kind, sentence", REFUSED)
def test_refused(e, X, kind, sentence):
    with pytest.raises(kind, match=sentence):
        e.fit(X)


def tags(e):
    """numbers, texts, allow_nan, pairwise, requires_y"""
    if hasattr(e, "_get_tags"):  # before 1.6
        t = e._get_tags()
        kinds = ["2darray" in t["X_types"], "string" in t["X_types"]]
        return [*kinds, t["allow_nan"], t["pairwise"], t["requires_y"]]
    t = e.__sklearn_tags__()
    into = t.input_tags
    kinds = [into.two_d_array, into.string]
    return [*kinds, into.allow_nan, into.pairwise, t.target_tags.required]


def test_tags():
    """What scikit-learn asks before it validates and splits."""
    assert tags(cs.Kmq()) == [True, True, False, False, False]
    assert tags(cs.Dsir(quota="equal")) == [False, True, False, False, True]
    assert tags(cs.ColorFilter()) == [True, False, False, False, False]
    assert tags(cs.Random()) == [True, True, True, False, False]
    both = cs.OnSelected(HistGradientBoostingClassifier(), cs.Random())
    assert tags(both)[2:] == [True, False, True]
    assert tags(both.set_params(selector=cs.Kmq()))[2:] == [False, False, True]
    assert tags(SVC(kernel="precomputed"))[3]
    assert not tags(cs.OnSelected(SVC(kernel="precomputed"), cs.Kmq()))[3]


def test_refused_beside():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cs.Random().fit(np.eye(9), np.zeros(8))
    with pytest.raises(cull.InputError, match="there are 8 rows, the pool had 9"):
        cs.Random().fit(np.eye(9)).select(np.eye(9), np.zeros(8))


# ---- OnSelected ----


@pytest.fixture(scope="module")
def two():
    """Two classes in the plane, with weights."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 240)
    return rng.normal(size=(240, 2)) + 1.5 * y[:, None], y, rng.uniform(1, 9, 240)


ANY = [LogisticRegression(C=1), Ridge(), StandardScaler(), KMeans(2, n_init=1, random_state=0)]


@pytest.mark.parametrize("estimator", ANY, ids=lambda e: type(e).__name__)
def test_check_estimator_on_selected(estimator, monkeypatch):
    assert checked(cs.OnSelected(estimator, cs.Random("95%")), monkeypatch) > 20


def test_fits_on_what_is_kept(two):
    X, y, w = two
    e = cs.OnSelected(LogisticRegression(), cs.Kmq(50, clusters=4)).fit(X, y, sample_weight=w)
    kept = cs.Kmq(50, clusters=4).fit(X).sample_indices_
    assert e.selector_.sample_indices_.tolist() == kept.tolist()
    alone = LogisticRegression().fit(X[kept], y[kept], sample_weight=w[kept])
    assert np.array_equal(e.estimator_.coef_, alone.coef_)
    assert not np.array_equal(alone.coef_, LogisticRegression().fit(X[kept], y[kept]).coef_)
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert np.array_equal(getattr(e, name)(X), getattr(alone, name)(X))
    assert e.score(X, y) == alone.score(X, y) and e.score(X, y, sample_weight=w) == alone.score(
        X, y, w
    )
    assert e.classes_.tolist() == [0, 1] and e.n_features_in_ == 2
    assert (
        is_classifier(e)
        and not is_regressor(e)
        and is_regressor(cs.OnSelected(Ridge(), cs.Random()))
    )
    assert not hasattr(e, "transform") and not hasattr(e, "fit_transform")
    again = pickle.loads(pickle.dumps(e))
    assert np.array_equal(again.predict(X), e.predict(X))
    with pytest.raises(NotFittedError):
        clone(e).predict(X)


def test_a_transformer_sees_all_rows(two):
    X, y, _ = two
    e = cs.OnSelected(StandardScaler(), cs.Random(20))
    kept = X[cs.Random(20).fit(X).sample_indices_]
    want = (X - kept.mean(0)) / kept.std(0)
    assert np.allclose(e.fit_transform(X), want, rtol=1e-12, atol=1e-12)
    assert np.allclose(e.inverse_transform(want), X, rtol=1e-12, atol=1e-12)
    assert e.get_feature_names_out().tolist() == ["x0", "x1"]
    assert make_pipeline(e, LogisticRegression()).fit(X, y).score(X, y) > 0.8


def test_search(two):
    """The budget is a parameter; the choice is made anew in each fold, of its training rows."""
    X, y, _ = two
    model = cs.OnSelected(LogisticRegression(), cs.Kmq(clusters=4))
    grid = {"selector__budget": [0.05, 0.5, 1.0], "estimator__C": [0.1, 1.0]}
    found = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    assert (
        len(found.cv_results_["params"]) == 6
        and not np.isnan(found.cv_results_["mean_test_score"]).any()
    )
    assert found.best_estimator_.selector_.n_features_in_ == 2
    pipe = make_pipeline(StandardScaler(), model)
    assert cross_val_score(pipe, X, y, cv=4).min() > 0.7
    all_rows = cross_val_score(cs.OnSelected(LogisticRegression(), cs.Random(1.0)), X, y, cv=4)
    assert np.allclose(all_rows, cross_val_score(LogisticRegression(), X, y, cv=4))


def test_metadata_routing(two):
    routing = pytest.importorskip("sklearn.utils.metadata_routing")
    import sklearn

    if not hasattr(routing, "process_routing"):
        pytest.skip("scikit-learn before 1.4 routes nothing through a cross-validation")
    X, y, w = two
    with sklearn.config_context(enable_metadata_routing=True):
        inner = (
            LogisticRegression()
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=False)
        )
        model = cs.OnSelected(inner, cs.Random(0.2))
        weighted = cross_val_score(model, X, y, params={"sample_weight": w**3})
        plain = cross_val_score(model, X, y)
    assert not np.array_equal(weighted, plain)


def test_texts_of_a_pipeline(problem):
    p = problem
    y = np.array(p.topic)
    model = cs.OnSelected(
        make_pipeline(TfidfVectorizer(), LogisticRegression()), cs.Random(150, quota="equal")
    ).fit(p.texts, y)
    assert np.unique(y[model.selector_.sample_indices_], return_counts=True)[1].tolist() == [30] * 5
    assert model.score(p.texts, y) > 0.9
    assert not hasattr(model, "n_features_in_")


def test_pipeline_of_imbalanced_learn(two):
    imblearn = pytest.importorskip("imblearn.pipeline")
    X, y, _ = two
    pipe = imblearn.make_pipeline(StandardScaler(), cs.Kmq(60, clusters=4), LogisticRegression())
    assert pipe.fit(X, y).score(X, y) > 0.8
    scaled = StandardScaler().fit_transform(X)
    kept = cs.Kmq(60, clusters=4).fit(scaled).sample_indices_
    assert np.array_equal(pipe[-1].coef_, LogisticRegression().fit(scaled[kept], y[kept]).coef_)


# ---- FeatureSelector ----


class ByVariance(cs.FeatureSelector):
    def __init__(self, keep=1):
        self.keep = keep

    def _choose(self, X, y):
        scores = X.var(axis=0)
        return np.argsort(-scores, kind="stable")[: self.keep].tolist(), scores


def test_check_estimator_of_features(monkeypatch):
    assert checked(ByVariance(), monkeypatch) > 20


def test_feature_selector():
    X = np.array([[0, 0, 0, 0], [1, 9, 0, 3], [2, 18, 0, 6.0]])
    e = ByVariance(keep=2).fit(X)
    assert e.support_.tolist() == [False, True, False, True] == e.get_support().tolist()
    assert e.ranking_.tolist() == [3, 1, 3, 2] and e.get_support(indices=True).tolist() == [1, 3]
    assert e.scores_.tolist() == X.var(axis=0).tolist()
    assert e.transform(X).tolist() == X[:, [1, 3]].tolist()
    assert e.inverse_transform(X[:, [1, 3]]).tolist() == (X * [0, 1, 0, 1]).tolist()
    assert e.get_feature_names_out().tolist() == ["x1", "x3"]
    assert make_pipeline(e, Ridge()).fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9
    assert not ByVariance(keep=0).fit(X).support_.any()
    with pytest.raises(NotFittedError):
        ByVariance().get_support()


# ---- around it ----


def test_without_scikit_learn():
    done = python("import sys; sys.modules['sklearn'] = None; import cull; import cull.sklearn")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "ImportError: cull.sklearn needs scikit-learn; pip install scikit-learn\n"
    )
    assert python("import sys, cull; assert 'sklearn' not in sys.modules").returncode == 0


USER = """
import numpy as np
from sklearn.linear_model import LogisticRegression

from cull.sklearn import Kmq, OnSelected, RdsPlus

x = np.zeros((9, 2))
near = RdsPlus(0.2, target=["a"], rule="max", random_state=None).fit(["a", "b"])
rows: "np.typing.NDArray[np.int64]" = near.sample_indices_
kmq = Kmq("5%", columns={"quality": 1}, quota="equal", memory="1G")
OnSelected(LogisticRegression(), kmq).fit(x, x[:, 0]).predict(x)
"""
WRONG = ['RdsPlus(rule="men")', "Kmq(0.1, 3)", "Kmq(target=x)", 'Kmq(clusters="many")']


def test_users_are_told_by_their_checker(tmp_path):
    file = tmp_path / "user.py"
    file.write_text(USER)
    rc, said = mypy(file, file)
    assert rc == 0, said
    file.write_text(USER + "\n".join(WRONG) + "\n")
    rc, said = mypy(file, file)
    first = USER.count("\n") + 1
    lines = {int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line}
    assert lines == set(range(first, first + len(WRONG))), said
