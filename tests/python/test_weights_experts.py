"""Mixtures of experts with fewer of them in Hugging Face's transformers: every family's file loads whole, and computes what the
network did whose routers may not choose the experts that went. Tiny networks of random weights; nothing is downloaded."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
st = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

EXPERTS, WIDTH = 4, 16
SIZES = {"vocab_size": 61, "hidden_size": WIDTH, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 4, "max_position_embeddings": 64, "pad_token_id": 0}  # fmt: skip
FAMILIES = {  # of single experts, then of all in one tensor
    "Mixtral": {"num_local_experts": EXPERTS},
    "Qwen3Moe": {"num_experts": EXPERTS, "num_experts_per_tok": 2, "moe_intermediate_size": 12},
    "Ernie4_5_Moe": {"moe_num_experts": EXPERTS, "moe_k": 2, "moe_intermediate_size": 12},
    "Llama4": {"num_local_experts": EXPERTS, "intermediate_size_mlp": 24, "interleave_moe_layer_step": 1},
    "GptOss": {"num_local_experts": EXPERTS, "num_experts_per_tok": 2},
    "GraniteMoe": {"num_local_experts": EXPERTS, "num_experts_per_tok": 2},
    "Gemma4": {"enable_moe_block": True, "num_experts": EXPERTS, "top_k_experts": 2, "moe_intermediate_size": 12},
}


def network(family, families=FAMILIES):
    config = getattr(transformers, family + "TextConfig", None) or getattr(transformers, family + "Config", None)
    if config is None:
        pytest.skip(f"this transformers has no {family}")
    torch.manual_seed(5)
    model = getattr(transformers, family + "ForCausalLM")(config(**{**SIZES, **families[family]})).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.2)
    return model


def logits(model):
    with torch.no_grad():
        return model(torch.arange(20)[None] * 7 % 50 + 1).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_fewer_experts(tmp_path, command, monkeypatch, family):
    model = network(family)
    model.save_pretrained(tmp_path / "model")
    names = st.load_file(tmp_path / "model" / "model.safetensors")
    routers = [n for n, x in names.items() if x.shape == (EXPERTS, WIDTH) and (".router." in n or ".gate." in n)]
    blocks = [n[: n.index(".router." if ".router." in n else ".gate.")] for n in routers]
    assert len(blocks) == 2 or family == "Ernie4_5_Moe"  # whose first layer is dense
    seen = {f"{b}.router_logits": torch.tensor([[0.0, -9.0, 3.0, 1.0], [1.0, -9.0, 0.0, 2.0]]) for b in blocks}
    st.save_file(seen, tmp_path / "seen.safetensors")
    command("weights", "expert-drop", "-q", "--experts", 3, "--activations", tmp_path / "seen.safetensors", tmp_path / "model",
            "-o", tmp_path / "small")  # fmt: skip
    manifest = json.loads((tmp_path / "small" / "cull_manifest.json").read_text())
    assert [b["kept"] for b in manifest["blocks"]] == [[[0], [2], [3]]] * len(blocks)
    small, info = type(model).from_pretrained(tmp_path / "small", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    rows = {p.data_ptr() for p in model.parameters() if p.shape == (EXPERTS, WIDTH)}
    linear, used = torch.nn.functional.linear, []

    def masked(x, weight, bias=None):
        y = linear(x, weight, bias)
        if weight.data_ptr() in rows:
            used.append(weight.data_ptr())
            y[..., 1] = -torch.inf
        return y

    was = logits(model)
    monkeypatch.setattr(torch.nn.functional, "linear", masked)
    want = logits(model)
    monkeypatch.undo()
    assert len(set(used)) == len(blocks) and (want - was).abs().max() > 1e-4
    np.testing.assert_allclose(logits(small.eval()), want, rtol=0, atol=1e-5)


# ---- what lies in one tensor is ranked by loss, and aligned, as separate experts are ----

FUSED = {
    "GptOss": FAMILIES["GptOss"],
    "GraniteMoe": FAMILIES["GraniteMoe"],
    "Qwen3_5Moe": {"num_experts": EXPERTS, "num_experts_per_tok": 2, "moe_intermediate_size": 12, "shared_expert_intermediate_size": 8,
                   "layer_types": ["full_attention"] * 2},
    "Llama4": FAMILIES["Llama4"],
    "Gemma4": FAMILIES["Gemma4"],
}  # fmt: skip


def save(model, folder):
    "As it is held, fused, where saving would take experts apart."
    model.save_pretrained(folder)
    if "Qwen3_5" in type(model).__name__:
        st.save_file({n: x.contiguous() for n, x in model.state_dict().items()}, folder / "model.safetensors", {"format": "pt"})


def routed(without):
    "torch's linear, with routers that may not choose expert `without`."
    linear = torch.nn.functional.linear

    def masked(x, weight, bias=None):
        y = linear(x, weight, bias)
        if weight.shape == (EXPERTS, WIDTH):
            y[..., [] if without is None else without] = -torch.inf
        return y

    return masked


def blocks_of(model):
    "Modules that route and run experts."
    return {n.rsplit(".", 1)[0]: model.get_submodule(n.rsplit(".", 1)[0]) for n, _ in model.named_modules() if n.endswith(".experts")}


@pytest.mark.parametrize("family", ["GptOss", "GraniteMoe", "Qwen3_5Moe"])
def test_best_set_of_fused_experts(tmp_path, command, monkeypatch, family):
    "No set of three changes a layer's outputs less, run by its own module with a router that may not choose the fourth."
    model = network(family, FUSED)
    save(model, tmp_path / "model")
    seen, want = {}, []
    for name, block in blocks_of(model).items():
        x = torch.randn(1, 100, WIDTH)
        seen[name + ".inputs"] = x[0]
        outputs = []
        for without in [None, *range(EXPERTS)]:
            with monkeypatch.context() as m, torch.no_grad():
                m.setattr(torch.nn.functional, "linear", routed(without))
                y = block(x)
                outputs.append((y[0] if isinstance(y, tuple) else y).double())
        loss = [float(((y - outputs[0]) ** 2).sum()) for y in outputs[1:]]
        assert sorted(loss)[1] > 1.001 * sorted(loss)[0] > 0
        want.append([[e] for e in range(EXPERTS) if e != int(np.argmin(loss))])
    st.save_file(seen, tmp_path / "seen.safetensors")
    command("weights", "expert-drop", "-q", "--experts", 3, "--activations", tmp_path / "seen.safetensors", tmp_path / "model",
            "-o", tmp_path / "small")  # fmt: skip
    manifest = json.loads((tmp_path / "small" / "cull_manifest.json").read_text())
    assert [b["kept"] for b in manifest["blocks"]] == want


def permute(family, x, name, order):
    "One expert's part of a fused tensor, its units in another order."
    units = len(order)
    gate = "gate_up" in name or "input_linear" in name
    axis = x.dim() - 1 if x.shape[-1] == (1 + gate) * units else 0
    if not gate:
        return x if "bias" in name else x.index_select(axis, order)
    both = torch.stack([2 * order, 2 * order + 1], 1).flatten() if family == "GptOss" else torch.cat([order, order + units])
    return x.index_select(axis, both)


@pytest.mark.parametrize("family", FUSED)
def test_merged_copies_of_fused_experts(tmp_path, command, family):
    "Experts 2 and 3 are 0 and 1 with their units in another order: two that are left do all that four did."
    top = {k: 1 for k in ("num_experts_per_tok", "top_k_experts") if k in FUSED[family]}
    model = network(family, {family: {**FUSED[family], **top}})
    units = model.config.moe_intermediate_size if hasattr(model.config, "moe_intermediate_size") else SIZES["intermediate_size"]
    with torch.no_grad():
        for name, x in model.state_dict().items():
            if x.shape and x.shape[0] == EXPERTS and "expert" in name or "router" in name and x.shape[:1] == (EXPERTS,):
                for e in range(2):
                    order = torch.randperm(units, generator=torch.Generator().manual_seed(e))
                    x[e + 2] = permute(family, x[e], name, order) if ".experts." in name else x[e]
            elif x.shape == (EXPERTS, WIDTH):
                x[2:] = x[:2]
    save(model, tmp_path / "model")
    seen = {b + ".router_logits": torch.randn(40, 2).repeat(1, 2) for b in blocks_of(model)}
    st.save_file(seen, tmp_path / "seen.safetensors")
    command("weights", "expert-merge", "-q", "--experts", 2, "--activations", tmp_path / "seen.safetensors", tmp_path / "model",
            "-o", tmp_path / "small")  # fmt: skip
    small, info = type(model).from_pretrained(tmp_path / "small", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    np.testing.assert_allclose(logits(small.eval()), logits(model), rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FUSED)
def test_channels_of_fused_experts(tmp_path, command, family):
    "Half of the channels of every expert, others of each, give what nothing reads: without them the network computes the same."
    wide = {k: 40 for k in FUSED[family] if k == "moe_intermediate_size"}  # torch multiplies in rows of 16 bytes
    model = network(family, {family: {**FUSED[family], **wide}})
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, x in model.named_parameters():
            if name.endswith("experts.down_proj"):
                turned = x.shape[2] == WIDTH
                for e in range(EXPERTS):
                    units = torch.randperm(x.shape[1 if turned else 2], generator=generator)[::2]
                    x[(e, units) if turned else (e, slice(None), units)] = 0
            elif name.endswith("down_proj.weight"):
                x[:, ::2] = 0
    save(model, tmp_path / "model")
    command("weights", "ffn-channels", "-q", "--share", 0.5, "--round", 1, tmp_path / "model", "-o", tmp_path / "small")
    small, info = type(model).from_pretrained(tmp_path / "small", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    for name, block in blocks_of(model).items():
        was, now = block.experts.down_proj.shape, small.get_submodule(name).experts.down_proj.shape
        assert np.prod(now) * 2 == np.prod(was)
    np.testing.assert_allclose(logits(small.eval()), logits(model), rtol=0, atol=1e-5)
    command("weights", "verify", tmp_path / "small")
    command("apply", tmp_path / "small" / "cull_manifest.json", tmp_path / "model", "-o", tmp_path / "again")
    command("weights", "diff", tmp_path / "small", tmp_path / "again")
