#!/usr/bin/env python3
"""Pruned ResNets of CIFAR-10, judged: the table of docs/weights.md.

usage: weights_prune.py CULL MODELS TEST.bin [RESULTS.json]

MODELS has resnet{20,32,44,56}_cifar10.safetensors, TEST.bin is a set in CIFAR-10's binary form. Each network is
pruned by magnitude, over all convolutions or in each of them, packed, read back and judged by `cull model eval`.
What was judged already is read from RESULTS.json, so that a run that was stopped goes on; with "table" behind it nothing
more is judged."""
import json
import os
import subprocess
import sys
import tempfile

CULL, MODELS, TEST = sys.argv[1:4]
KEPT = sys.argv[4] if len(sys.argv) > 4 else None
ONLY_TABLE = sys.argv[5:] == ["table"]
NETS = (20, 56, 32, 44)
RUNS = [(scope, share) for share in (0.5, 0.8, 0.9) for scope in ("global", "tensor")]


def cull(*words):
    return subprocess.run([CULL, *words], check=True, capture_output=True, text=True).stdout


def accuracy(net, weights):
    return json.loads(cull("model", "eval", f"resnet{net}", "--weights", weights, "--data", TEST, "--json"))["accuracy"]


def judge(net, run, folder):
    dense = f"{MODELS}/resnet{net}_cifar10.safetensors"
    if run is None:
        return {"accuracy": accuracy(net, dense), "bytes": os.path.getsize(dense)}
    packed, back = f"{folder}/packed.safetensors", f"{folder}/back.safetensors"
    cull("weights", "magnitude", "--scope", run[0], "--sparsity", str(run[1]), "--store", "sparse", dense, "-o", packed)
    cull("weights", "unpack", packed, "-o", back)
    return {"accuracy": accuracy(net, back), "bytes": os.path.getsize(packed)}


def main():
    got = json.load(open(KEPT)) if KEPT and os.path.exists(KEPT) else {}
    with tempfile.TemporaryDirectory() as folder:
        for net in () if ONLY_TABLE else NETS:
            for run in [None, *RUNS]:
                key = f"{net} {run[0]} {run[1]}" if run else str(net)
                if key not in got:
                    got[key] = judge(net, run, folder)
                    if KEPT:
                        json.dump(got, open(KEPT, "w"))
    print("| network | as it is |" + "".join(f" {s:g} {'all' if r == 'global' else 'each'} |" for r, s in RUNS))
    print("| --- | --- |" + " --- |" * len(RUNS))
    for net in sorted(NETS):
        cells = [got.get(str(net))] + [got.get(f"{net} {r} {s}") for r, s in RUNS]
        if not cells[0]:
            continue
        whole = cells[0]["bytes"]
        text = [f"{c['accuracy']:.4f} ({c['bytes'] / whole:.3f})" if c else "not run" for c in cells]
        print(f"| ResNet-{net} | " + " | ".join(text) + " |")


main()
