"""cull chooses what to keep, under a budget."""

import ctypes
import os
from pathlib import Path

_packed = Path(__file__).with_name("libcull.so")
_lib = ctypes.CDLL(str(_packed) if _packed.exists() else os.environ.get("CULL_LIBRARY", "libcull.so.0"))
_lib.cull_version.restype = ctypes.c_char_p

__version__: str = _lib.cull_version().decode()
