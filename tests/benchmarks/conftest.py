"""What the contenders need: skipped where it is missing, but never on CI."""

import os
from importlib.util import find_spec

import pytest


def _require(found: bool, what: str) -> None:
    """Skips without `what`; on CI, where everything is installed, fails."""
    if found:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing on CI")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def c_compiler() -> None:
    from snncc.errors import SnnccError
    from snncc.runtime.toolchain import find_compiler

    try:
        find_compiler()
    except SnnccError:
        _require(False, "a C compiler")


@pytest.fixture(scope="session")
def onnxruntime() -> None:
    _require(find_spec("onnxruntime") is not None, "onnxruntime")
