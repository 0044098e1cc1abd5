"""C, the command and Python choose the same rows with the same scores, bit for bit, by every method."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import BUDGET, write_lines

import cull
from cull import _catalogue, _lib

METHODS = _catalogue.methods_of("data")
SLUGS = [m["slug"] for m in METHODS]


def function(slug):
    return getattr(cull.data, _lib.python_name(slug))


def rows(pick):
    """Rows and the bits of their scores."""
    return pick.idx.tolist(), pick.score.view(np.int64).tolist()


def told(text):
    kept = json.loads(text)["pick"]
    score = np.array([k["score"] for k in kept], np.float64)
    return [k["row"] for k in kept], score.view(np.int64).tolist()


@pytest.fixture(scope="module")
def direct(compiled):
    return compiled(Path(__file__).with_name("direct.c"))


def files(p):
    return [p.pool_file, p.target_file, p.records_file, p.want_file, p.scores_file]


def against(slug, what):
    """An argument for what reads examples to stay away from."""
    m = next(m for m in METHODS if m["slug"] == slug)
    return {"against": what} if m["needs_against"] else {}


def in_memory(p, slug):
    """The same in memory: texts, embeddings and scores; for what reads no text, only arrays."""
    m = next(m for m in METHODS if m["slug"] == slug)
    beside = {"scores": p.scores} if m["columns"] or m["may_columns"] else {}
    if m["needs_text"]:
        return {"pool": p.texts, "target": p.want, **beside}
    return {"pool": p.pool, "target": p.target, **beside, **against(slug, p.target)}


@pytest.mark.parametrize("slug", SLUGS)
def test_c_command_and_python(slug, problem, command, direct):
    import subprocess

    p = problem
    lines = subprocess.run(
        [direct, slug, str(BUDGET), *files(p)], capture_output=True, text=True, check=True
    ).stdout.split("\n")[:-1]
    score = np.array([float(line.split()[1]) for line in lines])
    want = [int(line.split()[0]) for line in lines], score.view(np.int64).tolist()
    assert len(want[0]) == BUDGET

    words = ["data", slug, "--budget", BUDGET, "--json", "--quiet", "--embeddings", p.pool_file]
    words += ["--target", p.want_file, "--target-embeddings", p.target_file]
    words += [w for f in against(slug, p.target_file).values() for w in ("--against", f)]
    words += ["--scores", p.scores_file, p.records_file]
    assert told(command(*words)) == want

    f = function(slug)
    paths = dict(embeddings=p.pool_file, target_embeddings=p.target_file, scores=p.scores_file)
    paths.update(against(slug, p.target_file))
    assert rows(f(p.records_file, p.want_file, BUDGET, **paths)) == want
    assert rows(f(str(p.records_file), [p.want_file], BUDGET, **paths)) == want
    arrays = dict(embeddings=p.pool, target_embeddings=p.target, **against(slug, p.target))
    assert rows(f(p.records, [{"text": t} for t in p.want], BUDGET, **arrays)) == want
    assert rows(f(p.texts, p.want, BUDGET, scores=p.scores, **arrays)) == want
    assert rows(f(**in_memory(p, slug), budget=BUDGET)) == want
    assert rows(f(p.texts, p.want, BUDGET, scores=p.scores, threads=1, **arrays)) == want


@pytest.mark.parametrize("slug", SLUGS)
def test_limits(slug, problem, command):
    """Costs, groups with quotas and labels, from fields of a file and from memory."""
    p = problem
    words = ["data", slug, "--budget", "200", "--json", "--quiet", "--cost", "cost"]
    words += ["--group", "topic", "--quota", "equal", "--label", "topic", "--label-is", "topic 2"]
    words += ["--embeddings", p.pool_file, "--target", p.want_file]
    words += [w for f in against(slug, p.target_file).values() for w in ("--against", f)]
    words += ["--target-embeddings", p.target_file, "--seed", "5", p.records_file]
    text = command(*words)
    f = function(slug)
    arrays = dict(embeddings=p.pool, target_embeddings=p.target, **against(slug, p.target))
    fields = f(
        p.records, p.want, 200, cost="cost", group="topic", quota="equal", label="topic",
        label_is="topic 2", seed=5, **arrays,
    )  # fmt: skip
    values = f(
        p.texts, p.want, 200.0, cost=p.cost, group=p.topic, quota="equal", scores=p.scores,
        label=np.array(p.topic), label_is="topic 2", seed=5, **arrays,
    )  # fmt: skip
    assert rows(fields) == rows(values) == told(text)
    want = json.loads(text)
    for pick in (fields, values):
        assert pick.spent == want["spent"] <= 200
        own = [g for g in want["figures"] if g["name"] == slug]
        assert [g for g in pick.report()["figures"] if g["name"] == slug] == own
        assert pick.report()["groups"] == want["groups"]


@pytest.mark.parametrize("slug", [m["slug"] for m in METHODS if m["needs_target"]])
def test_features_of_texts(slug, problem, command):
    """Without embeddings they are made of the text, wherever it comes from."""
    p = problem
    words = ["data", slug, "--budget", "10%", "--json", "--quiet", "--embed-dim", "24"]
    want = told(command(*words, "--target", p.want_file, p.records_file))
    f = function(slug)
    assert rows(f(p.texts, p.want, 0.1, embed_dim=24)) == want
    assert rows(f(p.records, p.want, "10%", embed_dim=24)) == want
    assert rows(f(p.records_file, p.want_file, 0.1, embed_dim=24)) == want


@pytest.mark.parametrize("slug", SLUGS)
def test_report_says_what_the_command_says(slug, problem, command, tmp_path):
    """The pick file of the same call is the same but for time, memory and the words of the call."""
    p = problem
    words = ["data", slug, "--budget", BUDGET, "--target", p.want_file, "--baselines", "on"]
    words += [w for f in against(slug, p.want_file).values() for w in ("--against", f)]
    out = tmp_path / "pick.json"
    command(*words, "--quiet", "-o", out, p.records_file)
    want = json.loads(out.read_text())
    away = against(slug, p.want_file)
    pick = function(slug)(p.records_file, p.want_file, BUDGET, report=True, **away)
    got = pick.report()
    for facts in (want, got):
        for name in ("seconds", "peak_bytes", "argv"):
            facts.pop(name)
    assert got == want


def test_have_and_against(problem, command, tmp_path):
    """A pick, its rows, a mask and the pick's file are one; so are texts and a file of them."""
    p = problem
    first = tmp_path / "first.json"
    command("data", "k-centre", "--budget", "9", "--quiet", "-o", first, p.records_file)
    line = ["data", "facility-location-cg", "--budget", "20", "--json", "--quiet", "--have", first]
    want = told(command(*line, "--against", p.want_file, p.records_file))
    held = cull.data.k_centre(p.records_file, budget=9)
    mask = np.zeros(len(p.texts), bool)
    mask[held.idx] = True
    assert not mask[want[0]].any()
    for have in (held, held.idx, held.idx.tolist(), mask, first):
        got = cull.data.facility_location_cg(p.records_file, budget=20, have=have, against=p.want_file)
        assert rows(got) == want
    a = cull.data.facility_location_cg(p.pool, budget=20, have=held, against=p.pool[:5])
    b = cull.data.facility_location_cg(p.pool, budget=20, have=mask, against=p.pool[:5].tolist())
    assert rows(a) == rows(b)
    with pytest.raises(cull.InputError, match="have is an array of float64"):
        cull.data.random(p.pool, budget=3, have=[0.5])


