"""Runs that are stopped and go on, and runs in shares: the same pick as of one call, from Python and the command."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import python, write_lines

import cull
from cull.data import kmq, less, rds_plus

LONG = dict(budget=100, clusters=30, restarts=9, seed=3)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A pool that k-means takes some hundred passes over, and a target."""
    rng = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("scale")
    for name, n in (("pool", 1200), ("target", 9)):
        np.save(folder / f"{name}.npy", rng.normal(size=(n, 12)).astype(np.float32))
    return folder / "pool.npy", folder / "target.npy"


@pytest.fixture
def told(library):
    """Runs the command of the same build; gives its exit status and what it says."""

    def run(*words):
        words = [str(library.with_name("cull")), *map(str, words)]
        done = subprocess.run(words, capture_output=True, text=True)
        return done.returncode, done.stderr

    return run


def rows(pick):
    return pick.idx.tolist(), pick.score.view(np.int64).tolist()


def flip(path):
    """One bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


# ---- runs that are stopped ----


def stopped(keep, pool, loops=5):
    """A call that Ctrl-C stops when some of its loops are kept."""

    def stop(*_):
        if keep.exists() and len(list(keep.iterdir())) > loops:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        kmq(pool, checkpoint=keep, progress=stop, **LONG)
    assert {p.suffix for p in keep.iterdir()} == {"", ".checkpoint"}


@pytest.mark.parametrize("in_memory", [False, True])
def test_goes_on(files, tmp_path, in_memory):
    pool, keep, seen, again = files[0], tmp_path / "keep", [], []
    if in_memory:
        pool = np.load(pool)
    want = kmq(pool, progress=lambda *a: seen.append(a), **LONG)
    stopped(keep, pool)
    got = kmq(pool, checkpoint=str(keep), progress=lambda *a: again.append(a), **LONG)
    assert rows(got) == rows(want)
    assert len(again) < 0.9 * len(seen)  # of what was kept nothing is done again
    assert not keep.exists()
    other = {**LONG, "seed": 4}
    assert rows(kmq(pool, checkpoint=keep, **other)) == rows(kmq(pool, **other))
    assert not keep.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import cull
keep = Path(sys.argv[2])
def kill(*_):
    if keep.exists() and len(list(keep.iterdir())) > 5:
        os.kill(os.getpid(), signal.SIGKILL)
cull.data.kmq(sys.argv[1], budget=100, clusters=30, restarts=9, seed=3, checkpoint=keep, progress=kill)
"""


def test_killed_and_the_command_goes_on(files, told, tmp_path):
    """The two know one run as the same, so that either goes on from the other."""
    keep, out = tmp_path / "keep", tmp_path / "pick.json"
    assert python(KILLED, files[0], keep).returncode == -signal.SIGKILL
    words = ["data", "kmq", "--budget", 100, "--clusters", 30, "--restarts", 9, "--seed", 3]
    rc, said = told(*words, "-v", "--checkpoint", keep, files[0], "-o", out)
    assert rc == 0 and said.count("k-means: goes on after step") >= 4, said
    assert rows(cull.Pick.load(out)) == rows(kmq(files[0], **LONG))
    assert not keep.exists()


def test_refused_checkpoints(files, tmp_path):
    keep = tmp_path / "keep"
    stopped(keep, files[0])
    with pytest.raises(cull.InputError, match=r"keep: belongs to another run \(there seed: 3; here seed: 4\)"):
        kmq(files[0], checkpoint=keep, **{**LONG, "seed": 4})
    with pytest.raises(cull.InputError, match="belongs to another run .there pool: .*pool.npy"):
        kmq(np.load(files[0]), checkpoint=keep, **LONG)
    bad = sorted(keep.glob("*.checkpoint"))[1]
    flip(bad)
    with pytest.raises(cull.FileError, match=f"{bad.name}: is damaged .*; remove it"):
        kmq(files[0], checkpoint=keep, **LONG)
    bad.unlink()
    assert rows(kmq(files[0], checkpoint=keep, **LONG)) == rows(kmq(files[0], **LONG))


