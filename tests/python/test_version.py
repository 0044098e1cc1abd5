from pathlib import Path

import cull


def test_version_is_that_of_the_source() -> None:
    cmake = Path(__file__).parents[2].joinpath("CMakeLists.txt").read_text()
    assert f"project(cull VERSION {cull.__version__} " in cmake
