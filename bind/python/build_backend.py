"""Builds cull's Python package: the PEP 517 and PEP 660 backend that pyproject.toml names.

CMake builds libcull.so; this file puts it beside the modules of bind/python/cull and writes the wheel.
Nothing here is compiled against Python, so one wheel serves every Python 3 of a platform. Equal inputs
make equal bytes: names are sorted and no time of day is written.

Settings (`pip --config-settings NAME=VALUE`):
  build-dir   where CMake builds, kept for the next time (default build/wheel below the source)
  licenses    a folder whose files join the wheel's licences (tools/wheel.py)
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Mapping, NoReturn, Optional

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bind" / "python"
Settings = Optional[Mapping[str, Any]]


# ---- hooks ----


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    return []


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    files = dist_info(config_settings)
    for name, data in files.items():
        path = Path(metadata_directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"{stem()}.dist-info"


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    files = {"cull/libcull.so": build_library(config_settings).read_bytes()}
    for path in (PACKAGE / "cull").rglob("*"):
        if path.suffix in (".py", ".pyi") or path.name == "py.typed":
            files[path.relative_to(PACKAGE).as_posix()] = path.read_bytes()
    return write_wheel(Path(wheel_directory), files, config_settings)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    # the modules stay where they are; a line of code in a .pth runs when the interpreter starts
    library = str(build_library(config_settings))
    pth = f"{PACKAGE}\nimport os; os.environ.setdefault('CULL_LIBRARY', {library!r})\n"
    return write_wheel(Path(wheel_directory), {"cull.pth": pth.encode()}, config_settings)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], stdout=subprocess.PIPE, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        fail(f"a source archive holds the files that git tracks, and {ROOT} is no git checkout")
    files = {name: (ROOT / name).read_bytes() for name in listed.decode().split("\0") if name}
    files["PKG-INFO"] = metadata(config_settings)
    path = Path(sdist_directory, f"{stem()}.tar.gz")
    with gzip.GzipFile(path, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{stem()}/{name}")
            entry.size = len(data)
            entry.mode = 0o755 if os.access(ROOT / name, os.X_OK) else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return path.name


# ---- the library ----


def build_library(settings: Settings) -> Path:
    """Configures and builds libcull.so; gives its path. A failure ends the program with a sentence."""
    folder = Path((settings or {}).get("build-dir") or ROOT / "build" / "wheel").resolve()
    # a wheel holds no XGBoost: its OpenMP and C++ run-times would stand beside those of another one in the process
    switches = ["-DCMAKE_BUILD_TYPE=Release", "-DCULL_TESTS=OFF", "-DCULL_WITH_XGBOOST=OFF"]
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), *switches]
    if shutil.which("ninja") and not (folder / "CMakeCache.txt").exists():
        configure += ["-G", "Ninja"]
    jobs = str(len(os.sched_getaffinity(0)))
    for command in configure, ["cmake", "--build", str(folder), "--target", "cull", "-j", jobs]:
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError:
            fail(f"cull's library is built with CMake, which is missing{advice()}")
        if done.returncode:
            sys.stderr.write(done.stdout)
            fail(f"cull's library could not be built; what CMake said stands above{advice()}")
    return folder / "libcull.so"


def advice() -> str:
    """The Debian packages that the build needs and this machine lacks, as the end of a sentence."""
    listed = (ROOT / "tools" / "packages.txt").read_text()
    needed = re.findall(r"^build: *(.*)", listed, re.M)[0].split()
    try:
        query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *needed]
        said = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    except FileNotFoundError:
        return ": it needs what these Debian packages hold: " + " ".join(needed)
    missing = [name for name in needed if f"{name} installed\n" not in said]
    return ": apt-get install " + " ".join(missing) if missing else ""


def fail(sentence: str) -> NoReturn:
    raise SystemExit(f"cull: {sentence}")


# ---- metadata and files ----


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def stem() -> str:
    found = re.search(r"^project\(cull VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
    assert found, "CMakeLists.txt: no project(cull VERSION ...)"
    return f"cull-{found[1]}"


def licenses(settings: Settings) -> dict[str, bytes]:
    """The licence files of a wheel, by their names below dist-info/licenses."""
    files = {name: (ROOT / name).read_bytes() for name in project()["license-files"]}
    more = (settings or {}).get("licenses")
    if more:
        found = sorted(path for path in Path(more).rglob("*") if path.is_file())
        files.update((path.relative_to(more).as_posix(), path.read_bytes()) for path in found)
    return files


def metadata(settings: Settings) -> bytes:
    p = project()
    extras = p["optional-dependencies"]
    fields = [
        ("Metadata-Version", "2.4"),
        ("Name", p["name"]),
        ("Version", stem().split("-")[1]),
        ("Summary", p["description"]),
        ("License-Expression", p["license"]),
        *(("License-File", name) for name in licenses(settings)),
        ("Keywords", ",".join(p["keywords"])),
        *(("Classifier", c) for c in p["classifiers"]),
        ("Requires-Python", p["requires-python"]),
        *(("Requires-Dist", d) for d in p["dependencies"]),
        *(("Provides-Extra", extra) for extra in extras),
        *(("Requires-Dist", f"{d}; extra == '{extra}'") for extra in extras for d in extras[extra]),
        ("Description-Content-Type", "text/markdown"),
    ]
    head = "".join(f"{name}: {value}\n" for name, value in fields)
    return f"{head}\n{(ROOT / p['readme']).read_text('utf-8')}".encode()


def tag() -> str:
    return "py3-none-" + re.sub("[-.]", "_", sysconfig.get_platform())


def dist_info(settings: Settings) -> dict[str, bytes]:
    """The files of NAME-VERSION.dist-info, without RECORD."""
    wheel = f"Wheel-Version: 1.0\nGenerator: cull\nRoot-Is-Purelib: false\nTag: {tag()}\n"
    files = {"METADATA": metadata(settings), "WHEEL": wheel.encode()}
    files.update((f"licenses/{name}", data) for name, data in licenses(settings).items())
    return {f"{stem()}.dist-info/{name}": data for name, data in files.items()}


def write_wheel(folder: Path, files: dict[str, bytes], settings: Settings) -> str:
    """Writes the wheel of these files; dist-info comes last, as the format advises."""
    ordered = {**dict(sorted(files.items())), **dict(sorted(dist_info(settings).items()))}
    record = f"{stem()}.dist-info/RECORD"
    lines = []
    for name, data in ordered.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    ordered[record] = "".join([*lines, f"{record},,\n"]).encode()
    path = folder / f"{stem()}-{tag()}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ordered.items():
            entry = zipfile.ZipInfo(name)  # 1980-01-01
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
            archive.writestr(entry, data)
    return path.name
