"""cull.prompt: functions and programs as models, what comes back, what they raise."""

import json
import os
import re
import subprocess

import pytest

import cull

ROWS = [{"input": f"{i * 7 % 50}", "target": "odd" if i * 7 % 50 % 2 else "even"} for i in range(30)]
OTHERS = [(f"{i}", "odd" if i % 2 else "even") for i in range(50, 70)]


def model(prompt):
    """As the exemplar of the same last digit; else every third is odd."""
    pairs = re.findall(r"Input: (\d+)\nOutput: ?(\w*)", prompt)
    query = pairs[-1][0]
    said = [out for digits, out in pairs[:-1] if digits[-1] == query[-1]]
    return said[-1] if said else "Odd." if int(query) % 3 == 0 else "Even."


def test_search():
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return model(prompt)

    words = dict(test=OTHERS, instructions=["Odd or even?", "Say which."], budget=8)
    found = cull.prompt.search(ROWS, ask, **words)
    assert len(asked) == len(set(asked)) <= 8 * 30 + 20
    assert found.calls["made"] == len(asked)
    assert found.calls["search"] <= 8 * 30
    assert found.instruction in words["instructions"]
    right = [model(found.text(x)).strip(".").lower() == t for x, t in OTHERS]
    assert found.test.mean == pytest.approx(sum(right) / len(right))
    assert found.optimism.mean == pytest.approx(found.validation.mean - found.test.mean)
    assert found.test.low <= found.test.mean <= found.test.high
    for i, o in found.exemplars:  # the model's own right answers
        assert o.strip(".").lower() == ("odd" if int(i) % 2 else "even")
    again = cull.prompt.search(ROWS, model, workers=3, **words)
    batch = cull.prompt.search(ROWS, lambda p: [model(x) for x in p], batched=True, **words)
    assert again.record == found.record == batch.record


def test_saved(tmp_path):
    for strategy in ("mutate", "nearest", "none"):
        words = dict(strategy=strategy, shows="targets", budget=4)
        found = cull.prompt.search(ROWS, model, **words)
        found.save(tmp_path / "best.json")
        read = cull.prompt.load(tmp_path / "best.json")
        assert read.record == found.record
        assert read.text("77") == found.text("77")
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(cull.InputError, match="no text 'form'"):
        cull.prompt.load(tmp_path / "none.json")


def test_program(tmp_path):
    at = tmp_path / "model.sh"
    at.write_text("#!/bin/sh\ncat >/dev/null\necho Even.\n")
    at.chmod(0o755)
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"q": r["input"], "a": r["target"]}) + "\n" for r in ROWS))
    words = dict(strategy="none", fields=("q", "a"), cache=tmp_path / "a.db", workers=2)
    found = cull.prompt.search(rows, [str(at)], **words)
    assert found.validation.mean == pytest.approx(sum(r["target"] == "even" for r in ROWS) / 30)
    assert found.calls["made"] == 30
    assert cull.prompt.search(rows, [str(at)], **words).calls["made"] == 0
    if "CULL" in os.environ:  # the command finds the same
        out = subprocess.run(
            [os.environ["CULL"], "prompt", "search", str(rows), "--fields", "q,a", "--strategy",
             "none", "--cache", str(tmp_path / "a.db"), "--json", "-q", "--", str(at)],
            capture_output=True, check=True,
        )
        assert json.loads(out.stdout)["validation"]["score"] == found.validation.mean


def test_scores():
    half = cull.prompt.search(ROWS, model, score=lambda i, t, a: 0.5, strategy="none")
    assert half.validation.mean == 0.5
    seen = cull.prompt.search(
        ROWS, lambda p: "I think: it is " + model(p), after="it is", score="exact", strategy="none"
    )
    assert seen.validation.mean == 0
    with pytest.raises(cull.InputError, match="score 2"):
        cull.prompt.search(ROWS, model, score=lambda i, t, a: 2)


def test_wrong(tmp_path):
    class Down(Exception):
        pass

    def down(prompt):
        raise Down("no network")

    with pytest.raises(Down, match="no network"):
        cull.prompt.search(ROWS, down)
    with pytest.raises(Down, match="no network"):
        cull.prompt.search(ROWS, down, workers=4)
    with pytest.raises(Down):
        cull.prompt.search(ROWS, model, score=lambda i, t, a: down(i))
    with pytest.raises(cull.InputError, match="29 answers to 30|15 answers to 16"):
        cull.prompt.search(ROWS, lambda p: ["x"] * (len(p) - 1), batched=True)
    with pytest.raises(cull.InputError, match="an answer is int, no str"):
        cull.prompt.search(ROWS, lambda p: 3)
    with pytest.raises(cull.InputError, match=r"val\[1\] is no"):
        cull.prompt.search([ROWS[0], {"input": "x"}], model)
    with pytest.raises(cull.InputError, match="no validation rows"):
        cull.prompt.search([], model)
    with pytest.raises(cull.OptionError, match="strategy 'best' is none of"):
        cull.prompt.search(ROWS, model, strategy="best")
    with pytest.raises(cull.OptionError, match="k 0"):
        cull.prompt.search(ROWS, model, k=0)
    with pytest.raises(cull.InputError, match="there is no such program"):
        cull.prompt.search(ROWS, ["/nowhere/llm"])
    for name in ("test", "pool"):
        with pytest.raises(cull.InputError, match=f"no {name} rows"):
            cull.prompt.search(ROWS, model, **{name: []})
    for given, said in (
        ({"instructions": "Say yes."}, "instruction is one text, 'Say yes.'"),
        ({"propose": "propose.sh"}, "propose is one text"),
        ({"cache": tmp_path / "a.db"}, "give an id that names it"),
    ):
        with pytest.raises(cull.InputError, match=said):
            cull.prompt.search(ROWS, model, **given)
    with pytest.raises(cull.InputError, match="model is one text, './llm.sh'; it takes a list"):
        cull.prompt.search(ROWS, "./llm.sh")
    for given in ({"workers": 0}, {"workers": 1.5}, {"seed": -1}):
        with pytest.raises(cull.OptionError, match=next(iter(given))):
            cull.prompt.search(ROWS, model, **given)
    assert not (tmp_path / "a.db").exists()
    assert cull.prompt.search(ROWS, model, budget=2).calls["made"] > 0  # all is as before
