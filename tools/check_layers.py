#!/usr/bin/env python3
"""Holds layers.txt: which folder may include whose headers. usage: check_layers.py [SOURCE_DIR]

Quoted includes are resolved the way the compiler does (the file's own folder, src/, include/); those
that lie outside the tree, such as generated ones, are passed over. Folders must form no cycle. A row
`src/method/*` stands for every folder below it that has no row of its own.
"""
import fnmatch
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def read_rows(path):
    rows = {}
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, colon, allowed = line.partition(":")
        if not colon:
            sys.exit(f"{path}:{number}: no ':' in '{line}'")
        rows[folder.strip()] = allowed.split()
    return rows


def row_of(folder, rows):
    if folder in rows:
        return folder
    return next((r for r in rows if "*" in r and fnmatch.fnmatchcase(folder, r)), None)


def cycle(edges):
    """One cycle of folders as a list, or None."""
    state, path = {}, []

    def visit(f):
        state[f] = 1
        path.append(f)
        for g in sorted(edges.get(f, ())):
            if state.get(g) == 1:
                return path[path.index(g):] + [g]
            if g not in state and (found := visit(g)):
                return found
        path.pop()
        state[f] = 2
        return None

    for f in sorted(edges):
        if f not in state and (found := visit(f)):
            return found
    return None


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    os.chdir(root)
    rows, bad, edges, files = read_rows("layers.txt"), [], {}, 0
    for top in ("include", "src"):
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h", ".cc")):
                    continue
                files += 1
                path, row = f"{folder}/{name}", row_of(folder, rows)
                if row is None:
                    bad.append(f"{path}: layers.txt has no row for {folder}")
                    continue
                text = open(path, encoding="utf-8").read()
                for m in INCLUDE.finditer(text):
                    line = text.count("\n", 0, m.start()) + 1
                    found = next((p for p in (os.path.normpath(os.path.join(d, m[1])) for d in (folder, "src", "include"))
                                  if os.path.isfile(p)), None)
                    if found is None or found.startswith(".."):
                        continue
                    to = os.path.dirname(found)
                    if to == folder:
                        if folder.startswith("src/method/") and found.endswith(".c"):
                            bad.append(f"{path}:{line}: a method includes another")
                        continue
                    edges.setdefault(folder, set()).add(to)
                    if not any(fnmatch.fnmatchcase(to, a) for a in rows[row]):
                        bad.append(f"{path}:{line}: {folder} may not include {m[1]}, which lies in {to}")
    if found := cycle(edges):
        bad.append("folders include each other in a ring: " + " -> ".join(found))
    for b in bad:
        print(b)
    if bad:
        return 1
    print(f"layers hold: {files} files, {sum(len(v) for v in edges.values())} arrows between folders")
    return 0


sys.exit(main())
