"""compare(judge=True): what it says of a choice is what scikit-learn's classifier says of the same rows."""

import json

import numpy as np
import pytest
from conftest import write_lines

import cull
from cull.data import compare, random

CLASSES, DIM = 4, 10


def clouds(n, seed, spread=1.6):
    """(n, DIM) rows of four classes that overlap, and the names of their classes."""
    centre = np.random.default_rng(8).normal(size=(CLASSES, DIM))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, n)
    return (centre[y] + spread * rng.normal(size=(n, DIM))).astype(np.float32), y


@pytest.fixture(scope="module")
def two():
    """A pool and rows to test on."""
    return (*clouds(1200, 1), *clouds(900, 2))


def values(found, method, metric="accuracy"):
    """Of each seed."""
    at = found.metrics.index(metric)
    return [r["values"][at] for r in found.report()["runs"] if r["method"] == method]


@pytest.mark.parametrize("l2", [10.0, 0.1])
def test_like_scikit_learn(two, l2):
    """The penalty l2/2 |w|^2 beside the sum of losses is C = 1/l2 there; rows are brought to a mean of
    zero and unit mean square length by the pool's."""
    linear = pytest.importorskip(
        "sklearn.linear_model", reason="scikit-learn is not installed (Debian: python3-sklearn)"
    )
    x, y, asked, answer = two
    centre, scale = x.mean(0, dtype=float), np.sqrt(x.var(0, dtype=float).sum())

    def judged(rows):
        model = linear.LogisticRegression(C=1 / l2, tol=1e-8, max_iter=5000)
        said = model.fit((x[rows] - centre) / scale, y[rows]).predict((asked - centre) / scale)
        hit = said == answer
        return hit.mean(), np.mean([hit[answer == c].mean() for c in range(CLASSES)])

    found = compare(
        x, None, 60, ["random"], 3, label=y, judge=True, judge_l2=l2, valid=asked, valid_label=answer
    )
    kept = [random(x, budget=60, seed=seed).idx for seed in (1, 2, 3)]
    for method, choices in (("random", kept), ("full", [np.arange(len(x))] * 3)):
        want = np.array([judged(np.sort(rows)) for rows in choices])
        got = [values(found, method, metric) for metric in ("accuracy", "balanced accuracy")]
        assert np.abs(np.transpose(got) - want).max() <= 0.003  # 2 of 900 rows at a border
        assert want.max() < 0.95
    assert len(set(values(found, "random"))) > 1  # it tells choices apart


def test_chosen_penalty_is_one_of_its_grid(two):
    x, y, asked, answer = two

    def full(**more):
        beside = dict(label=y, judge=True, valid=asked, valid_label=answer)
        return values(compare(x[:90], None, 9, ["random"], 1, **{**beside, "label": y[:90]}, **more), "full")

    each = [full(judge_l2=l2) for l2 in (10, 1, 0.1, 0.01)]
    assert full() in each and len({a for (a,) in each}) > 1


def test_labels_of_nothing(two):
    """Permuted labels are guessed as by chance, within 3 standard errors, by all; true ones are not."""
    x, y, _, _ = two
    wrong = np.random.default_rng(5).permutation(y)
    by_label = compare(x, None, 200, ["random"], 3, label=y, judge=True, holdout=0.5)
    by_chance = compare(x, None, 200, ["random"], 3, label=wrong, judge=True, holdout="50%")
    tested = len(x) / 2
    for method in ("random", "full"):
        three = 3 * np.sqrt(0.25 * 0.75 / tested)
        assert min(values(by_label, method)) > 0.25 + 5 * three
        assert np.abs(np.array(values(by_chance, method)) - 0.25).max() <= three


def test_more_rows_teach_more(two):
    x, y, asked, answer = two
    beside = dict(label=y, judge=True, valid=asked, valid_label=answer, judge_l2=0.1)
    some = [compare(x, None, k, ["random"], 5, **beside) for k in (12, 60, 400)]
    means = [np.mean(values(f, "random")) for f in some]
    assert means == sorted(means) and means[-1] > means[0] + 0.05
    assert np.mean(values(some[0], "full")) >= means[-1] - 0.01


@pytest.mark.parametrize("together", [True, False])
def test_a_group_leaves_together(together):
    """Two copies each of rows with random labels: whoever learnt one copy by heart knows the other."""
    rng = np.random.default_rng(3)
    x = np.repeat(rng.normal(size=(150, 200)).astype(np.float32), 2, axis=0)
    y = np.repeat(rng.integers(0, 2, 150), 2)
    of = {"group": np.repeat(np.arange(150), 2)} if together else {}
    found = compare(
        x, None, 150, ["random"], 2, label=y, judge=True, judge_l2=0.01, holdout=0.3, **of
    )
    full = np.array(values(found, "full"))
    assert (np.abs(full - 0.5) <= 3 * np.sqrt(0.25 / 90)).all() if together else (full > 0.8).all()


def test_like_the_command(two, command, tmp_path):
    """Arrays, records and files say the same, to the bit, with rows held out and with rows given."""
    x, y, asked, answer = two
    names = np.array([f"class {c}" for c in range(CLASSES)])
    files = {}
    for name, rows, label in (("pool", x, y), ("valid", asked, answer)):
        files[name] = write_lines(
            tmp_path / f"{name}.jsonl", [{"text": f"t{i}", "y": names[c]} for i, c in enumerate(label)]
        )
        np.save(tmp_path / f"{name}.npy", rows)
    words = ["compare", "data", "--judge", "--methods", "random", "--seeds", 2, "--budget", 50]
    words += ["--label", "y", "--json", "--quiet", "--embeddings", tmp_path / "pool.npy"]
    valid = ["--valid", files["valid"], "--valid-embeddings", tmp_path / "valid.npy"]

    def runs(facts):
        return [(r["method"], r["seed"], r["values"]) for r in facts["runs"]]

    beside = dict(label=names[y], judge=True)
    want = runs(json.loads(command(*words, *valid, files["pool"])))
    got = compare(x, None, 50, ["random"], 2, valid=asked, valid_label=names[answer], **beside)
    assert runs(got.report()) == want
    records = [{"text": "t", "y": names[c]} for c in answer]
    got = compare(
        files["pool"], None, 50, ["random"], 2, embeddings=x, label="y", judge=True,
        valid=records, valid_embeddings=asked,
    )  # fmt: skip
    assert runs(got.report()) == want
    want = runs(json.loads(command(*words, "--holdout", "30%", files["pool"])))
    assert runs(compare(x, None, 50, ["random"], 2, holdout=0.3, **beside).report()) == want
    assert got.metrics == ["accuracy", "balanced accuracy"]


def test_wrong(two):
    x, y, asked, answer = two
    for message, more in {
        "judge needs label": {"judge": True},
        "holdout needs judge": {"label": y, "holdout": 0.2},
        "judge_l2 needs judge": {"label": y, "judge_l2": 1},
        "holdout is too much": {
            "label": y, "judge": True, "holdout": 0.2, "valid": asked, "valid_label": answer,
        },
        "valid has 900 rows and 3 labels": {
            "label": y, "judge": True, "valid": asked, "valid_label": answer[:3],
        },
        "no record of the pool has the label '7'": {
            "label": y, "judge": True, "valid": asked, "valid_label": answer + 4,
        },
        "needs two labels at least": {"label": ["a"] * len(x), "judge": True},
        "holdout 2.0": {"label": y, "judge": True, "holdout": 2.0},
    }.items():  # fmt: skip
        with pytest.raises(cull.Error, match=message):
            compare(x, None, 50, ["random"], 1, **more)
