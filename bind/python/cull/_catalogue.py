"""Functions made from the catalogue that the library prints: a method there is a function here."""

from __future__ import annotations

import difflib
import inspect
import json
import operator
from ctypes import byref, c_void_p, create_string_buffer
from numbers import Real
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

from . import _inputs, _lib
from ._lib import Context, OptionError, lib, python_name
from .results import Comparison, Job, Pick

# What every call takes beside its task's inputs and its method's options: name, type, default, help.
COMMON: Tuple[Tuple[str, str, Any, str], ...] = (
    ("seed", "int", 1, "of every random draw"),
    ("threads", "int", 0, "workers; 0 = one for each CPU. The answer does not depend on it"),
    ("memory", "Union[int, str, None]", None, "most bytes to hold at once, or '512M', '4G'"),
    ("isa", "Optional[str]", None, "instructions to use: 'v2', 'v3' (AVX2), 'v4' (AVX-512)"),
    ("tmpdir", "Optional[Path]", None, "where big intermediates go"),
    (
        "progress",
        "Union[bool, Progress, None]",
        None,
        "True = a bar, by tqdm where it is installed; "
        "or called with what is done, how much of it, of how much",
    ),
)
REPORT = (
    "report",
    "bool",
    False,
    "also judge the choice beside the baselines, for report(), save() "
    "and notebooks; takes as long again or longer",
)


def _read() -> Dict[str, Any]:
    size = lib.cull_catalogue_json(None, 0) + 1
    text = create_string_buffer(size)
    lib.cull_catalogue_json(text, size)
    found: Dict[str, Any] = json.loads(text.value)
    return found


CATALOGUE = _read()
TASKS: List[str] = [t["name"] for t in CATALOGUE["tasks"]]


def inputs_of(task: str) -> List[Dict[str, Any]]:
    """The inputs of a task but those that a function has by place."""
    found: List[Dict[str, Any]] = next(t for t in CATALOGUE["tasks"] if t["name"] == task)["inputs"]
    return [i for i in found if i["name"] not in ("budget", "target")]


def compare_inputs() -> List[Dict[str, Any]]:
    """Inputs that only a comparison has."""
    found: List[Dict[str, Any]] = []
    row = lib.cull_compare_inputs()
    while row[len(found)].name:
        found.append({k: (getattr(row[len(found)], k) or b"").decode() for k, _ in row[0]._fields_})
    return found


def methods_of(task: str) -> List[Dict[str, Any]]:
    return [m for m in CATALOGUE["methods"] if m["task"] == task]


_lib.know([i["name"] for t in CATALOGUE["tasks"] for i in t["inputs"]])
_lib.know([i["name"] for i in compare_inputs()])
_lib.know(["pool"] + [name for name, *_ in COMMON])


class Method:
    """One of the catalogue, with what a call of it takes."""

    def __init__(self, facts: Dict[str, Any]) -> None:
        self.slug: str = facts["slug"]
        self.task = TASKS.index(facts["task"])
        self.at = lib.cull_method_find(self.slug.encode(), None)
        self.options = {python_name(o["name"]): o["name"].encode() for o in facts["options"]}
        both = f"{facts['columns']},{facts['may_columns']}".split(",")
        self.columns = [c for c in both if c]
        self.inputs = {python_name(i["name"]) for i in inputs_of(facts["task"])}

    def set(self, cx: Context, given: Dict[str, Any]) -> Optional[int]:
        """Options that were given, as a cull_opts; None where all are as by default."""
        if not given:
            return None
        out = c_void_p()
        cx.check(lib.cull_opts_new(cx.at, self.at, byref(out)))
        try:
            for name, value in given.items():
                text = _inputs.text(name, value).encode()
                cx.check(lib.cull_opts_set(cx.at, out, self.options[name], text))
        except BaseException:
            lib.cull_opts_free(out)
            raise
        return out.value


# ---- a call ----

REPORTED = _lib.JUDGE | _lib.BASELINES | _lib.IDS | _lib.SNIPPETS | _lib.HASHES | _lib.FEATURES


def bytes_of(size: Union[int, str, None]) -> int:
    """512 * 2**20, "512M", "4GiB"; None = 0 = no limit."""
    if size is None or isinstance(size, int):
        if size is not None and size < 0:
            raise OptionError(f"memory {size} is negative; it takes bytes, or '512M'")
        return size or 0
    found = _lib.bytes_in(size)
    if found is None:
        raise OptionError(f"memory '{size}' is no size; write 512M or 4G")
    return found


