"""cull.feature: what the command keeps, from arrays, dicts and frames; classes, groups, costs, columns by name."""

import csv
import inspect
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import cull
from cull import _catalogue, _columns, _features, _lib

FACTS = {_lib.python_name(m["slug"]): m for m in _catalogue.methods_of("feature")}
SLOW = {"quickselection": {"epochs": 3, "hidden": 30}, "boruta": {"rounds": 20}}
N = 120
NAMES = ["copy", "dose", "noise", "age", "kind", "gaps", "same"]


@pytest.fixture(scope="module")
def study():
    """Two classes told apart by dose, age and kind; copy is nearly dose; noise says nothing."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, N)
    dose = (y + 0.7 * rng.normal(size=N)).astype(np.float32)
    age = (0.8 * y + rng.normal(size=N)).astype(np.float32)
    copy = (dose + 0.2 * rng.normal(size=N)).astype(np.float32)
    gaps = (0.5 * y + rng.normal(size=N)).astype(np.float32)
    gaps[rng.uniform(size=N) < 0.2] = np.nan
    kind = np.where(rng.uniform(size=N) < 0.8, y, 1 - y)
    columns = {
        "copy": copy,
        "dose": dose,
        "noise": rng.normal(size=N).astype(np.float32),
        "age": age,
        "kind": [["low", "high"][k] for k in kind],
        "gaps": gaps,
        "same": np.ones(N, np.float32),
    }
    numbers = np.column_stack([columns[n] for n in ("copy", "dose", "noise", "age")])
    site = [f"site {i % 7}" for i in range(N)]
    return SimpleNamespace(columns=columns, y=y, numbers=numbers, kind=kind, site=site)


def table_for(name, study):
    """What the method can read of the study."""
    m = FACTS[name]
    left_out = {"kind"} if not m["takes_categories"] else set()
    left_out |= {"gaps"} if not m["takes_missing"] else set()
    table = {k: v for k, v in study.columns.items() if k not in left_out}
    if name == "chi2":  # of counts
        return {k: v if k == "kind" else np.abs(np.round(9 * v)) for k, v in table.items()}
    return table


def of(name, *args, **given):
    return getattr(cull.feature, name)(*args, **{**SLOW.get(name, {}), **given})


def same(a, b):
    assert a.indices.tolist() == b.indices.tolist() and a.names == b.names
    assert np.array_equal(a.scores, b.scores, equal_nan=True) and a.score_is == b.score_is
    for found in ("p_values", "verdicts"):
        u, v = getattr(a, found), getattr(b, found)
        assert (u is None) == (v is None)
        assert u is None or np.array_equal(u, v, equal_nan=u.dtype.kind == "f")


# ---- functions ----


def test_functions_are_those_of_the_catalogue():
    assert cull.feature.__all__ == list(FACTS) and "mrmr" in FACTS
    fixed = [
        "X",
        "y",
        "budget",
        *(g[0] for g in _features.GIVEN),
        *(c[0] for c in _catalogue.COMMON),
    ]
    for name, m in FACTS.items():
        f = getattr(cull.feature, name)
        options = [_lib.python_name(o["name"]) for o in m["options"]]
        names = list(inspect.signature(f).parameters)
        assert sorted(names) == sorted(fixed + options) and len(set(names)) == len(names)
        assert all(o["help"] in f.__doc__ for o in m["options"])
    assert "columns never to be kept" in cull.feature.__doc__


@pytest.mark.parametrize("name", list(FACTS))
def test_as_the_command(name, study, command, tmp_path):
    """The same columns with the same scores as of a file with the same numbers."""
    table = {**table_for(name, study)}
    path = tmp_path / "study.csv"
    words = ["pos" if v else "neg" for v in study.y]
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow([*table, "outcome"])
        for row in zip(*table.values(), words):
            out.writerow([v if isinstance(v, str) else "" if v != v else float(v) for v in row])
    options = [w for k, v in SLOW.get(name, {}).items() for w in ("--" + k, v)]
    call = ["feature", FACTS[name]["slug"], "--target", "outcome", "--budget", 3, "-q"]
    told = command(*call, "--seed", 5, *options, path).splitlines()[1:]
    pick = of(name, table, words, 3, seed=5)
    rows = [line.split("\t") for line in told]
    assert [int(r[0]) for r in rows] == pick.indices.tolist()
    assert [r[1] for r in rows] == pick.names
    assert [float(r[2]) for r in rows] == pick.scores[pick.indices].tolist()


@pytest.mark.parametrize("name", list(FACTS))
def test_threads_and_seeds(name, study):
    table = table_for(name, study)
    one = of(name, table, study.y, 2, threads=1)
    same(one, of(name, table, study.y, 2, threads=2))
    other = of(name, table, study.y, 2, threads=2, seed=2)
    if not FACTS[name]["stochastic"]:
        same(one, other)
    elif name != "stepwise":  # whose folds are drawn, and whose choice is clear
        assert one.scores.tolist() != other.scores.tolist()


# ---- what others find ----


def test_f_test_is_that_of_scikit_learn(study):
    peer = pytest.importorskip("sklearn.feature_selection")
    x = study.numbers.astype(np.float64)
    pick = cull.feature.f_test(x, study.y, 2)
    f, p = peer.f_classif(x, study.y)
    # both sum in double; what is left is the order of the sums
    assert np.allclose(pick.scores, f, rtol=1e-9) and np.allclose(pick.p_values, p, rtol=1e-9)
    assert sorted(pick) == sorted(np.argsort(-f)[:2]) and pick.verdicts is None
    number = x[:, 0] + 0.5 * x[:, 3]
    pick = cull.feature.f_test(x[:, 1:], number, 2)
    f, p = peer.f_regression(x[:, 1:], number)
    assert np.allclose(pick.scores, f, rtol=1e-9) and np.allclose(pick.p_values, p, rtol=1e-9)


def test_chi2_is_that_of_scikit_learn(study):
    peer = pytest.importorskip("sklearn.feature_selection")
    counts = np.random.default_rng(1).poisson(2 + study.y[:, None] * [0, 1, 3], (N, 3))
    pick = cull.feature.chi2(counts, study.y, 1)
    chi, p = peer.chi2(counts, study.y)
    assert np.allclose(pick.scores, chi, rtol=1e-9) and np.allclose(pick.p_values, p, rtol=1e-9)
    assert list(pick) == [2]


def test_mutual_information_of_categories(study):
    """By counts, as written down: the sum of p log p / (p p)."""
    both = np.zeros((2, 2))
    np.add.at(both, (study.kind, study.y), 1 / N)
    rest = both.sum(1, keepdims=True) * both.sum(0, keepdims=True)
    want = (both * np.log(both / rest)).sum()
    pick = cull.feature.mutual_information({"kind": study.columns["kind"]}, study.y, 1)
    assert math.isclose(pick.scores[0], want, rel_tol=1e-9)
    again = cull.feature.mutual_information(study.kind[:, None], study.y, 1, categorical=[0])
    assert again.scores.tolist() == pick.scores.tolist()


def test_boruta_finds_its_own_number(study):
    pick = cull.feature.boruta(study.columns, study.y, rounds=40)
    verdict = dict(zip(pick.columns, pick.verdicts.tolist()))
    assert verdict["dose"] == verdict["kind"] == "confirmed"
    assert verdict["noise"] == verdict["same"] == "rejected"
    assert "dose" in pick.names and "noise" not in pick.names
    assert np.isnan(pick.scores[6]) and pick.p_values.shape == (7,)
    assert set(cull.feature.boruta(study.columns, study.y, 1, rounds=40).names) < set(pick.names)


# ---- tables ----


class Series:
    """A column of a frame, as little of it as there may be."""

    def __init__(self, values, dtype=None):
        self.values = np.asarray(values) if dtype is None else np.asarray(values, object)
        if dtype:
            self.dtype = dtype

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Frame:
    def __init__(self, columns):
        self.of, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return self.of[name]


def test_the_same_table_in_many_forms(study):
    want = cull.feature.mrmr(study.columns, study.y, 3)
    assert want.columns == NAMES and want.support.sum() == 3
    rows = [list(r) for r in zip(*study.columns.values())]
    forms = [
        Frame({k: Series(v) for k, v in study.columns.items()}),
        Frame(
            {
                k: Series(v, "category" if k == "kind" else "object")
                for k, v in study.columns.items()
            }
        ),
    ]
    for form in forms:
        same(cull.feature.mrmr(form, study.y, 3), want)
    for form in (rows, np.array(rows, object)):
        same(cull.feature.mrmr(form, study.y, 3, names=NAMES), want)
    record = np.zeros(N, [(n, "U8" if n == "kind" else "f4") for n in NAMES])
    for n in NAMES:
        record[n] = study.columns[n]
    same(cull.feature.mrmr(record, study.y, 3), want)


def test_arrays_are_used_where_they_lie(study):
    want = cull.feature.mrmr(study.numbers, study.y, 2)
    assert want.columns == ["c0", "c1", "c2", "c3"]
    for form in (
        study.numbers.astype(np.float64),
        np.asfortranarray(study.numbers),
        study.numbers.tolist(),
        np.repeat(study.numbers, 2, axis=0)[::2],
    ):
        same(cull.feature.mrmr(form, study.y, 2), want)
    named = cull.feature.mrmr(study.numbers, study.y, 2, names=NAMES[:4])
    assert named.names == [NAMES[i] for i in named] and list(named) == list(want)
    assert _columns.table(study.numbers).x is study.numbers


def test_missing_values_of_every_kind(study):
    gaps = study.columns["gaps"]
    want = cull.feature.f_test({"gaps": gaps}, study.y, 1).scores[0]
    as_none = [None if np.isnan(v) else float(v) for v in gaps]
    assert cull.feature.f_test({"gaps": as_none}, study.y, 1).scores[0] == want
    known = ~np.isnan(gaps)
    assert cull.feature.f_test({"g": gaps[known]}, study.y[known], 1).scores[0] == want
    kinds = ["u", None, "v", float("nan"), "u", "v"]
    x, names = _columns.read("column k", kinds)
    assert names == ["u", "v"] and np.array_equal(x, [0, np.nan, 1, np.nan, 0, 1], equal_nan=True)


def test_text_that_names_rows_is_passed_over(study):
    table = {**study.columns, "patient": [f"p{i}" for i in range(N)]}
    pick = cull.feature.mutual_information(table, study.y, 2)
    assert "patient" not in pick.names and np.isnan(pick.scores[7])
    assert (
        "1 column of text passed over, as most rows have one of their own: patient;" in pick.remark
    )
    kept = cull.feature.mutual_information(table, study.y, 2, categorical="patient")
    assert kept.names[0] == "patient" and "passed over" not in kept.remark


# ---- the target ----


def test_targets(study):
    x, y = study.numbers, study.y
    want = cull.feature.f_test(x, y, 2)
    assert want.remark == (
        "The target is 2 whole numbers, taken as classes; task='regress' takes them as numbers."
    )
    words = np.where(y, "sick", "well")
    for form in (
        y.astype(bool),
        words,
        words.tolist(),
        words.astype(object),
        y * 3.0 - 7,
        y[:, None],
    ):
        pick = cull.feature.f_test(x, form, 2)
        assert np.allclose(pick.scores, want.scores, rtol=1e-12)
    number = cull.feature.f_test(x, y, 2, task="regress")
    assert number.remark == "" and number.score_is != "" and len(number) == 2
    many = np.arange(N) % 30
    assert (
        cull.feature.f_test(x, many, 1).remark
        == "The target is 30 different numbers, predicted as such."
    )
    assert cull.feature.chi2(np.abs(x), many, 1, task="classify").remark == ""


def test_several_targets(study):
    x = study.numbers
    ys = np.column_stack([x[:, 1] + 0.01 * x[:, 2], x[:, 1] - 0.02 * x[:, 2]])
    assert cull.feature.rfe(x[:, 1:], ys, 1).indices.tolist() == [0]
    frame = Frame({"u": Series(ys[:, 0]), "v": Series(ys[:, 1])})
    assert cull.feature.rfe(x[:, 1:], frame, 1).indices.tolist() == [0]
    for name, m in FACTS.items():
        if m["needs_y"] and name not in ("rfe", "stepwise", "tadred"):
            with pytest.raises(cull.InputError, match="one target|classes to predict"):
                of(name, x, ys, 1)


# ---- columns by name, costs, groups ----


def test_have_and_avoid(study):
    table, y = study.columns, study.y
    free = cull.feature.mrmr(table, y, 2)
    first = free.names[0]
    held = cull.feature.mrmr(table, y, 1, have=[first])
    assert held.names == free.names[1:]  # the first counts, costs nothing and is not kept again
    for form in (free.indices[:1], first, np.isin(NAMES, [first]), [NAMES.index(first)]):
        same(cull.feature.mrmr(table, y, 1, have=form), held)
    without = cull.feature.mrmr(table, y, 2, avoid=free)
    assert not set(without.names) & set(free.names) and np.isnan(without.scores[free.indices]).all()


def test_costs(study):
    table = {k: study.columns[k] for k in ("copy", "dose", "noise", "age")}
    cost = {"copy": 1, "dose": 9, "noise": 1, "age": 2}
    pick = cull.feature.f_test(table, study.y, 3.5, cost=cost)
    assert "dose" not in pick.names and pick.spent <= 3.5
    same(pick, cull.feature.f_test(table, study.y, 3.5, cost=[1, 9, 1, 2]))
    assert (
        cull.feature.f_test(table, study.y, "50%").spent
        == 2
        == len(cull.feature.f_test(table, study.y, 0.5))
    )


def test_groups_are_never_split(study):
    """Each row thrice: by rows a fold holds copies of what it was fitted on, by groups it never does."""
    x, y = np.repeat(study.numbers, 3, axis=0), np.repeat(study.y, 3)
    site = np.repeat(np.arange(N), 3)
    given = {"model": "knn", "neighbours": 1, "tolerance": 0}
    alone = cull.feature.stepwise(x, y, 1, **given)
    together = cull.feature.stepwise(x, y, 1, group=site, **given)
    assert together.scores.tolist() != alone.scores.tolist()
    same(together, cull.feature.stepwise(x, y, 1, group=[f"s{i}" for i in site], **given))


# ---- what comes back ----


def test_the_pick(study):
    pick = cull.feature.f_test(study.numbers, study.y, 2, names=NAMES[:4], seed=9)
    assert isinstance(pick, cull.FeaturePick) and len(pick) == 2 and pick.seed == 9
    assert pick.take(study.numbers).tolist() == study.numbers[:, pick.indices].tolist()
    lie = pick.take(study.numbers, order="table")
    assert lie.tolist() == study.numbers[:, np.sort(pick.indices)].tolist()
    assert list(pick.take({n: 0 for n in NAMES[:4]})) == pick.names
    with pytest.raises(cull.InputError, match="there are 3 columns, the table had 4"):
        pick.take(study.numbers[:, :3])
    with pytest.raises(cull.OptionError, match="order 'by' is neither pick nor table"):
        pick.take(study.numbers, order="by")
    assert repr(pick).startswith("<FeaturePick f-test: 2 of 4 columns>\n") and "dose" in repr(pick)
    same(pickle.loads(pickle.dumps(pick)), pick)


def test_a_table_is_taken_from_by_name(study):
    pick = cull.feature.f_test(study.numbers, study.y, 2, names=NAMES[:4])
    other = {n: i for i, n in enumerate([*reversed(NAMES[:4]), "more"])}
    assert list(pick.take(other)) == pick.names
    assert list(pick.take(other, order="table")) == sorted(pick.names, key=other.get)
    rows = np.zeros(3, [(n, "f4") for n in other])
    assert list(pick.take(rows).dtype.names) == pick.names
    with pytest.raises(cull.InputError, match=f"take: X has no column '{pick.names[0]}'"):
        pick.take({n: 0 for n in NAMES[:4] if n != pick.names[0]})
    plain = cull.feature.f_test(study.numbers, study.y, 2)  # of columns that had no names
    assert list(plain.take({n: 0 for n in NAMES[:4]})) == [NAMES[i] for i in plain.indices]


def test_a_mask_hides_values(study):
    hide = np.random.default_rng(3).random(study.numbers.shape) < 0.2
    masked = np.ma.masked_array(study.numbers, hide)
    gaps = np.where(hide, np.nan, study.numbers)
    same(cull.feature.mrmr(masked, study.y, 2), cull.feature.mrmr(gaps, study.y, 2))
    whole = np.ma.masked_array((study.numbers * 9).astype(int), hide)
    gaps = np.where(hide, np.nan, (study.numbers * 9).astype(int))
    same(cull.feature.mrmr(whole, study.y, 2), cull.feature.mrmr(gaps, study.y, 2))
    kinds = np.ma.masked_array(np.array(["a", "b"] * (N // 2)), hide[:, 0])
    told = [None if gone else v for v, gone in zip(kinds.data.tolist(), hide[:, 0])]
    table = {"x": study.numbers[:, 1]}
    same(
        cull.feature.mrmr({**table, "k": kinds}, study.y, 1),
        cull.feature.mrmr({**table, "k": told}, study.y, 1),
    )
    with pytest.raises(cull.InputError, match="the target of row 2 is missing"):
        cull.feature.mrmr(study.numbers, np.ma.masked_array(np.arange(N), np.arange(N) == 2), 2)


def test_no_column_is_left(study):
    names = [f"{v:.4f}" for v in study.numbers[:, 0]]
    for given in ({"avoid": [0, 1]}, {"have": [0], "avoid": [1]}):
        with pytest.raises(cull.InputError, match="no column is left to choose from"):
            cull.feature.mrmr(study.numbers[:, :2], study.y, 1, **given)
    with pytest.raises(cull.InputError, match="no column is left to choose from"):
        cull.feature.mrmr({"a": names, "b": names}, study.y, 1)


def test_a_call_can_be_stopped(study):
    def stop(what, done, total):
        raise KeyboardInterrupt

    x = np.random.default_rng(0).normal(size=(3000, 60))
    with pytest.raises(KeyboardInterrupt):
        cull.feature.boruta(x, (x[:, 0] > 0), progress=stop)
    assert cull.feature.random_columns(x, budget=3).support.sum() == 3


def test_no_pandas_is_needed():
    from conftest import python

    code = "import sys; sys.modules['pandas'] = None; import cull; print(cull.feature.variance([[1.0, 2], [1, 3]], budget=1).names)"
    done = python(code)
    assert done.stdout == "['c1']\n", done.stderr


def test_close_and_far_from_zero():
    """Times in seconds are no constant, in whatever they come; what f32 merges all the same is remarked."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 200)
    when = 1700000000 + y + 2 * rng.integers(0, 3, 200)
    part = np.where(rng.uniform(size=200) < 0.1, 0, when)
    x = np.stack([when, part, rng.integers(0, 9, 200)], 1)
    names = ["when", "part", "noise"]
    found = [
        cull.feature.mutual_information(x, y, 1, names=names),
        cull.feature.mutual_information(x.astype(float), y, 1, names=names),
        cull.feature.mutual_information({n: x[:, i] for i, n in enumerate(names)}, y, 1),
    ]
    for pick in found:
        assert pick.names == ["when"]
        assert np.array_equal(pick.scores, found[0].scores)
        assert "in column part 17000000" in pick.remark
    marked = cull.feature.mutual_information(x, y, 1, names=names, categorical=["when"])
    assert marked.names == ["when"] and marked.scores[0] > 0.6


