"""Arrays that grow on disk: what is appended comes back, to numpy and to a choice; kills; refusals."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import cull

RNG = np.random.default_rng(4)
ROWS = RNG.normal(size=(500, 24)).astype(np.float32)


def test_comes_back(tmp_path):
    path = tmp_path / "rows.npy"
    with cull.Store(path, 24) as store:
        store.append(ROWS[:3])
        store.append(ROWS[3])
        store.append(ROWS[4:90].tolist())
        store.flush()
        assert len(store) == 90
    with cull.Store(str(path), 24) as store:
        assert len(store) == 90
        store.append(ROWS[90:].astype(np.float64)[:, ::-1][:, ::-1])  # not contiguous
    assert (np.load(path) == ROWS.astype(np.float16)).all()
    assert (np.load(path, mmap_mode="r")[499] == ROWS[499].astype(np.float16)).all()
    a = cull.data.less(path, ROWS[:5], 20)
    b = cull.data.less(ROWS.astype(np.float16), ROWS[:5], 20)
    assert a.idx.tolist() == b.idx.tolist()
    assert a.score.tolist() == b.score.tolist()
    with open(path, "r+b") as f:
        f.seek(128 + 300 * 48)
        f.write(b"\x11")
    with pytest.raises(cull.FileError, match="rows 90 to 499: their checksum differs"):
        cull.data.less(path, ROWS[:5], 20)


def test_dtypes(tmp_path):
    with cull.Store(tmp_path / "f.npy", 24, "float32") as store:
        store.append(ROWS)
    assert (np.load(tmp_path / "f.npy") == ROWS).all()
    with cull.Store(tmp_path / "b.npy", 24, dtype="bfloat16") as store:
        store.append(ROWS * 1e20)
    bits = np.load(tmp_path / "b.npy").view(np.uint16).astype(np.uint32) << 16
    assert np.allclose(bits.view(np.float32), ROWS * 1e20, rtol=0.004, atol=0)


def test_projection(tmp_path):
    """Rows a few at a time or at once; angles are kept, better in more dimensions."""
    wide = RNG.normal(size=(40, 20000)) + RNG.normal(size=20000)
    for name, step in (("a.npy", 7), ("b.npy", 40)):
        with cull.Store(tmp_path / name, 2048, "float32", project_from=20000) as store:
            for i in range(0, 40, step):
                store.append(wide[i : i + step])
    a, b = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    assert (a == b).all()

    def cosines(x):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return x @ x.T

    off = np.abs(cosines(a.astype(np.float64)) - cosines(wide))
    assert off.mean() < 1 / 2048**0.5
    with pytest.raises(cull.InputError, match="from 20000 with seed 1, not of 2048 .* seed 2"):
        cull.Store(tmp_path / "a.npy", 2048, "float32", project_from=20000, seed=2)


def test_killed(tmp_path):
    """The rows that were told as flushed are there, and the rest can be appended."""
    path = tmp_path / "killed.npy"
    code = """
import sys, numpy, cull
rows = numpy.load(sys.argv[2])
with cull.Store(sys.argv[1], 24, "float32") as store:
    while True:
        at = len(store)
        store.append(rows[at : at + 7])
        store.flush()
        print(len(store), flush=True)
