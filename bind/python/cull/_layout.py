"""Layouts to be generated (LayoutPrompter, Lin et al. 2023): exemplars, prompts, answers, ranks.

Layouts are a file of jsonl or a list of records, each {"id": ..., "width": W, "height": H, "elements":
[{"label": ..., "left": ..., "top": ..., "width": ..., "height": ...}, ...]} in pixels of that canvas, or
without width and height in shares of it, 0 to 1. Queries leave out what is not known, and may hold
"relations": [[0, "top", 1], [1, "center", "canvas"]], of their elements by place. The same as `cull
layout`."""

from __future__ import annotations

import ctypes
import json
import os
from contextlib import contextmanager
from ctypes import byref, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _inputs, _lib
from ._lib import InputError, OptionError, lib

__all__ = ["Exemplars", "Ranking", "parse", "prompt", "rank", "select"]

Layout = Dict[str, Any]
Layouts = Union[str, "os.PathLike[str]", List[Layout]]
_KINDS = ("types", "sizes", "relations", "completion", "refinement")


@dataclass(frozen=True, eq=False)
class Exemplars:
    """What cull.layout.select gives back; a row for each query, the most alike first."""

    row: npt.NDArray[np.int64]  # (queries, exemplars) rows of the library; -1 = there is no more
    score: npt.NDArray[np.float64]  # how alike, 0 to 1


@dataclass(frozen=True, eq=False)
class Ranking:
    """What cull.layout.rank gives back; all but `order` by candidate."""

    order: npt.NDArray[np.int64]  # candidates, the best first
    score: npt.NDArray[np.float64]  # lower is better
    alignment: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.float64]
    likeness: npt.NDArray[np.float64]  # to the nearest of valid; 0 without


def _options(
    constraint: str, canvas: str, exemplars: int, known: int, domain: str, characters: int
) -> _lib.LayoutOpts:
    if constraint not in _KINDS:
        raise OptionError(f"constraint '{constraint}' is none of {', '.join(_KINDS)}")
    width, height = c_int32(), c_int32()
    if not lib.cull_layout_canvas(str(canvas).encode(), byref(width), byref(height)):
        raise OptionError(
            f"canvas '{canvas}' is none of rico, publaynet, posterlayout, webui, and no WxH of "
            "1 to 10000 pixels"
        )
    return _lib.LayoutOpts(
        size=ctypes.sizeof(_lib.LayoutOpts),
        kind=_KINDS.index(constraint),
        width=width.value,
        height=height.value,
        exemplars=exemplars,
        known=known,
        characters=characters,
        domain=domain.encode(),
    )


class _Call:
    """A context, and the sets that were opened with it."""

    def __init__(self, context: _lib.Context) -> None:
        self.context = context
        self.sets: List[int] = []

    def keep(self, out: c_void_p) -> int:
        assert out.value
        self.sets.append(out.value)
        return out.value

    def open(self, name: str, value: Any, like: Optional[int], partial: bool) -> int:
        out, path = c_void_p(), _inputs.path_of(value)
        if path is not None:
            at = os.fsencode(path)
            self.check(lib.cull_layouts_open(self.context.at, at, like, partial, byref(out)))
            return self.keep(out)
        try:
            lines = [json.dumps(record, default=_number) for record in value]
        except TypeError as e:
            raise InputError(f"{name} is no file and no list of layouts: {e}") from None
        text = "\n".join(lines).encode()
        words = (self.context.at, text, len(text), name.encode(), like, partial)
        self.check(lib.cull_layouts_from(*words, byref(out)))
        return self.keep(out)

    def check(self, status: int) -> None:
        self.context.check(status)


