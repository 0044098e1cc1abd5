"""lora-merge beside PEFT: a merged folder computes what network and adapter computed, with numbers that are those of PEFT's own merge
where that does, too. Tiny networks of random weights; nothing is downloaded."""

import json

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
st = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

WORDS = 29


def llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=WORDS, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=32, tie_word_embeddings=True))  # fmt: skip


def gpt2():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=WORDS, n_embd=16, n_layer=2, n_head=4, n_positions=32))


# network, options of the adapter
CASES = {
    "dora": (llama, {"target_modules": ["q_proj", "down_proj"], "use_dora": True}),
    "dora-conv1d": (gpt2, {"target_modules": ["c_attn", "c_proj", "c_fc"], "use_dora": True, "fan_in_fan_out": True}),
    "dora-embedding": (llama, {"target_modules": ["q_proj", "embed_tokens"], "use_dora": True}),
    "conv1d-beside-linear": (gpt2, {"target_modules": ["c_attn", "c_proj", "lm_head"]}),
    "saved-head": (llama, {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    "saved-embedding": (llama, {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}),
    "saved-both": (gpt2, {"target_modules": ["c_attn"], "modules_to_save": ["wte", "lm_head"], "fan_in_fan_out": True}),
    "head": (llama, {"target_modules": ["lm_head"]}),
    "embedding": (gpt2, {"target_modules": ["wte"]}),
    "both": (llama, {"target_modules": ["embed_tokens", "lm_head"]}),
}


def logits(model):
    with torch.no_grad():
        return model(torch.arange(24).reshape(2, 12)).logits


def bert():
    return transformers.BertForMaskedLM(transformers.BertConfig(
        vocab_size=WORDS, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=32))  # fmt: skip


@pytest.mark.parametrize("make", [llama, gpt2, bert])
def test_extracted(tmp_path, command, make):
    """PEFT takes an adapter of all ranks, and merges it to the tuned model but for what has no adapter."""
    torch.manual_seed(5)
    make().save_pretrained(tmp_path / "base")
    tuned = make()
    tuned.save_pretrained(tmp_path / "tuned")
    command("weights", "lora-extract", "-q", "--rank", 64, "--base", tmp_path / "base", tmp_path / "tuned", "-o", tmp_path / "adapter")
    base = type(tuned).from_pretrained(tmp_path / "base")
    got = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").merge_and_unload().state_dict()
    names = st.load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    names = {n.removeprefix("base_model.model.").replace(".lora_A.", ".") for n in names if ".lora_A." in n}
    assert len(names) >= 8
    for name in names:
        torch.testing.assert_close(got[name], tuned.state_dict()[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("modules", [["shared"], ["lm_head"], ["shared", "lm_head"]], ids="+".join)
def test_one_tensor_for_all(tmp_path, command, modules):
    """T5's embedding is that of encoder, decoder and head: B A is added to it, whichever of them it was trained for, and for both twice."""
    torch.manual_seed(5)
    base = transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=WORDS, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4))  # fmt: skip
    base.save_pretrained(tmp_path / "base")
    model = peft.get_peft_model(base, peft.LoraConfig(r=3, lora_alpha=5, target_modules=[*modules, "q"]))
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p) * 0.3)
    model.save_pretrained(tmp_path / "adapter")
    command("weights", "lora-merge", "-q", "--base", tmp_path / "base", tmp_path / "adapter", "-o", tmp_path / "merged")
    model.merge_and_unload().save_pretrained(tmp_path / "theirs")
    a, b = (st.load_file(tmp_path / folder / "model.safetensors") for folder in ("merged", "theirs"))
    assert set(a) == set(b)
    for name, x in a.items():
        torch.testing.assert_close(x, b[name], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_as_trained(tmp_path, command, case):
    make, options = CASES[case]
    torch.manual_seed(5)
    base = make().eval()
    base.save_pretrained(tmp_path / "base")
    model = peft.get_peft_model(base, peft.LoraConfig(r=3, lora_alpha=5, **options)).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(torch.randn_like(p) * 0.3)
    want = logits(model)
    model.save_pretrained(tmp_path / "adapter")
    command("weights", "lora-merge", "-q", "--base", tmp_path / "base", tmp_path / "adapter", "-o", tmp_path / "merged")
    got, info = type(base).from_pretrained(tmp_path / "merged", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    torch.testing.assert_close(logits(got.eval()), want, atol=1e-5, rtol=1e-5)
    theirs = model.merge_and_unload()
    if (logits(theirs) - want).abs().max() > 1e-2:  # B A went into the one tensor of a tied head
        assert case in ("dora-embedding", "conv1d-beside-linear", "head", "embedding", "both")
        return
    theirs.save_pretrained(tmp_path / "theirs")
    a, b = (st.load_file(tmp_path / folder / "model.safetensors") for folder in ("merged", "theirs"))
    assert set(a) == set(b)
    for name, x in a.items():
        torch.testing.assert_close(x, b[name], atol=1e-6, rtol=1e-6)
    tied = [json.loads((tmp_path / folder / "config.json").read_text())["tie_word_embeddings"] for folder in ("merged", "theirs")]
    assert tied[0] == tied[1]
