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


def network(family):
    config = getattr(transformers, family + "TextConfig", None) or getattr(transformers, family + "Config", None)
    if config is None:
        pytest.skip(f"this transformers has no {family}")
    torch.manual_seed(5)
    model = getattr(transformers, family + "ForCausalLM")(config(**SIZES, **FAMILIES[family])).eval()
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
