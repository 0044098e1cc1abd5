#!/usr/bin/env python3
"""Holds what a script can hold of the house rules. usage: check_rules.py [SOURCE_DIR]

Headers <= 300 lines, method files <= 600; functions over 80 lines are named, no more. A method: file,
slug and symbol agree, its head comment has every field, a test checks it against something independent,
docs/papers.csv knows it if it is one of the papers. CHANGELOG.md names the version that CMake builds; files that the tour of the tree names are there.
"""
import csv
import glob
import keyword
import os
import re
import sys

FIELDS = ("Chooses", "Idea", "Reads", "Deviates", "Cost", "Example")
TASKS = ("data", "feature", "search", "supernet", "weights", "compute", "trust", "gen", "model", "measure")
SOURCES = ("src", "include", "tests", "tools", "bench", "bind", "cmake", "examples")
STATES = ("method", "command", "planned")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def long_functions(path, text):
    """Functions begin with a line at the margin that ends in ')' or '{' and end with '}' there."""
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > 80 and line == "}":
                yield f"{path}:{start}: a function of {number - start} lines"
            start = None


def check_method(path, papers, tests, bad):
    text = read(path)
    task, name = path.split("/")[2], os.path.basename(path)[:-2]
    slug = name.replace("_", "-")
    head = text.split("*/")[0]
    if not re.match(rf"/\* {re.escape(slug)} - \S", head):
        bad.append(f"{path}:1: must begin with '/* {slug} - ' and what it is")
    for field in FIELDS:
        if not re.search(rf"^ \* {field} +\S", head, re.M):
            bad.append(f"{path}: the head comment has no field {field}")
    for option in re.findall(r"CULL_OPT_[A-Z0-9]+\(\s*\w+,\s*(\w+)", text):
        if keyword.iskeyword(option):
            bad.append(f"{path}: an option '{option}' could not be named in Python")
    if f".slug = \"{slug}\"" not in text:
        bad.append(f"{path}: .slug is not \"{slug}\"")
    if not re.search(rf"^const cull_method cull__method_{name} =", text, re.M):
        bad.append(f"{path}: the descriptor must be called cull__method_{name}")
    if f".task = CULL_TASK_{task.upper()}" not in text:
        bad.append(f"{path}: .task is not CULL_TASK_{task.upper()}")
    if not os.path.exists(f"tests/method/{name}.c") and f'"{slug}"' not in tests:
        bad.append(f"{path}: no test in tests/method names \"{slug}\"")
    row = papers.get(slug)
    if row and (row["task"] != task or row["state"] != "method"):
        bad.append(f"docs/papers.csv: {slug} is there as {row['task']}, {row['state']}; {path} exists")
    return slug


def check_papers(bad):
    rows = list(csv.DictReader(open("docs/papers.csv", encoding="utf-8", newline="")))
    if [r["number"] for r in rows] != [str(i + 1) for i in range(len(rows))]:
        bad.append("docs/papers.csv: the numbers are not 1, 2, 3, ...")
    for r in rows:
        if r["task"] not in TASKS:
            bad.append(f"docs/papers.csv: paper {r['number']}: no task '{r['task']}'")
        if r["state"] not in STATES:
            bad.append(f"docs/papers.csv: paper {r['number']}: state '{r['state']}' is none of {', '.join(STATES)}")
        if re.search(r'["\\;@]', r["title"]):
            bad.append(f"docs/papers.csv: paper {r['number']}: its title has a character that tools/gen_papers.sh cannot carry")
        path = f"src/method/{r['task']}/{r['slug'].replace('-', '_')}.c"
        if r["state"] == "method" and not os.path.exists(path):
            bad.append(f"docs/papers.csv: paper {r['number']} is a method, but there is no {path}")
        if r["state"] == "command" and not os.path.exists(f"src/claim/{r['slug'].replace('-', '_')}.c"):
            bad.append(f"docs/papers.csv: paper {r['number']} is a command, but no check of src/claim holds it")
    papers = {r["slug"]: r for r in rows}
    if len(papers) != len(rows):
        bad.append("docs/papers.csv: a slug stands twice")
    return papers


def main():
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    bad, warn = [], []
    for path in sorted(glob.glob("src/**/*.h", recursive=True) + glob.glob("include/cull/*.h")):
        if (n := read(path).count("\n")) > 300:
            bad.append(f"{path}: {n} lines; a header has at most 300")
    for path in sorted(glob.glob("src/**/*.c", recursive=True) + glob.glob("src/**/*.cc", recursive=True)):
        warn += long_functions(path, read(path))
    papers = check_papers(bad)
    tests = "".join(read(p) for p in sorted(glob.glob("tests/method/*.c")))
    methods = sorted(glob.glob("src/method/*/*.c"))
    for path in methods:
        if (n := read(path).count("\n")) > 600:
            bad.append(f"{path}: {n} lines; past 600 a part of it belongs a layer down")
        check_method(path, papers, tests, bad)
    for doc in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        for m in re.finditer(r"`((?:src|include|tests|tools|docs|cmake|examples)/[\w./-]*\w)/?`", read(doc)):
            if not os.path.exists(m[1]) and "my_method" not in m[1]:
                bad.append(f"{doc}: there is no {m[1]}")
        for m in re.finditer(r"`([\w*]+\.(?:c|cc|h|py|sh))`", read(doc)):  # named beside its folder
            if "my_method" not in m[1] and not any(glob.glob(f"{top}/**/{m[1]}", recursive=True) for top in SOURCES):
                bad.append(f"{doc}: there is no file {m[1]}")
    version = re.search(r"project\(cull VERSION ([0-9.]+)", read("CMakeLists.txt"))[1]
    if f"## {version}" not in read("CHANGELOG.md"):
        bad.append(f"CHANGELOG.md: no '## {version}'")
    for w in warn:
        print(f"note: {w}")
    for b in bad:
        print(b)
    if bad:
        return 1
    print(f"rules hold: {len(methods)} methods, {len(papers)} papers")
    return 0


sys.exit(main())
