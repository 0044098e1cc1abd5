#!/usr/bin/env python3
"""Runs the commands that the pages of docs/ show and compares what they print.

usage: run_docs.py CULL PAGE.md... [--update]

A block ```KIND file=NAME is written to NAME before the page's commands run. In a block ```console a
line that begins with "$ " is a command (a backslash at its end takes in the next line), and the lines
up to the next command are what it prints on standard output and standard error together. The commands
of a page run in one shell, in an empty folder, with the folder of CULL first on PATH and the source's
share/ as $SHARE. A ```pycon
block holds statements of Python, after ">>> " and "... ", and what they print; those of a page run in
one interpreter, in the same folder, with the package of bind/python on the library beside CULL. Of an
exception its last lines are shown. Without numpy, pages with such blocks are passed over; a block
```pycon MODULE is passed over where MODULE is not installed.

In what a page shows, "..." stands for anything within a line, and a line of its own for any lines.
Two numbers of five or more decimals are the same when they differ by less than a part in 10^5: the
last digits follow the instruction set. --update writes into the pages what the commands print now,
with "..." for times and memory; a block that already matches stays as it is.
"""
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SECONDS = 60  # for one command
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MARK = "end of command"


# A page's interpreter: a JSON string a line is a statement.
DRIVER = f"""
import json, sys, traceback
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    try:
        exec(compile(json.loads(line) + "\\n", "page", "single"), names)
    except BaseException as e:
        print("".join(traceback.format_exception_only(type(e), e)), end="")
    print("\\n{MARK}", flush=True)
"""


class Runner:
    """One sh or one Python for a page; each command's output ends at a line that no command prints."""

    def __init__(self, program, told, folder, env):
        self.told = told  # what the program reads for a command
        self.at = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, cwd=folder, env=env)

    def run(self, command):
        timer = threading.Timer(SECONDS, self.at.kill)
        timer.start()
        out = []
        try:
            self.at.stdin.write(self.told(command).encode())
            self.at.stdin.flush()
            for line in self.at.stdout:
                if line == f"{MARK}\n".encode():
                    break
                out.append(line.decode("utf-8", "replace").rstrip("\n"))
            else:
                out.append("(the shell or interpreter ended, or the command took too long)")
        except BrokenPipeError:
            out.append("(the shell or interpreter has ended)")
        finally:
            timer.cancel()
        while out and not out[-1].strip():
            out.pop()
        return out

    def close(self):
        self.at.stdin.close()
        self.at.wait()
        self.at.stdout.close()


def runners(folder, cull):
    """What runs the blocks of each kind; started at the first of them."""
    build = os.path.dirname(cull)
    env = {"PATH": build + ":/usr/local/bin:/usr/bin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8",
           "COLUMNS": "80", "TMPDIR": folder, "SHARE": os.path.join(SOURCE, "share")}
    for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    package = os.path.join(SOURCE, "bind", "python")
    python = {**env, "PYTHONPATH": package, "CULL_LIBRARY": os.path.join(build, "libcull.so"),
              "PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "console": lambda: Runner(["sh"], shell_script, folder, env),
        "pycon": lambda: Runner([sys.executable, "-c", DRIVER], statement, folder, python),
    }


def shell_script(command):
    return f"{{ eval {shlex.quote(command[2:])}\n}} </dev/null\necho; echo '{MARK}'\n"


def statement(command):
    return json.dumps("\n".join(line[4:] for line in command.split("\n"))) + "\n"


# ---- pages ----


def blocks(lines):
    """(first line, end, info) of every fenced block; the fences lie just outside [first, end)."""
    at = None
    for i, line in enumerate(lines):
        if at is None and line.startswith("```"):
            at = (i + 1, line[3:].strip())
        elif at is not None and line.rstrip() == "```":
            yield at[0], i, at[1]
            at = None
    if at is not None:
        raise ValueError(f"line {at[0]}: a block that does not end")


def commands(body, kind):
    """A block as [(lines of the command, lines that it prints)]."""
    found, more, first = [], False, ">>> " if kind == "pycon" else "$ "
    for line in body:
        if more or (kind == "pycon" and found and not found[-1][1] and line.startswith("... ")):
            found[-1][0].append(line)
        elif line.startswith(first):
            found.append(([line], []))
        elif found:
            found[-1][1].append(line)
        else:
            raise ValueError(f"a {kind} block begins with {line!r}, not with a command")
        more = kind == "console" and line.endswith("\\") and bool(found) and not found[-1][1]
    return found


