#!/bin/sh
# The Python package's tests against a built library. usage: run.sh PYTHON SOURCE LIBRARY
"$1" -c 'import numpy, pytest' || { echo "skipped: $1 lacks numpy or pytest (Debian: python3-numpy python3-pytest)"; exit 77; }
export PYTHONPATH="$2/bind/python" CULL_LIBRARY="$3" PYTHONDONTWRITEBYTECODE=1
exec "$1" -m pytest -q -p no:cacheprovider "$2/tests/python"
