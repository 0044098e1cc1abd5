"""cull.search: against the command, its own tables, and what a caller does wrong."""

import csv
import gc
import inspect
import json
import math
import os
import pickle
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from conftest import python

import cull
from cull import _catalogue
from cull.search import Space, integer, one, ordinal, permutation, real, repeat, simplex, subset

PLAIN = "a = int(0, 9)\nb = one(u, v, w)\nc = ordinal(1, 2, 4, 8)\n"
TREE = {
    "lr": real(1e-5, 0.1, log=True, default=0.001),
    "opt": cull.search.either({"sgd": {"momentum": real(0, 0.99)}, "adam": None}, default="adam"),
    "block": repeat(1, 3, {"width": integer(16, 256, log=True), "act": one("relu", None, 3, True)}),
    "warm": cull.search.optional({"steps": integer(10, 1000, step=10)}, default=False),
    "order": permutation("crop", "flip", "blur", default=["flip", "crop", "blur"]),
    "keep": subset("p", "q", 7, least=0, most=2, default=[]),
    "mix": simplex("a", "b", default=[0.25, 0.75]),
    "batch": ordinal(16, 32, 64.5, default=32).when("opt == sgd"),
    "note": one("two words", "a,b", "it's", "c=d"),
}


def value(a, b, c):
    return (a - 6.5) ** 2 + {"u": 3.0, "v": 0.0, "w": 5.0}[b] + abs(c - 4) / 8


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A space and all its points with two objectives."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "space.cull").write_text(PLAIN)
    with open(folder / "table.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["a", "b", "c", "error", "size"])
        for a in range(10):
            for b in "uvw":
                for c in (1, 2, 4, 8):
                    out.writerow([a, b, c, repr(value(a, b, c)), repr(float(c + a))])
    return folder


def error(trial):
    return value(**trial.params)


def both(trial):
    return {"error": value(**trial.params), "size": trial["c"] + trial["a"]}


# ---- spaces ----


def test_a_dict_is_the_text(tmp_path):
    forbid = ["opt == adam and lr > 0.01", "block >= 3 and warm"]
    space = Space(TREE, forbid=forbid, require="not (mix.a > 0.9)")
    text = str(space)
    assert text.splitlines()[0] == "lr = real(1e-05, 0.1, log, default=0.001)"
    (tmp_path / "s.cull").write_text(text)
    for same in (Space(text), Space(tmp_path / "s.cull"), Space(str(tmp_path / "s.cull"))):
        assert str(same) == text and same.names == space.names
    assert str(Space(space.to_json())) == text
    assert space.names[:4] == ["lr", "opt", "opt.sgd.momentum", "block"]
    assert "block.3.act" in space.names and space.count is None
    assert Space(PLAIN).count == 120


def test_points_there_and_back():
    space = Space(TREE, forbid="opt == adam and lr > 0.01")
    points = space.sample(300, seed=3)
    assert points == space.sample(300, seed=3) != space.sample(300, seed=4)
    kinds = {}
    for p in points:
        again = space.parse(space.format(p))
        assert again == p and list(again) == list(p)
        assert all(type(u) is type(v) for u, v in zip(again.values(), p.values()))
        assert not (p["opt"] == "adam" and p["lr"] > 0.01)
        assert ("opt.sgd.momentum" in p) == (p["opt"] == "sgd") == ("batch" in p)
        assert [k for k in p if k.endswith(".act")] == [f"block.{i + 1}.act" for i in range(p["block"])]
        assert ("warm.steps" in p) == p["warm"]
        for name, v in p.items():
            kinds.setdefault(name, set()).add(type(v))
    assert kinds["lr"] == {float} and kinds["block"] == kinds["block.1.width"] == {int}
    assert kinds["block.1.act"] == {str, type(None), int, bool} and kinds["warm"] == {bool}
    assert kinds["order"] == kinds["keep"] == {list} and kinds["mix"] == {dict}
    assert kinds["batch"] == {int, float} and {len(p["keep"]) for p in points} == {0, 1, 2}
    assert {x for p in points for x in p["keep"]} == {"p", "q", 7}
    assert all(math.isclose(sum(p["mix"].values()), 1) for p in points)
    copy = pickle.loads(pickle.dumps(space))
    assert copy.sample(300, seed=3) == points


def test_defaults():
    found = Space(TREE).default
    assert found["lr"] == 0.001 and found["opt"] == "adam" and found["warm"] is False
    assert found["order"] == ["flip", "crop", "blur"] and found["keep"] == []
    assert found["mix"] == {"a": 0.25, "b": 0.75} and found["note"] == "two words"
    tied = Space({"n": repeat(2, 4, {"w": ordinal(1, 2, 4)}, tied=True, default=3), "k": subset(4, most=1)})
    assert tied.default == {"n": 3, "n.w": 2, "k": []}


def test_weights():
    space = Space({"a": one("u", 3, None, weights=[6, 1, 1], default=3)})
    assert str(space) == "a = one(u: 6, 3: 1, none: 1, default=3)\n"
    drawn = [p["a"] for p in space.sample(800)]
    assert 550 < drawn.count("u") < 650 and 70 < drawn.count(None) < 130
    assert pickle.loads(pickle.dumps(space)).sample(9) == space.sample(9)


def test_points_that_are_none():
    space = Space(PLAIN)
    for wrong, message in (
        ({"a": 1, "b": "u"}, "c"),
        ({"a": 10, "b": "u", "c": 1}, "a"),
        ({"a": 1.5, "b": "u", "c": 1}, "a"),
        ({"a": 1, "b": "x", "c": 1}, "b"),
        ({"a": 1, "b": "u", "c": 3}, "c"),
        ({"a": 1, "b": "u", "c": 1, "aa": 1}, "no parameter 'aa'; did you mean 'a'?"),
    ):
        with pytest.raises(cull.InputError, match=message.replace("?", r"\?")):
            space.point(wrong)
    assert space.params(space.point({"a": 1.0, "b": "u", "c": 4.0})) == {"a": 1, "b": "u", "c": 4}
    mix = Space({"m": simplex("a", "b"), "o": permutation(3)})
    for wrong in ({"m": {"a": 1}}, {"m": [0.5, 0.5], "o": 7}, {"m": [0.5, 0.6]}, {"o": [1, 1, 2]}):
        with pytest.raises(cull.InputError):
            mix.point(wrong)
    x = mix.params(mix.point({"m": {"b": 0.25, "a": 0.75}, "o": [2, 3, 1]}))
    assert x == {"m": {"a": 0.75, "b": 0.25}, "o": ["2", "3", "1"]}


def test_spaces_that_are_none(tmp_path):
    for what, kind, message in (
        ("x = real(1, 0)", cull.InputError, "space:1"),
        ({"x": 3}, cull.InputError, "x is of type int; it takes a parameter"),
        ({"x": repeat(1, 2, {"y": "z"})}, cull.InputError, r"x\.y is of type str"),
        ({"x": one("a", "a")}, cull.InputError, "x"),
        ({"x": one("a", "b", weights=[1])}, cull.InputError, "a number for each of its 2 values"),
        ({"x": one("a", "b", weights=[0, 1])}, cull.InputError, "weights are above 0"),
        (tmp_path / "none.cull", cull.FileError, "none.cull"),
        (3, cull.InputError, "not int"),
    ):
        with pytest.raises(kind, match=message):
            Space(what)
    for form in (one, ordinal, subset, permutation, simplex):
        with pytest.raises(cull.OptionError, match=rf"{form.__name__}\(\*values\)"):
            form(["a", "b"])
    for form in (lambda v: real(0, v), lambda v: one("a", "b", weights=[1, v])):
        with pytest.raises(cull.OptionError, match="finite numbers, not (inf|nan)"):
            form(math.inf)
        with pytest.raises(cull.OptionError, match="finite numbers, not (inf|nan)"):
            form(math.nan)
    with pytest.raises(cull.OptionError, match="of a dict"):
        Space(PLAIN, forbid="a == 1")
    with pytest.raises(cull.InputError, match="forbid|zz"):
        Space({"a": integer(0, 3)}, forbid="zz == 1")


# ---- as the command ----


@pytest.mark.parametrize("method", [*cull.search.METHODS, None])
def test_the_same_trials_as_the_command(command, table, tmp_path, method):
    words = [] if method is None else ["--method", method]
    log = tmp_path / "log.csv"
    said = command(
        *("search", table / "space.cull", "--minimize", "error", "--budget", "40", "--seed", "5"),
        *("--table", table / "table.csv", "--log", log, "--json", *words),
    )
    with cull.search.create(
        table / "space.cull", minimize="error", method=method, budget=40, seed=5
    ) as study:
        study.optimize(error)
        mine = study.trials
        with open(log, newline="") as f:
            theirs = list(csv.DictReader(f))
        assert len(mine) == len(theirs) > 0
        for m, t in zip(mine, theirs):
            assert {k: str(v) for k, v in m.params.items()} == {k: t[k] for k in "abc"}
            assert m.value == float(t["error"]) and m.state == t["state"] == "done"
        assert study.best.value == min(m.value for m in mine) == study.best_value
        assert study.best_params == study.best.params
        assert str(study.best.number) in said


def test_a_front_as_the_command(command, table, tmp_path):
    out = tmp_path / "front.csv"
    command(
        *("search", table / "space.cull", "--minimize", "error,size", "--budget", "60", "--seed", "2"),
        *("--table", table / "table.csv", "-o", out),
    )
    study = cull.search.create(Space(PLAIN), minimize=["error", "size"], budget=60, seed=2)
    study.optimize(both)
    front = study.front
    with open(out, newline="") as f:
        rows = list(csv.DictReader(f))
    assert {r.number for r in front} == {int(r["trial"]) for r in rows} and len(rows) == len(front) > 1
    v = np.array([list(r.values.values()) for r in study.trials])
    for r in front:
        mine = np.array(list(r.values.values()))
        assert not ((v <= mine).all(axis=1) & (v < mine).any(axis=1)).any()
    with pytest.raises(cull.InputError, match="2 objectives has no best trial: see front"):
        study.best


def test_a_store_is_shared_with_the_command(command, table, tmp_path):
    store, args = tmp_path / "s.db", {"minimize": "error", "method": "tpe", "seed": 9}
    args["id"] = str(table / "table.csv")
    with cull.search.create(table / "space.cull", store=store, budget=25, **args) as study:
        study.optimize(error, n_trials=10)
        assert len(study) == study.paid == 10 and not study.done
    words = ("--minimize", "error", "--method", "tpe", "--seed", "9", "--store", store)
    command("search", table / "space.cull", *words, "--budget", "20", "--table", table / "table.csv")
    with cull.search.create(table / "space.cull", store=store, budget=25, **args) as study:
        assert len(study) == 20
        study.optimize(error)
        mixed = [t.params for t in study.trials]
    whole = cull.search.create(table / "space.cull", budget=25, **args)
    whole.optimize(error)
    assert mixed == [t.params for t in whole.trials]
    with cull.search.load(store) as study:
        assert [t.params for t in study.trials] == mixed
        assert study.directions == {"error": "minimize"} and str(study.space) == str(whole.space)
        study.optimize(error, n_trials=2)
        assert len(study) == 27
    rows = command("search", "export", store).splitlines()
    assert len(rows) == 28
    with pytest.raises(cull.InputError, match="seed"):
        cull.search.create(table / "space.cull", store=store, **{**args, "seed": 1})


# ---- ask and tell ----


@pytest.mark.parametrize("by", ["ped-anova", "fanova"])
def test_importance_as_the_command(command, table, tmp_path, by):
    store = str(tmp_path / "study.db")
    with cull.search.create(PLAIN, minimize=["error", "size"], budget=60, store=store) as study:
        study.optimize(both)
        found = study.importance(by)
        rows = json.loads(command("search", "importance", store, "--by", by, "--json"))
        rows = [r for r in rows if r.get("objective", "error") == "error"]
        names = [(r["parameter"], r["with"]) if "with" in r else r["parameter"] for r in rows]
        assert found == {name: r["share"] for name, r in zip(names, rows)}
        assert list(found)[:3] == [r["parameter"] for r in rows[:3]]
        size = study.importance(by, "size")
        assert size["b"] < 0.1 < size["a"]
        with pytest.raises(cull.OptionError, match="objective 'cost' is none of error, size"):
            study.importance(by, "cost")
        with pytest.raises(cull.OptionError, match="by 'shap' is none of ped-anova, fanova"):
            study.importance("shap")
    with cull.search.create(PLAIN, minimize="error", budget=3) as few:
        few.optimize(error)
        with pytest.raises(cull.InputError, match="at least 4"):
            few.importance(by)


@pytest.mark.parametrize(
    "given, names",
    [
        ("maximize", {"value": "maximize"}),
        (["minimize"], {"value": "minimize"}),
        (("minimize", "maximize"), {"value1": "minimize", "value2": "maximize"}),
        ({}, {"value": "minimize"}),
    ],
)
def test_directions_without_names(given, names):
    assert cull.search.create("x = real(0, 1)", given).directions == names


@pytest.mark.parametrize("kept", [False, True])
def test_what_tell_takes(tmp_path, kept):
    store = str(tmp_path / "study.db") if kept else None
    study = cull.search.create(
        PLAIN,
        {"error": "minimize", "speed": "maximize"},
        constraints=["memory"],
        method="random-search",
        store=store,
    )
    tell = [
        ({"error": 1, "speed": 2, "memory": -1}, {}),
        ((np.float32(1.5), 3), {"constraints": [0.5]}),
        (np.array([2.0, 1.0]), {"constraints": {"memory": 0}, "cost": 2.5}),
        (None, {}),
        ((math.nan, 1), {}),
        (ValueError("no luck"), {}),
        (None, {"state": "timeout", "note": "too long"}),
        (math.nan, {}),
    ]
    for v, more in tell:
        study.tell(study.ask(), v, **more)
    got = study.trials
    assert [t.state for t in got] == ["done"] * 3 + ["failed"] * 3 + ["timeout", "failed"]
    assert [t.values for t in got[:3]] == [
        {"error": 1, "speed": 2},
        {"error": 1.5, "speed": 3},
        {"error": 2, "speed": 1},
    ]
    assert [t.constraints for t in got[:3]] == [{"memory": -1}, {"memory": 0.5}, {"memory": 0}]
    assert got[2].cost == 2.5 and got[3].values is None and got[3].constraints is None
    assert [t.number for t in study.front] == [0]  # 1 breaks a constraint, 2 is dominated
    with pytest.raises(cull.InputError, match="2 values: see its values"):
        got[0].value
    why = [None] * 4 + ["a value is not finite", "ValueError: no luck", "too long"]
    why.append("a value is not finite")
    assert [t.note for t in got] == why == list(study.columns()["note"])
    study.save(tmp_path / "trials.csv")
    with open(tmp_path / "trials.csv") as f:
        assert [row["note"] or None for row in csv.DictReader(f)] == why
    if kept:
        study.close()
        with cull.search.load(store) as study:
            assert [t.note for t in study.trials] == why


def test_note_of_a_retry():
    study = cull.search.create(PLAIN, method="random-search", retries=1)
    study.tell(study.ask(), None, note="first")
    assert [(t.state, t.note) for t in study.trials] == [("running", "first")]
    study.tell(study.ask(), 1)
    assert [(t.state, t.note) for t in study.trials] == [("done", None)]


def test_report_that_is_not_finite():
    study = cull.search.create(PLAIN, method="random-search", stop="median", rungs=(1, 9))
    for v in [1.0] * 8 + [math.nan]:
        trial = study.ask()
        for step in range(1, 9):
            if not trial.report(step, v):
                break
        if not trial.stopped:
            study.tell(trial, v)
    assert [t.note for t in study.trials] == [None] * 8 + ["a value is not finite"]


def test_what_tell_refuses():
    study = cull.search.create(PLAIN, minimize=["error", "size"], constraints="memory")
    trial = study.ask()
    for v, more, message in (
        (1, {}, "1 value for 2 objectives: error, size"),
        ((1, 2, 3), {}, "3 values for 2"),
        ({"error": 1}, {}, "no value of 'size'"),
        ({"error": 1, "sise": 2}, {}, "no objective 'sise'; did you mean 'size'"),
        ((1, "x"), {}, "'size' is 'x', which is no number"),
        ((1, 2), {}, "there is no value of the constraint 'memory'"),
        ({"error": 1, "size": 2}, {}, "there is no value of the constraint 'memory'"),
        ((1, 2), {"constraints": [1, 2]}, "2 values for 1 constraint$"),
        ((1, 2), {"constraints": {"mem": 1}}, "no constraint 'mem'"),
        ((1, 2), {"constraints": 0, "cost": -1}, "a cost is a finite number of at least 0"),
        ((1, 2), {"constraints": 0, "cost": "x"}, "'cost' is 'x', which is no number"),
        ((1, 2), {"state": "lost"}, "an outcome is done, failed or timeout, not lost"),
        ((1, 2), {"state": "fine"}, "state 'fine' is none of"),
        (None, {"state": "done"}, "there are none"),
    ):
        with pytest.raises((cull.InputError, cull.OptionError), match=message):
            study.tell(trial, v, **more)
    with pytest.raises(cull.InputError, match="trial 0 is another study's"):
        cull.search.create(PLAIN).tell(trial, 1)
    for lost in (study, trial):
        with pytest.raises(TypeError, match="is of its (study's )?process"):
            pickle.dumps(lost)
    study.tell(trial, (1, 2), constraints=0)
    with pytest.raises(cull.InputError, match="trial 0 is not running: it is done"):
        study.tell(trial, (1, 2), constraints=0)
    with pytest.raises(cull.InputError, match="7"):
        study.tell(7, (1, 2), constraints=0)
    for failed in (math.nan, 10**400, -(10**400)):
        study.tell(study.ask(), (failed, 1))
    assert [t.state for t in study.trials] == ["done", "failed", "failed", "failed"]


def test_trials_are_mappings():
    study = cull.search.create(TREE, method="random-search")
    while True:
        trial = study.ask()
        study.tell(trial, 0)
        if trial["opt"] == "adam":
            break
    assert trial["lr"] == trial.params["lr"] and "batch" not in trial and trial.get("batch", 5) == 5
    with pytest.raises(KeyError, match=f"batch is not active in trial {trial.number}"):
        trial["batch"]
    with pytest.raises(KeyError, match="no parameter 'ordre'; did you mean 'order'"):
        trial["ordre"]


def test_enqueue_and_add():
    study = cull.search.create(PLAIN, minimize="error", budget=5)
    known = {"a": 3, "b": "w", "c": 8}
    study.enqueue(known)
    assert study.add({"a": 6, "b": "v", "c": 4}, 0.25) == 0
    trial = study.ask()
    assert trial.params == known
    study.tell(trial, error(trial))
    assert study.paid == 1 and len(study) == 2 and study.best.number == 0
    with pytest.raises(cull.InputError, match="b"):
        study.enqueue({**known, "b": 3})


def test_results_of_another_study(tmp_path):
    first = cull.search.create(PLAIN, minimize="error", budget=12, method="random-search")
    first.optimize(error)
    first.save(tmp_path / "old.csv")
    second = cull.search.create(PLAIN, minimize="error", budget=3)
    old = (tmp_path / "old.csv").read_text()
    head, rest = old.split("\n", 1)
    (tmp_path / "old.csv").write_text(head.replace(",", " , ") + "\n" + rest)  # as people write them
    assert second.import_file(tmp_path / "old.csv") == 12
    assert second.best_params == first.best_params and second.paid == 0
    with pytest.raises(cull.FileError):
        second.import_file(tmp_path / "none.csv")


def test_again_and_replicates():
    space = {"a": integer(0, 2)}
    study = cull.search.create(space, replicates=3, budget=9, method="random-search")
    study.optimize(lambda t: t["a"] + t.replicate / 10)
    assert [t.replicate for t in study.trials] == [0, 1, 2] * 3
    best = study.best
    assert best.params == {"a": 0} and math.isclose(study.best_value, 0.1) and best.value == 0
    study = cull.search.create(space, method="random-search")
    study.optimize(lambda t: t["a"])
    assert len(study) == 3 and study.done
    with pytest.raises(cull.search.NoTrial, match="every point of the space was asked"):
        study.ask()
    paid = cull.search.create(space, again="paid", budget=10, method="random-search")
    paid.optimize(lambda t: t["a"])
    assert len(paid) == 10


# ---- stop rules ----


def test_reports_stop():
    study = cull.search.create(
        {"q": real(0, 1)}, minimize="loss", stop="asha", rungs=(1, 9), budget=30, method="random-search"
    )
    went = {}

    def fn(trial):
        for step in range(1, 10):
            went[trial.number] = step
            if not trial.report(step, trial["q"] + 1 / step):
                assert trial.stopped
                return None
        return trial["q"] + 1 / 9

    study.optimize(fn)
    states = [t.state for t in study.trials]
    assert set(states) == {"done", "stopped"} and states.count("stopped") > 10
    for t in study.trials:
        assert t.steps == went[t.number] and t.value == t.params["q"] + 1 / t.steps
        assert (t.state == "done") == (t.steps == 9)
    assert study.best.state == "done"


def test_rungs_that_begin_anew():
    study = cull.search.create(
        {"q": real(0, 1)}, stop="halving", rungs=(1, 9), budget=26, method="random-search"
    )
    study.optimize(lambda t: t["q"] + 1 / t.budget, n_jobs=2)
    budgets = [t.budget for t in study.trials]
    assert len(budgets) == 26 and set(budgets) == {1, 3, 9}
    nines = [t for t in study.trials if t.budget == 9]
    ones = sorted(t.params["q"] for t in study.trials if t.budget == 1)[:9]
    assert all(t.params["q"] in ones for t in nines)


def test_a_rung_waits():
    study = cull.search.create(
        {"q": real(0, 1)}, stop="halving", rungs=(1, 3), method="random-search"
    )
    asked = []
    with pytest.raises(cull.search.NoTrial, match="a rung waits"):
        while True:
            asked.append(study.ask())
    assert not study.done
    study.optimize(lambda t: t["q"])  # nothing that it could do: it does not hang
    assert len(study) == len(asked)


# ---- optimize ----


def test_threads():
    study = cull.search.create(PLAIN, minimize="error", budget=60, method="random-search")
    at_once, most, lock = 0, 0, threading.Lock()

    def fn(trial):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.002)
        with lock:
            at_once -= 1
        return error(trial)

    study.optimize(fn, n_jobs=4)
    assert 2 <= most <= 4
    assert len(study) == 60 and {t.state for t in study.trials} == {"done"}
    assert len({json.dumps(t.params) for t in study.trials}) == 60
    assert all(t.value == value(**t.params) for t in study.trials)


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_and_no_more(jobs):
    study = cull.search.create(PLAIN, minimize="error", budget=30)
    study.optimize(error, n_trials=7, n_jobs=jobs)
    assert len(study) == 7
    study.optimize(error, n_trials=0, n_jobs=jobs)
    assert len(study) == 7
    study.optimize(error, n_jobs=jobs)
    assert len(study) == 30 and study.done
    for wrong in ({"n_trials": -1}, {"n_jobs": 0}, {"n_jobs": -2}, {"n_jobs": "two"}):
        with pytest.raises(cull.OptionError, match="n_"):
            study.optimize(error, **wrong)


