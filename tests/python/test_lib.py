"""The binding itself: structs as the headers have them, numbers of enums, the installed library."""

import ctypes
import inspect
import os

import numpy as np
from conftest import python

import cull
from cull import _catalogue, _lib

STRUCTS = [
    s
    for _, s in inspect.getmembers(_lib, inspect.isclass)
    if issubclass(s, ctypes.Structure) and s.__module__ == "cull._lib"
]
CONSTANTS = {
    **{"CULL_" + c: v for v, c in enumerate(("F32", "F16", "BF16", "F64", "I8", "U8", "I16"))},
    **{"CULL_" + c: v + 7 for v, c in enumerate(("U16", "I32", "U32", "I64", "U64", "BOOL"))},
    "CULL_DTYPES": len(_lib.DTYPES),
    "CULL_FORM_TSV": _lib.TSV,
    "CULL_FORM_JSON": _lib.JSON,
    "CULL_FORM_HTML": _lib.HTML,
    "CULL_FORM_MD": _lib.MARKDOWN,
    "CULL_JOB_JUDGE": _lib.JUDGE,
    "CULL_JOB_BASELINES": _lib.BASELINES,
    "CULL_JOB_IDS": _lib.IDS,
    "CULL_JOB_SNIPPETS": _lib.SNIPPETS,
    "CULL_JOB_HASHES": _lib.HASHES,
    "CULL_JOB_FEATURES": _lib.FEATURES,
    **{f"CULL_E{e}": -v - 1 for v, e in enumerate(("INPUT", "OPTION", "NOMEM", "CANCEL", "IO"))},
    "CULL_ENODATA": -6,
    "CULL_EINTERNAL": -7,
}


def test_structs_are_those_of_the_headers(compiled, tmp_path):
    """A C program says the offset and size of each field; a field that is missing shows in the sum."""
    rows, want = [], []
    for s in STRUCTS:
        if not hasattr(s, "PART"):
            rows.append(f"sizeof({s.C})")
            want.append(ctypes.sizeof(s))
        for name, *_ in s._fields_:
            rows += [f"offsetof({s.C}, {name})", f"sizeof((({s.C} *)0)->{name})"]
            want += [getattr(s, name).offset, getattr(s, name).size]
    rows += [f"(size_t)(long){c}" for c in CONSTANTS]
    want += [v % 2**64 for v in CONSTANTS.values()]
    rows += ["sizeof(cull_pick_file) <= %d" % _lib.PICK_FILE_BYTES, "offsetof(cull_pick_file, run)"]
    want += [1, 0]
    source = tmp_path / "layout.c"
    lines = "".join(f'    printf("%zu {r}\\n", (size_t)({r}));\n'.replace("%d", "") for r in rows)
    source.write_text(
        '#include "cull/cull.h"\n#include "cull/evaluate.h"\n#include "cull/importance.h"\n#include <stdio.h>\n'
        "int main(void)\n{\n" + lines + "}\n"
    )
    program = compiled(source)
    got = os.popen(str(program)).read().splitlines()
    assert len(STRUCTS) >= 8
    assert got == [f"{w} {r}" for w, r in zip(want, rows)]


def test_every_dtype_has_its_size(library):
    sizes = {n: np.dtype(n).itemsize for n in _lib.DTYPES if n != "bfloat16"}
    _lib.lib.cull_dtype_size.restype = ctypes.c_size_t
    for name, size in {**sizes, "bfloat16": 2}.items():
        assert _lib.lib.cull_dtype_size(_lib.DTYPES[name]) == size, name


def test_statuses_raise_what_they_are():
    kinds = _lib._RAISES
    assert len(kinds) == 8 and all(issubclass(k, cull.Error) for k in kinds)
    assert issubclass(cull.InputError, ValueError) and issubclass(cull.OptionError, ValueError)
    assert issubclass(cull.MemoryLimitError, MemoryError) and issubclass(cull.FileError, OSError)


def test_sentences_name_arguments_as_python_does():
    assert _lib.spoken("--target-text and --embed-dim") == "target_text and embed_dim"
    assert _lib.spoken("a text with --target-frob in it") == "a text with --target-frob in it"


def test_names_of_inputs_and_options_never_meet():
    """A function takes all of them as keywords."""
    common = [c[0] for c in (*_catalogue.COMMON, _catalogue.REPORT)]
    for task in ("data", "feature"):  # those whose methods are functions
        inputs = [_lib.python_name(i["name"]) for i in _catalogue.inputs_of(task)]
        for m in _catalogue.methods_of(task):
            options = [_lib.python_name(o["name"]) for o in m["options"]]
            names = [*inputs, *options, *common, "pool", "target", "budget"]
            assert len(set(names)) == len(names), m["slug"]
            assert all(n.isidentifier() for n in names)


def test_functions_are_those_of_the_catalogue():
    for m in _catalogue.methods_of("data"):
        f = getattr(cull.data, _lib.python_name(m["slug"]))
        parameters = inspect.signature(f).parameters
        for o in m["options"]:
            assert parameters[_lib.python_name(o["name"])].default == _catalogue.default_of(o)
            assert o["help"] in f.__doc__
        assert f.__name__ in cull.data.__all__


def test_no_library_is_told(tmp_path):
    env = {**os.environ, "CULL_LIBRARY": str(tmp_path / "none.so")}
    done = python("import cull", env=env)
    assert "ImportError" in done.stderr and "point CULL_LIBRARY at a libcull.so" in done.stderr
