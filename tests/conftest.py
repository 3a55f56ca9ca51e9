"""Shared fixtures: where the example networks lie, and hypothesis' settings."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Workers share the cores. Threads of BLAS and torch wait for each other in busy loops: with as
# many of them as cores in each worker, a test took six times the processor's time. Before NumPy.
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

SHARED = Path(__file__).parents[2] / "shared"

# drawn networks take a second each: no deadline, and the same ones on every run in CI
settings.register_profile(
    "default",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("default")


@pytest.fixture(scope="session")
def nets() -> Path:
    """The folder of real networks beside the repository; its tests add to the others."""
    if not (SHARED / "nets").is_dir():
        pytest.skip("the example networks are not beside this clone")
    return SHARED / "nets"