def test_a_job_for_each_cpu():
    cpus = len(os.sched_getaffinity(0))
    all_at_once = threading.Barrier(cpus, timeout=20)
    study = cull.search.create(PLAIN, budget=cpus)
    study.optimize(lambda t: all_at_once.wait(), n_jobs=-1)
    assert [t.state for t in study.trials] == ["done"] * cpus


def ordered(jobs, store=None, end=None, **more):
    """The log of a search whose evaluations take times of their own; it is interrupted at trial `end`."""
    study = cull.search.create(PLAIN, minimize="error", budget=40, method="tpe", store=store, **more)

    def fn(trial):
        time.sleep(0.001 * ((trial["a"] * 7 + trial.number) % 5))
        if trial.number == end:
            raise KeyboardInterrupt
        if trial["a"] % 5 == 4:
            raise RuntimeError("four")
        return error(trial)

    study.optimize(fn, n_jobs=jobs, in_order=4)
    return study


def log(study):
    return [(t.number, t.params, t.state, t.value) for t in study.trials]


@pytest.mark.parametrize("more", [{}, {"retries": 1}, {"stop": "asha", "rungs": (1, 9), "anew": True}])
def test_in_order(more, tmp_path):
    one = log(ordered(1, **more))
    assert len(one) == 40 and {s for _, _, s, _ in one} >= {"done", "failed"}
    for jobs in (2, 4, 9):
        assert log(ordered(jobs, **more)) == one
    if not more:  # trials that ran when it ended are asked again, and it goes on to the same
        where = str(tmp_path / "run.db")
        for jobs, end in (4, 13), (1, 22), (3, 23):
            with pytest.raises(KeyboardInterrupt):
                ordered(jobs, where, end)
        assert [x[:3] for x in log(ordered(2, where))] == [x[:3] for x in one]


