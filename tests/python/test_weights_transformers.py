"""Folders of cull weights in Hugging Face's transformers and safetensors: what is written loads, and computes what it computed where
nothing that adds anything is gone. Tiny networks of random weights; nothing is downloaded."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
st = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

WORDS = 61


def llama():
    config = transformers.LlamaConfig(
        vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=64)  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def bert():
    config = transformers.BertConfig(
        vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        max_position_embeddings=64)  # fmt: skip
    return transformers.BertForMaskedLM(config)


def phi3():
    config = transformers.Phi3Config(
        vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=64, pad_token_id=0)  # fmt: skip
    return transformers.Phi3ForCausalLM(config)


def gpt2():
    config = transformers.GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    return transformers.GPT2LMHeadModel(config)


def t5():
    config = transformers.T5Config(vocab_size=WORDS, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    return transformers.T5ForConditionalGeneration(config)


def bart():
    config = transformers.BartConfig(
        vocab_size=WORDS, d_model=32, encoder_ffn_dim=48, decoder_ffn_dim=64, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, max_position_embeddings=64)  # fmt: skip
    return transformers.BartForConditionalGeneration(config)


FAMILIES = {
    "llama": (llama, transformers.AutoModelForCausalLM),
    "bert": (bert, transformers.AutoModelForMaskedLM),
    "phi3": (phi3, transformers.AutoModelForCausalLM),
    "gpt2": (gpt2, transformers.AutoModelForCausalLM),
    "t5": (t5, transformers.AutoModelForSeq2SeqLM),
    "bart": (bart, transformers.AutoModelForSeq2SeqLM),
}


@pytest.fixture()
def network(tmp_path):
    def make(family, change=None):
        torch.manual_seed(7)
        model = FAMILIES[family][0]().eval()
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.1)  # biases too
            if change:
                change(model)
        model.save_pretrained(tmp_path / family)
        return tmp_path / family, model

    return make


def logits(model):
    ids = torch.arange(40).reshape(2, 20) * 7 % 50
    with torch.no_grad():
        return model.double()(ids, **({"decoder_input_ids": ids} if model.config.is_encoder_decoder else {})).logits.numpy()


def loaded(family, folder):
    """With every parameter from the file, and none left over."""
    model, info = FAMILIES[family][1].from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    return model.eval()


def same(family, model, folder):
    np.testing.assert_allclose(logits(loaded(family, folder)), logits(model), rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", ["llama", "phi3"])
def test_heads(network, command, tmp_path, family):
    """Groups 1 and 3 of two heads each give values that nothing reads."""

    def change(model):
        for layer in model.model.layers:
            w = layer.self_attn.o_proj.weight.view(32, 4, 8)
            w[:, [1, 3]] = 0

    folder, model = network(family, change)
    command("weights", "heads", "-q", "--kv-heads", 2, folder, "-o", tmp_path / "out")
    small = loaded(family, tmp_path / "out")
    assert small.config.num_attention_heads == 4 and small.config.num_key_value_heads == 2
    assert small.model.layers[0].self_attn.o_proj.weight.shape == (32, 16)
    same(family, model, tmp_path / "out")


@pytest.mark.parametrize("family", FAMILIES)
def test_channels(network, command, tmp_path, family):
    def change(model):
        for name, p in model.named_parameters():
            if name.endswith(("down_proj.weight", "output.dense.weight", ".wo.weight", ".fc2.weight")) and p.shape[1] > 32:
                p[:, ::2] = 0
            if name.endswith("mlp.c_proj.weight"):  # a Conv1D
                p[::2] = 0

    folder, model = network(family, change)
    command("weights", "ffn-channels", "-q", "--share", 0.5, folder, "-o", tmp_path / "out")
    small = loaded(family, tmp_path / "out")
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in model.parameters())
    same(family, model, tmp_path / "out")


def test_layers(network, command, tmp_path):
    """A layer that adds nothing to what runs past it."""

    def change(model):
        layer = model.model.layers[2]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()

    folder, model = network("llama", change)
    command("weights", "drop-layers", "-q", "--rule", "layer=2: cut=yes", folder, "-o", tmp_path / "out")
    assert loaded("llama", tmp_path / "out").config.num_hidden_layers == 3
    same("llama", model, tmp_path / "out")


def test_layers_of_bert(network, command, tmp_path):
    """Its layers are normed behind, so none adds nothing: what is left is what transformers makes without the layer."""
    folder, model = network("bert")
    command("weights", "drop-layers", "-q", "--rule", "layer=1: cut=yes", folder, "-o", tmp_path / "out")
    del model.bert.encoder.layer[1]
    model.config.num_hidden_layers = 3
    same("bert", model, tmp_path / "out")


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
@pytest.mark.parametrize("family", ["t5", "bart"])
def test_layers_of_a_stack(network, command, tmp_path, family, stack):
    """An encoder or decoder without its last layer is what transformers makes without it."""
    folder, model = network(family)
    command("weights", "drop-layers", "-q", "--stack", stack, "--rule", "layer=1: cut=yes", folder, "-o", tmp_path / "out")
    part = getattr(getattr(model, "model", model), stack)
    del getattr(part, "block" if family == "t5" else "layers")[1]
    same(family, model, tmp_path / "out")


@pytest.mark.parametrize(
    "words",
    [
        ("linear", "--weights", "1,2"), ("slerp",), ("soup",), ("task-arithmetic", "--base"), ("ties", "--base"),
        ("dare", "--base"), ("breadcrumbs", "--base"), ("magnitude",), ("linear", "--weights", "1,2", "--dtype", "bf16"),
        ("linear", "--weights", "1,2", "--shard-size", "20K"), ("magnitude", "--store", "sparse"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_written_files_load(network, command, tmp_path, words):
    folder, model = network("llama")
    models = [folder] if words[0] == "magnitude" else [folder, folder]
    words = [w for word in words for w in ((word, folder) if word == "--base" else (word,))]
    command("weights", words[0], "-q", *words[1:], *models, "-o", tmp_path / "out")
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    got = {k: v for f in files for k, v in st.load_file(f).items()}
    want = st.load_file(folder / "model.safetensors")
    if "sparse" in words:
        assert any(k.endswith(".values") for k in got)
        return
    assert got.keys() == want.keys() and all(got[k].shape == want[k].shape for k in want)
    assert len(files) == 1 or "--shard-size" in words
    loaded("llama", tmp_path / "out")


def test_turned(network, command, tmp_path):
    """GPT-2's matrices are (inputs, outputs): two of four inputs stay for each output, nobody need say so."""
    folder, model = network("gpt2")
    command("weights", "magnitude", "-q", "--n", 2, "--m", 4, folder, "-o", tmp_path / "out")
    w = loaded("gpt2", tmp_path / "out").transformer.h[0].mlp.c_fc.weight
    assert ((w.reshape(8, 4, 128) != 0).sum(1) == 2).all()


