"""mergekit-extract-lora beside `cull weights lora-extract`: what an adapter leaves of the change of each matrix, and processor time.

usage: lora_mergekit.py MERGEKIT_EXTRACT_LORA CULL DIR [HIDDEN] [RANK]
A LLaMA of one layer with random weights, and one whose matrices are off it by a change of falling singular values. The error is
|change - B A scale| / |change| over all matrices, beside the least there is at that rank (Eckart and Young). Both run on one thread."""
import json
import os
import resource
import shutil
import subprocess
import sys

import torch
from safetensors.torch import load_file


def models(where, hidden):
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=1, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=64, tie_word_embeddings=False)  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(os.path.join(where, "base"))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "proj" in name:
                k = min(p.shape)
                u, v = (torch.linalg.qr(torch.randn(n, k))[0] for n in p.shape)
                p += (u * (0.2 / (1 + torch.arange(k)))) @ v.T
    model.save_pretrained(os.path.join(where, "tuned"))


def seconds(words):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, capture_output=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def left(where, adapter, rank):
    """(of the adapter, of the best one)"""
    base, tuned = (load_file(os.path.join(where, m, "model.safetensors")) for m in ("base", "tuned"))
    got = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    with open(os.path.join(adapter, "adapter_config.json")) as f:
        config = json.load(f)
    off = best = total = 0.0
    for name, w in base.items():
        if "proj" not in name:
            continue
        d = tuned[name].double() - w.double()
        key = "base_model.model." + name[: -len(".weight")]
        a, b = got[key + ".lora_A.weight"].double(), got[key + ".lora_B.weight"].double()
        scale = config["lora_alpha"] / config["r"]
        off += float(((d - scale * b @ a) ** 2).sum())
        best += float((torch.linalg.svdvals(d)[rank:] ** 2).sum())
        total += float((d**2).sum())
    return (off / total) ** 0.5, (best / total) ** 0.5


def main(peer, cull, where, hidden=512, rank=16):
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    models(where, int(hidden))
    base, tuned = (os.path.join(where, m) for m in ("base", "tuned"))
    runs = {
        "mergekit-extract-lora": lambda out: [peer, "--model", tuned, "--base-model", base, "--out-path", out, "--max-rank", rank],
        "cull, exact": lambda out: [cull, "weights", "lora-extract", "-q", "--threads", "1", "--rank", rank, "--exact", "65536",
                                    "--base", base, tuned, "-o", out],
        "cull, random subspace": lambda out: [cull, "weights", "lora-extract", "-q", "--threads", "1", "--rank", rank, "--exact", "1",
                                              "--base", base, tuned, "-o", out],
    }  # fmt: skip
    print("program\tprocessor seconds\terror\tleast error")
    print(f"mergekit-extract-lora, its start\t{seconds([peer, '--help']):.2f}\t-\t-", flush=True)
    for name, words in runs.items():
        out = os.path.join(where, name.split(",")[0] + str(len(name)))
        time = seconds([str(w) for w in words(out)])
        off, best = left(where, out, int(rank))
        print(f"{name}\t{time:.2f}\t{off:.6f}\t{best:.6f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
