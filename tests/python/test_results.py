"""A pick and what can be done with it."""

import json
import pickle

import numpy as np
import pytest
from conftest import BUDGET, N

import cull
from cull.data import random, rds_plus


@pytest.fixture(scope="module")
def pick(problem):
    return rds_plus(problem.pool, problem.target, BUDGET)


@pytest.fixture(scope="module")
def reported(problem):
    p = problem
    return rds_plus(p.records, p.want, BUDGET, label="topic", label_is="topic 2", report=True)


def same(a, b):
    assert a.idx.tolist() == b.idx.tolist() and a.by.tolist() == b.by.tolist()
    assert a.score.view(np.int64).tolist() == b.score.view(np.int64).tolist()
    assert (a.by_what, a.spent, a.n, a.method, a.seed) == (
        b.by_what,
        b.spent,
        b.n,
        b.method,
        b.seed,
    )
    assert (a.budget, a.budget_text, a.cost_unit) == (b.budget, b.budget_text, b.cost_unit)
    assert a.report() == b.report()
    return True


def test_rows(pick, problem):
    assert len(pick) == BUDGET and list(pick) == pick.idx.tolist() and pick.n == N
    assert (pick.idx.dtype, pick.score.dtype, pick.by.dtype) == (np.int64, np.float64, np.int32)
    assert pick.by_what == "target" and set(pick.by) <= set(range(7))
    assert pick.method == "rds-plus" and pick.budget == pick.spent == BUDGET
    pick.idx[0] = pick.idx[0]  # the caller's own
    assert np.flatnonzero(pick.mask()).tolist() == sorted(pick.idx)
    assert pick.mask(1000).sum() == BUDGET and len(pick.mask(1000)) == 1000
    with pytest.raises(cull.InputError, match="has no row"):
        pick.mask(3)


def test_take(pick, problem):
    lie = np.sort(pick.idx)
    assert (pick.take(problem.pool) == problem.pool[pick.idx]).all()
    assert (pick.take(problem.pool, order="pool") == problem.pool[lie]).all()
    assert pick.take(problem.texts) == [problem.texts[i] for i in pick.idx]
    assert pick.take(tuple(problem.texts), "pool") == [problem.texts[i] for i in lie]
    with pytest.raises(cull.InputError, match="there are 3 rows, the pool had 300"):
        pick.take([1, 2, 3])
    with pytest.raises(cull.OptionError, match="order 'best' is neither pick nor pool"):
        pick.take(problem.pool, "best")


@pytest.mark.parametrize("module", ["pandas", "pyarrow", "polars"])
def test_take_of_tables(pick, problem, module):
    m = pytest.importorskip(module)
    make = m.table if module == "pyarrow" else m.DataFrame
    kept = pick.take(make({"text": problem.texts}))["text"]
    kept = kept.to_pylist() if module == "pyarrow" else list(kept)
    assert kept == [problem.texts[i] for i in pick.idx]


def test_repr(pick, reported):
    lines = repr(pick).split("\n")
    assert lines[0] == "<Pick rds-plus: 40 of 300 rows (0.133), budget 40>"
    assert lines[1].split() == ["row", "score", "target"]
    assert lines[2].split()[0] == str(pick.idx[0]) and len(lines) == 8
    found = next(f for f in reported.report()["figures"] if f["metric"] == "precision")
    assert f"precision {found['value']:.3g}, coverage " in repr(reported)
    text = random(["a b", "a"], budget=3, cost="words")
    assert "2 of 2 rows (1), 3 words" in repr(text)


def test_html(pick, reported):
    assert "<table>" in pick._repr_html_() and "report=True" in pick._repr_html_()
    page = reported._repr_html_()
    assert page.startswith("<iframe srcdoc=") and "&lt;svg" in page and page.count("<") == 2


def test_report(reported):
    facts = reported.report()
    assert facts["method"] == "rds-plus" and facts["kept"] == BUDGET and facts["inputs"]
    assert {f["name"] for f in facts["figures"]} >= {"rds-plus", "random"}
    assert [r["row"] for r in facts["pick"]] == reported.idx.tolist()
    assert facts["pick"][0]["id"] == f"r{reported.idx[0]}"


def test_to_pandas(pick, reported):
    pytest.importorskip("pandas")
    assert pick.to_pandas()["row"].tolist() == pick.idx.tolist()
    assert reported.to_pandas()["id"].tolist() == [f"r{i}" for i in reported.idx]


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickles(pick, reported, protocol):
    for p in (pick, reported):
        back = pickle.loads(pickle.dumps(p, protocol))
        assert same(p, back) and repr(back).split("\n")[1:] == repr(p).split("\n")[1:]
    assert len(pickle.dumps(pick)) < 8000


