"""What models said about rows, as tasks compute and trust take it: arrays become a cull_outcomes."""

from __future__ import annotations

from ctypes import POINTER, byref, c_char_p, c_void_p, cast
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _columns, _inputs, _lib
from ._lib import InputError, lib

MODELS = 64

# What describes rows: name, help.
GIVEN: Tuple[Tuple[str, str], ...] = (
    ("models", "names of the models; of a dict the keys are"),
    ("score", "how sure each model is: (n,), (K, n), a list of (n,) or a dict of name -> (n,)"),
    ("quality", "what its answers are worth, likewise; larger = better; NaN = not known"),
    ("cost", "what a row costs: a number for each model, or numbers of each row as of score"),
    ("delay", "how long each model takes: a list of numbers or a dict"),
    ("logits", "what models put out: (n, classes), a list or a dict of such"),
    ("probabilities", "likewise, in 0 to 1"),
    ("features", "numbers that describe rows: (n, d), or a list, one for each exit"),
    ("truth", "(n,) the true class, from 0, or the true number"),
    ("weight", "(n,) likelihood ratio of the rows to come to these"),
    ("spread", "(n,) how far predictions are expected to be off"),
    ("group", "(n,) a name or a number a row"),
)
NAMES = [name for name, _ in GIVEN]


def address(a: Optional[npt.NDArray[Any]]) -> Optional[int]:
    return None if a is None else int(a.__array_interface__["data"][0])


def _listed(value: Any) -> List[Any]:
    """One value for each model: of a list, of an array's first axis."""
    if isinstance(value, (list, tuple)) and value and not np.isscalar(value[0]):
        return list(value)
    return [value]


