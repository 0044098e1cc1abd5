"""The build backend: a wheel that works alone, the same bytes twice, an editable one, a source archive,
and a sentence where the build cannot be. usage: wheel.py SOURCE BUILD"""

import base64
import email
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

source, build = Path(sys.argv[1]), Path(sys.argv[2])
if not importlib.util.find_spec("numpy"):
    print(f"skipped: {sys.executable} lacks numpy (Debian: python3-numpy)")
    sys.exit(77)
sys.dont_write_bytecode = True
sys.path.insert(0, str(source / "bind" / "python"))
import build_backend  # noqa: E402

settings = {"build-dir": str(build)}
clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CULL_LIBRARY")}


def python(code, cwd, **env):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, cwd=cwd, env={**clean, **env}, stdout=subprocess.PIPE, text=True, check=True).stdout


def check_wheel(tmp):
    path = tmp / build_backend.build_wheel(str(tmp), settings)
    version, info = path.name.split("-")[1], path.name.split("-py3")[0] + ".dist-info"
    first = path.read_bytes()
    build_backend.build_wheel(str(tmp), settings)
    assert path.read_bytes() == first, "two builds differ"

    with zipfile.ZipFile(path) as wheel:
        content = {name: wheel.read(name) for name in wheel.namelist()}
        wheel.extractall(tmp / "site")
    rows = [row.rsplit(",", 2) for row in content[f"{info}/RECORD"].decode().splitlines()]
    assert [row[0] for row in rows] == list(content), "RECORD does not list the files"
    for name, digest, size in rows[:-1]:
        sha = base64.urlsafe_b64encode(hashlib.sha256(content[name]).digest()).decode().rstrip("=")
        assert digest == f"sha256={sha}" and int(size) == len(content[name]), name
    wanted = {"cull/__init__.py", "cull/py.typed", "cull/libcull.so", f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"}
    assert wanted <= set(content), wanted - set(content)
    assert not [name for name in content if "__pycache__" in name]

    head = email.message_from_bytes(content[f"{info}/METADATA"])
    assert (head["Name"], head["Version"]) == ("cull", version)
    assert head.get_all("License-File") == ["LICENSE", "NOTICE"]
    hard = [need for need in head.get_all("Requires-Dist") if "extra ==" not in need]
    assert hard == ["numpy>=1.22"], hard
    build_backend.prepare_metadata_for_build_wheel(str(tmp), settings)
    assert (tmp / info / "METADATA").read_bytes() == content[f"{info}/METADATA"]

    said = python("import cull; print(cull.__version__); print(open('/proc/self/maps').read())", tmp, PYTHONPATH=str(tmp / "site"))
    assert said.startswith(version + "\n"), said.splitlines()[0]
    assert set(re.findall(r"/\S*libcull\.\S*", said)) == {str(tmp / "site/cull/libcull.so")}, "another libcull was loaded"
    links = subprocess.run(["ldd", str(tmp / "site/cull/libcull.so")], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert not re.search(r"libmpi|libpq|not found", links), links


def check_editable(tmp):
    with zipfile.ZipFile(tmp / build_backend.build_editable(str(tmp), settings)) as wheel:
        wheel.extractall(tmp / "editable")
    said = python("import site; site.addsitedir('editable'); import cull; print(cull.__file__)", tmp)
    assert said == f"{source}/bind/python/cull/__init__.py\n", said


def check_sdist(tmp):
    path = tmp / build_backend.build_sdist(str(tmp))
    first = path.read_bytes()
    build_backend.build_sdist(str(tmp))
    assert path.read_bytes() == first, "two archives differ"
    with tarfile.open(path) as tar:
        tar.extractall(tmp / "sdist")
    unpacked = tmp / "sdist" / path.name[: -len(".tar.gz")]
    assert (unpacked / "PKG-INFO").read_bytes() == build_backend.metadata(None)
    assert os.access(unpacked / "tools/setup.sh", os.X_OK)
    said = python("import build_backend as b; print(b.prepare_metadata_for_build_wheel('.'))", tmp, PYTHONPATH=str(unpacked / "bind/python"))
    assert said.strip() == unpacked.name + ".dist-info", said


def check_sentences(tmp):
    """Machines that lack something: dpkg-query there says that only ninja is installed."""
    (tmp / "bin").mkdir()
    shell = "#!/bin/sh\n"
    (tmp / "bin/dpkg-query").write_text(shell + "echo ninja-build installed\n")
    (tmp / "bin/dpkg-query").chmod(0o755)
    os.environ["PATH"] = str(tmp / "bin")
    for cmake, sentence in (
        (None, "cull: cull's library is built with CMake, which is missing: apt-get install build-essential cmake pkgconf "),
        ("exit 1", "cull: cull's library could not be built; what CMake said stands above: apt-get install build-essential "),
    ):
        if cmake:
            (tmp / "bin/cmake").write_text(shell + cmake + "\n")
            (tmp / "bin/cmake").chmod(0o755)
        try:
            build_backend.build_wheel(str(tmp), {"build-dir": str(tmp / "none")})
        except SystemExit as end:
            assert str(end).startswith(sentence), end
        else:
            raise AssertionError("a wheel without CMake")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name).resolve()
    check_wheel(folder)
    check_editable(folder)
    if (source / ".git").exists():
        check_sdist(folder)
    check_sentences(folder)
print("the wheel works alone")