def test_files_of_others_stay(files, tmp_path):
    """A folder is emptied of checkpoints only."""
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "notes").write_text("mine")
    kmq(files[0], checkpoint=keep, **LONG)
    assert [p.name for p in keep.iterdir()] == ["notes"]


def test_cluster(files, tmp_path):
    keep = tmp_path / "keep"
    want = cull.cluster(files[0], 40, seed=5)
    got = cull.cluster(files[0], 40, seed=5, checkpoint=keep)
    assert (got.centroid == want.centroid).all() and not keep.exists()


# ---- runs in shares ----


def share(i, n, call, *args, **given):
    """Does one, and gives back what it says."""
    with pytest.raises(cull.WaitingError) as waiting:
        call(*args, shard=f"{i}/{n}", **given)
    return str(waiting.value)


@pytest.mark.parametrize("call", [rds_plus, less])
@pytest.mark.parametrize("shards", [2, 3])
def test_shares(files, tmp_path, call, shards):
    pool, target = files
    parts = tmp_path / "parts"
    want = rows(call(pool, target, 50))
    for i in range(1, shards + 1):
        said = share(i, shards, call, pool, target, 50, parts=parts)
        missing = ", ".join(str(k) for k in range(i + 1, shards + 1))
        assert said.startswith(f"shard {i} of {shards}: its share of") and f"{parts};" in said
        assert said.endswith(f"still missing: {missing}" if missing else "without shard")
        assert rows(call(pool, target, 50)) == want  # a call in between has no part in it
    for _ in range(2):  # shares stay
        assert rows(call(pool, target, 50, parts=str(parts))) == want
    report = call(pool, target, 50, parts=parts, report=True)
    assert rows(report) == want and report.report()["figures"]


def test_shares_of_arrays_and_the_command(files, command, told, tmp_path):
    """A share each by Python and the command; in memory, two by Python."""
    pool, target = files
    want = rows(rds_plus(pool, target, 50))
    words = ["data", "rds-plus", "--budget", 50, "--target", target, pool, "--parts", tmp_path / "a"]
    share(1, 2, rds_plus, pool, target, 50, parts=tmp_path / "a")
    rc, said = told(*words, "--shard", "2/2")
    assert rc == 0 and "all are there" in said
    command(*words, "--quiet", "-o", tmp_path / "pick.json")
    assert rows(cull.Pick.load(tmp_path / "pick.json")) == want
    assert rows(rds_plus(pool, target, 50, parts=tmp_path / "a")) == want
    arrays = np.load(pool), np.load(target)
    for i in (1, 2):
        share(i, 2, rds_plus, *arrays, 50, parts=tmp_path / "b")
    assert rows(rds_plus(*arrays, 50, parts=tmp_path / "b")) == want


def test_refused_shares(files, tmp_path):
    pool, target = files
    parts = tmp_path / "parts"
    share(1, 2, rds_plus, pool, target, 50, parts=parts)
    with pytest.raises(cull.InputError, match="parts: of 2 shards at 'nearest rows' there are missing: 2"):
        rds_plus(pool, target, 50, parts=parts)
    share(2, 2, rds_plus, pool, target, 50, parts=parts)
    with pytest.raises(cull.InputError, match="parts: belongs to another run .there budget: 50; here budget: 51"):
        rds_plus(pool, target, 51, parts=parts)
    with pytest.raises(cull.InputError, match="parts: belongs to another run .*method"):
        less(pool, target, 50, parts=parts)
    bad = sorted(parts.glob("*.2-of-2"))[0]
    whole = bad.read_bytes()
    flip(bad)
    with pytest.raises(cull.FileError, match=f"{bad.name}: is damaged"):
        rds_plus(pool, target, 50, parts=parts)
    bad.write_bytes(whole[:-9])
    with pytest.raises(cull.FileError, match=rf"{bad.name}: has \d+ bytes, not {len(whole)}"):
        rds_plus(pool, target, 50, parts=parts)
    first = Path(str(bad).replace("2-of-2", "1-of-2"))
    bad.write_bytes(first.read_bytes())
    with pytest.raises(cull.FileError, match=f"{bad.name}: is another part than its name says"):
        rds_plus(pool, target, 50, parts=parts)
    bad.write_bytes(whole)
    assert rows(rds_plus(pool, target, 50, parts=parts)) == rows(rds_plus(pool, target, 50))


