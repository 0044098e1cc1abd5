"""What a call takes: arrays of every kind, texts, records, tables, settings."""

import sys

import numpy as np
import pytest
from conftest import BUDGET, N, write_lines

import cull
from cull import _inputs
from cull.data import rds_plus


def rows(pick):
    return pick.idx.tolist(), pick.score.view(np.int64).tolist()


def steps(problem, dtype=np.float64):
    """The problem in eighths, which every float type holds exactly."""
    return [np.round(a * 8).clip(-60, 60).astype(dtype) / 8 for a in (problem.pool, problem.target)]


@pytest.fixture(scope="module")
def want(problem):
    return rows(rds_plus(*steps(problem, np.float32), BUDGET))


# ---- arrays ----


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8", ">f2"])
def test_floats(problem, want, dtype):
    assert rows(rds_plus(*[a.astype(dtype) for a in steps(problem)], BUDGET)) == want


def test_bfloat16(problem, want):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    pool, target = [a.astype(ml_dtypes.bfloat16) for a in steps(problem)]
    assert rows(rds_plus(pool, target, BUDGET)) == want
    assert rows(rds_plus(pool.view("V2"), target.view("V2"), BUDGET)) == want


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
def test_integers(problem, dtype):
    a, t = [(x * 8 + 60).astype(dtype) for x in steps(problem)]
    assert rows(rds_plus(a, t, BUDGET)) == rows(rds_plus(a.astype("f4"), t.astype("f4"), BUDGET))


