"""cull.compute and cull.trust: the same as the command to the bit, and what is wrong, by its sentence."""

import json
import os
import pickle
import threading

import numpy as np
import pytest

import cull

N, CLASSES = 400, 4


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two models on calibration and test rows, as arrays and as files of the same numbers."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("rows")
    found = {"folder": folder}
    for part in ("val", "new"):
        y = rng.integers(0, CLASSES, N)
        logits = []
        for k in range(2):
            z = rng.normal(size=(N, CLASSES)).astype("f4")
            z[np.arange(N), y] += 1 + k
            np.save(folder / f"{part}{k}.npy", z)
            logits.append(z)
        right = [(z.argmax(1) == y).astype("f8") for z in logits]
        sure = [z.max(1).astype("f8") for z in logits]
        cost = rng.uniform(5, 7, N)
        group = np.where(rng.random(N) < 0.4, "b", "a")
        np.save(folder / f"{part}_y.npy", y)
        columns = [*sure, *right, cost, y, logits[1][:, 0].astype("f8")]
        with open(folder / f"{part}.csv", "w") as f:
            f.write("s1,s2,q1,q2,c2,y,mu,g\n")
            for i, numbers in enumerate(zip(*columns)):
                f.write(",".join([*(repr(float(v)) for v in numbers), group[i]]) + "\n")
        found[part] = dict(zip(("s1", "s2", "q1", "q2", "c2", "y", "mu"), columns))
        found[part].update(logits=logits, group=group)
    return found


def of(r, a="q", models=("q1", "q2")):
    return {m: r[a + m[1]] for m in models}


