"""Files of cull weights in Hugging Face's safetensors: pruned, packed and masks load, and packed parts say what they should."""

import cull
import numpy as np
import pytest

st = pytest.importorskip("safetensors.numpy")
safetensors = pytest.importorskip("safetensors")


@pytest.fixture()
def files(tmp_path, command):
    rng = np.random.default_rng(3)
    w = {
        "model.layers.0.mlp.up_proj.weight": rng.normal(size=(64, 96)).astype("f4"),
        "model.layers.1.mlp.up_proj.weight": rng.normal(size=(32, 64)).astype("f2"),
        "model.norm.weight": np.ones(96, "f4"),
    }
    st.save_file(w, tmp_path / "dense.safetensors")
    return tmp_path, w, command


def test_pruned_loads(files):
    folder, w, command = files
    command("weights", "magnitude", "-q", "--sparsity", 0.9, folder / "dense.safetensors", "-o", folder / "out.safetensors")
    got = st.load_file(folder / "out.safetensors")
    assert sorted(got) == sorted(w)
    for name, x in w.items():
        gone = int(x.size * 0.9) if x.ndim == 2 else 0
        assert (got[name] == 0).sum() == gone
        assert (got[name][got[name] != 0] == x[got[name] != 0]).all()
        assert np.abs(x[got[name] != 0]).min() >= np.abs(x[got[name] == 0]).max(initial=0)


@pytest.mark.parametrize("packing", ["bitmask", "csr", "gaps", "2:4"])
def test_packed_loads(files, packing):
    folder, w, command = files
    how = ("--n", 2, "--m", 4) if packing == "2:4" else ("--sparsity", 0.9)
    command("weights", "magnitude", "-q", *how, folder / "dense.safetensors", "-o", folder / "out.safetensors")
    command("weights", "pack", "-q", "--packing", packing, folder / "out.safetensors", "-o", folder / "packed.safetensors")
    dense, parts = st.load_file(folder / "out.safetensors"), st.load_file(folder / "packed.safetensors")
    for name, x in dense.items():
        if x.ndim == 1:
            assert (parts[name] == x).all()
            continue
        flat, v = x.ravel(), parts[name + ".values"]
        assert v.dtype == x.dtype
        back = np.zeros_like(flat)
        if packing == "bitmask":
            back[np.unpackbits(parts[name + ".bitmask"], bitorder="little")[: flat.size] == 1] = v
        elif packing == "csr":
            rows = np.repeat(np.arange(len(x)), np.diff(parts[name + ".offsets"]))
            back[rows * x.shape[1] + parts[name + ".columns"]] = v
        elif packing == "gaps":
            at = np.cumsum(parts[name + ".gaps"].astype("i8") + (parts[name + ".gaps"] != 255)) - 1
            back[at[parts[name + ".gaps"] != 255]] = v
        else:
            b = parts[name + ".indices"]
            four = np.stack([b & 15, b >> 4], 1).ravel()
            place = np.arange(len(four))[:, None] * 4 + np.stack([four & 3, four >> 2], 1)
            back[place.ravel()] = v
        assert (back == flat).all()
    with safetensors.safe_open(folder / "packed.safetensors", "np") as f:
        assert f.metadata()["cull.packed:model.layers.1.mlp.up_proj.weight"] == f"{packing} F16 32 64"
    command("weights", "unpack", "-q", folder / "packed.safetensors", "-o", folder / "back.safetensors")
    assert (folder / "back.safetensors").read_bytes() == (folder / "out.safetensors").read_bytes()


def test_a_mask(files):
    folder, w, command = files
    dense, out, mask = (folder / f"{n}.safetensors" for n in ("dense", "out", "mask"))
    command("weights", "magnitude", "-q", "--scope", "global", "--mask", mask, dense, "-o", out)
    bits, pruned = st.load_file(mask), st.load_file(out)
    assert sorted(bits) == sorted(n for n in w if w[n].ndim == 2)
    for name, b in bits.items():
        keep = np.unpackbits(b, bitorder="little")[: w[name].size].reshape(w[name].shape)
        assert ((pruned[name] != 0) == keep).all()
    command("apply", mask, dense, "-q", "-o", folder / "again.safetensors")
    again = st.load_file(folder / "again.safetensors")
    assert all((again[n] == pruned[n]).all() for n in w)


def test_a_sparse_result(files):
    folder, _, command = files
    dense, out, own = (folder / f"{n}.safetensors" for n in ("dense", "sparse", "own"))
    command("weights", "magnitude", "-q", "--sparsity", "0.9", "--store", "sparse", dense, "-o", out)
    cull.weights.prune("magnitude", dense, own, sparsity=0.9, sparse=True)
    assert out.read_bytes() == own.read_bytes()
