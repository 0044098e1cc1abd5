#!/usr/bin/env python3
"""Holds the table of docs/peers.md: every x names tests that exist, ran and passed.

usage: check_features.py PAGE BUILD

As the test house.features it runs after those it names, in one run of ctest, whose log it reads. Where
most of the tests were not run it only looks whether they exist, and exits 77 (skipped)."""
import os
import re
import sys


def rows(page):
    """(line, feature, state, tests) of each row of the table."""
    for number, line in enumerate(open(page, encoding="utf-8"), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) > 3 and cells[1] in ("x", "o", "-"):
            yield number, cells[0], cells[1], cells[2].split()


def registered(build):
    """From CMake's own list: another ctest here would write over the log of the one that runs us."""
    names = set()
    for folder, _, files in os.walk(build):
        if "CTestTestfile.cmake" in files:
            text = open(os.path.join(folder, "CTestTestfile.cmake"), encoding="utf-8").read()
            names.update(re.findall(r"^add_test\((?:\[=*\[)?([^\s\]]+)", text, re.M))
    return names


def results(build):
    """{test: passed} of the run that is going on, or of the last one."""
    folder = os.path.join(build, "Testing", "Temporary")
    for name in ("LastTest.log.tmp", "LastTest.log"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            log = open(path, encoding="utf-8", errors="replace").read()
            parts = re.split(r"^\d+/\d+ Testing: (.*)$", log, flags=re.M)
            return {n.strip(): bool(re.search(r"^Test Passed\.$", text, re.M)) for n, text in zip(parts[1::2], parts[2::2])}
    return {}


def main():
    page, build = sys.argv[1:3]
    known, ran, bad, table = registered(build), results(build), [], list(rows(page))
    whole = len(ran) > 0.8 * len(known)
    for number, feature, state, tests in table:
        where = f"{page}:{number}: '{feature}'"
        if state == "x" and not tests:
            bad.append(f"{where} has an x and no test")
        for t in tests:
            if t not in known:
                bad.append(f"{where} names the test {t}, which there is not")
            elif whole and not ran.get(t):
                bad.append(f"{where}: the test {t} {'did not pass' if t in ran else 'did not run'}")
    if not table:
        bad.append(f"{page}: no table of features")
    print("\n".join(bad) or f"{len(table)} features, {sum(r[2] == 'x' for r in table)} whole, each with its tests")
    if bad:
        sys.exit(1)
    if not whole:
        print("the tests themselves were not run beside this one")
        sys.exit(77)


main()
