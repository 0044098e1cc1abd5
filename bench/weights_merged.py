#!/usr/bin/env python3
"""Two fine-tunes of one ResNet-20, merged by each method and judged: the table of docs/weights.md.

usage: weights_merged.py CULL WEIGHTS TRAIN.bin TEST.bin

WEIGHTS is resnet20_cifar10.safetensors; TRAIN.bin and TEST.bin are sets in CIFAR-10's binary form. One model learns an epoch of
the first 8,000 training images, the other one of the last 8,000. Running statistics of batch norm are not thinned."""
import json
import os
import shlex
import subprocess
import sys
import tempfile

CULL, BASE, TRAIN, TEST = sys.argv[1:5]
IMAGE, IMAGES = 3073, 8000
WHOLE = ["--rule", "*.running_*: density=1"]
HALF = ["--weights", "0.5,0.5"]
METHODS = (("linear", []), ("slerp", []), ("task-arithmetic", HALF), ("ties", WHOLE), ("dare", HALF + WHOLE),
           ("breadcrumbs", HALF + WHOLE))


def cull(*words):
    return subprocess.run([CULL, *words, "-q"], check=True, capture_output=True, text=True).stdout


def accuracy(weights):
    return json.loads(cull("model", "eval", "resnet20", "--weights", weights, "--data", TEST, "--json"))["accuracy"]


def main():
    rows = [("as it is", accuracy(BASE))]
    with tempfile.TemporaryDirectory() as folder:
        tuned = []
        for name, at in (("first", 0), ("last", os.path.getsize(TRAIN) - IMAGE * IMAGES)):
            part, out = f"{folder}/{name}.bin", f"{folder}/{name}.safetensors"
            with open(TRAIN, "rb") as f, open(part, "wb") as to:
                f.seek(at)
                to.write(f.read(IMAGE * IMAGES))
            cull("model", "train", "resnet20", "--weights", BASE, "--data", part, "--epochs", "1", "--lr", "0.01", "--optimizer",
                 "sgd", "--last", "-o", out)
            tuned.append(out)
            rows.append((f"fine-tuned, {name} images", accuracy(out)))
        for method, options in METHODS:
            out = f"{folder}/merged.safetensors"
            base = [] if method in ("linear", "slerp") else ["--base", BASE]
            cull("weights", method, *base, *options, *tuned, "-o", out)
            rows.append((f"`{shlex.join([method, *options])}`", accuracy(out)))
    print("| model | accuracy |\n| --- | --- |")
    for name, value in rows:
        print(f"| {name} | {value:.4f} |")


main()