def decided(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_plans(rows, command):
    v = rows["val"]
    words = ["--score", "s1,s2", "--quality", "q1,q2", "--budget", 5, rows["folder"] / "val.csv"]
    said = json.loads(command("compute", "cascade", "--plan", "--json", "--threads", 1, *words))
    given = dict(score=of(v, "s"), quality=of(v), models=["q1", "q2"], budget=5, threads=1)
    p = cull.compute.plan("cascade", **given)
    assert p.work == said["work"] == {"orders of models": 4, "cascades": 202}
    assert p.tried == said["tried"] == N and p.refused is None and 0 < p.bytes <= said["bytes"]
    t = cull.trust.plan("prediction-sets", logits=v["logits"][1], truth=v["y"])
    assert t.bytes > 0 and t.work == {} and t.tried == N
    with pytest.raises(cull.InputError, match="needs the truth"):
        cull.trust.plan("prediction-sets", logits=v["logits"][1])


def test_cascade_is_the_command_s(rows, command, tmp_path):
    v, t = rows["val"], rows["new"]
    words = ["--score", "s1,s2", "--cost", "1.5,c2"]
    command("compute", "cascade", "-q", *words, "--quality", "q1,q2", "--budget", 5,
            rows["folder"] / "val.csv", "-o", tmp_path / "c.json")  # fmt: skip
    p = cull.compute.fit(
        "cascade", score=[v["s1"], v["s2"]], quality=of(v), cost={"q1": 1.5, "q2": v["c2"]}, budget=5
    )
    p.save(tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    assert p.models == ["q1", "q2"] and p.method == "cascade" and "mean cost" in "".join(p.notes)
    assert p.guarantee is None
    command("compute", "apply", "-q", tmp_path / "c.json", "--models", "q1,q2", *words,
            rows["folder"] / "new.csv", "-o", tmp_path / "c.jsonl")  # fmt: skip
    d = p.apply(score={"q2": t["s2"], "q1": t["s1"]}, cost=[np.full(N, 1.5), t["c2"]])
    d.save(tmp_path / "p.jsonl")
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes()
    told = decided(tmp_path / "c.jsonl")
    assert [r["model"] for r in told] == [p.models[k] for k in d.model]
    assert [r["cost"] for r in told] == d.cost.tolist()
    assert [r["called"] for r in told] == [[m for m, c in zip(p.models, row) if c] for row in d.called]
    text = command("compute", "check", tmp_path / "c.json", "--quality", "q1,q2", *words, rows["folder"] / "new.csv")
    verdict = cull.compute.judge(d, quality=of(t), cost=[np.full(N, 1.5), t["c2"]])
    line = text.splitlines()[1].split("\t")
    assert line[0] == "policy"
    told = [verdict.policy.quality, *verdict.policy.quality_interval, verdict.policy.cost]
    assert [f"{x:.5g}" for x in told] == line[1:5]
    assert verdict.best.what == "q2" and verdict.share[0] == 1 and len(verdict.models) == 2
    assert verdict.policy.quality == np.where(d.model == 0, t["q1"], t["q2"]).mean()


@pytest.mark.parametrize("kind", ["lac", "aps"])
def test_sets_are_the_command_s(rows, command, tmp_path, kind):
    v, t = rows["val"], rows["new"]
    f = rows["folder"]
    c = cull.trust.fit("prediction-sets", logits=v["logits"][1], truth=v["y"], kind=kind, models=["val1.npy"], seed=3)
    c.save(tmp_path / "p.json")
    command("trust", "prediction-sets", "-q", "--seed", 3, "--kind", kind, "--logits", f / "val1.npy", "--truth",
            f / "val_y.npy", "-o", tmp_path / "c.json")  # fmt: skip
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    d = c.apply(logits=t["logits"][1], seed=3)
    assert d.set.shape == (N, CLASSES) and d.guarantee
    covered = d.set[np.arange(N), t["y"]].mean()
    assert 0.85 < covered < 0.95
    check = c.check(d, truth=t["y"])
    assert check.reached == pytest.approx(1 - covered, abs=1e-12) and not check.refuted
    assert check.power == d.set.sum(1).mean() and check.bounds == "miscoverage"


def test_intervals_by_group_are_the_command_s(rows, command, tmp_path):
    v, t = rows["val"], rows["new"]
    c = cull.trust.fit("prediction-intervals", score=v["mu"], truth=v["y"], group=v["group"], by="group",
                       models=["mu"], level=0.2)  # fmt: skip
    command("trust", "prediction-intervals", "-q", "--level", 0.2, "--by", "group", "--group", "g", "--score", "mu",
            "--truth", "y", rows["folder"] / "val.csv", "-o", tmp_path / "c.json")  # fmt: skip
    c.save(tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    d = c.apply(score=t["mu"], group=t["group"])
    command("trust", "apply", "-q", tmp_path / "c.json", "--group", "g", "--score", "mu",
            rows["folder"] / "new.csv", "-o", tmp_path / "d.jsonl")  # fmt: skip
    told = decided(tmp_path / "d.jsonl")
    assert [r["lo"] for r in told] == d.lo.tolist() and [r["hi"] for r in told] == d.hi.tolist()
    other = c.apply(score=t["mu"], group=t["group"][::-1])
    assert (other.hi != d.hi).any()


def test_selection_and_what_speaks_against_it(rows):
    v, t = rows["val"], rows["new"]
    c = cull.trust.fit("conformal_selection", score=v["mu"], truth=v["y"], above=2, level=0.3)
    d = c.apply(score=t["mu"])
    assert d.keep.dtype == bool and len(d) == N and d.guarantee.broken is None
    assert str(d.guarantee).startswith("false discovery rate at most 0.3, in expectation; from 400 rows")
    again = c.apply(score=v["mu"])
    assert not again.guarantee and "400 of 400 rows are copies" in str(again.guarantee)
    assert d.guarantee and c.guarantee  # of those rows, not of these
    check = c.check(d, truth=t["y"])
    assert check.kept == d.keep.sum() and check.rows == N


def test_kept_and_pickled(rows, tmp_path):
    v, t = rows["val"], rows["new"]
    p = cull.compute.fit("cascade", score=of(v, "s"), quality=of(v), budget=5, cost=[1, 6])
    want = p.apply(score=of(t, "s"), cost=[1, 6]).cost
    p.save(tmp_path / "p.json")
    for other in (cull.compute.load(tmp_path / "p.json"), pickle.loads(pickle.dumps(p))):
        assert (other.apply(score=of(t, "s"), cost=[1, 6]).cost == want).all()
        assert repr(other) == repr(p)
    with pytest.raises(ValueError, match="is of cascade, a method of task compute"):
        cull.trust.load(tmp_path / "p.json")
    (tmp_path / "x.json").write_text((tmp_path / "p.json").read_text()[:-20])
    with pytest.raises(ValueError, match="x.json: damaged JSON"):
        cull.compute.load(tmp_path / "x.json")


def test_in_threads_and_forks(rows):
    v, t = rows["val"], rows["new"]
    p = cull.compute.fit("cascade", score=of(v, "s"), quality=of(v), budget=5, cost=[1, 6], threads=2)
    want, got = p.apply(score=of(t, "s"), cost=[1, 6]).cost, []
    work = [threading.Thread(target=lambda: got.append(p.apply(score=of(t, "s"), cost=[1, 6]).cost)) for _ in range(8)]
    for w in work:
        w.start()
    for w in work:
        w.join()
    assert len(got) == 8 and all((g == want).all() for g in got)
    child = os.fork()
    if not child:
        same = False
        try:
            same = bool((p.apply(score=of(t, "s"), cost=[1, 6]).cost == want).all())
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_is_copied(rows):
    v = rows["val"]
    r = cull._outcomes.Rows({"score": v["mu"], "logits": [v["logits"][0]], "truth": v["c2"], "features": v["logits"][1]})
    assert r.c.score == v["mu"].ctypes.data and r.c.truth == v["c2"].ctypes.data
    assert r.list[0] == v["logits"][0].ctypes.data and r.x[0] == v["logits"][1].ctypes.data


FIT = {"score": np.zeros((2, 9)), "quality": np.ones((2, 9))}
WRONG = {
    "task compute has no method 'cascad'; did you mean 'cascade'": lambda: cull.compute.fit("cascad"),
    "task trust has no method 'zzz'; it has calibration, conformal-selection": lambda: cull.trust.fit("zzz"),
    "there are no rows": lambda: cull.compute.fit("cascade"),
    "quality is of 1 model, score of 2": lambda: cull.compute.fit("cascade", **{**FIT, "quality": np.ones(9)}),
    "quality has 8 rows, score has 9": lambda: cull.compute.fit("cascade", **{**FIT, "quality": np.ones((2, 8))}),
    "cost is of 3 models, score of 2": lambda: cull.compute.fit("cascade", **FIT, cost=[1, 2, 3]),
    "row 0: the cost of model 'm0' is -1": lambda: cull.compute.fit("cascade", **FIT, cost=-np.ones((2, 9))),
    "the cost of model 'm1' is -2": lambda: cull.compute.fit("cascade", **FIT, cost=[1, -2]),
    "the score of model 'm0' is nan": lambda: cull.compute.fit("cascade", **{**FIT, "score": np.full((2, 9), np.nan)}),
    "cascade needs what answers are worth": lambda: cull.compute.fit("cascade", score=np.zeros(9)),
    "budget -1": lambda: cull.compute.fit("cascade", **FIT, budget=-1),
    "budget 'low' is no number": lambda: cull.compute.fit("cascade", **FIT, budget="low"),
    "quality is of a, c; the models are a, b": lambda: cull.compute.fit(
        "cascade", score={"a": [1.0], "b": [2.0]}, quality={"a": [1.0], "c": [1.0]}
    ),
    "models has 3 names": lambda: cull.compute.fit("cascade", **FIT, models=["a", "b", "c"]),
    "level 2": lambda: cull.trust.fit("conformal-selection", score=np.zeros(9), truth=np.zeros(9), level=2),
    "the true class is 7; it must be 0 to 2": lambda: cull.trust.fit(
        "prediction-sets", logits=np.zeros((9, 3)), truth=np.full(9, 7)
    ),
    "are these logits": lambda: cull.trust.fit(
        "prediction-sets", probabilities=np.full((9, 3), 4.0), truth=np.zeros(9)
    ),
    "not both": lambda: cull.trust.fit("prediction-sets", probabilities=np.eye(3), logits=np.eye(3), truth=np.zeros(3)),
    r"logits has the shape \(9,\)": lambda: cull.trust.fit("prediction-sets", logits=np.zeros(9), truth=np.zeros(9)),
    "one model has 3 classes, another 2": lambda: cull.compute.fit(
        "cascade", logits=[np.zeros((9, 3)), np.zeros((9, 2))], truth=np.zeros(9)
    ),
    "delay is a number for each model": lambda: cull.compute.fit("cascade", **FIT, delay=np.ones((2, 9))),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


def test_wrong_names(rows):
    v = rows["val"]
    with pytest.raises(TypeError, match="no argument 'qualty'; did you mean 'quality'"):
        cull.compute.fit("cascade", qualty=1)
    p = cull.compute.fit("cascade", score=of(v, "s"), quality=of(v), budget=5, cost=[1, 6])
    with pytest.raises(TypeError, match="no argument 'spendd'; did you mean 'spend'"):
        p.apply(score=of(v, "s"), spendd=2)
    with pytest.raises(ValueError, match="the policy was fitted for 2"):
        p.apply(score=v["s1"])
    with pytest.raises(ValueError, match="spend 0.5: the cheapest cascade of the policy costs 1"):
        p.apply(score=of(v, "s"), cost=[1, 6], spend=0.5)
    d = p.apply(score=of(v, "s"), cost=[1, 6])
    with pytest.raises(ValueError, match="quality has 5 rows, the decisions are about 400"):
        cull.compute.judge(d, quality=np.ones((2, 5)))


def test_classifiers():
    linear = pytest.importorskip("sklearn.linear_model")
    from sklearn.base import clone

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    y = np.array(["a", "b", "c"])[np.clip(np.round(X[:, 0] + rng.normal(size=1500) * 0.5) + 1, 0, 2).astype(int)]
    e = linear.LogisticRegression().fit(X[:500], y[:500])
    c = cull.trust.ConformalClassifier(e, level=0.1, kind="aps").fit(X[500:1000], y[500:1000])
    member = c.predict_set(X[1000:])[np.arange(500), np.searchsorted(["a", "b", "c"], y[1000:])]
    assert 0.86 < member.mean() < 0.95
    assert (c.predict(X[1000:]) == e.predict(X[1000:])).all()
    assert c.get_params()["kind"] == "aps" and c.set_params(level=0.3).level == 0.3
    s = cull.trust.SelectiveClassifier(e, level=0.15).fit(X[500:1000], y[500:1000])
    kept = s.accepts(X[1000:])
    assert 0 < kept.mean() < 1 and (s.predict(X[1000:]) != y[1000:])[kept].mean() < 0.2
    with pytest.raises(ValueError, match="'z', which the estimator was not fitted with"):
        s.fit(X[:2], ["a", "z"])
    with pytest.raises(ValueError, match="not calibrated"):
        cull.trust.SelectiveClassifier(e).predict(X)
    assert clone(s, safe=False) is not s


def test_watch(tmp_path, command):
    rng = np.random.default_rng(3)
    mu = np.round(rng.normal(size=4000), 4)
    y = np.round(mu + rng.normal(size=4000) * np.where(np.arange(4000) < 2500, 1, 3), 4)
    y[2500::7] = np.nan
    cert = cull.trust.fit("prediction-intervals", score=mu[:500], truth=y[:500], level=0.2)
    d, w = cert.watch(score=mu[500:], truth=y[500:])
    assert len(d) == 3500 and d.level.shape == d.drift.shape == (3500,)
    assert 2000 < w.alarms[0] < 2200 and w.known == 3500 - np.isnan(y[500:]).sum()
    known = ~np.isnan(y[500:])
    missed = ~((d.lo <= y[500:]) & (y[500:] <= d.hi))[known]
    before = known.cumsum()[w.alarms[0]]
    assert w.missed == (missed[:before].mean(), missed[before:].mean())
    assert abs(missed.mean() - 0.2) < w.bound and w.fixed[1] > 0.4
    text = [f"{a},{'' if np.isnan(b) else b}" for a, b in zip(mu, y)]
    for name, part in (("cal.csv", text[:500]), ("new.csv", text[500:])):
        (tmp_path / name).write_text("\n".join(["mu,y", *part]) + "\n")
    command("trust", "prediction-intervals", "-q", "--score", "mu", "--truth", "y", "--level", 0.2, tmp_path / "cal.csv",
            "-o", tmp_path / "c.json")
    command("trust", "apply", "-q", "--watch", tmp_path / "c.json", "--score", "mu", "--truth", "y", tmp_path / "new.csv",
            "-o", tmp_path / "d.csv")
    d.save(tmp_path / "p.csv")
    assert (tmp_path / "d.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()
    with pytest.raises(ValueError, match="wants the truth of rows"):
        cert.watch(score=mu)
    with pytest.raises(ValueError, match="nothing to fit anew"):
        cert.watch(score=mu, truth=y, anew=100)


def test_watch_risk():
    """A limit in expectation is followed; one with delta is fitted anew after the alarm, as is what a selection accepts."""
    rng = np.random.default_rng(4)
    sure, turn = rng.random(5000), np.arange(5000) >= 2000
    small = (rng.random(5000) < 0.4 + 0.6 * sure - 0.4 * turn).astype(float)
    large = (rng.random(5000) < 0.97).astype(float)
    given = {"score": {"small": sure, "large": sure}, "quality": {"small": small, "large": large}}

    def part(lo, hi):
        return {k: {m: a[lo:hi] for m, a in v.items()} for k, v in given.items()}

    cost = {"small": 1, "large": 9}
    mean = cull.compute.fit("cascade", **part(0, 1000), cost=cost, risk=0.15, delta=0)
    d, w = mean.watch(**part(1000, 5000), cost=cost)
    lost = 1 - np.where(d.model == 0, small[1000:], large[1000:])
    assert w.known == 4000 and w.helpless == 0 and w.fits == () and d.level.shape == (4000,)
    assert lost.mean() < 0.15 + w.bound and w.fixed[1] > 0.25
    before = w.alarms[0] + 1
    assert w.missed == pytest.approx((lost[:before].mean(), lost[before:].mean()))
    held = cull.compute.fit("cascade", **part(0, 1000), cost=cost, risk=0.15, delta=0.1)
    d, w = held.watch(**part(1000, 5000), cost=cost, anew=500)
    assert w.bound is None and w.refused == 0 and w.fits[0][0] == w.alarms[0] + 1 and w.fits[0][1] - w.fits[0][0] == 499
    lost = 1 - np.where(d.model == 0, small[1000:], large[1000:])
    assert lost[w.fits[0][1] + 1 :].mean() < 0.16 < lost[1000 : w.fits[0][1]].mean()
    logits = np.where((small == 1)[:, None], [1.0, 0], [0, 1.0]).astype(np.float32) * sure[:, None].astype(np.float32)
    zero = np.zeros(5000)
    accept = cull.trust.fit("selective-classification", logits=logits[:1000], truth=zero[:1000], level=0.25, delta=0.1)
    d, w = accept.watch(logits=logits[1000:], truth=zero[1000:], anew=500)
    wrong, last = 1 - small[1000:], w.fits[0][1] + 1
    kept = d.keep.astype(bool)
    assert wrong[1000:last][kept[1000:last]].mean() > 0.3
    assert not kept[last:].any() or wrong[last:][kept[last:]].mean() < 0.3



def test_calibration():
    rng = np.random.default_rng(4)
    s = rng.normal(size=3000)
    y = (rng.random(3000) < 1 / (1 + np.exp(-s))) * 1.0
    cert = cull.trust.fit("calibration", kind="venn-abers", score=s[:1500], truth=y[:1500])
    d = cert.apply(score=s[1500:])
    assert ((0 <= d.lo) & (d.lo <= d.score) & (d.score <= d.hi) & (d.hi <= 1)).all()
    r = cert.reliability(d, truth=y[1500:])
    assert r.brier[0] == pytest.approx(((d.score - y[1500:]) ** 2).mean()) and r.brier[1] < r.brier[0] < r.brier[2]
    assert r.bins[:, 0].sum() == 1500 and r.ece[0] < 0.06
    with pytest.raises(ValueError, match="gives no probabilities"):
        other = cull.trust.fit("prediction-intervals", score=s[:500], truth=y[:500])
        other.reliability(other.apply(score=s), truth=y)