# ---- comparing ----

NUMBER = r"-?\d+\.\d{5,}(?:e[-+]?\d+)?"


def same_line(want, got):
    pattern, numbers = "", []
    for piece in re.split(rf"(\.\.\.|{NUMBER})", want.rstrip()):
        if piece == "...":
            pattern += ".*"
        elif re.fullmatch(NUMBER, piece):
            pattern += f"({NUMBER})"
            numbers.append(float(piece))
        else:
            pattern += re.escape(piece)
    found = re.fullmatch(pattern, got.rstrip())
    return bool(found) and all(abs(a - float(b)) <= 1e-5 * abs(a) for a, b in zip(numbers, found.groups()))


def same(want, got):
    while want and not want[-1].strip():
        want = want[:-1]
    if not want:
        return not got
    if want[0].strip() == "...":
        return any(same(want[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and same_line(want[0], got[0]) and same(want[1:], got[1:])


def unsure(line):
    """What changes from run to run or with the machine gives way to "..."."""
    line = re.sub(r"^.* of memory, seed (\d+), .*", r"..., seed \1, ...", line)
    line = re.sub(r"^(memory +about) .*", r"\1 ...", line)
    line = re.sub(r"\| [\d.]+ [KMG]iB \|", "| ... |", line)
    return re.sub(r" *\b\d+(\.\d+)? m?s\b", " ...", line)


# ---- one page ----


def run_page(path, cull, update):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    out, last, bad, ran = [], 0, 0, 0
    found = list(blocks(lines))
    with tempfile.TemporaryDirectory() as folder:
        for first, end, info in found:
            if (m := re.fullmatch(r"\w+ file=([\w.-]+)", info)):
                with open(os.path.join(folder, m[1]), "w", encoding="utf-8") as f:
                    f.writelines(line + "\n" for line in lines[first:end])
        start, running = runners(folder, cull), {}
        for first, end, info in found:
            kind, *needs = info.split() or [""]
            if kind not in start:
                continue
            if (missing := [name for name in needs if not importlib.util.find_spec(name)]):
                print(f"{path}:{first}: passed over, as {sys.executable} has no {missing[0]}")
                continue
            if kind not in running:
                running[kind] = start[kind]()
            out += lines[last:first]
            last = end
            for command, want in commands(lines[first:end], kind):
                got = running[kind].run("\n".join(command))
                ran += 1
                out += command
                if same(want, got):
                    out += want
                    continue
                bad += 1
                out += [unsure(line) for line in got]
                if not update:
                    print(f"{path}:{first}: {command[0]}\n  the page says")
                    print("".join(f"    {w}\n" for w in want) + "  it prints")
                    print("".join(f"    {g}\n" for g in got), end="")
        for runner in running.values():
            runner.close()
    if update and bad:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(out + lines[last:]))
    return ran, 0 if update else bad


def main():
    names = [a for a in sys.argv[1:] if a != "--update"]
    if len(names) < 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    cull = os.path.abspath(names[0])
    if not os.access(cull, os.X_OK):
        print(f"run_docs: there is no program {cull}", file=sys.stderr)
        return 2
    total = failed = passed_over = 0
    for page in names[1:]:
        if not importlib.util.find_spec("numpy") and "\n```pycon\n" in Path(page).read_text("utf-8"):
            print(f"{page}: passed over, as {sys.executable} has no numpy")
            passed_over += 1
            continue
        try:
            ran, bad = run_page(page, cull, "--update" in sys.argv)
        except ValueError as e:
            print(f"{page}: {e}")
            ran, bad = 0, 1
        total, failed = total + ran, failed + bad
    if failed:
        print(f"{failed} of {total} differ; if the new ones are right: tools/run_docs.py CULL PAGE --update")
        return 1
    if passed_over == len(names) - 1:
        return 77
    if not total:
        print("no page shows a command: nothing was tested")
        return 1
    print(f"{total} commands of {len(names) - 1 - passed_over} pages print what the pages say")
    return 0


sys.exit(main())
