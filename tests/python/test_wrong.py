"""Wrong uses and what they say: wrong.tsv, a line each. "..." stands for anything."""

import re
from pathlib import Path

import numpy as np
import pytest

import cull

LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("wrong.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("call, kind, says", LINES, ids=[line[0] for line in LINES])
def test_wrong(call, kind, says, problem):
    p = problem
    names = dict(np=np, x=p.pool, t=p.target, texts=p.texts, want=p.want, D=p.folder)
    names.update(feature=cull.feature, X=p.pool, y=np.arange(len(p.pool)) % 2)
    names.update((n, getattr(cull.data, n)) for n in cull.data.__all__)
    with np.errstate(all="ignore"), pytest.raises(Exception) as e:
        eval(call, names)
    assert type(e.value).__name__ == kind, e.value
    pattern = ".*".join(map(re.escape, says.split("...")))
    assert re.fullmatch(pattern, str(e.value), re.S), e.value


def test_afterwards_all_is_well(problem):
    assert len(cull.data.rds_plus(problem.pool, problem.target, 5)) == 5
