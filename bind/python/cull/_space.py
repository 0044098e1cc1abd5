"""What there is to choose a design from: parameters as Python has them, and the spaces made of them."""

from __future__ import annotations

import difflib
import json
import math
import operator
import os
import re
import weakref
from ctypes import byref, c_bool, c_double, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._lib import Context, InputError, OptionError, lib

Point = npt.NDArray[np.float64]
Params = Dict[str, Any]

# ---- parameters ----


@dataclass(frozen=True)
class Parameter:
    """One parameter of a space that is written as a dict; what real(), one() and the others make."""

    facts: Dict[str, Any]  # as the JSON of a space has them, without the name
    values: Tuple[
        Any, ...
    ] = ()  # of one, ordinal, subset, permutation, simplex: as they were given
    holds: Tuple[
        Tuple[Optional[str], "Entries"], ...
    ] = ()  # of either (by branch), optional, repeat

    def when(self, condition: str) -> "Parameter":
        """Active only where the condition is true: `one(16, 32).when("opt == sgd")`."""
        return Parameter({**self.facts, "if": condition}, self.values, self.holds)


Entries = Mapping[str, Parameter]


def _word(value: Any) -> str:
    """A value as a space names it."""
    if value is None:
        return "none"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(value)


def _made(
    facts: Dict[str, Any], default: Any, values: Sequence[Any] = (), join: str = ""
) -> Parameter:
    if default is not None:
        many = join and not isinstance(default, str)
        facts["default"] = join.join(map(_word, default)) if many else _word(default)
    return Parameter(facts, tuple(values))


