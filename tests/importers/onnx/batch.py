"""
Reads many files in one process that has limits, as a script.

Arguments: a folder, the bytes of memory beyond what the process has after its imports.
For every file prints a line: its name, what came of it, the seconds of CPU time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
MEMORY = 500 << 20
SECONDS = 5.0


def read_all(folder: Path, *, memory: int = MEMORY, timeout: float = 600) -> dict[str, str]:
    """
    File name -> "ok", an error code, or a traceback.

    Asserts that none takes longer than `SECONDS` of CPU time. A file that ends the
    process is missing from the result.
    """
    script = [sys.executable, __file__, str(folder), str(memory)]
    path = {"PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(
        script, capture_output=True, text=True, timeout=timeout, env=os.environ | path, check=False
    )
    results: dict[str, str] = {}
    for line in ended.stdout.splitlines():
        name, outcome, seconds = line.split("\t")
        results[name] = outcome
        assert float(seconds) < SECONDS, f"{name}: {seconds} s, {outcome}"
    assert ended.returncode == 0, f"after {list(results)[-1:]}: {ended.stderr[-2000:]}"
    return results


def _cpu_time() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _main(folder: str, memory: int) -> None:
    import onnx

    from snncc.errors import SnnccError
    from snncc.importers.onnx.importer import read_onnx

    assert onnx
    warnings.simplefilter("ignore")
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    for path in sorted(Path(folder).glob("*.onnx")):
        start = _cpu_time()
        # a hang ends this process, behind the name of the file before
        resource.setrlimit(resource.RLIMIT_CPU, (int(start + 2 * SECONDS), -1))
        try:
            read_onnx(path)
            outcome = "ok"
        except SnnccError as refused:
            outcome = refused.code
        except BaseException:
            outcome = traceback.format_exc().replace("\n", " | ").replace("\t", " ")
        print(path.name, outcome, f"{_cpu_time() - start:.2f}", sep="\t", flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
