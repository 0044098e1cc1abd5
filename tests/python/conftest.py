"""What the tests of the Python package share: one small problem, as files and in memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
N, M, DIM, BUDGET = 300, 7, 12, 40
COLUMNS = ("loss_prior", "loss_cond", "difficulty", "length", "quality")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes or gigabytes; run by -m slow")


def pytest_collection_modifyitems(config, items):
    if "slow" not in (config.getoption("-m") or ""):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run by -m slow"))


@pytest.fixture(scope="session")
def library():
    at = os.environ.get("CULL_LIBRARY")
    if not at:
        pytest.skip("CULL_LIBRARY names no libcull.so of a build tree")
    return Path(at).resolve()


@pytest.fixture(scope="session")
def command(library):
    """Runs the command of the same build; gives its standard output."""
    program = library.with_name("cull")
    if not program.exists():
        pytest.skip(f"there is no command {program}")

    def run(*words):
        words = [str(w) for w in words]
        done = subprocess.run([str(program), *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def compiled(library, tmp_path_factory):
    """Compiles a C program against the headers and the library under test."""
    cc = shutil.which(os.environ.get("CC", "cc"))
    if not cc:
        pytest.skip("there is no C compiler")

    def build(source):
        out = tmp_path_factory.mktemp("c") / "program"
        words = [cc, "-std=c17", "-O1", "-I", ROOT / "include", source, "-o", out, library]
        subprocess.run([*map(str, words), f"-Wl,-rpath,{library.parent}"], check=True)
        return out

    return build


@pytest.fixture(scope="session")
def problem(tmp_path_factory):
    """300 records of five topics, of which the target is about one."""
    rng = np.random.default_rng(11)
    words = np.array([f"w{i}" for i in range(120)])
    topic = rng.integers(0, 5, N)

    def sentence(k):
        own = words[20 * k + rng.integers(0, 20, rng.integers(6, 14))]
        return " ".join(own) + " " + " ".join(words[100 + rng.integers(0, 20, 4)])

    p = SimpleNamespace(topic=[f"topic {k}" for k in topic], cost=rng.uniform(1, 9, N))
    p.texts = [sentence(k) for k in topic]
    p.want = [sentence(2) for _ in range(M)]
    centre = rng.normal(size=(5, DIM))
    p.pool = (centre[topic] + 0.6 * rng.normal(size=(N, DIM))).astype(np.float32)
    p.target = (centre[2] + 0.6 * rng.normal(size=(M, DIM))).astype(np.float32)
    p.scores = {c: rng.normal(size=N) for c in COLUMNS}
    p.mask = rng.uniform(size=N) < 0.1
    p.records = [
        {
            "id": f"r{i}",
            "text": p.texts[i],
            "topic": p.topic[i],
            "cost": p.cost[i],
            **{c: v[i] for c, v in p.scores.items()},
        }
        for i in range(N)
    ]
    p.folder = tmp_path_factory.mktemp("problem")
    p.records_file = write_lines(p.folder / "pool.jsonl", p.records)
    p.want_file = write_lines(p.folder / "want.jsonl", [{"text": t} for t in p.want])
    p.pool_file, p.target_file = p.folder / "pool.npy", p.folder / "target.npy"
    np.save(p.pool_file, p.pool)
    np.save(p.target_file, p.target)
    p.scores_file = p.folder / "scores.npz"
    np.savez(p.scores_file, **p.scores)
    return p


def write_lines(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def python(code, *words, **kw):
    """Runs a program in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        **kw,
    )
