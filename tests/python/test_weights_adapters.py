"""Adapters and experts of cull weights from outside: numpy's sums and singular values, files that safetensors loads."""

import json

import numpy as np
import pytest

st = pytest.importorskip("safetensors.numpy")


def mixture(rng, layers=2, experts=6, d=24, f=16):
    w = {"model.embed_tokens.weight": rng.normal(size=(10, d)).astype("f4")}
    for k in range(layers):
        block = f"model.layers.{k}.block_sparse_moe"
        w[f"{block}.gate.weight"] = rng.normal(size=(experts, d)).astype("f4")
        for e in range(experts):
            w[f"{block}.experts.{e}.w1.weight"] = rng.normal(size=(f, d)).astype("f4")
            w[f"{block}.experts.{e}.w2.weight"] = rng.normal(size=(d, f)).astype("f4")
            w[f"{block}.experts.{e}.w3.weight"] = rng.normal(size=(f, d)).astype("f4")
    return w


def save_folder(folder, w, config, stem="model", name="config.json"):
    folder.mkdir()
    st.save_file(w, folder / f"{stem}.safetensors")
    (folder / name).write_text(json.dumps(config))
    return folder


def test_merge(tmp_path, command):
    rng = np.random.default_rng(1)
    w = {"q.weight": rng.normal(size=(40, 30)).astype("f4"), "n.weight": np.ones(7, "f2")}
    a = {
        "base_model.model.q.lora_A.weight": rng.normal(size=(4, 30)).astype("f4"),
        "base_model.model.q.lora_B.weight": rng.normal(size=(40, 4)).astype("f4"),
    }
    st.save_file(w, tmp_path / "base.safetensors")
    save_folder(tmp_path / "ad", a, {"r": 4, "lora_alpha": 6}, "adapter_model", "adapter_config.json")
    command("weights", "lora-merge", "-q", "--base", tmp_path / "base.safetensors", tmp_path / "ad", "-o", tmp_path / "out.safetensors")
    got = st.load_file(tmp_path / "out.safetensors")
    want = w["q.weight"] + 1.5 * a["base_model.model.q.lora_B.weight"].astype("f8") @ a["base_model.model.q.lora_A.weight"]
    np.testing.assert_allclose(got["q.weight"], want, atol=2e-6)  # f32 of numbers up to 20
    assert (got["n.weight"] == 1).all() and got["n.weight"].dtype == np.float16