def test_chi2_counts_what_was_subtracted():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 2, 100)
    counts = 30000001.0 + y + rng.integers(0, 9, 100)
    sums = np.array([counts[y == k].sum() for k in (0, 1)])
    expected = counts.sum() * np.bincount(y) / 100
    want = ((sums - expected) ** 2 / expected).sum()
    got = cull.feature.chi2(np.stack([counts, rng.integers(0, 9, 100)], 1), y, 1)
    assert got.scores[0] == pytest.approx(want, rel=1e-9)


def test_past_f32():
    x = np.array([[1.0, 2.0], [1e300, 3.0], [2.0, 4.0]])
    for X in (x, {"a": x[:, 0], "b": x[:, 1]}):
        with pytest.raises(cull.InputError, match="row 1 is 1e.300, past the largest f32"):
            cull.feature.variance(X, budget=1)


def test_a_value_that_makes_text_of_numbers():
    y = [0, 1] * 10
    a = [0.5, 1.5] * 9 + ["1.2.3", None]
    pick = cull.feature.mutual_information({"a": a, "b": list(range(20))}, y, 1)
    assert "Column a is taken as text, as '1.2.3' of row 18 is no number, although 18 of its 19" in pick.remark
    for quiet in (["7", "8"] * 10, ["x", "8"] * 10):
        pick = cull.feature.mutual_information({"a": quiet, "b": list(range(20))}, y, 1)
        assert "taken as text" not in pick.remark
    pick = cull.feature.mutual_information({"a": a, "b": list(range(20))}, y, 1, categorical=["a"])
    assert "taken as text" not in pick.remark