def test_one_run_whatever_the_order(files, tmp_path):
    """Of what it is given by name; and one of so many files that its description is long."""
    pool, target = files
    x = np.load(pool)
    names = [tmp_path / f"{i:04d}-{'long' * 40}.npy" for i in range(40)]
    for name, some in zip(names, np.split(x, 40)):
        np.save(name, some)
    groups = dict(group=["a", "b"] * 600, quota="equal")
    costs = dict(cost=np.ones(1200), memory="1G")
    for pools in (pool, names):
        share(1, 2, rds_plus, pools, target, 50, parts=tmp_path / "p", **groups, **costs)
        share(2, 2, rds_plus, pools, target, 50, **costs, **groups, parts=tmp_path / "p")
        got = rds_plus(budget=50, pool=pools, parts=tmp_path / "p", **groups, target=target, **costs)
        assert rows(got) == rows(rds_plus(pool, target, 50, **groups, **costs))
        for p in (tmp_path / "p").iterdir():
            p.unlink()


def test_a_share_of_another_run(files, tmp_path):
    pool, target = files
    for budget in (50, 51):
        for i in (1, 2):
            share(i, 2, rds_plus, pool, target, budget, parts=tmp_path / str(budget))
    (name,) = (p.name for p in (tmp_path / "50").glob("*.2-of-2"))
    (tmp_path / "51" / name).replace(tmp_path / "50" / name)
    with pytest.raises(cull.InputError, match=f"{name}: is of another run"):
        rds_plus(pool, target, 50, parts=tmp_path / "50")


def test_wrong(files, tmp_path):
    pool, target = files
    for message, more in {
        "shard wants parts DIR": {"shard": "1/2"},
        "shard '3/2' is no share": {"shard": "3/2", "parts": tmp_path / "a"},
        "there are no shards to put together": {"parts": tmp_path / "b"},
        "checkpoint and parts are two ways": {"checkpoint": tmp_path / "c", "parts": tmp_path / "d"},
    }.items():
        with pytest.raises(cull.Error, match=message):
            rds_plus(pool, target, 50, **more)
    with pytest.raises(cull.OptionError, match="for a run, not for a comparison"):
        cull.data.compare(pool, target, 50, ["rds-plus"], 1, checkpoint=tmp_path / "e")
    assert not list(tmp_path.glob("[abce]"))


def test_only_what_a_later_run_finds_again(files, tmp_path):
    """Records in memory go by a new file each time, texts by none: refused at once, nothing written."""
    records = [{"text": f"a {i}"} for i in range(9)]
    many = "pool cannot be read again by a later run: checkpoints and shards are for files and arrays"
    for given in ({"checkpoint": tmp_path / "a"}, {"parts": tmp_path / "b", "shard": "1/2"}):
        for pool in (records, [r["text"] for r in records]):
            with pytest.raises(cull.OptionError, match=many):
                kmq(pool, budget=3, clusters=2, **given)
        with pytest.raises(cull.OptionError, match="have cannot .* give a mask or a pick's file"):
            kmq(files[0], budget=30, clusters=2, have=[3, 4], **given)
    assert not list(tmp_path.iterdir())
    mask = np.zeros(1200, bool)
    mask[[3, 4]] = True
    got = kmq(files[0], budget=30, clusters=2, have=mask, checkpoint=tmp_path / "a")
    assert rows(got) == rows(kmq(files[0], budget=30, clusters=2, have=[3, 4]))
    path = write_lines(tmp_path / "pool.jsonl", records)
    got = kmq(path, budget=3, clusters=2, checkpoint=tmp_path / "a")
    assert rows(got) == rows(kmq(records, budget=3, clusters=2))