def test_extract(tmp_path, command):
    rng = np.random.default_rng(2)
    base = {"layers.0.mlp.up_proj.weight": rng.normal(size=(50, 33)).astype("f4")}
    tuned = {n: x + (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 33))).astype("f4") for n, x in base.items()}
    st.save_file(base, tmp_path / "base.safetensors")
    st.save_file(tuned, tmp_path / "tuned.safetensors")
    command(
        "weights", "lora-extract", "-q", "--rank", 4, "--base", tmp_path / "base.safetensors", tmp_path / "tuned.safetensors", "-o", tmp_path / "ad"
    )
    ad = st.load_file(tmp_path / "ad" / "adapter_model.safetensors")
    config = json.loads((tmp_path / "ad" / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 4 and config["target_modules"] == ["layers.0.mlp.up_proj"]
    delta = tuned["layers.0.mlp.up_proj.weight"].astype("f8") - base["layers.0.mlp.up_proj.weight"]
    near = ad["base_model.model.layers.0.mlp.up_proj.lora_B.weight"].astype("f8") @ ad["base_model.model.layers.0.mlp.up_proj.lora_A.weight"]
    beyond = np.linalg.svd(delta, compute_uv=False)[4:]
    assert np.linalg.norm(delta - near) == pytest.approx(np.sqrt((beyond**2).sum()), rel=1e-6)


@pytest.mark.parametrize("method", ["expert-drop", "expert-merge"])
def test_experts(tmp_path, command, method):
    rng = np.random.default_rng(3)
    w = mixture(rng)
    stats = {f"model.layers.{k}.block_sparse_moe.router_logits": rng.normal(size=(50, 6)).astype("f4") for k in range(2)}
    model = save_folder(tmp_path / "model", w, {"num_local_experts": 6, "num_experts_per_tok": 2})
    st.save_file(stats, tmp_path / "stats.safetensors")
    command("weights", method, "-q", "--experts", 4, "--activations", tmp_path / "stats.safetensors", model, "-o", tmp_path / "small")
    small = st.load_file(tmp_path / "small" / "model.safetensors")
    manifest = json.loads((tmp_path / "small" / "cull_manifest.json").read_text())
    assert json.loads((tmp_path / "small" / "config.json").read_text()) == {"num_local_experts": 4, "num_experts_per_tok": 2}
    assert len(small) == len(w) - 2 * 2 * 3
    for block in manifest["blocks"]:
        p = block["prefix"]
        assert block["experts"] == 6 and len(block["kept"]) == 4
        if method == "expert-drop":
            z = stats[f"{p}.router_logits"]
            usage = np.bincount(np.argsort(-z, axis=1)[:, :2].ravel(), minlength=6)
            assert sorted(e for (e,) in block["kept"]) == sorted(np.argsort(-usage, kind="stable")[:4])
        for new, (group, weights) in enumerate(zip(block["kept"], block["weights"])):
            assert sum(weights) == pytest.approx(1)
            gate = sum(u * w[f"{p}.gate.weight"][e].astype("f8") for e, u in zip(group, weights))
            np.testing.assert_allclose(small[f"{p}.gate.weight"][new], gate, atol=1e-6)
            if len(group) == 1:
                assert (small[f"{p}.experts.{new}.w2.weight"] == w[f"{p}.experts.{group[0]}.w2.weight"]).all()
    command("apply", "-q", tmp_path / "small" / "cull_manifest.json", model, "-o", tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (tmp_path / "small" / "model.safetensors").read_bytes()


def test_merged_units(tmp_path, command):
    """The order of units is scipy's cheapest assignment, and the mean is taken in it."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(4)
    w = mixture(rng, layers=1, experts=3)
    p = "model.layers.0.block_sparse_moe"
    z = rng.normal(size=(60, 3)).astype("f4")
    z[:, 2] = z[:, 0] + 0.1 * z[:, 2]
    z[:, 0] += 0.01  # the more used of the two
    model = save_folder(tmp_path / "model", w, {"num_local_experts": 3, "num_experts_per_tok": 1})
    st.save_file({f"{p}.router_logits": z}, tmp_path / "stats.safetensors")
    command("weights", "expert-merge", "-q", "--experts", 2, "--activations", tmp_path / "stats.safetensors", model, "-o", tmp_path / "small")
    small = st.load_file(tmp_path / "small" / "model.safetensors")
    block = json.loads((tmp_path / "small" / "cull_manifest.json").read_text())["blocks"][0]
    groups = {tuple(sorted(g)): (g, u, n) for n, (g, u) in enumerate(zip(block["kept"], block["weights"]))}
    (head, other), (a, b), new = groups[(0, 2)]
    part = {e: [w[f"{p}.experts.{e}.w{i}.weight"].astype("f8") for i in (1, 2, 3)] for e in (head, other)}
    score = part[head][0] @ part[other][0].T + part[head][2] @ part[other][2].T + part[head][1].T @ part[other][1]
    _, order = optimize.linear_sum_assignment(-score)
    for i, name in ((0, "w1"), (2, "w3")):
        np.testing.assert_allclose(small[f"{p}.experts.{new}.{name}.weight"], a * part[head][i] + b * part[other][i][order], atol=1e-6)
    np.testing.assert_allclose(small[f"{p}.experts.{new}.w2.weight"], a * part[head][1] + b * part[other][1][:, order], atol=1e-6)