class Rows:
    """A cull_outcomes and what it borrows. `order` = names of models that are known already."""

    def __init__(self, given: Mapping[str, Any], order: Sequence[str] = ()) -> None:
        self.given = {k: v for k, v in given.items() if v is not None}
        self.n = -1
        self.first = ""  # what said how many rows there are
        self.models = 0
        self.said = ""
        self.order = list(order)
        self.names = self._names()
        self.kept: List[Any] = []
        self.c = _lib.Outcomes(where=b"the rows")
        for name in ("logits", "probabilities"):
            self._outputs(name)
        for name in ("score", "quality"):
            setattr(self.c, name, self._matrix(name))
        self._features()
        for name in ("truth", "weight", "spread"):
            setattr(self.c, name, self._column(name))
        self._group()
        self._costs()
        self._finish()

    # ---- models ----

    def _names(self) -> List[str]:
        if "models" in self.given:
            return [str(m) for m in self.given["models"]]
        keys = [list(v) for v in self.given.values() if isinstance(v, Mapping)]
        if not keys:
            return []
        if set(keys[0]) == set(self.order):
            return self.order
        return [str(k) for k in keys[0]]

    def _each(self, name: str) -> List[Any]:
        """Its entries in the order of the models."""
        value = self.given[name]
        if not isinstance(value, Mapping):
            return _listed(value)
        if set(value) != set(self.names):
            raise InputError(
                f"{name} is of {', '.join(map(str, value))}; the models are {', '.join(self.names)}"
            )
        return [value[k] for k in self.names]

    def _agree(self, name: str, models: int) -> None:
        if not self.models:
            self.models, self.said = models, name
        if self.models != models:
            raise InputError(
                f"{name} is of {models} model{'s' * (models != 1)}, {self.said} of {self.models}"
            )

    def _rows(self, name: str, n: int) -> None:
        if self.n < 0:
            self.n, self.first = n, name
        if self.n != n:
            raise InputError(f"{name} has {n} rows, {self.first} has {self.n}")

    def _keep(self, a: npt.NDArray[Any]) -> Optional[int]:
        self.kept.append(a)
        return address(a)

    # ---- arrays ----

    def _matrix(self, name: str) -> Optional[int]:
        """(K, n) float64; one array of them is taken as it is."""
        if name not in self.given:
            return None
        parts = [_inputs.array(name, p) for p in self._each(name)]
        if len(parts) == 1 and parts[0].ndim == 2 and not isinstance(self.given[name], Mapping):
            a = parts[0]
        else:
            for p in parts:
                if p.ndim != 1:
                    raise InputError(
                        f"{name} has {p.ndim} dimensions; it takes one number a row and model"
                    )
                self._rows(name, len(p))
            a = parts[0][None] if len(parts) == 1 else np.stack(parts)
        self._agree(name, a.shape[0])
        self._rows(name, a.shape[1])
        return self._keep(np.ascontiguousarray(a, np.float64))

    def _list_of(self, name: str) -> List[npt.NDArray[np.float32]]:
        """Matrices (n, d) of float32."""
        found = []
        for p in self._each(name):
            a = _inputs.array(name, p)
            for one in a if a.ndim == 3 else [a]:
                if one.ndim != 2:
                    raise InputError(f"{name} has the shape {one.shape}; it takes (rows, numbers)")
                self._rows(name, one.shape[0])
                found.append(np.ascontiguousarray(one, np.float32))
        self.kept.append(found)
        return found

    @staticmethod
    def _pointers(found: List[npt.NDArray[np.float32]]) -> Any:
        return (c_void_p * len(found))(*(address(a) for a in found))

    def _outputs(self, name: str) -> None:
        if name not in self.given:
            return
        if self.c.out:
            raise InputError("give logits or probabilities, not both")
        found = self._list_of(name)
        for a in found:
            if a.shape[1] != found[0].shape[1]:
                raise InputError(
                    f"{name}: one model has {found[0].shape[1]} classes, another {a.shape[1]}"
                )
        self._agree(name, len(found))
        if len(found) > MODELS:
            raise InputError(f"there are {len(found)} models; at most {MODELS}")
        self.list = self._pointers(found)
        self.c.out = cast(self.list, c_void_p)
        self.c.classes = found[0].shape[1]
        self.c.outputs = int(name == "probabilities")

    def _features(self) -> None:
        if "features" not in self.given:
            return
        value = self.given["features"]
        if isinstance(value, list) and value and np.ndim(value[0]) == 1:
            self.given["features"] = np.asarray(value)
        found = self._list_of("features")
        self.x = self._pointers(found)
        self.c.x, self.c.xs = cast(self.x, c_void_p), len(found)
        self.c.d = self._keep(np.array([a.shape[1] for a in found], np.int64))

    def _column(self, name: str) -> Optional[int]:
        if name not in self.given:
            return None
        a = _inputs.floats(name, self.given[name])
        self._rows(name, len(a))
        return self._keep(a)

    def _group(self) -> None:
        if "group" not in self.given:
            return
        values = np.asarray(self.given["group"])
        self._rows("group", len(values) if values.ndim else 1)
        codes, _ = _columns.group(values, self.n)
        at = np.unique(codes, return_index=True)[1]
        names = [
            v if isinstance(v, str) else _lib.number_text(float(v)) for v in values[at].tolist()
        ]
        self.c.group = self._keep(codes)
        self.c.groups = len(names)
        self.group_names = (c_char_p * len(names))(*(n.encode("utf-8", "replace") for n in names))
        self.c.group_name = cast(self.group_names, POINTER(c_char_p))

    def _numbers(self, name: str, value: Any) -> Optional[int]:
        a = _inputs.floats(name, list(value))
        self._agree(name, len(a))
        return self._keep(a)

    def _costs(self) -> None:
        for name in ("cost", "delay"):
            if name not in self.given:
                continue
            value = self.given[name]
            if isinstance(value, Mapping):
                value = self._each(name)
            elif np.isscalar(value):
                value = [value]
            value = list(value) if isinstance(value, (list, tuple, range)) else np.asarray(value)
            if np.ndim(value[0]) == 0 and all(np.ndim(v) == 0 for v in value):
                setattr(self.c, "each" if name == "cost" else name, self._numbers(name, value))
            elif name == "delay":
                raise InputError("delay is a number for each model")
            else:
                value = [
                    np.full(max(self.n, 1), v, np.float64) if np.ndim(v) == 0 else v for v in value
                ]
                self.given[name] = value
                self.c.cost = self._matrix(name)

    def same(self, n: int, models: int) -> None:
        """As decisions are."""
        if self.n != n:
            raise InputError(f"{self.first} has {self.n} rows, the decisions are about {n}")
        if self.models != models:
            raise InputError(
                f"{self.said or 'the rows'} is of {self.models} models, the policy of {models}"
            )

    def _finish(self) -> None:
        if self.n < 0:
            raise InputError(
                "there are no rows; give score, quality, logits, probabilities or features"
            )
        self.models = self.models or len(self.names) or 1
        self.c.n, self.c.models = self.n, self.models
        if self.names and len(self.names) != self.models:
            raise InputError(f"models has {len(self.names)} names, {self.said} is of {self.models}")
        if self.names:
            self.name_list = (c_char_p * self.models)(*(n.encode() for n in self.names))
            self.c.name = cast(self.name_list, POINTER(c_char_p))
        hashes = np.empty(self.n, np.uint64)
        if 0 < self.models <= MODELS and lib.cull_outcomes_hash(byref(self.c), address(hashes)):
            self.c.hash = self._keep(hashes)