def test_save_and_load(pick, reported, tmp_path):
    for p in (pick, reported):
        for name in ("p.json", "p.json.gz", "p.json.zst"):
            p.save(tmp_path / name)
            assert same(p, cull.Pick.load(tmp_path / name))
    reported.save(str(tmp_path / "p.html"))
    reported.save(tmp_path / "p.md")
    reported.save(tmp_path / "p.tsv")
    assert (tmp_path / "p.tsv").read_text().startswith("row\tid\tscore\tby\n")
    with pytest.raises(cull.InputError, match="is written as .json, .tsv"):
        pick.save(tmp_path / "p.docx")
    with pytest.raises(cull.FileError):
        pick.save(tmp_path / "nowhere" / "p.json")


def test_what_was_loaded_is_written_again(reported, tmp_path):
    """A pick without its job: the same bytes but for snippets of text, which a pick file has not."""
    reported.save(tmp_path / "a.json")
    back = cull.Pick.load(tmp_path / "a.json")
    for name in ("b.json", "b.tsv", "b.md"):
        reported.save(tmp_path / name)
        back.save(tmp_path / ("again." + name))
        assert (tmp_path / name).read_bytes() == (tmp_path / ("again." + name)).read_bytes(), name
    back.save(tmp_path / "again.html")


def test_the_command_reads_it(problem, command, tmp_path):
    p = problem
    pick = rds_plus(p.records_file, p.want_file, BUDGET, report=True)
    pick.save(tmp_path / "pick.json")
    command("apply", tmp_path / "pick.json", p.records_file, "-o", tmp_path / "kept.jsonl")
    kept = [json.loads(line)["id"] for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert kept == [f"r{i}" for i in sorted(pick.idx)]
    assert command("replay", tmp_path / "pick.json") == f"same\t{BUDGET} rows\n"


def test_bare_lists(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([4, 1, 7]))
    (tmp_path / "rows.txt").write_text("4\n1\n7\n")
    for name in ("rows.npy", "rows.txt"):
        pick = cull.Pick.load(tmp_path / name)
        assert list(pick) == [4, 1, 7] and pick.n == 0 and pick.method == ""
        assert np.isnan(pick.score).all() and pick.by.tolist() == [-1, -1, -1]
        assert "3 rows" in repr(pick) and len(pick.take(list(range(9)))) == 3
        assert list(pickle.loads(pickle.dumps(pick))) == [4, 1, 7]


def test_a_pick_of_none(problem):
    """A quota of nothing for everyone leaves nothing to keep."""
    none = random(problem.pool, budget=5, group=["a"] * N, quota={"a": 0.0})
    assert len(none) == 0 and none.mask().sum() == 0 and len(none.take(problem.pool)) == 0
    assert repr(none).startswith("<Pick random: 0 of 300") and none.report()["pick"] == []


def test_a_pick_outlives_all(problem):
    pick = rds_plus(problem.pool.copy(), problem.target.copy(), BUDGET, memory="1G")
    want = pick.idx.tolist()
    for _ in range(20):  # others use its context
        random(problem.pool, budget=3, memory="1G")
    assert pick.idx.tolist() == want == [r["row"] for r in pick.report()["pick"]]


def test_comparison(problem, tmp_path):
    c = cull.data.compare(problem.pool, problem.target, BUDGET, ["random", "rds-plus"], 3)
    assert repr(c).startswith("coverage") and "rds-plus" in repr(c)
    c.save(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text()) == c.report()
    assert "&lt;svg" in c._repr_html_()
    pytest.importorskip("pandas")
    assert set(c.to_pandas()["method"]) == {"random", "rds-plus"}
    with pytest.raises(cull.InputError):
        c.save(tmp_path / "c.xls")


def test_copies(problem):
    """Without a budget all that stays is kept; every row knows what stands for it."""
    pool = np.concatenate([problem.pool, problem.pool[:40] * 2])
    pick = cull.data.semdedup(pool, threshold=0.9999)
    assert len(pick) <= N and pick.stands.shape == pick.like.shape == (N + 40,)
    assert (pick.stands[N:] == pick.stands[:40]).all() and (pick.like[N:] > 0.9999).all()
    assert (pick.stands[pick.idx] == pick.idx).all()
    assert (pickle.loads(pickle.dumps(pick)).stands == pick.stands).all()
    assert random(problem.pool, budget=3).stands is None
