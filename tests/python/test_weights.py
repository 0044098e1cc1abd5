"""cull.weights: the same bytes as the command, against numpy, and what is wrong, by its sentence."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import cull

NAMES = {"model.layers.0.mlp.up_proj.weight": (7, 11), "model.norm.weight": (11,), "lm_head.weight": (5, 11)}


def write(path, tensors):
    """A safetensors file of f32 arrays."""
    head, at, body = {}, 0, b""
    for name, x in tensors.items():
        data = np.ascontiguousarray(x, "<f4").tobytes()
        head[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + len(data)]}
        at, body = at + len(data), body + data
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def read(path):
    data = Path(path).read_bytes()
    n = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:n])
    head.pop("__metadata__", None)
    return {
        k: np.frombuffer(data[n:], "<f4")[v["data_offsets"][0] // 4 : v["data_offsets"][1] // 4].reshape(v["shape"])
        for k, v in head.items()
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("weights")
    base = {k: rng.normal(size=s).astype("f4") for k, s in NAMES.items()}
    found = {"folder": folder, "base": write(folder / "base.safetensors", base)}
    for m in "ab":
        found[m] = write(
            folder / f"{m}.safetensors", {k: x + np.float32(0.1) * rng.normal(size=x.shape).astype("f4") for k, x in base.items()}
        )
    return found


def command(*words):
    program = Path(os.environ["CULL_LIBRARY"]).parent / "cull"
    if not program.exists():
        pytest.skip("the command is not built")
    subprocess.run([program, "weights", "-q", *map(str, words)], check=True)


def test_merges_are_the_commands(models, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    both = [models["a"], models["b"]]
    report = cull.weights.merge(
        "ties", both, one, base=models["base"], weights=[0.6, 0.3], density=0.4, rule="role=norm model=2: density=1"
    )
    command("ties", "--base", models["base"], "--weights", "0.6,0.3", "--density", 0.4, "--rule",
            "role=norm model=2: density=1", *both, "-o", two)
    assert one.read_bytes() == two.read_bytes()
    assert (report.tensors, report.computed, report.unequal) == (3, 3, 0)
    said = cull.weights.plan("ties", both, base=models["base"])
    assert said.written == report.written and said.held >= report.held


def test_means_are_numpys(models, tmp_path):
    out = tmp_path / "mean.safetensors"
    cull.weights.merge("linear", [models["a"], models["b"]], out, weights=[1, 3])
    a, b = read(models["a"]), read(models["b"])
    for k, x in read(out).items():
        np.testing.assert_allclose(x, (a[k] + 3 * b[k]) / 4, rtol=0, atol=4e-7)  # two roundings of numbers about 1


def test_prune(models, tmp_path):
    out = tmp_path / "small.safetensors"
    cull.weights.prune("magnitude", models["a"], out, sparsity=0.5)
    x = read(out)["model.layers.0.mlp.up_proj.weight"]
    assert (x == 0).sum() == 77 // 2


def test_soup(models, tmp_path):
    want = read(models["b"])["model.norm.weight"]
    asked = []

    def score(path):
        asked.append(path)
        return -float(np.abs(read(path)["model.norm.weight"] - want).sum())

    out = tmp_path / "soup.safetensors"
    found = cull.weights.soup([models["a"], models["b"], models["b"]], out, score)
    assert found.kept == [False, True, True] and found.score == 0 and len(asked) == 5
    np.testing.assert_array_equal(read(out)["model.norm.weight"], want)
    assert [p.name for p in tmp_path.iterdir()] == ["soup.safetensors"]
    with pytest.raises(ZeroDivisionError):
        cull.weights.soup([models["a"], models["b"]], out, lambda path: 1 / 0)


def test_looking(models, tmp_path):
    s = {t.name: t for t in cull.weights.stat(models["a"])}
    x = read(models["a"])["lm_head.weight"]
    t = s["lm_head.weight"]
    assert (t.shape, t.dtype, t.role, t.layer) == ((5, 11), "F32", "head", None)
    assert t.mean == pytest.approx(x.mean(dtype="f8"), abs=1e-12) and t.std == pytest.approx(x.std(dtype="f8"), rel=1e-12)
    assert s["model.layers.0.mlp.up_proj.weight"].layer == 0
    assert all(d.same for d in cull.weights.diff(models["a"], models["a"]))
    d = cull.weights.diff(models["a"], models["b"])[1]
    y = read(models["b"])["model.norm.weight"]
    x = read(models["a"])["model.norm.weight"]
    assert not d.same and d.absmax == pytest.approx(np.abs(x.astype("f8") - y).max(), rel=1e-12)
    assert not [f for f in cull.weights.verify(models["a"]) if f.error]
    x = {k: v.copy() for k, v in read(models["a"]).items()}
    x["model.norm.weight"][3] = np.nan
    bad = write(tmp_path / "bad.safetensors", x)
    assert [f.tensor for f in cull.weights.verify(bad) if f.error] == ["model.norm.weight"]


@pytest.mark.parametrize(
    "words, error, says",
    [
        ({"method": "tie"}, cull.OptionError, "did you mean 'ties'"),
        ({"densty": 1}, TypeError, "densty"),
        ({"density": 2}, cull.OptionError, "outside"),
        ({"weights": [1]}, cull.InputError, "weights has 1 numbers, and there are 2 models"),
        ({"base": None}, cull.InputError, "needs what the models were fine-tuned from"),
        ({"rule": "role=nrm: density=1"}, cull.OptionError, "did you mean norm"),
        ({"dtype": "bf17"}, cull.OptionError, "did you mean BF16"),
        ({"base": "nowhere.safetensors"}, cull.FileError, "nowhere"),
    ],
)
def test_wrong(models, tmp_path, words, error, says):
    given = {"base": models["base"], **words}
    with pytest.raises(error, match=says):
        cull.weights.merge(given.pop("method", "ties"), [models["a"], models["b"]], tmp_path / "o.safetensors", **given)
    assert not list(tmp_path.iterdir())


def test_norms_in_an_npz(models, tmp_path):
    """As in safetensors, stored or deflated; under the name, or as sums of squares under the shorter one."""
    rng = np.random.default_rng(5)
    norm = np.abs(rng.normal(size=11)).astype("f4")
    name = "model.layers.0.mlp.up_proj.weight"
    write(tmp_path / "n.safetensors", {name: norm})
    np.savez(tmp_path / "n.npz", **{name: norm})
    np.savez_compressed(tmp_path / "d.npz", **{name: norm, "other": np.zeros(3)})
    np.savez(tmp_path / "s.npz", **{name[:-7] + ".sumsq": norm.astype("f8") ** 2})
    got = []
    for file in ("n.safetensors", "n.npz", "d.npz", "s.npz"):
        cull.weights.prune("wanda", models["a"], tmp_path / "out.safetensors", activations=tmp_path / file)
        got.append((tmp_path / "out.safetensors").read_bytes())
    assert all(g == got[0] for g in got)
    np.savez(tmp_path / "few.npz", **{name: norm[:4]})
    with pytest.raises(cull.InputError, match="norms of another model"):
        cull.weights.prune("wanda", models["a"], tmp_path / "out.safetensors", activations=tmp_path / "few.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "n.npz").read_bytes()[:90])
    with pytest.raises(cull.FileError):
        cull.weights.stat(tmp_path / "cut.npz")
