"""cull.layout: against scipy's assignment, the command, and what a generator could write."""

import json

import numpy as np
import pytest

import cull

LABELS = ["title", "text", "figure"]


def layouts(seed, n):
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        elements = []
        for label in rng.integers(0, 3, rng.integers(1, 9)):
            left, top = rng.uniform(0, 0.8, 2)
            size = rng.uniform(0.02, 0.2, 2)
            elements.append(
                {"label": LABELS[label], "left": left, "top": top, "width": size[0], "height": size[1]}
            )
        out.append({"id": f"l{i}", "elements": elements})
    return out


def boxes(layout, keys):
    return np.array([[e[k] for k in keys] for e in layout["elements"]])


def plain(a, b, keys):
    """Half the labels, half the boxes, by one assignment over all pairs."""
    assign = pytest.importorskip("scipy.optimize").linear_sum_assignment
    x, y = ([e["label"] for e in l["elements"]] for l in (a, b))
    common = sum(min(x.count(k), y.count(k)) for k in LABELS)
    far = np.linalg.norm(boxes(a, keys)[:, None] - boxes(b, keys)[None], axis=2)
    worth = np.where(np.array(x)[:, None] == np.array(y)[None], 0.5 ** (2 * far), 0)
    pairs = worth[assign(worth, maximize=True)].sum() / min(len(x), len(y))
    return common / (len(x) + len(y)) + pairs / 2


@pytest.mark.parametrize(
    "constraint, keys",
    [("sizes", ["width", "height"]), ("refinement", ["left", "top", "width", "height"])],
)
def test_select_finds_the_most_alike(constraint, keys):
    library, queries = layouts(1, 80), layouts(2, 6)
    got = cull.layout.select(library, queries, constraint=constraint, exemplars=5)
    for q, query in enumerate(queries):
        want = np.array([plain(query, a, keys) for a in library])
        assert np.allclose(got.score[q], np.sort(want)[::-1][:5], atol=1e-12)
        assert np.allclose(got.score[q], want[got.row[q]], atol=1e-12)


def test_like_the_command(command, tmp_path):
    library, queries = layouts(3, 40), layouts(4, 3)
    for name, value in (("lib", library), ("q", queries)):
        (tmp_path / name).write_text("".join(json.dumps(v) + "\n" for v in value))
    words = ("--canvas", "rico", "--constraint", "completion", "--seed", "7", "--json")
    said = command("layout", "prompt", *words, "--queries", tmp_path / "q", tmp_path / "lib")
    want = [p["prompt"] for p in json.loads(said)["prompts"]]
    for at in (library, tmp_path / "lib"):
        assert cull.layout.prompt(at, queries, canvas="rico", constraint="completion", seed=7) == want
    ranked = json.loads(command("layout", "rank", "--json", "--valid", tmp_path / "q", tmp_path / "lib"))
    r = cull.layout.rank(library, queries)
    assert [x["row"] for x in ranked["ranked"]] == r.order.tolist()
    assert np.allclose([x["score"] for x in ranked["ranked"]], r.score[r.order])
    assert (cull.layout.rank(library).likeness == 0).all() and (r.likeness > 0).all()


def test_answers_are_layouts():
    library = layouts(5, 20)
    (text,) = cull.layout.prompt(library, [{"elements": [{"label": "text"}]}], exemplars=1, canvas="97x300")
    layout = cull.layout.parse(text, library, canvas="97x300")
    row = cull.layout.select(library, [{"elements": [{"label": "text"}]}], exemplars=1).row[0, 0]
    want = [
        (e["label"], int(e["left"] * 97), int(e["top"] * 300), int(e["width"] * 97), int(e["height"] * 300))
        for e in library[row]["elements"]
    ]
    keys = ("label", "left", "top", "width", "height")
    assert sorted(want) == sorted(tuple(e[k] for k in keys) for e in layout["elements"])
    again = cull.layout.rank([layout, layout], [layout])
    assert again.likeness.tolist() == [1, 1] and again.order.tolist() == [0, 1]


def test_relations_that_a_query_gives():
    library = layouts(7, 20)
    query = {
        "elements": [{"label": "title"}, {"label": "text"}, {"label": "figure"}],
        "relations": [[0, "top", np.int64(1)], (2, "larger", 0), [1, "bottom", "canvas"]],
    }
    (text,) = cull.layout.prompt(library, [query], constraint="relations", exemplars=2)
    assert text.endswith(
        "\nfigure 0 | text 1 | title 2 | title 2 top text 1 | figure 0 larger title 2 | text 1 bottom canvas\n"
    )
    assert (cull.layout.select(library, [query], constraint="relations").score[0] > 0).all()
    query["relations"] = [[0, "top", 1], [0, "on", 1]]
    with pytest.raises(cull.Error, match="queries:1: relation 1: 'on' is none of top, center"):
        cull.layout.prompt(library, [query], constraint="relations")


def test_wrong():
    library = layouts(6, 5)
    for message, call in {
        "constraint 'type' is none of": lambda: cull.layout.select(library, library, constraint="type"),
        "canvas 'A4' is none of": lambda: cull.layout.parse("", library, canvas="A4"),
        "0 exemplars": lambda: cull.layout.select(library, library, exemplars=0),
        "no div with a label": lambda: cull.layout.parse("sorry", library),
        "valid:1: there is no array": lambda: cull.layout.rank(library, [{}]),
        "no list of layouts": lambda: cull.layout.rank([{1, 2}]),
        "has no size; sizes needs it": lambda: cull.layout.select(
            library, [{"elements": [{"label": "text"}]}], constraint="sizes"
        ),
    }.items():
        with pytest.raises(cull.Error, match=message):
            call()
    with pytest.raises(cull.FileError):
        cull.layout.rank("/no/such.jsonl")