def test_in_order_wrong():
    reads = cull.search.create(PLAIN, stop="median", rungs=(1, 9), budget=9)
    with pytest.raises(cull.OptionError, match="do not report"):
        reads.optimize(error, in_order=2)
    study = cull.search.create(PLAIN, minimize="error", budget=9)
    for wrong in (0, 1025, "two"):
        with pytest.raises(cull.OptionError, match="in_order"):
            study.optimize(error, in_order=wrong)
    with pytest.raises(ZeroDivisionError):
        study.optimize(lambda t: 1 // 0, n_jobs=2, in_order=4, catch=())
    # how many the other worker took before it heard of that is its own affair; the second that failed before the first waits for it
    assert {t.state for t in study.trials} <= {"failed", "running"}
    study.optimize(error, n_jobs=2, in_order=4)
    assert study.done and study.paid == 9


def test_default_first():
    space = {"a": cull.search.integer(0, 9, default=7), "b": cull.search.one("x", "y", default="y")}
    study = cull.search.create(space, minimize="error", budget=5, default_first=True)
    assert study.ask().params == {"a": 7, "b": "y"}
    assert study.ask().params != {"a": 7, "b": "y"}


@pytest.mark.parametrize("jobs", [1, 3])
def test_failures(jobs):
    study = cull.search.create(PLAIN, minimize="error", budget=40, method="random-search")

    def fn(trial):
        if trial["a"] % 2:
            raise RuntimeError("odd")
        return math.nan if trial["b"] == "u" else error(trial)

    study.optimize(fn, n_jobs=jobs)
    for t in study.trials:
        bad = t.params["a"] % 2 or t.params["b"] == "u"
        assert t.state == ("failed" if bad else "done")
    with pytest.raises(ZeroDivisionError):
        cull.search.create(PLAIN).optimize(lambda t: 1 // 0, n_jobs=jobs, catch=(KeyError,))
    few = cull.search.create(PLAIN, budget=4)
    with pytest.warns(UserWarning, match="all 4 evaluations failed; the last: ZeroDivisionError"):
        few.optimize(lambda t: 1 // 0, n_jobs=jobs)
    with pytest.raises(cull.OptionError, match="3 is no function"):
        few.optimize(3, n_jobs=jobs)
    hopeless = cull.search.create(PLAIN, method="random-search")
    sentence = "each of the first [0-9]+ evaluations failed, so no more is tried; the last: Zero"
    with pytest.raises(cull.InputError, match=sentence) as told:
        hopeless.optimize(lambda t: 1 // 0, n_jobs=jobs)
    assert isinstance(told.value.__cause__, ZeroDivisionError)
    assert 10 <= len(hopeless) < 10 + jobs


def test_a_stop_rule_without_reports():
    """Said once, where there was something to hear, and nothing was heard in the whole study."""

    def create(**more):
        return cull.search.create(PLAIN, minimize="error", method="random-search", **more)

    def reports(trial):
        trial.report(1, error(trial))
        return error(trial)

    def warned(study, fn):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            study.optimize(fn, n_trials=3)
        return [str(w.message) for w in told]

    study = create(stop="median", rungs=(1, 9))
    (said,) = warned(study, error)
    assert said.startswith("no trial reported on its way, so the stop rule had nothing to go by")
    assert warned(study, error) == warned(study, reports) == warned(study, error) == []
    heard = create(stop="asha", rungs=(1, 9))
    assert warned(heard, reports) == warned(heard, error) == []
    assert warned(create(), error) == warned(create(stop="asha", rungs=(1, 9), anew=True), error) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_a_study(jobs):
    study = cull.search.create(PLAIN, minimize="error", budget=20, seed=4)

    def fn(trial):
        if trial.number == 5:
            if jobs == 1:
                signal.raise_signal(signal.SIGINT)
            else:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.3)
        time.sleep(0.02)
        return error(trial)

    with pytest.raises(KeyboardInterrupt):
        study.optimize(fn, n_jobs=jobs)
    assert not study.done and 6 <= len(study) < 20
    if jobs == 1:
        assert [t.state for t in study.trials] == ["done"] * 5 + ["running"]
        assert study.running() == []  # it waits to be asked again
    else:
        assert {t.state for t in study.trials} == {"done"}
    study.optimize(error)
    assert len(study) == 20 and {t.state for t in study.trials} == {"done"}
    if jobs == 1:
        whole = cull.search.create(PLAIN, minimize="error", budget=20, seed=4)
        whole.optimize(error)
        assert [t.params for t in whole.trials] == [t.params for t in study.trials]


class Interrupted:
    """The library, and a Ctrl-C as the call named ends."""

    def __init__(self, lib, name):
        self._of, self._name = lib, name

    def __getattr__(self, name):
        function = getattr(self._of, name)
        if name != self._name:
            return function

        def call(*args):
            status = function(*args)
            signal.raise_signal(signal.SIGINT)
            return status

        return call


@pytest.mark.parametrize("more", [{}, {"in_order": 2}])
def test_ctrl_c_before_the_loop_has_the_trial(monkeypatch, more):
    study = cull.search.create(PLAIN, minimize="error", budget=5)
    ask = cull.search.Study._ask

    def asked(self, numbers):
        if len(self) == 3:
            ask(self, numbers)
            raise KeyboardInterrupt
        return ask(self, numbers)

    monkeypatch.setattr(cull.search.Study, "_ask", asked)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(error, **more)
    assert not study.running()  # it waits to be asked again
    study.optimize(error, **more)
    assert [t.state for t in study.trials] == ["done"] * 5


@pytest.mark.parametrize("name", ["tell", "report"])
def test_ctrl_c_as_a_call_ends(monkeypatch, name):
    """What was told is, and the trial is nobody's to give back: the exception is that of Ctrl-C."""
    stop = {"stop": "median", "rungs": (1, 9)} if name == "report" else {}
    study = cull.search.create(PLAIN, minimize="e", budget=50, seed=3, **stop)
    for k in range(10):  # so that the rule has something to go by
        trial = study.ask()
        trial.report(1, -k)
        study.tell(trial, -k)

    def poor(trial):
        go = trial.report(1, 99) if stop else True
        return 99.0 if go else None

    with monkeypatch.context() as m:
        m.setattr(cull._study, "lib", Interrupted(cull._study.lib, f"cull_study_{name}"))
        with pytest.raises(KeyboardInterrupt):
            study.optimize(poor)
    assert study.trials[10].state == ("stopped" if stop else "done")
    study.optimize(poor, n_trials=2)
    assert [t.number for t in study.trials] == list(range(13))
    assert {t.state for t in study.trials[11:]} == {"stopped" if stop else "done"}


def test_a_second_ctrl_c_does_not_wait():
    """Evaluations that it leaves behind outlive neither the study nor the interpreter."""
    code = (
        "import cull, os, signal, threading, time\n"
        "study = cull.search.create('a = int(0, 999)', budget=100)\n"
        "def kill():\n"
        "    time.sleep(0.3)\n"
        "    for _ in range(2): os.kill(os.getpid(), signal.SIGINT); time.sleep(0.1)\n"
        "threading.Thread(target=kill, daemon=True).start()\n"
        "try: study.optimize(lambda t: time.sleep(5), n_jobs=4)\n"
        "except KeyboardInterrupt: print(len(study), study.done)\n"
    )
    began = time.monotonic()
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 False\n", "")
    assert time.monotonic() - began < 4


def test_a_process_that_was_killed(tmp_path):
    code = (
        "import cull, os, signal, sys\n"
        "def fn(t):\n"
        "    if t.number == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return t['a']\n"
        "cull.search.create('a = int(0, 99)', store=sys.argv[1], budget=9, seed=3).optimize(fn)\n"
    )
    store = tmp_path / "s.db"
    assert python(code, store).returncode == -signal.SIGKILL
    args = {"store": store, "budget": 9, "seed": 3, "resume": True}
    with cull.search.create("a = int(0, 99)", **args) as study:
        assert study.running() == [] and study._state(4) == "running"  # it is asked again
        assert study.ask().number == 4
        (mine,) = study.running()
        assert mine["number"] == 4 and f":{os.getpid()}:" in mine["worker"] and not mine["silent"]
        study.give_back(4)
        study.optimize(lambda t: t["a"])
        mine = [t.params for t in study.trials]
        assert {t.state for t in study.trials} == {"done"}
    whole = cull.search.create("a = int(0, 99)", budget=9, seed=3)
    whole.optimize(lambda t: t["a"])
    assert [t.params for t in whole.trials] == mine


def test_a_process_that_is_killed_beside_one_that_ends(tmp_path):
    code = (
        "import cull, os, signal, sys\n"
        "study = cull.search.load(sys.argv[1])\n"
        "study.ask()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    def fn(t):
        if t.number == 0:
            assert python(code, tmp_path / "s.db").returncode == -signal.SIGKILL
        return t["a"]

    with cull.search.create("a = int(0, 99)", store=tmp_path / "s.db", budget=4) as study:
        study.optimize(fn)
        assert [t.state for t in study.trials] == ["done"] * 4


def test_who_looks_on_sees_what_others_tell(tmp_path):
    store = tmp_path / "s.db"
    study = cull.search.create(PLAIN, minimize="e", budget=3, store=store)
    with cull.search.load(store) as looks:
        assert (len(looks), looks.done, looks.trials) == (0, False, [])
        study.tell(study.ask(), 0.5)
        assert looks.best_value == 0.5 and looks.paid == 1
        trial = study.ask()
        assert [r["number"] for r in looks.running()] == [1]
        study.tell(trial, 0.25)
        assert [t.value for t in looks.trials] == [0.5, 0.25]
        assert looks.columns()["e"].tolist() == [0.5, 0.25]
        looks.save(tmp_path / "log.csv")
        study.tell(study.ask(), 1)
        assert (tmp_path / "log.csv").read_text().count("\n") == 3
        looks_budget = cull.search.create(PLAIN, minimize="e", budget=3, store=store)
        assert looks_budget.done and len(looks) == 3
    study.close()


@pytest.mark.parametrize("method", ["gp", "smbo", "tpe"])
def test_noisy_points_are_paid_for_again(method):
    """Of a few points the best one is asked again and again, not all in turn."""
    noise = np.random.default_rng(5)
    study = cull.search.create("n = int(1, 4)\nc = one(a, b, c)", again="paid", method=method, budget=80)
    study.optimize(lambda t: t["n"] + (t["c"] != "a") + noise.random() / 2)
    late = [t.params for t in study.trials[30:]]
    assert late.count({"n": 1, "c": "a"}) > 20


# ---- the study ----


def test_columns(monkeypatch):
    study = cull.search.create(TREE, maximize="score", budget=20, method="random-search")
    study.optimize(lambda t: None if t.number == 3 else t["lr"])
    c = study.columns()
    assert list(c)[:4] == ["number", "state", "lr", "opt"] and all(len(v) == 20 for v in c.values())
    assert c["number"].dtype == np.int64 and c["lr"].dtype == np.float64
    assert np.isnan(c["score"]).tolist() == [i == 3 for i in range(20)]
    ok = ~np.isnan(c["score"])
    assert (c["score"][ok] == c["lr"][ok]).all()
    sgd = c["opt"] == "sgd"
    assert (np.isnan(c["opt.sgd.momentum"]) == ~sgd).all()
    assert c["number"][np.nanargmax(c["score"])] == study.best.number
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.warns(UserWarning, match="pandas is not installed"):
        assert list(study.to_dataframe()) == list(c)


def test_a_data_frame():
    pandas = pytest.importorskip("pandas")
    study = cull.search.create(PLAIN, minimize="error", budget=5)
    study.optimize(error)
    frame = study.to_dataframe()
    assert isinstance(frame, pandas.DataFrame) and frame["error"].min() == study.best_value


def test_closed_and_forked(tmp_path):
    study = cull.search.create(PLAIN, store=tmp_path / "s.db")
    assert "minimize value" in repr(study)
    pid = os.fork()
    if pid == 0:
        try:
            study.ask()
        except cull.InputError as e:
            os._exit(0 if "a child opens its store anew" in str(e) else 2)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    study.tell(study.ask(), 1)
    study.close()
    study.close()
    for call in (study.ask, lambda: study.trials, lambda: study.done, lambda: len(study)):
        with pytest.raises(cull.InputError, match="the study is closed"):
            call()
    assert repr(study) == "<Study, closed>"


def test_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr("cull._study.BEAT", 0.05)
    one, two = (cull.search.create(PLAIN, store=tmp_path / "s.db") for _ in range(2))
    trial = one.ask()
    time.sleep(1.5)  # the other would have taken it for lost after ten beats
    with pytest.raises(cull.InputError, match="0 is not running|no such|7"):
        two.tell(7, 1)
    assert [r["number"] for r in two.running()] == [0] and two.ask().number == 1
    one._mine.clear()  # as if it had gone
    time.sleep(1.5)
    assert two.ask().number == 0
    two.close()  # what it has not told goes back
    assert one.ask().number in (0, 1)


def test_signs_of_life_end_with_the_study(tmp_path):
    def beats():
        return [t for t in threading.enumerate() if t.name == "cull-search-beat"]

    before = len(beats())
    for _ in range(20):
        cull.search.create(PLAIN, store=tmp_path / "s.db").close()
        cull.search.load(tmp_path / "s.db")
    gc.collect()
    deadline = time.monotonic() + 3  # a beat is 5 s
    while len(beats()) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(beats()) <= before


def test_what_is_no_value_is_asked_again():
    study = cull.search.create(PLAIN, minimize="error", budget=4)
    with pytest.raises(cull.InputError, match="no value of 'error'"):
        study.optimize(lambda t: {})
    assert study.ask().number == 0


def test_stop_is_for_all(tmp_path):
    store = tmp_path / "s.db"
    study = cull.search.create(PLAIN, store=store)
    study.tell(study.ask(), 1)
    study.stop()
    assert study.done
    with pytest.raises(cull.search.NoTrial, match="stop was asked for"):
        study.ask()
    study.close()
    with cull.search.create(PLAIN, store=store, resume=True) as again:
        assert again.ask().number == 1


def test_options_are_the_methods():
    small = {"method": "regularized-evolution", "population": 5}
    a, b = (cull.search.create(PLAIN, budget=40, **w) for w in (small, {}))
    for s in (a, b):
        s.optimize(error)
    assert [t.params for t in a.trials] != [t.params for t in b.trials]
    for method in cull.search.METHODS:
        m = _catalogue.Method(next(f for f in _catalogue.CATALOGUE["methods"] if f["slug"] == method))
        assert not set(m.options) & set(inspect.signature(cull.search.create).parameters), method
        assert all(o + ": " in cull.search.describe(method) for o in m.options)


@pytest.mark.parametrize(
    "given, kind, message",
    [
        ({"method": "tpee"}, cull.OptionError, "no method 'tpee'; did you mean 'tpe'"),
        ({"method": "regularized-evolution", "populaton": 3}, TypeError, "no argument 'populaton'; did you mean 'population'"),
        ({"method": "regularized-evolution", "population": -1}, cull.OptionError, "population"),
        ({"directions": {"e": "down"}}, cull.OptionError, "direction 'down' of 'e'"),
        ({"directions": "up"}, cull.OptionError, "direction 'up' of 'value'"),
        ({"directions": ["minimize", "up"]}, cull.OptionError, "direction 'up' of 'value2'"),
        ({"minimize": ["e", "e"]}, cull.InputError, "called 'e'"),
        ({"minimize": "a"}, cull.InputError, "'a' is a parameter of the space"),
        ({"minimize": list("efghijklmnopqrstu")}, cull.OptionError, "at most 16 objectives, not 17"),
        ({"budget": 1.5}, cull.OptionError, "budget 1.5 is no whole number"),
        ({"budget": -1}, cull.InputError, "budget of trials is -1"),
        ({"time": -1}, cull.InputError, "seconds is -1"),
        ({"time": "1h"}, cull.InputError, "'time' is '1h', which is no number"),
        ({"method": 3}, cull.OptionError, "no method '3'"),
        ({"minimize": ""}, cull.InputError, "has no name"),
        ({"minimize": "e,a"}, cull.InputError, "'a' is a parameter of the space"),
        ({"seed": -1}, cull.OptionError, "seed -1"),
        ({"again": "sometimes"}, cull.OptionError, "again 'sometimes' is none of never, cached, paid"),
        ({"stop": "asha"}, cull.OptionError, "stop wants rungs"),
        ({"stop": "asha", "rungs": 3}, cull.OptionError, "stop wants rungs"),
        ({"stop": "ash", "rungs": (1, 3)}, cull.OptionError, "stop 'ash' is none of median"),
        ({"stop": "asha", "rungs": (3, 1)}, cull.InputError, "from step 3 to 1"),
        ({"eta": 3}, cull.OptionError, "eta is of stop, which is not given"),
        ({"resume": True}, cull.OptionError, "name its store"),
        ({"store": "/no/such/folder/s.db"}, cull.Error, "/no/such/folder/s.db"),
    ],
)
def test_wrong(given, kind, message):
    with pytest.raises(kind, match=message):
        cull.search.create(PLAIN, **given)


def test_the_best_of_nothing():
    with pytest.raises(cull.InputError, match="trial has come to a result"):
        cull.search.create(PLAIN).best


# ---- Optuna ----


def test_without_optuna():
    code = (
        "import sys; sys.modules['optuna'] = None\nimport cull\n"
        "try: cull.search.OptunaSampler\n"
        "except ImportError as e: print(e)\n"
    )
    said = python(code)
    assert "OptunaSampler is a sampler for Optuna, which cannot be imported" in said.stdout, said
    assert "pip install optuna" in said.stdout


@pytest.fixture
def optuna():
    found = pytest.importorskip("optuna", reason="optuna is not installed")
    found.logging.set_verbosity(found.logging.WARNING)
    return found


def suggest(trial):
    x = trial.suggest_float("x", -5, 5)
    lr = trial.suggest_float("a/b c", 1e-4, 1, log=True)
    k = trial.suggest_int("k", 1, 9, step=2)
    w = trial.suggest_int("w", 1, 100, log=True)
    q = trial.suggest_float("q", 0, 1, step=0.25)
    c = trial.suggest_categorical("c", ["u", None, 3, 1.5])
    one = trial.suggest_int("one", 4, 4)
    assert one == 4 and k % 2 == 1 and q * 4 == int(q * 4) and type(w) is int
    return x * x + math.log10(lr / 0.01) ** 2 + abs(k - 5) + w / 50 + q + (c != 3)


@pytest.mark.parametrize("method", [*cull.search.METHODS, None])
def test_optuna_by_every_method(optuna, method):
    def run():
        study = optuna.create_study(sampler=cull.search.OptunaSampler(method, seed=3))
        study.optimize(suggest, n_trials=25)
        return [(t.params, t.value) for t in study.trials]

    trials = run()
    assert trials == run() and len(trials) == 25
    assert len({json.dumps(p) for p, _ in trials}) == 25


def test_optuna_learns(optuna):
    def best(sampler):
        study = optuna.create_study(sampler=sampler)
        study.optimize(suggest, n_trials=150)
        return study.best_value

    mine = [best(cull.search.OptunaSampler("local-search", seed=s)) for s in range(5)]
    theirs = [best(optuna.samplers.RandomSampler(seed=s)) for s in range(5)]
    assert np.median(mine) < np.median(theirs)  # results come back to the method


def test_optuna_spaces_that_change(optuna):
    def fn(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number % 2:
            x += trial.suggest_float("y", 0, 1)
        if trial.number == 7:
            raise optuna.TrialPruned
        if trial.number == 11:
            trial.report(0.5, 3)
            raise optuna.TrialPruned
        return math.nan if trial.number == 9 else x

    sampler = cull.search.OptunaSampler("tpe", seed=1)
    study = optuna.create_study(sampler=sampler)
    study.add_trial(
        optuna.trial.create_trial(
            params={"x": 0.5},
            distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
            value=0.5,
        )
    )
    study.optimize(fn, n_trials=30)
    inner = sampler._inner.study
    assert list(sampler._inner.space) == ["x"] and len(inner) == 31
    states = [t.state for t in inner.trials]
    assert states.count("failed") == 2 and states.count("done") == 29
    assert inner.best_value == study.best_value
    copy = pickle.loads(pickle.dumps(sampler))
    study.sampler = copy
    study.optimize(fn, n_trials=3)
    assert len(copy._inner.study) == 34


def branches(trial):
    """Branches within branches, and as many as a number says; names sort so that parents stand last."""
    layers = trial.suggest_int("z layers", 1, 4)
    size = [trial.suggest_int(f"size{i}", 1, 50) for i in range(layers)]
    opt = trial.suggest_categorical("y opt", ["sgd", "adam", None])
    loss = sum(abs(s - 20) for s in size) / 20 + abs(layers - 2)
    if opt == "sgd":
        loss += trial.suggest_float("momentum", 0, 1)
        if trial.suggest_categorical("x nesterov", [False, True]):
            loss += (trial.suggest_float("ahead", 0, 1) - 0.3) ** 2 - 0.5
    if opt == "adam":
        loss += abs(math.log10(trial.suggest_float("eps", 1e-9, 1e-3, log=True)) + 6) - 0.2
    return loss


def test_optuna_branches(optuna):
    from cull._optuna import _taken

    sampler = cull.search.OptunaSampler("gp", seed=1)
    study = optuna.create_study(sampler=sampler)
    study.optimize(branches, n_trials=60)
    space, when, whole = sampler._tree.found()
    assert whole and set(space) == {n for t in study.trials for n in t.params}
    assert {n: (w.parent, set(w.values)) for n, w in when.items()} == {
        "size1": ("z layers", {2, 3, 4}),
        "size2": ("z layers", {3, 4}),
        "size3": ("z layers", {4}),
        "momentum": ("y opt", {0}),
        "x nesterov": ("y opt", {0}),
        "ahead": ("x nesterov", {1}),
        "eps": ("y opt", {1}),
    }
    here = [t for t in sampler._inner.study.trials if t.state == "done"]
    assert sorted(t.value for t in here) == sorted(t.value for t in study.trials)
    # what the last trials were is what the method proposed
    names = sampler._inner.names
    mine = [{names[p]: v for p, v in t.params.items()} for t in here]
    theirs = [{n: _taken(space[n], v) for n, v in t.params.items()} for t in study.trials]
    assert all(t in mine for t in theirs)


def test_optuna_learns_in_branches(optuna):
    def best(sampler):
        study = optuna.create_study(sampler=sampler)
        study.optimize(branches, n_trials=80)
        return study.best_value

    mine = [best(cull.search.OptunaSampler("gp", seed=s)) for s in range(4)]
    theirs = [best(optuna.samplers.TPESampler(seed=s)) for s in range(4)]
    assert np.mean(mine) < np.mean(theirs)


def test_optuna_branches_that_none_explains(optuna):
    """A parameter that seems to hang on another one is known not to as soon as a trial shows it."""
    seen = []
    sampler = cull.search.OptunaSampler("tpe", seed=1)
    study = optuna.create_study(sampler=sampler)

    def fn(trial):
        c = trial.suggest_categorical("c", [0, 1])
        if trial.number > 0:
            seen.append(dict(sampler._tree.found()[1]))
        here = c if trial.number < 8 else trial.number % 3 == 0
        return trial.suggest_float("y", 0, 1) + c if here else c

    study.optimize(fn, n_trials=30)
    assert "y" in seen[6] and seen[6]["y"].parent == "c" and not seen[-1]
    assert len(study.trials) == 30 and sampler._tree.found()[2] is False
    # c alone decides nothing then: its values are proposed again and again
    assert len([t for t in sampler._inner.study.trials if t.state == "done"]) == 30


def test_optuna_branches_of_pruned_trials(optuna):
    """What no whole trial has shown does not keep a pruned one from being told."""
    sampler = cull.search.OptunaSampler("random-search", seed=1)
    study = optuna.create_study(sampler=sampler)

    def fn(trial):
        c = trial.suggest_categorical("c", [0, 1, 2])
        y = trial.suggest_float("y", 0, 1) if c else 0
        if c == 2:
            trial.report(y, 1)
            raise optuna.TrialPruned
        return y

    study.optimize(fn, n_trials=40)
    assert set(sampler._tree.found()[1]["y"].values) == {1}
    known = [t.params["p0"] for t in sampler._inner.study.trials if t.state == "done"]
    assert sorted(known) == sorted(t.params["c"] for t in study.trials) and known.count(2) > 1


def test_optuna_ranges_that_change(optuna):
    """What is asked of the rest comes again, as it does not decide alone."""
    sampler = cull.search.OptunaSampler("tpe", seed=1)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: t.suggest_float("x", 0, t.suggest_int("n", 1, 3)) + t.params["n"], n_trials=30)
    space, when, whole = sampler._tree.found()
    assert list(space) == ["n"] and not when and not whole
    assert len(sampler._inner.study) == 30 and {t.state for t in sampler._inner.study.trials} == {"done"}
    late = [t.params["n"] for t in study.trials[15:]]
    assert late.count(1) > 9  # proposed, not drawn


def test_optuna_fronts_and_ends(optuna):
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=cull.search.OptunaSampler(method="nsga2", population=8)
    )
    study.optimize(
        lambda t: (t.suggest_float("x", 0, 4) ** 2, -((t.params["x"] - 2) ** 2)), n_trials=60, n_jobs=3
    )
    assert len(study.trials) == 60 and len(study.best_trials) > 5
    small = optuna.create_study(sampler=cull.search.OptunaSampler("random-search"))
    small.optimize(lambda t: t.suggest_int("k", 0, 3), n_trials=20)  # more than there are points
    assert len(small.trials) == 20 and small.best_value == 0


@pytest.mark.parametrize("by_func", [True, False])
def test_optuna_constraints(optuna, by_func):
    """x >= 1 is learnt as a constraint: what breaks it is not the best, and is rarely asked."""
    if not by_func and not hasattr(optuna.Trial, "set_constraint"):
        pytest.skip("this Optuna's trials have no set_constraint")

    def fn(trial):
        x, y = trial.suggest_float("x", -3, 3), trial.suggest_float("y", -3, 3)
        if not by_func:
            trial.set_constraint("low", 1 - x)
        elif trial.number == 3:
            raise optuna.TrialPruned
        return x**2 + y**2

    limits = (lambda t: [1 - t.params["x"]]) if by_func else None
    study = optuna.create_study(sampler=cull.search.OptunaSampler("gp", seed=1, constraints_func=limits))
    study.optimize(fn, n_trials=40)
    inner = study.sampler._inner.study
    assert len(inner.constraints) == 1 and len(inner) == 40
    for mine, theirs in zip(inner.trials, study.trials):
        if mine.state == "done":
            assert mine.constraints == {"c0": 1 - theirs.params["x"]}
    assert 1 <= study.best_value < 1.2 and study.best_params["x"] >= 1
    assert sum(t.params["x"] >= 1 for t in study.trials) >= 12  # without the constraint hardly any


def test_optuna_constraints_that_are_none(optuna):
    study = optuna.create_study(
        sampler=cull.search.OptunaSampler("tpe", constraints_func=lambda t: [float("nan")])
    )
    with pytest.raises(ValueError, match="never NaN"):
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)


def test_optuna_values_of_its_own(optuna):
    """What Optuna takes instead of what was proposed is what the method learns, and that is asked later."""
    sampler = cull.search.OptunaSampler("local-search", seed=1)
    study = optuna.create_study(sampler=sampler)

    def fn(trial):
        return trial.suggest_float("x", -3, 3) ** 2 + (trial.suggest_categorical("c", ["a", "b"]) == "a")

    study.optimize(fn, n_trials=3)
    study.enqueue_trial({"x": 0.1})
    study.enqueue_trial({"x": 2.5, "c": "b"})
    study.optimize(fn, n_trials=20)
    told = {(t.params["p1"], t.params["p0"]): t.value for t in sampler._inner.study.trials if t.state == "done"}
    assert told == {(t.params["x"], "ab".index(t.params["c"])): t.value for t in study.trials}


def test_optuna_table_of_branches(optuna, tmp_path):
    """What its data frame has under a plain name, or in one column for two branches, is of the branch that was taken."""

    def drawn(trial):
        opt = trial.suggest_categorical("opt", ["sgd", "adam"])
        value = trial.suggest_float("decay", 0, 1 if opt == "sgd" else 2)
        if opt == "sgd":
            value += trial.suggest_categorical("batch", [16, 32]) + trial.suggest_int("momentum", 0, 9)
        if trial.suggest_categorical("warmup", [True, False]):
            value += trial.suggest_int("steps", 10, 50, step=10)
        return value

    theirs = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    theirs.optimize(drawn, n_trials=40)
    space = """
    opt = or {
        sgd { decay = real(0, 1) batch = one(16, 32) momentum = int(0, 9) }
        adam { decay = real(0, 2) }
    }
    warmup = optional { steps = int(10, 50, step=10) }"""
    for names in None, ["error"]:
        if names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is experimental
                theirs.set_metric_names(names)
        theirs.trials_dataframe().to_csv(tmp_path / "optuna.csv", index=False)
        mine = cull.search.create(space, minimize="error")
        assert mine.import_file(tmp_path / "optuna.csv") == 40
        for t, o in zip(mine.trials, theirs.trials):
            assert t.value == o.value
            plain = {name.rpartition(".")[2]: v for name, v in t.params.items()}
            plain["warmup"] = plain["warmup"] in (True, "yes")
            plain = {name: int(v) if name == "batch" else v for name, v in plain.items()}
            assert plain == o.params


def test_optuna_another_study(optuna):
    """A sampler that was of one study samples another as a new one does."""

    def run(sampler):
        study = optuna.create_study(sampler=sampler)
        study.optimize(suggest, n_trials=30)

    used = cull.search.OptunaSampler("local-search", seed=2)
    run(used)
    inner = used._inner
    run(used)
    assert used._inner is not inner and len(used._inner.study) == 30


def test_optuna_in_a_forked_process(optuna):
    """A child of fork goes on with the study that it inherited, by a state of its own."""
    study = optuna.create_study(sampler=cull.search.OptunaSampler("tpe", seed=1))

    def fn(trial):
        return trial.suggest_float("x", 0, 1)

    study.optimize(fn, n_trials=12)
    child = os.fork()
    if child == 0:
        try:
            study.optimize(fn, n_trials=5)
            os._exit(len(study.trials))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    study.optimize(fn, n_trials=3)
    assert len(study.trials) == 15


def test_optuna_what_no_space_holds(optuna):
    study = optuna.create_study(sampler=cull.search.OptunaSampler("tpe", seed=1))
    study.optimize(lambda t: t.suggest_int("n", 0, 10**18) + t.suggest_float("x", 0, 1, step=1e-18), n_trials=5)
    assert len(study.trials) == 5


@pytest.mark.parametrize(
    "given, kind, said",
    [
        (dict(method="tpee"), cull.OptionError, "did you mean 'tpe'"),
        (dict(method="tpe", gama=0.2), TypeError, r"OptunaSampler\(\) has no argument 'gama'; did you mean 'gamma'"),
        (dict(seed=None), cull.OptionError, "seed None is no whole number"),
        (dict(method="tpe", gamma=7), cull.OptionError, "gamma"),
        (dict(method="uct", widen="x"), TypeError, "no argument 'widen'"),
    ],
)
def test_optuna_wrong(optuna, given, kind, said):
    with pytest.raises(kind, match=said):
        cull.search.OptunaSampler(**given)


def test_a_store_keeps_its_method(tmp_path):
    """A budget that would be another method's by default does not make it another study."""
    for budget in (12, 301):
        with cull.search.create("x = int(1, 1000)", minimize=["v"], budget=budget, store=tmp_path / "s.db") as study:
            assert len(study.trials) == (0 if budget == 12 else 2)
            study.optimize(lambda t: abs(t["x"] - 500), n_trials=2)