def _number(value: Any) -> Any:
    """Numbers of numpy."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no number")


@contextmanager
def _call(seed: int, threads: int) -> Iterator[_Call]:
    context = _lib.take((threads, 0, None, None))
    call = _Call(context)
    try:
        lib.cull_ctx_reseed(context.at, seed)
        with _lib.Call(context, None):
            yield call
    finally:
        for at in call.sets:
            lib.cull_layouts_free(at)
        context.release()


def _selected(
    c: _Call, library: int, queries: int, o: _lib.LayoutOpts
) -> Tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    shape = (int(lib.cull_layouts_n(queries)), int(o.exemplars) if o.exemplars > 0 else 0)
    row, score = np.empty(shape, np.int64), np.empty(shape, np.float64)
    found = np.empty(shape[0], np.int64)
    c.check(
        lib.cull_layout_select(
            c.context.at,
            library,
            queries,
            byref(o),
            row.ctypes.data,
            score.ctypes.data,
            found.ctypes.data,
        )
    )
    return row, score, found


def select(
    library: Layouts,
    queries: Layouts,
    *,
    constraint: str = "types",
    exemplars: int = 10,
    canvas: str = "webui",
    known: int = 1,
    threads: int = 0,
) -> Exemplars:
    """For each query the layouts of the library most like it, as far as `constraint` knows it: 'types',
    'sizes', 'relations', 'completion' (its first `known` boxes) or 'refinement'. In queries what is not
    known may be left out."""
    o = _options(constraint, canvas, exemplars, known, "page", 8000)
    with _call(1, threads) as c:
        at = c.open("library", library, None, False)
        row, score, _ = _selected(c, at, c.open("queries", queries, at, True), o)
    return Exemplars(row, score)


def prompt(
    library: Layouts,
    queries: Layouts,
    *,
    constraint: str = "types",
    exemplars: int = 10,
    canvas: str = "webui",
    known: int = 1,
    domain: str = "page",
    characters: int = 8000,
    seed: int = 1,
    threads: int = 0,
) -> List[str]:
    """For each query a prompt: what is asked, its exemplars in an order drawn by the seed while no more
    than so many characters are written, and the query."""
    o = _options(constraint, canvas, exemplars, known, domain, characters)
    prompts, used = [], c_int64()
    with _call(seed, threads) as c:
        at = c.open("library", library, None, False)
        want = c.open("queries", queries, at, True)
        row, _, found = _selected(c, at, want, o)
        for q in range(len(row)):

            def write(out: Any, q: int = q) -> int:
                k, mine = found[q], row[q].ctypes.data
                words = (c.context.at, at, want, q, mine, k, byref(o), out, byref(used))
                return int(lib.cull_layout_prompt(*words))

            prompts.append(_lib.text_of(write, c.context))
    return prompts


def parse(text: str, library: Layouts, *, canvas: str = "webui") -> Layout:
    """The layout that a generator wrote as HTML, in pixels of the canvas; its labels are those of the
    library. InputError where it is none."""
    o = _options("types", canvas, 1, 1, "page", 8000)
    box, n, out = c_void_p(), c_int64(), c_void_p()
    html = text.encode()
    with _call(1, 0) as c:
        at = c.open("library", library, None, True)
        words = (c.context.at, html, len(html), at, byref(o))
        c.check(lib.cull_layout_parse(*words, byref(box), byref(n)))
        try:
            c.check(
                lib.cull_layouts_of(c.context.at, at, 1, byref(box), byref(n), None, byref(out))
            )
        finally:
            lib.cull_boxes_free(box)
        made = c.keep(out)
        line = _lib.text_of(
            lambda to: lib.cull_layouts_text(c.context.at, made, o.width, o.height, to), c.context
        )
    layout: Layout = json.loads(line)
    return layout


def rank(candidates: Layouts, valid: Optional[Layouts] = None, *, threads: int = 0) -> Ranking:
    """Candidates from the best: boxes that line up, do not overlap, and, where valid is given, are like
    a layout of it. valid must not hold what the result is tested on."""
    with _call(1, threads) as c:
        at = c.open("candidates", candidates, None, False)
        near = None if valid is None else c.open("valid", valid, at, False)
        n = int(lib.cull_layouts_n(at))
        order, quality = np.empty(n, np.int64), (_lib.LayoutQuality * n)()
        c.check(lib.cull_layout_rank(c.context.at, at, near, order.ctypes.data, quality))
    return Ranking(
        order,
        np.array([q.score for q in quality]),
        np.array([q.alignment for q in quality]),
        np.array([q.overlap for q in quality]),
        np.array([q.likeness for q in quality]),
    )
