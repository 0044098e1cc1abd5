#!/usr/bin/env python3
"""Soft filter pruning in cull and in PyTorch: the network, rows and schedule of `cull reproduce rethinking-pruning`.

usage: soft_torch.py CULL FASHION_MNIST_DIR [SEEDS]

Prints the accuracy after the last epoch, when the filters have been set to 0, for several shares that stay; a mean over
seeds. First weights and order of rows are each program's own."""
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

CULL, DATA = sys.argv[1:3]
SEEDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
EPOCHS, BATCH, RATE, DECAY, WIDTHS = 8, 64, 0.05, 1e-4, (24, 48, 48)
SHARES = (1, 0.9, 5 / 12)
LAYER = "conv{0} = conv({1}, 3, pad=1, bias=no)\nbn{0} = batch_norm\nrelu\n{2}"
MODEL = (
    "input 14x14x1\noutputs 10\n"
    + "".join(LAYER.format(i, w, "max_pool(2)\n" if i < 2 else "") for i, w in enumerate(WIDTHS))
    + "global_avg_pool\nfc = linear(outputs)\n"
)


def idx(name, head):
    path = next(p for p in sorted(glob.glob(f"{DATA}/**/{name}*", recursive=True)) if os.path.isfile(p))
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=head)


def network():
    layers, inputs = [], 1
    for i, w in enumerate(WIDTHS):
        layers += [nn.Conv2d(inputs, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU()] + [nn.MaxPool2d(2)] * (i < 2)
        inputs = w
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def of_torch(x, y, val_x, val_y, share, seed):
    torch.manual_seed(seed)
    net = network()
    sgd = torch.optim.SGD(net.parameters(), RATE, momentum=0.9, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.MultiStepLR(sgd, [EPOCHS // 2, EPOCHS * 3 // 4])
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            sgd.zero_grad()
            cross_entropy(net(x[rows]), y[rows]).backward()
            sgd.step()
        rates.step()
        for w in (layer.weight.data for layer in net if isinstance(layer, nn.Conv2d)):
            w[w.flatten(1).norm(dim=1).argsort()[: len(w) - round(share * len(w))]] = 0
    with torch.no_grad():
        return (net.eval()(val_x).argmax(1) == val_y).float().mean().item()


def of_cull(folder, share, seed):
    words = [CULL, "model", "train", f"{folder}/net.model", f"{folder}/train.npz", "--val", f"{folder}/val.npz", "--optimizer", "sgd", "--lr", RATE,
             "--decay", DECAY, "--schedule", "step", "--batch", BATCH, "--shards", 1, "--epochs", EPOCHS, "--last", "--seed", seed,
             "--soft-keep", 0 if share == 1 else share, "-q", "-o", f"{folder}/out.safetensors"]  # fmt: skip
    subprocess.run([str(w) for w in words], check=True)
    judged = subprocess.run([CULL, "model", "eval", f"{folder}/out.safetensors", f"{folder}/val.npz", "--json"], check=True, capture_output=True)
    return json.loads(judged.stdout)["accuracy"]


def main():
    torch.set_num_threads(1)
    x = idx("train-images", 16).reshape(-1, 14, 2, 14, 2).astype("f4").mean((2, 4)) / 255
    y = idx("train-labels", 8).astype("i4")
    order = np.random.default_rng(0).permutation(len(x))
    train, val = order[:6000], order[6000:9000]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/net.model", "w") as f:
            f.write(MODEL)
        for name, rows in (("train", train), ("val", val)):
            np.savez(f"{folder}/{name}.npz", x=x[rows][..., None], y=y[rows])
        mean, std = x[train].mean(), x[train].std()
        both = [torch.tensor(v) for rows in (train, val) for v in ((x[rows][:, None] - mean) / std, y[rows].astype("i8"))]
        print("| share that stays | cull | PyTorch |\n| --- | --- | --- |")
        for share in SHARES:
            ours = np.mean([of_cull(folder, share, s) for s in range(SEEDS)])
            theirs = np.mean([of_torch(*both, share, s) for s in range(SEEDS)])
            print(f"| {share:.3f} | {ours:.3f} | {theirs:.3f} |", flush=True)


main()