def test_layouts(problem, want):
    """Columns first, every other row, backwards, read-only, at odd addresses, in plain lists."""
    a, t = steps(problem, np.float32)
    wide = np.zeros((2 * N, a.shape[1] + 3), np.float32)
    wide[::2, 1:-2] = a
    odd = np.zeros(a.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(a.shape)
    odd[:] = a
    fixed = a.copy()
    fixed.flags.writeable = False
    for pool in (np.asfortranarray(a), wide[::2, 1:-2], a[::-1][::-1], odd, fixed, a.tolist()):
        assert rows(rds_plus(pool, t, BUDGET)) == want
    assert rows(rds_plus(memoryview(a), t, BUDGET)) == want
    assert rows(rds_plus(a.reshape(N, 3, -1), t.reshape(len(t), 3, -1), BUDGET)) == want


def test_no_copy_of_what_needs_none(problem):
    for a in (problem.pool, problem.pool.astype("f2"), np.load(problem.pool_file, mmap_mode="r")):
        assert np.shares_memory(_inputs.array("pool", a), a)


def test_array_interface(problem, want):
    class Foreign:
        def __init__(self, a):
            self.keep, self.__array_interface__ = a, a.__array_interface__

    a, t = steps(problem, np.float32)
    assert rows(rds_plus(Foreign(a), Foreign(t), BUDGET)) == want


def test_dlpack(problem, want):
    class Foreign:
        def __init__(self, a):
            self.a = a

        def __dlpack__(self, **kw):
            return self.a.__dlpack__(**kw)

        def __dlpack_device__(self):
            return self.a.__dlpack_device__()

    a, t = steps(problem, np.float32)
    assert rows(rds_plus(Foreign(a), Foreign(t), BUDGET)) == want


def test_one_dimension_is_a_column(problem):
    column = problem.pool[:, 0].copy()
    assert rows(rds_plus(column, column[:3], 5)) == rows(
        rds_plus(column[:, None], column[:3, None], 5)
    )


# ---- texts, records, tables ----


def test_arrays_and_series_of_texts(problem):
    want = rows(rds_plus(problem.texts, problem.want, BUDGET))
    for kind in ("U", object):
        pool, target = np.array(problem.texts, kind), np.array(problem.want, kind)
        assert rows(rds_plus(pool, target, BUDGET)) == want
    assert rows(rds_plus(tuple(problem.texts), tuple(problem.want), BUDGET)) == want


def test_texts_of_all_kinds(tmp_path):
    texts = [
        "",
        "naïve café",
        "日本語 の 文",
        "a\nb\tc",
        "emoji 😀 here",
        "x" * 5000,
        "nul \0 in it",
    ]
    path = write_lines(tmp_path / "t.jsonl", [{"text": t} for t in texts])
    for target in (["日本語"], ["café"]):
        assert rows(rds_plus(texts, target, 3)) == rows(rds_plus(path, target, 3))


def test_records_by_path(problem, tmp_path):
    """Fields inside of records mean the same as in a file."""
    chats = [
        {"meta": {"n": i, "kind": "ab"[i % 2]}, "messages": [{"role": "user", "content": t}]}
        for i, t in enumerate(problem.texts)
    ]
    path = write_lines(tmp_path / "chats.jsonl", chats)
    beside = dict(group="meta.kind", quota={"a": 0.25, "b": 0.75})
    want = rows(rds_plus(path, problem.want, BUDGET, **beside))
    assert rows(rds_plus(chats, problem.want, BUDGET, **beside)) == want
    with_numpy = [{"text": t, "length": np.int64(len(t)), "difficulty": np.float32(1)}
                  for t in problem.texts]  # fmt: skip
    assert len(cull.data.select2reason(with_numpy, budget=9)) == 9


@pytest.mark.parametrize("module", ["pyarrow", "polars", "pandas", "duckdb"])
def test_tables(problem, module):
    pytest.importorskip(module)
    pa = pytest.importorskip("pyarrow")
    p = problem
    columns = {k: [r[k] for r in p.records] for k in p.records[0]}
    columns["emb"] = p.pool.tolist()
    table = pa.table(
        {**columns, "emb": pa.array(columns["emb"], pa.list_(pa.float32(), p.pool.shape[1]))}
    )
    target = pa.table({"text": p.want, "v": pa.array(p.target.tolist(), pa.list_(pa.float32()))})
    if module == "polars":
        import polars

        table, target = polars.from_arrow(table), polars.from_arrow(target)
    elif module == "pandas":
        table, target = table.to_pandas(), target.to_pandas()
    elif module == "duckdb":
        import duckdb

        source = table  # noqa: F841
        table = duckdb.sql("from source")
    beside = dict(cost="cost", group="topic", quota="equal", label="topic", label_is="topic 1")
    want = rds_plus(p.records, p.want, 100, embeddings=p.pool, target_embeddings=p.target, **beside)
    got = rds_plus(table, target, 100, embeddings="emb", target_embeddings="v", **beside)
    assert rows(got) == rows(want)
    assert got.report()["figures"] == want.report()["figures"]
    want = cull.data.select2reason(p.texts, budget=30, scores=p.scores)
    assert rows(cull.data.select2reason(table, budget=30)) == rows(want)
    assert rows(cull.data.select2reason(p.texts, budget=30, scores=table)) == rows(want)
    assert rows(cull.data.dsir(table, target, 30)) == rows(cull.data.dsir(p.texts, p.want, 30))
    beside = dict(embeddings="emb", target_embeddings="v", methods=["rds-plus", "random"])
    runs = cull.data.compare(table, target, 30, **beside).report()["runs"]
    want = cull.data.compare(p.pool, p.target, 30, beside["methods"]).report()["runs"]
    assert [r["values"] for r in runs] == [r["values"] for r in want]


def test_parquet(problem, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.table({"text": problem.texts, "id": [str(i) for i in range(N)]})
    pyarrow.parquet.write_table(table, tmp_path / "pool.parquet")
    want = rows(rds_plus(problem.texts, problem.want, BUDGET))
    assert rows(rds_plus(tmp_path / "pool.parquet", problem.want, BUDGET)) == want
    pyarrow.parquet.write_table(table.slice(0, 100), tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table.slice(100), tmp_path / "b.parquet")
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert rows(rds_plus(parts, problem.want, BUDGET)) == want


def test_parquet_without_pyarrow(problem, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(cull.InputError, match="pip install pyarrow"):
        rds_plus("pool.parquet", problem.want, 3)


def test_pandas_without_pyarrow(problem, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": problem.texts, **problem.scores})
    want = rows(cull.data.select2reason(problem.texts, budget=30, scores=problem.scores))

    def refuse(self, requested_schema=None):
        raise ImportError("pyarrow is required")

    monkeypatch.setattr(type(frame), "__arrow_c_stream__", refuse, raising=False)
    assert rows(cull.data.select2reason(frame, budget=30)) == want
    assert rows(cull.data.select2reason(problem.texts, budget=30, scores=frame)) == want


# ---- beside the pool ----


def test_costs_of_a_pandas_without_pyarrow_keep_their_bits(problem, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": problem.texts, "price": problem.cost})
    want = cull.data.random(problem.texts, budget=200, cost=problem.cost)
    monkeypatch.delattr(type(frame), "__arrow_c_stream__", raising=False)
    got = cull.data.random(frame, budget=200, cost="price")
    assert rows(got) == rows(want) and got.spent == want.spent


def test_a_field_of_the_pool_is_none_of_a_list(problem):
    """text names a field of the records; the target is plain texts all the same."""
    records = [{"body": t} for t in problem.texts]
    want = rows(rds_plus(problem.texts, problem.want, BUDGET))
    assert rows(rds_plus(records, problem.want, BUDGET, text="body")) == want


def test_columns_of_data_frames(problem):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": problem.texts, "cost": problem.cost, "topic": problem.topic})
    beside = dict(quota="equal", label_is="topic 3")
    want = cull.data.random(problem.texts, budget=90, cost=problem.cost, group=problem.topic,
                            label=problem.topic, **beside)  # fmt: skip
    got = cull.data.random(frame["text"], budget=90, cost=frame["cost"], group=frame["topic"],
                           label=frame["topic"].astype("category"), **beside)  # fmt: skip
    assert rows(got) == rows(want) and got.report()["labels"] == want.report()["labels"]


def test_names_of_groups(problem, tmp_path):
    """Numbers, truths and texts are called as a file of records would have them."""
    for values in ([1, 2, 10], [0.5, 2.0, 1e30], ["b", "a", "ü"], [True, False]):
        column = [values[i % len(values)] for i in range(N)]
        path = write_lines(tmp_path / "p.jsonl", [{"text": "a", "g": v} for v in column])
        if isinstance(values[0], bool):
            names = ["true", "false"]
        else:
            names = [
                g["name"] for g in cull.data.random(path, budget=9, label="g").report()["labels"]
            ]
        for given in (column, np.array(column), tuple(column)):
            got = cull.data.random(problem.pool, budget=9, label=given)
            assert [g["name"] for g in got.report()["labels"]] == names


def test_scores_as_a_table(problem):
    p = problem
    want = rows(cull.data.select2reason(p.pool, budget=9, scores=p.scores))
    kind = [(k, "f8") for k in p.scores]
    structured = np.array(list(zip(*p.scores.values())), dtype=kind)
    assert rows(cull.data.select2reason(p.pool, budget=9, scores=structured)) == want
    lists = {k: v.tolist() for k, v in p.scores.items()}
    assert rows(cull.data.select2reason(p.pool, budget=9, scores=lists)) == want
    assert rows(cull.data.select2reason(p.pool, budget=9, scores=str(p.scores_file))) == want


@pytest.mark.parametrize(
    "budget, kept", [(30, 30), (np.int64(30), 30), (0.1, 30), ("10%", 30), (30.0, 30), (0.07, 21),
                     ("30", 30), (np.float32(0.25), 75), (0.29, 87)]
)  # fmt: skip
def test_budgets(problem, budget, kept):
    assert len(cull.data.random(problem.pool, budget=budget)) == kept


def test_settings_as_text():
    assert _inputs.budget(0.02) == "2%" and _inputs.budget(0.1) == "10%"
    assert _inputs.budget(1e-7) == "0.00001%" and _inputs.budget(2.5) == "2.5"
    assert _inputs.budget(1e6) == "1000000"
    assert _inputs.quota({"a b": 0.25, 3: "10%"}) == "a b=0.25,3=10%"
    assert _inputs.text("x", np.bool_(True)) == "true" and _inputs.text("x", 1e-3) == "0.001"


def test_none_is_nothing(problem):
    a = cull.data.random(problem.pool, budget=9, cost=None, group=None, memory=None, progress=None)
    assert rows(a) == rows(cull.data.random(problem.pool, budget=9))