def _whole(name: str, value: Any, most: int) -> int:
    try:
        found = operator.index(value)
    except TypeError:
        found = -1
    if not 0 <= found <= most:
        raise OptionError(f"{name} {value!r} is no whole number of 0 to {most}")
    return found


def _bar(progress: Union[bool, _lib.Progress, None]) -> Tuple[Optional[_lib.Progress], Any]:
    """The hook, and what is to be closed afterwards."""
    if callable(progress):
        return progress, None
    if not progress:
        return None, None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None, None
    bar = tqdm(total=1.0, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")

    def show(what: str, done: float, total: float) -> None:
        if bar.desc != what:
            bar.reset(1.0)
            bar.set_description_str(what, refresh=False)
        bar.n = done / total if total > 0 else 0
        bar.refresh()

    return show, bar


def with_context(given: Dict[str, Any], work: Callable[[Context], Any]) -> Any:
    """Run `work` in a context as the common settings in `given` say; they are taken out of it."""
    seed = _whole("seed", given.pop("seed", 1), (1 << 64) - 1)
    threads = _whole("threads", given.pop("threads", 0), 4096)
    isa, tmpdir = given.pop("isa", None), given.pop("tmpdir", None)
    memory = bytes_of(given.pop("memory", None))
    hook, bar = _bar(given.pop("progress", None))
    cx = _lib.take((threads, memory, isa, None if tmpdir is None else str(tmpdir)))
    try:
        lib.cull_ctx_reseed(cx.at, seed)
        with _lib.Call(cx, hook):
            return work(cx)
    finally:
        cx.release()
        if bar is not None:
            bar.close()


def run(m: Method, given: Dict[str, Any]) -> Pick:
    """given: all by Python name. What is None is as if it were not there."""
    given = {k: v for k, v in given.items() if v is not None}
    report = given.pop("report", False)
    options = {k: given.pop(k) for k in m.options if k in given}

    def work(cx: Context) -> Pick:
        job = Job(cx, m.task)
        opts = m.set(cx, options)
        try:
            _inputs.Giver(job, m.columns, given, cx.key[3]).all()
            if report:
                job.flags = REPORTED
            elif "label" in given:
                job.flags = _lib.JUDGE
            cx.check(lib.cull_job_run(job.at, m.at, opts, job.flags))
            pick = Pick(job, m.slug)
            cx.check(lib.cull_job_done(job.at))  # the pick is the caller's: checkpoints may go
            return pick
        finally:
            job.settle()
            lib.cull_opts_free(opts)

    pick: Pick = with_context(given, work)
    return pick


Variants = Optional[Iterable[Union[str, Tuple[str, Dict[str, Any]]]]]


def compare(task: str, methods: Variants, seeds: int, given: Dict[str, Any]) -> Comparison:
    given = {k: v for k, v in given.items() if v is not None}
    of = {m["slug"]: m for m in methods_of(task)}
    chosen = [(v, {}) if isinstance(v, str) else v for v in (of if methods is None else methods)]
    known = ["pool", "target", "budget", *(c[0] for c in COMMON)]
    known += [python_name(i["name"]) for i in (*inputs_of(task), *compare_inputs())]
    refuse("compare", given, known)
    variants = []
    for name, options in chosen:
        slug = name.replace("_", "-")
        if slug not in of:
            near = difflib.get_close_matches(slug, of, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise OptionError(f"task {task} has no method '{name}'{hint}")
        m = Method(of[slug])
        refuse(name, options, list(m.options))
        variants.append((m, options))

    def work(cx: Context) -> Comparison:
        job = Job(cx, TASKS.index(task))
        opts: List[Optional[int]] = []
        try:
            rows = (_lib.Variant * len(variants))()
            for row, (m, options) in zip(rows, variants):
                opts.append(m.set(cx, options))
                words = (f"{k}={_inputs.text(k, v)}" for k, v in options.items())
                row.method, row.opts = m.at, opts[-1]
                row.name = ":".join([m.slug, *words]).encode()
            columns = [c for m, _ in variants for c in m.columns]
            _inputs.Giver(job, columns, given, cx.key[3]).all()
            out = c_void_p()
            cx.check(lib.cull_job_compare(job.at, rows, len(rows), seeds, byref(out)))
            return Comparison(job, out.value or 0)
        finally:
            job.settle()
            for o in opts:
                lib.cull_opts_free(o)

    found: Comparison = with_context(given, work)
    return found


# ---- functions ----


def refuse(function: str, given: Dict[str, Any], known: List[str]) -> None:
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise TypeError(f"{function}() has no argument '{name}'{hint}")


def default_of(option: Dict[str, Any]) -> Any:
    value = option["default"]
    if option["kind"] == "bool":
        return bool(value)
    if option["kind"] == "enum":
        return option["choices"].split("|")[int(value)]
    return int(value) if option["kind"] == "i64" else float(value)


def function(facts: Dict[str, Any]) -> Callable[..., Pick]:
    m = Method(facts)
    known = ["pool", "target", "budget", *m.inputs, *m.options, *(c[0] for c in (*COMMON, REPORT))]

    def call(pool: Any, target: Any = None, budget: Any = None, **given: Any) -> Pick:
        if not m_known.issuperset(given):
            refuse(call.__name__, given, known)
        if budget is None and isinstance(target, Real):
            raise OptionError(f"target is the number {target}; if that is the budget: budget={target}")
        return run(m, {"pool": pool, "target": target, "budget": budget, **given})

    m_known = frozenset(known)
    call.__name__ = call.__qualname__ = python_name(m.slug)
    call.__module__ = "cull." + facts["task"]
    call.__doc__ = document(facts)
    call.__signature__ = signature(facts)  # type: ignore[attr-defined]
    return call


def signature(facts: Dict[str, Any]) -> inspect.Signature:
    place, name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    found = [inspect.Parameter("pool", place)]
    found += [inspect.Parameter(n, place, default=None) for n in ("target", "budget")]
    rest = [(python_name(i["name"]), None) for i in inputs_of(facts["task"])]
    rest += [(python_name(o["name"]), default_of(o)) for o in facts["options"]]
    rest += [(n, default) for n, _, default, _ in (*COMMON, REPORT)]
    return inspect.Signature([*found, *(inspect.Parameter(n, name, default=d) for n, d in rest)])


def headline(facts: Dict[str, Any]) -> str:
    """What a method does, and its paper."""
    title = facts["title"]
    paper = f"\n\nPaper: {facts['paper']}." if facts["paper"] else ""
    return f"{title[0].upper()}{title[1:]}.{paper}"


def told(option: Dict[str, Any]) -> str:
    """An option's help with its values and default."""
    values = option["choices"] or ("True or False" if option["kind"] == "bool" else _range(option))
    return f"{option['help']} ({values}; {default_of(option)})"


def document(facts: Dict[str, Any]) -> str:
    """The docstring of a method's function."""
    lines = [headline(facts), ""]
    needs = [
        what
        for what, needed in (
            ("embeddings of the pool", facts["needs_pool"]),
            ("the pool's text", facts["needs_text"]),
            ("target examples", facts["needs_target"]),
            ("examples to stay away from (against)", facts["needs_against"]),
            (f"the scores {facts['columns']}", facts["columns"]),
        )
        if needed
    ]
    if needs:
        lines.append(f"Needs {', '.join(needs)}.")
    if facts["may_columns"]:
        lines.append(f"Uses the scores {facts['may_columns']} where they are given.")
    lines += ["", _POOL]
    for o in facts["options"]:
        lines.append(f"{python_name(o['name'])}: {told(o)}")
    lines += ["", f"Also the inputs of every method: help(cull.{facts['task']})."]
    return "\n".join(lines)


def describe(rows: List[Tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{python_name(n):<{width}}  {_lib.spoken(help)}" for n, help in rows)


def describe_inputs(task: str) -> str:
    rows = [(i["name"], i["help"]) for i in inputs_of(task)]
    return describe(rows + [(name, help) for name, _, _, help in (*COMMON, REPORT)])


def describe_compare() -> str:
    return describe([(i["name"], i["help"]) for i in compare_inputs()])


def _range(option: Dict[str, Any]) -> str:
    return f"{option['lo']:g} to {option['hi']:g}"


_POOL = """pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
    (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs."""
