"""Checkpoints that Hugging Face's safetensors writes are read, and it reads those that the command writes."""

import json

import pytest

st = pytest.importorskip("safetensors.torch", reason="safetensors or torch is not installed")
torch = pytest.importorskip("torch")

DTYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2",
          "int64", "int32", "int16", "int8", "uint8", "bool")


@pytest.fixture(scope="module")
def tensors():
    """Of every dtype, of no dimension, of no number, an odd number of bytes before wider ones."""
    torch.manual_seed(0)
    found = {f"model.layers.{i}.{d}": (torch.randn(5, 7) * 3).to(getattr(torch, d)) for i, d in enumerate(DTYPES)}
    found["scalar"] = torch.tensor(2.5)
    found["none"] = torch.zeros(0, 3, dtype=torch.float16)
    found["odd"] = torch.arange(3, dtype=torch.uint8)
    return found


@pytest.fixture(scope="module")
def saved(tensors, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    st.save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / "config.json").write_text('{"architectures": ["XForCausalLM"]}')
    (folder / "tokenizer.json").write_text("{}")
    return folder


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    if a.numel():
        assert torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))


def test_read(command, saved, tensors):
    rows = {r["tensor"]: r for r in json.loads(command("weights", "stat", "--json", saved))["rows"]}
    assert rows.keys() == tensors.keys()
    for name, t in tensors.items():
        assert rows[name]["shape"] == list(t.shape)
        if t.numel():
            x = t.to(torch.float64)
            assert rows[name]["mean"] == pytest.approx(float(x.mean()), rel=1e-6, abs=1e-9)
            assert rows[name]["absmax"] == float(x.to(torch.float32).abs().max())
            assert rows[name]["zeros"] == int((x == 0).sum())
    assert json.loads(command("weights", "verify", "--json", saved))["errors"] == 0


@pytest.mark.parametrize("shards", (False, True))
def test_written(command, saved, tensors, tmp_path, shards):
    """Half of it and half of it is it again, to the bit, in every dtype; tensors of integers are copied."""
    out = tmp_path / "out"
    words = ("--shard-size", "150") if shards else ()
    command("weights", "linear", "--weights", "0.5,0.5", saved, saved, "-o", out, *words)
    files = sorted(out.glob("*.safetensors"))
    assert (len(files) > 3) == shards
    got = {}
    for f in files:
        got.update(st.load_file(str(f)))
    assert got.keys() == tensors.keys()
    for name, t in tensors.items():
        same(got[name], t)
    assert (out / "config.json").read_bytes() == (saved / "config.json").read_bytes()
    assert (out / "tokenizer.json").exists()
    if shards:
        index = json.loads((out / "model.safetensors.index.json").read_text())
        assert index["weight_map"].keys() == tensors.keys()
        assert index["metadata"]["total_size"] == sum(t.numel() * t.element_size() for t in tensors.values())
        for name, f in index["weight_map"].items():
            assert name in st.load_file(str(out / f))
    command("weights", "diff", saved, out)  # exit code 0: they are equal