def _each(form: str, values: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """Values as they are given; a list of all of them would be one value."""
    if len(values) == 1 and isinstance(values[0], (list, tuple, set, range, np.ndarray)):
        raise OptionError(f"{form}() takes its values one by one, not in a {type(values[0]).__name__}: {form}(*values)")
    return values


def _counted(values: Tuple[Any, ...]) -> Union[int, List[str]]:
    """Items by name, or how many there are."""
    if len(values) == 1 and isinstance(values[0], (int, np.integer)):
        return int(values[0])
    return [_word(v) for v in values]


def _finite(form: str, value: Any) -> float:
    """A number that JSON has."""
    found = float(value)
    if not math.isfinite(found):
        raise OptionError(f"{form}() takes finite numbers, not {value!r}")
    return found


def real(lo: float, hi: float, *, log: bool = False, default: Optional[float] = None) -> Parameter:
    """A number of lo to hi; log: equal ratios are equally far."""
    facts: Dict[str, Any] = {"real": [_finite("real", lo), _finite("real", hi)]}
    if log:
        facts["log"] = True
    return _made(facts, default)


def integer(
    lo: int, hi: int, *, step: int = 1, log: bool = False, default: Optional[int] = None
) -> Parameter:
    """A whole number lo, lo + step, ... to hi; log: equal ratios are equally far."""
    facts: Dict[str, Any] = {"int": [operator.index(lo), operator.index(hi)]}
    if step != 1:
        facts["step"] = operator.index(step)
    if log:
        facts["log"] = True
    return _made(facts, default)


_NONE: Any = object()  # a default may be the value None


def one(*values: Any, weights: Optional[Sequence[float]] = None, default: Any = _NONE) -> Parameter:
    """One of these, without an order. They come back as they were given. weights: the chances at which
    they are drawn, of any sum."""
    facts: Dict[str, Any] = {"one": [_word(v) for v in _each("one", values)]}
    if weights is not None:
        facts["weights"] = [_finite("one", w) for w in weights]
    if default is not _NONE:
        facts["default"] = _word(default)
    return Parameter(facts, values)


def ordinal(*values: Any, default: Any = _NONE) -> Parameter:
    """One of these, in this order."""
    facts: Dict[str, Any] = {"ordinal": [_word(v) for v in _each("ordinal", values)]}
    if default is not _NONE:
        facts["default"] = _word(default)
    return Parameter(facts, values)


def subset(
    *items: Any, least: Optional[int] = None, most: Optional[int] = None, default: Any = None
) -> Parameter:
    """Any of these, at least `least` and at most `most` of them; `subset(10)`: items 1 to 10."""
    facts: Dict[str, Any] = {"subset": _counted(_each("subset", items))}
    if least is not None:
        facts["least"] = operator.index(least)
    if most is not None:
        facts["most"] = operator.index(most)
    if default is not None and not isinstance(default, str) and not len(default):
        default = "+"
    return _made(facts, default, items if len(items) > 1 else (), "+")


def permutation(*items: Any, default: Any = None) -> Parameter:
    """All of these in an order; `permutation(5)`: items 1 to 5."""
    return _made({"permutation": _counted(_each("permutation", items))}, default, items if len(items) > 1 else (), ">")


def simplex(*items: Any, default: Any = None) -> Parameter:
    """Shares of at least 0 whose sum is 1; `simplex(3)`: of items 1 to 3."""
    return _made({"simplex": _counted(_each("simplex", items))}, default, items if len(items) > 1 else (), "/")


def either(
    branches: Mapping[str, Optional[Entries]], *, default: Optional[str] = None
) -> Parameter:
    """One of the branches, each with parameters of its own or None:
    `either({"sgd": {"momentum": real(0, 0.99)}, "adam": None})`."""
    made = _made({}, default)
    return Parameter(made.facts, (), tuple((name, held or {}) for name, held in branches.items()))


def optional(holds: Entries, *, default: Optional[bool] = None) -> Parameter:
    """With or without what it holds: True or False."""
    facts = {} if default is None else {"default": "yes" if default else "no"}
    return Parameter({"optional": [], **facts}, (), ((None, holds),))


def repeat(
    least: int, most: int, holds: Entries, *, tied: bool = False, default: Optional[int] = None
) -> Parameter:
    """`least` to `most` copies of what it holds, each with values of its own; tied: with the same."""
    facts: Dict[str, Any] = {"repeat": [operator.index(least), operator.index(most)]}
    if tied:
        facts["tied"] = True
    made = _made(facts, default)
    return Parameter(made.facts, (), ((None, holds),))


def _entries(
    entries: Entries, prefix: str, objects: Dict[str, Dict[str, Any]]
) -> List[Dict[str, Any]]:
    """Entries as the JSON of a space has them; `objects` takes the values as they were given."""
    out = []
    for name, p in entries.items():
        if not isinstance(p, Parameter):
            raise InputError(
                f"{prefix}{name} is of type {type(p).__name__}; it takes a parameter, as "
                "cull.search.real(0, 1) or cull.search.one('a', 'b')"
            )
        at = prefix + str(name)
        facts = {"name": str(name), **p.facts}
        if p.values:
            objects[at] = {_word(v): v for v in p.values}
        if "optional" in facts:
            facts["optional"] = _entries(p.holds[0][1], at + ".", objects)
        elif "repeat" in facts:
            facts["holds"] = _entries(p.holds[0][1], at + ".", objects)
        elif p.holds:
            facts["or"] = {str(b): _entries(held, f"{at}.{b}.", objects) for b, held in p.holds}
        out.append(facts)
    return out


# ---- spaces ----

_REAL, _INT, _CATEGORY, _ORDINAL, _SUBSET, _PERMUTATION, _SIMPLEX = range(7)
_LEAF, _OR, _OPTIONAL, _REPEAT = range(4)
_TEXT = re.compile(r"[\n({]")


class _Read:
    """A parameter as the library compiled it, with what its values are in Python."""

    __slots__ = ("name", "kind", "role", "at", "width", "words", "values")

    def __init__(self, p: _lib.SpaceParam, objects: Dict[str, Dict[str, Any]]) -> None:
        self.name: str = p.name.decode()
        self.kind, self.role, self.at, self.width = p.kind, p.role, int(p.at), int(p.width)
        named = bool(p.value)
        self.words: List[str] = [p.value[k].decode() for k in range(p.n)] if named else []
        self.values: List[Any] = list(self.words)
        given = objects.get(self.name)
        if given is None:  # copies of a repeat share what they hold
            given = objects.get(re.sub(r"\.\d+(?=\.)", "", self.name))
        if given is not None and all(w in given for w in self.words):
            self.values = [given[w] for w in self.words]
        elif self.kind == _ORDINAL and p.number:
            self.values = [_number(w, p.number[k]) for k, w in enumerate(self.words)]
        elif self.role == _OPTIONAL:
            self.values = [False, True]

    def get(self, x: Point) -> Any:
        v = x[self.at : self.at + self.width]
        if self.kind == _REAL:
            return float(v[0])
        if self.kind == _INT:
            return int(v[0])
        if self.kind in (_CATEGORY, _ORDINAL):
            return self.values[int(v[0])]
        if self.kind == _SUBSET:
            return [w for w, has in zip(self.values, v) if has]
        if self.kind == _PERMUTATION:
            return [self.values[int(k)] for k in v]
        return {w: float(share) for w, share in zip(self.values, v)}

    def text(self, value: Any) -> str:
        """What the library reads as this value."""
        if self.role == _OPTIONAL and isinstance(value, (bool, np.bool_)):
            return "yes" if value else "no"
        if isinstance(value, str) or self.kind in (_REAL, _INT, _CATEGORY, _ORDINAL):
            return self._near(value)
        if self.kind == _SIMPLEX and isinstance(value, Mapping):
            rest = {_word(k): share for k, share in value.items()}
            if set(rest) != set(self.words):
                raise InputError(f"{self.name} takes a share for each of {', '.join(self.words)}")
            value = [rest[w] for w in self.words]
        try:
            parts = [_word(v) for v in value]
        except TypeError:
            raise InputError(f"{self.name} takes a list, not {value!r}") from None
        join = {_SUBSET: "+", _PERMUTATION: ">", _SIMPLEX: "/"}[self.kind]
        return join.join(parts) or "+"

    def _near(self, value: Any) -> str:
        """The word of a number that equals one of an ordinal's, as 16.0 and 16."""
        word = _word(value)
        if self.kind == _ORDINAL and word not in self.words and not isinstance(value, str):
            for w, v in zip(self.words, self.values):
                if isinstance(v, (int, float)) and v == value:
                    return w
        return word


def _number(word: str, value: float) -> Union[int, float]:
    return int(word) if re.fullmatch(r"[-+]?\d+", word) else float(value)


class Space:
    """What there is to choose a design from.

    what: a path; text of a space, as docs/space.md has it (a str with a line end or a bracket); or a
    dict of names to parameters, as cull.search.real, integer, one, ordinal, subset, permutation,
    simplex, either, optional and repeat make them.
    forbid, require: constraints of a dict, such as "opt == adam and lr > 0.01"."""

    def __init__(
        self,
        what: Union[str, "os.PathLike[str]", Entries],
        *,
        forbid: Union[str, Iterable[str]] = (),
        require: Union[str, Iterable[str]] = (),
    ) -> None:
        self._cx = Context((1, 0, None, None))  # its own: the handle must not outlive it
        objects: Dict[str, Dict[str, Any]] = {}
        out = c_void_p()
        if isinstance(what, Mapping):
            entries = _entries(what, "", objects)
            for key, lines in (("forbid", forbid), ("require", require)):
                entries += [{key: line} for line in ([lines] if isinstance(lines, str) else lines)]
            self._from(json.dumps({"space": entries}), out)
        elif forbid or require:
            raise OptionError("forbid and require are of a dict; a text has lines of them")
        elif isinstance(what, str) and _TEXT.search(what):
            self._from(what, out)
        elif isinstance(what, (str, os.PathLike)):
            self._call(lib.cull_space_open, _path(what), byref(out))
        else:
            raise InputError(
                f"a space is a path, a text or a dict of parameters, not {type(what).__name__}"
            )
        assert out.value
        self._own(out.value, objects)
        weakref.finalize(self, _free, lib.cull_space_free, self.at, self._cx)

    def _own(self, at: int, objects: Dict[str, Dict[str, Any]]) -> None:
        self.at = at
        n = lib.cull_space_params(at)
        self._width = int(lib.cull_space_width(at))
        self._read = [_Read(lib.cull_space_at(at, i)[0], objects) for i in range(n)]
        self._index = {p.name: i for i, p in enumerate(self._read)}

    @classmethod
    def _of(cls, cx: Context, at: int) -> "Space":
        """One that a study owns."""
        s = cls.__new__(cls)
        s._cx = cx
        s._own(at, {})
        return s

    def _from(self, text: str, out: c_void_p) -> None:
        data = text.encode()
        self._call(lib.cull_space_from, data, len(data), b"space", byref(out))

    def _call(self, function: Any, *args: Any) -> None:
        with self._cx.lock, _lib.Call(self._cx, None):
            self._cx.check(function(self._cx.at, *args))

    def _text(self, function: Any, *args: Any) -> str:
        with self._cx.lock:
            words = (self._cx.at, self.at, *args)
            return _lib.text_of(lambda to: int(function(*words, to)), self._cx)

    # ---- of the space ----

    @property
    def names(self) -> List[str]:
        """Its parameters in order of the text; `block.2.width` is that of the second copy."""
        return [p.name for p in self._read]

    @property
    def count(self) -> Optional[int]:
        """How many points there are; None = infinitely many, or more than 2^63 - 1."""
        log10, exact = c_double(), c_bool()
        with self._cx.lock:
            n = lib.cull_space_count(self._cx.at, self.at, byref(log10), byref(exact))
        return None if n < 0 else int(n)

    def to_json(self) -> str:
        """The same space as JSON; read back it is the same."""
        return self._text(lib.cull_space_text, True)

    def __str__(self) -> str:
        return self._text(lib.cull_space_text, False)

    def __repr__(self) -> str:
        n, some = len(self._read), ", ".join(self.names[:4])
        return f"<Space of {n} parameter{'s' * (n != 1)}: {some}{', ...' if n > 4 else ''}>"

    def __reduce__(self) -> Any:
        return _again, (
            str(self),
            {p.name: dict(zip(p.words, p.values)) for p in self._read if p.words},
        )

    # ---- points ----

    def sample(self, n: int, seed: int = 1) -> List[Params]:
        """n random points, each a dict of its active parameters. One may come twice."""
        n, x, out = operator.index(n), np.empty(self._width), []
        if n < 0:
            raise OptionError(f"{n} points are fewer than none")
        with self._cx.lock, _lib.Call(self._cx, None):
            lib.cull_ctx_reseed(self._cx.at, seed)
            for i in range(n):
                self._cx.check(lib.cull_space_draw(self._cx.at, self.at, i, x.ctypes.data))
                out.append(self.params(x))
        return out

    @property
    def default(self) -> Params:
        """The point of defaults: of a parameter without one the middle of its scale, the first value."""
        x = np.empty(self._width)
        self._call(lib.cull_space_default, self.at, x.ctypes.data)
        return self.params(x)

    def parse(self, text: str) -> Params:
        """A point from `lr=0.01 opt=sgd opt.sgd.momentum=0.9`."""
        x = np.empty(self._width)
        self._call(lib.cull_space_parse, self.at, text.encode(), x.ctypes.data)
        return self.params(x)

    def format(self, params: Mapping[str, Any]) -> str:
        """The reverse: a point as the command writes and reads it."""
        return self._text(lib.cull_space_format, self.point(params).ctypes.data)

    def params(self, x: Point) -> Params:
        """A point of numbers as a dict of its active parameters."""
        return (
            {p.name: p.get(x) for p in self._read if not np.isnan(x[p.at])} if self._width else {}
        )

    def point(self, params: Mapping[str, Any]) -> Point:
        """The reverse, checked: InputError says which parameter is wrong, missing or not active."""
        x = np.full(self._width, np.nan)
        for name, value in params.items():
            i = self._index.get(name)
            if i is None:
                raise InputError(f"the space has no parameter '{name}'{_hint(name, self.names)}")
            word = self._read[i].text(value).encode()
            self._call(lib.cull_space_set, self.at, i, word, x.ctypes.data)
        self._call(lib.cull_space_check, self.at, x.ctypes.data)
        return x


def _again(text: str, objects: Dict[str, Dict[str, Any]]) -> Space:
    """One that was pickled."""
    s = Space(text)
    s._own(s.at, objects)
    return s


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _path(path: Union[str, "os.PathLike[str]"]) -> bytes:
    at = os.fsencode(path)
    if b"\0" in at:
        raise InputError("a path has a NUL character; it takes none")
    return at


def _free(free: Callable[[int], None], at: int, cx: Context, *_kept: Any) -> None:
    """A handle goes before its context; never in a forked child."""
    if cx.pid == os.getpid():
        with cx.lock:
            free(at)
