"""cull.cluster: against the command, plain numpy and another start."""

import numpy as np
import pytest

import cull


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    return (rng.normal(size=(20, 9))[rng.integers(0, 20, 3000)] * 4 + rng.normal(size=(3000, 9))).astype("f4")


def right(x, c):
    distance = ((x[:, None].astype("f8") - c.centroid[None]) ** 2).sum(2)
    assert (distance.argmin(1) == c.assign).all()
    assert np.isclose(distance.min(1).sum(), c.objective)
    assert (np.bincount(c.assign, minlength=len(c)) == c.count).all()


@pytest.mark.parametrize("more", [{}, {"start": "rows"}, {"batch": 400, "iterations": 30}, {"restarts": 3}])
def test_rows_are_with_their_nearest(rows, more):
    c = cull.cluster(rows, 20, threads=2, **more)
    right(rows, c)
    again = cull.cluster(rows, 20, threads=1, **more)
    assert (c.centroid == again.centroid).all() and c.objective == again.objective
    assert repr(c).startswith("<Clusters: 20 of 3000 rows")


def test_like_the_command(rows, command, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, rows.astype("f2"))
    command("cluster", "-q", "--clusters", 12, "--seed", 5, path, "-o", tmp_path / "c.npy")
    for pool in (path, np.load(path, mmap_mode="r")):
        assert (cull.cluster(pool, 12, seed=5).centroid == np.load(tmp_path / "c.npy")).all()


def test_wrong(rows, tmp_path):
    for message, call in {
        "clusters of 3000 rows": lambda: cull.cluster(rows, 3001),
        "none of k-means": lambda: cull.cluster(rows, 3, start="mean"),
        "needs a row for each": lambda: cull.cluster(rows, 9, batch=3),
        "no size": lambda: cull.cluster(rows, 9, memory="much"),
        "nan": lambda: cull.cluster(np.full((9, 2), np.nan), 3),
    }.items():
        with pytest.raises(cull.Error, match=message):
            call()
    with pytest.raises(cull.FileError):
        cull.cluster(tmp_path / "no.npy", 3)
