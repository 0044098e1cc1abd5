"""What editors and type checkers read is what the library has now."""

import ast
import inspect
import subprocess
import sys

import pytest
from conftest import ROOT

import cull
from cull import _catalogue

TYPED = ("search", "compute", "trust", "weights")  # modules that have their types themselves
FUNCTIONS = [t for t in _catalogue.TASKS if t not in TYPED]
PACKAGE = ROOT / "bind" / "python" / "cull"
USER = """
from pathlib import Path
from typing import List

import numpy as np

import cull

x = np.zeros((100, 4), np.float32)
pick: cull.Pick = cull.data.rds_plus(x, x[:3], 10, rule="max", candidates=3, progress=True)
rows: List[int] = list(pick)
cull.data.random(["a", "b"], budget=0.5, group=["a", "b"], quota={"a": 0.5})
cull.data.dsir(Path("pool.jsonl"), [Path("a.jsonl"), Path("b.jsonl")], "2%", memory="4G", report=True)
cull.data.compare(x, x, 3, ["random", ("rds-plus", {"rule": "mean"})], 3).save("out.html")
kept: cull.FeaturePick = cull.feature.mrmr(x, [0, 1] * 50, "50%", criterion="miq", avoid=[0])
names: List[str] = cull.feature.boruta({"a": [1, 2], "b": ["u", "v"]}, ["s", "t"], have=kept).names
policy: cull.compute.ComputePolicy = cull.compute.fit("cascade", score=[x[:, 0], x[:, 1]], quality=x[:, :2].T, budget=2)
best: float = cull.compute.judge(policy.apply(score=x.T[:2]), quality=x.T[:2]).policy.quality
cert = cull.trust.fit("conformal-selection", score=x[:, 0], truth=x[:, 1], level=0.2)
refuted: bool = cert.check(cert.apply(score=x[:, 0]), truth=x[:, 1]).refuted
"""
WRONG = [
    'cull.data.rds_plus(x, x, 10, rule="men")',
    "cull.data.rds_plus(x, x, 10, ruler=1)",
    "cull.data.random(x, x, object())",
    'cull.data.kmq(x, budget=3, clusters="many")',
    "cull.data.randon(x, budget=3)",
    "cull.feature.mrmr(x, x, budget=object())",
    'cull.feature.mrmr(x, task="guess")',
    "cull.feature.mrmr(x, x, 3, report=True)",
    "cull.compute.fit(3)",
    'cull.compute.fit("cascade", budget="low")',
    'cull.trust.fit("elect", level="low")',
]


@pytest.mark.parametrize("task", [*FUNCTIONS, "sklearn"])
def test_stubs_are_fresh(task):
    made = subprocess.run(
        [sys.executable, ROOT / "tools/gen_stubs.py", task],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (PACKAGE / f"{task}.pyi").read_text() == made, f"run tools/gen_stubs.py {task}"


@pytest.mark.parametrize("task", FUNCTIONS)
def test_stubs_agree_with_the_functions(task):
    tree = ast.parse((PACKAGE / f"{task}.pyi").read_text())
    stubs = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
    module = getattr(cull, task)
    assert list(stubs) == module.__all__
    for name, f in stubs.items():
        if name == "compare":
            continue
        names = [a.arg for a in (*f.args.args, *f.args.kwonlyargs)]
        assert names == list(inspect.signature(getattr(module, name)).parameters)


def mypy(path, *words):
    pytest.importorskip("mypy")
    config = path.parent / "mypy.ini"
    loose = "[mypy-optuna.*,pandas.*,pyarrow.*,sklearn.*,tqdm.*]\nignore_missing_imports = True\n"
    config.write_text("[mypy]\nstrict = True\n" + loose)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, *words],
        capture_output=True, text=True, cwd=path.parent, env={"MYPYPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_package_has_types(tmp_path):
    rc, said = mypy(tmp_path / "x", PACKAGE)
    assert rc == 0, said


def test_users_are_told_by_their_checker(tmp_path):
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(USER)
    wrong.write_text(USER + "\n".join(WRONG) + "\n")
    rc, said = mypy(right, right)
    assert rc == 0, said
    rc, said = mypy(wrong, wrong)
    first = USER.count("\n") + 1
    lines = {int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line}
    assert lines == set(range(first, first + len(WRONG))), said
