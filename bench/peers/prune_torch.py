#!/usr/bin/env python3
"""cull weights wanda and magnitude beside the papers' rules as PyTorch computes them; packed files in safetensors.

usage: prune_torch.py CULL

Wanda: in each row the floor(share columns) with the least |w| sqrt(sum x^2), by a stable sort, become 0. Magnitude, of a
tensor: what is not above the value of that rank. Prints a line for each, and ends with 1 where one differs."""
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

CULL = sys.argv[1]
UP, KEY = "model.layers.0.mlp.up_proj.weight", "model.layers.0.self_attn.k_proj.weight"


def cull(*words):
    subprocess.run([CULL, "weights", *map(str, words), "-q"], check=True)


def wanda(w, squares, share):
    score = w.abs() * squares.reshape(1, -1).sqrt()
    gone = torch.sort(score, dim=-1, stable=True)[1][:, : int(score.shape[1] * share)]
    return w.masked_fill(torch.zeros_like(score, dtype=torch.bool).scatter_(1, gone, True), 0)


def magnitude(w, share):
    order = torch.sort(w.abs().flatten().float(), stable=True)[0]
    gone = int(w.numel() * share)
    return w if gone == 0 else w.masked_fill(w.abs() < order[gone], 0)


def main():
    torch.manual_seed(1)
    w = {UP: torch.randn(96, 130).half(), KEY: torch.randint(-3, 4, (64, 96)).float()}
    squares = {UP: torch.rand(130) * 9, KEY: torch.randint(0, 4, (96,)).float()}
    same = True
    with tempfile.TemporaryDirectory() as d:
        dense, stats, out, packed = (f"{d}/{n}.safetensors" for n in ("dense", "stats", "out", "packed"))
        save_file(w, dense)
        save_file({k.replace(".weight", ".sumsq"): v for k, v in squares.items()}, stats)
        for share in (0.3, 0.5, 0.77):
            cull("wanda", "--sparsity", share, "--activations", stats, dense, "-o", out)
            got = load_file(out)
            for k in w:
                equal = torch.equal(got[k], wanda(w[k], squares[k], share))
                print(f"wanda {share} {k}: {'equal' if equal else 'DIFFERENT'}")
                same &= equal
        save_file({UP: torch.randn(128, 256)}, dense)
        cull("magnitude", "--sparsity", 0.9, dense, "-o", out)
        equal = torch.equal(load_file(out)[UP], magnitude(load_file(dense)[UP], 0.9))
        print(f"magnitude 0.9: {'equal' if equal else 'DIFFERENT'}")
        cull("pack", out, "-o", packed)
        parts = load_file(packed)
        equal &= torch.equal(parts[UP + ".values"], load_file(out)[UP].flatten()[load_file(out)[UP].flatten() != 0])
        print(f"packed: {sorted(parts)}: {'values are those that are not 0' if equal else 'DIFFERENT'}")
    return not (same and equal)


sys.exit(main())
