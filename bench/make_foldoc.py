#!/usr/bin/python3
"""Entries of the Free On-line Dictionary of Computing (Debian: dict-foldoc) as jsonl: text, label.

usage: make_foldoc.py OUT.jsonl
The label is the entry's first topic, "<topic>", which is taken out of the text. Entries without a
topic, shorter than 80 characters, or of a topic with fewer than 11 entries are left out.
"""
import collections
import gzip
import json
import re
import sys

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def number(s):
    v = 0
    for c in s:
        v = v * 64 + DIGITS.index(c)
    return v


def entries(root="/usr/share/dictd/foldoc"):
    with gzip.open(root + ".dict.dz") as f:
        body = f.read()
    seen = set()
    for line in open(root + ".index", encoding="utf-8"):
        word, at, size = line.rstrip("\n").split("\t")
        at, size = number(at), number(size)
        if word.startswith("00database") or at in seen:
            continue
        seen.add(at)
        text = body[at : at + size].decode("utf-8", "replace")
        m = re.search(r"<([^<>]*)>", text)
        if not m:
            continue
        label = re.split("[,;]", m.group(1))[0].strip()
        text = " ".join((text[: m.start()] + text[m.end() :]).split())
        if len(text) >= 80:
            yield label, text


def main():
    rows = list(entries())
    count = collections.Counter(label for label, _ in rows)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        for label, text in rows:
            if count[label] >= 11:
                f.write(json.dumps({"text": text, "label": label}) + "\n")


main()
