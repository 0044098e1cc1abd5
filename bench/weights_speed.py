#!/usr/bin/env python3
"""Pruning and packing of a file of 2 GB beside cp: the table of docs/weights.md.

usage: weights_speed.py CULL FOLDER [GB]

FOLDER takes about four times the file. Weights are normal draws, as a transformer's matrices; every command runs on the
file in the page cache, after cp on the same. Peak memory is of the process, less what it maps from files."""
import os
import re
import subprocess
import sys
import time

import numpy as np
from safetensors.numpy import save_file

CULL, FOLDER = sys.argv[1:3]
GB = float(sys.argv[3]) if len(sys.argv) > 3 else 2.0


def make(path, dtype):
    rng = np.random.default_rng(1)
    size = 4 if dtype == "F32" else 2
    layers = int(GB * 2**30 / (4096 * 4096 * size))
    block = rng.standard_normal(4096 * 4096, "f4") * 0.02
    tensors = {}
    for k in range(layers):
        w = np.roll(block, 7919 * k) * np.float32(1 + 0.01 * k)
        if dtype == "BF16":
            u = w.view("u4")
            w = ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype("u2")
        tensors[f"model.layers.{k}.mlp.up_proj.weight"] = w.reshape(4096, 4096)
    save_file(tensors, path)
    if dtype == "BF16":  # NumPy has no bfloat16: the head is told
        with open(path, "r+b") as f:
            n = int.from_bytes(f.read(8), "little")
            head = f.read(n)
            new = head.replace(b'"dtype":"U16"', b'"dtype":"BF16"').rstrip()
            if len(new) > n:
                body = f.read()
                new += b" " * (-len(new) % 8)
                f.seek(0)
                f.write(len(new).to_bytes(8, "little") + new + body)


def timed(*words):
    began = time.monotonic()
    p = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    held = 0
    while True:
        pid, status, used = os.wait4(p.pid, os.WNOHANG)
        if pid:
            break
        try:
            text = open(f"/proc/{p.pid}/status").read()
            anon = re.search(r"RssAnon:\s+(\d+)", text)
            held = max(held, int(anon.group(1)) if anon else 0)
        except (OSError, ProcessLookupError):
            pass
        time.sleep(0.01)
    wall = time.monotonic() - began
    if status:
        sys.exit(f"failed: {words}")
    return wall, used.ru_utime + used.ru_stime, held / 1024


def main():
    print("| file | command | seconds | of the processor | of cp's rate | bytes written | anonymous memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for dtype in ("F32", "BF16"):
        dense, out, packed = (f"{FOLDER}/{n}.safetensors" for n in ("dense", "out", "packed"))
        make(dense, dtype)
        size = os.path.getsize(dense)
        prune = (CULL, "weights", "magnitude", "-q", "--scope", "global", "--sparsity")
        timed("cat", dense)
        copy = timed("cp", dense, out)
        runs = [
            ("cp", ("cp", dense, out), out),
            ("magnitude, half of all", (*prune, "0.5", dense, "-o", out), out),
            ("magnitude, 90 % of all", (*prune, "0.9", dense, "-o", out), out),
            ("pack that", (CULL, "weights", "pack", "-q", out, "-o", packed), packed),
            ("unpack it", (CULL, "weights", "unpack", "-q", packed, "-o", out), out),
            ("magnitude, 2:4", (CULL, "weights", "magnitude", "-q", "--n", "2", "--m", "4", dense, "-o", out), out),
            ("pack that", (CULL, "weights", "pack", "-q", out, "-o", packed), packed),
        ]
        for name, words, result in runs:
            wall, used, held = timed(*words)
            if name == "cp":
                copy = min(copy, (wall, used, held))
                wall, used, held = copy
            print(
                f"| {size / 1e9:.1f} GB {dtype} | {name} | {wall:.1f} | {used:.1f} | {copy[0] / wall:.2f} |"
                f" {os.path.getsize(result) / size:.4f} | {held:.0f} MiB |",
                flush=True,
            )
        for f in (dense, out, packed):
            os.unlink(f)


main()