def test_masks(network, command, tmp_path):
    """Older files hold causal masks, which newer ones lack: they are the base's, and nothing is asked of the others."""
    folder, model = network("gpt2")
    (tmp_path / "old").mkdir()
    numbers = st.load_file(folder / "model.safetensors")
    mask = torch.ones(64, 64).tril().reshape(1, 1, 64, 64)
    st.save_file(numbers | {f"transformer.h.{k}.attn.bias": mask.clone() for k in range(2)}, tmp_path / "old" / "model.safetensors")
    (tmp_path / "old" / "config.json").write_bytes((folder / "config.json").read_bytes())
    command("weights", "ties", "-q", "--base", tmp_path / "old", "--dtype", "bf16", folder, folder, "-o", tmp_path / "out")
    out = st.load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(out["transformer.h.1.attn.bias"], mask)
    assert out["transformer.wte.weight"].dtype == torch.bfloat16


def test_words_of_two_sizes(network, command, tmp_path):
    """Common rows: the config says how many words are left."""
    folder, model = network("llama")
    other = tmp_path / "other"
    model.resize_token_embeddings(50)
    model.save_pretrained(other)
    command("weights", "linear", "-q", "--weights", "1,1", "--common-rows", folder, other, "-o", tmp_path / "out")
    assert loaded("llama", tmp_path / "out").config.vocab_size == 50
    same("llama", model, tmp_path / "out")