"""
    np.save(tmp_path / "from.npy", ROWS)
    told = 0
    for words in (3, 2):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(tmp_path / "from.npy")],
            stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            for _ in range(words):
                told = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
        with cull.Store(path, 24, "float32") as store:
            assert len(store) >= told
    with cull.Store(path, 24, "float32") as store:
        store.append(ROWS[len(store) :])
    assert (np.load(path) == ROWS).all()
    assert len(cull.data.less(path, ROWS[:1], 3).idx) == 3


def test_refusals(tmp_path):
    store = cull.Store(tmp_path / "r.npy", 24)
    for rows, sentence in (
        (ROWS[:, :5], r"shape \(500, 5\); it takes rows of 24 numbers"),
        (np.full((1, 24), np.nan), r"r.npy\[0, 0\] is nan"),
        (np.full((1, 24), 1e6), r"f16 takes finite numbers up to 65504"),
        ("text", "rows is of type str"),
    ):
        with pytest.raises(cull.InputError, match=sentence):
            store.append(rows)
    with pytest.raises(cull.FileError, match="another process appends"):
        cull.Store(tmp_path / "r.npy", 24)
    store.close()
    store.close()
    with pytest.raises(cull.InputError, match="the store is closed"):
        store.append(ROWS)
    with pytest.raises(cull.OptionError, match="int8"):
        cull.Store(tmp_path / "s.npy", 24, "int8")
    with pytest.raises(cull.InputError, match="call it NAME.npy"):
        cull.Store(tmp_path / "s.pt", 24)
    np.save(tmp_path / "plain.npy", ROWS)
    with pytest.raises(cull.InputError, match="it is no store"):
        cull.Store(tmp_path / "plain.npy", 24, "float32")


def test_an_exception_keeps_rows(tmp_path):
    with pytest.raises(RuntimeError), cull.Store(tmp_path / "e.npy", 24) as store:
        store.append(ROWS[:9])
        raise RuntimeError
    assert np.load(tmp_path / "e.npy").shape == (9, 24)


def test_a_child_leaves_it_alone(tmp_path):
    store = cull.Store(tmp_path / "fork.npy", 24)
    store.append(ROWS[:9])
    pid = os.fork()
    if pid == 0:
        del store
        os._exit(0)
    os.waitpid(pid, 0)
    assert np.load(tmp_path / "fork.npy").shape == (0, 24)
    store.close()
    assert np.load(tmp_path / "fork.npy").shape == (9, 24)


def test_checkpoints(problem, command, tmp_path):
    """Gradients at three checkpoints: files, one array and its rates, or the command."""
    p = problem
    n, m = len(p.texts), len(p.want)
    grads = RNG.normal(size=(3, n, 8)).astype(np.float32)
    wants = RNG.normal(size=(3, m, 8)).astype(np.float32)
    rates = [3e-5, 2e-5, 1e-5]
    words = ["data", "less", "--budget", 20, "--json", "--quiet", "--rates", "3e-5,2e-5,1e-5"]
    words += ["--target", p.want_file]
    paths = {"g": [], "w": []}
    for c in range(3):
        for name, flag, a in (("g", "--embeddings", grads), ("w", "--target-embeddings", wants)):
            path = tmp_path / f"{name}{c}.npy"
            np.save(path, a[c])
            paths[name].append(path)
            words += [flag, path]
    import json

    told = json.loads(command(*words, p.records_file))["pick"]

    def unit(x):
        return x / np.linalg.norm(x, axis=2, keepdims=True)

    cos = np.einsum("cnd,cmd->cnm", unit(grads.astype(float)), unit(wants.astype(float)))
    want = np.tensordot(np.array(rates) / sum(rates), cos.mean(2), 1)
    best = np.argsort(-want)[:20]
    assert [k["row"] for k in told] == best.tolist()
    assert np.allclose([k["score"] for k in told], want[best], atol=1e-6, rtol=0)
    beside = dict(target_embeddings=paths["w"], rates=rates)
    a = cull.data.less(p.texts, p.want, 20, embeddings=paths["g"], **beside)
    side = [np.ascontiguousarray(x.transpose(1, 0, 2)) for x in (grads, wants)]  # (n, 3, 8)
    b = cull.data.less(p.texts, p.want, 20, embeddings=side[0], target_embeddings=side[1], rates=rates)
    c = cull.data.less(side[0].reshape(n, 24), side[1].reshape(m, 24), 20, rates="3e-5,2e-5,1e-5")
    for pick in (a, b, c):
        assert pick.idx.tolist() == [k["row"] for k in told]
        assert pick.score.tolist() == [k["score"] for k in told]