def test_avoid(problem, command, tmp_path):
    p = problem
    words = p.texts[7].split()
    test = [" ".join(words), "nothing that anyone else has said before"]
    path = tmp_path / "test.txt"
    path.write_text("\n".join(test) + "\n")
    line = ["data", "random", "--budget", "299", "--json", "--quiet", "--avoid", path]
    want = told(command(*line, "--avoid-ngram", "5", p.records_file))
    assert 7 not in want[0]
    assert rows(cull.data.random(p.records_file, budget=299, avoid=path, avoid_ngram=5)) == want
    assert rows(cull.data.random(p.texts, budget=299, avoid=test, avoid_ngram=5)) == want
    kept = cull.data.random(p.pool, budget=300 - int(p.mask.sum()), avoid=p.mask)
    assert not p.mask[kept.idx].any() and len(kept) == 300 - p.mask.sum()
    assert rows(cull.data.random(p.pool, budget=40, avoid=p.mask)) == rows(
        cull.data.random(p.texts, budget=40, avoid=p.mask.tolist())
    )


def test_every_file_of_targets_is_a_task(problem, command, tmp_path):
    p = problem
    np.save(tmp_path / "a.npy", p.target[:3])
    np.save(tmp_path / "b.npy", p.target[3:])
    two = [tmp_path / "a.npy", tmp_path / "b.npy"]
    words = ["data", "rds-plus", "--budget", BUDGET, "--json", "--quiet"]
    want = told(command(*words, "--target", two[0], "--target", two[1], p.pool_file))
    got = cull.data.rds_plus(p.pool_file, two, BUDGET)
    assert rows(got) == want and got.by_what == "task"


def test_compare(problem, command):
    p = problem
    words = ["compare", "data", "--budget", BUDGET, "--target", p.target_file, "--json", "--quiet"]
    want = json.loads(command(*words, "--seeds", "3", p.pool_file))
    got = cull.data.compare(p.pool, p.target, BUDGET, seeds=3)

    def numbers(facts):
        return [(r["method"], r["seed"], r["values"]) for r in facts["runs"]]

    assert numbers(got.report()) == numbers(want) and got.metrics == want["metrics"]
    some = cull.data.compare(p.pool, p.target, BUDGET, ["random", ("rds_plus", {"rule": "mean"})])
    assert {r["method"] for r in some.report()["runs"]} == {"random", "rds-plus:rule=mean"}


def test_tasks_of_a_target(problem, command, tmp_path):
    """A field, codes in memory, and a file for each task are one."""
    p = problem
    task = ["a"] * 3 + ["b"] * 4
    records = [{"text": t, "of": k} for t, k in zip(p.want, task)]
    want_file = write_lines(tmp_path / "want.jsonl", records)
    line = ["data", "rds-plus", "--budget", BUDGET, "--json", "--quiet", "--target", want_file]
    want = told(command(*line, "--target-task", "of", p.records_file))
    assert rows(cull.data.rds_plus(p.texts, records, BUDGET, target_task="of")) == want
    got = cull.data.rds_plus(p.texts, p.want, BUDGET, target_task=np.array(task))
    assert rows(got) == want and got.by_what == "task"
    with pytest.raises(cull.InputError, match="target_task has 2 rows, the target has 7"):
        cull.data.rds_plus(p.pool, p.target, BUDGET, target_task=["a", "b"])


@pytest.mark.parametrize("report", [False, True])
def test_command_replays_a_saved_pick(problem, command, tmp_path, report):
    """What Python chose from files says how the command would choose it, and it does."""
    p = problem
    paths = dict(embeddings=p.pool_file, target_embeddings=p.target_file)
    pick = cull.data.rds_plus(
        p.records_file, p.want_file, BUDGET, rule="mean", seed=7, report=report, **paths
    )
    pick.save(tmp_path / "pick.json")
    assert command("replay", tmp_path / "pick.json") == f"same\t{BUDGET} rows\n"
