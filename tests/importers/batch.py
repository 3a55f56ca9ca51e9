"""
Loads many files in one process that has limits, as a script.

Arguments: the kind of files, a folder, the bytes of memory beyond what the process has
after its imports.
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
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MEMORY = 500 << 20
SECONDS = 5.0


def load_all(
    kind: str, folder: Path, *, memory: int = MEMORY, timeout: float = 600
) -> dict[str, str]:
    """
    File name -> "ok", an error code, or a traceback. `kind` is nir, net, onnx or pt2.

    Asserts that none takes longer than `SECONDS` of CPU time. A file that ends the
    process is missing from the result.
    """
    script = [sys.executable, __file__, kind, str(folder), str(memory)]
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


def _importer(kind: str) -> Callable[[Path], object]:
    """What reads such files, with all that it imports only when it reads."""
    if kind == "nir":
        from snncc.importers.nir.importer import import_nir
        from snncc.importers.nir.profiles.base import Choices
        from snncc.importers.nir.profiles.nir_ode import NirOde

        assert NirOde
        return lambda path: import_nir(path, like="nir-ode", choices=Choices(1e-4))
    if kind == "net":
        from snncc.importers.netx.decode import decode_netx
        from snncc.importers.netx.reader import read_netx

        return lambda path: decode_netx(read_netx(path), [])
    if kind == "onnx":
        import onnx

        from snncc.importers.onnx.importer import read_onnx

        assert onnx
        return read_onnx
    from snncc.importers.torch.pt2 import read_pt2

    assert kind == "pt2"
    return read_pt2


def _main(kind: str, folder: str, memory: int) -> None:
    from snncc.errors import SnnccError

    importer = _importer(kind)
    # NumPy's warnings are for the tests of single values
    warnings.simplefilter("ignore")
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    for path in sorted(Path(folder).glob("*" if kind == "nir" else f"*.{kind}")):
        start = _cpu_time()
        # a hang ends this process, behind the name of the file before
        resource.setrlimit(resource.RLIMIT_CPU, (int(start + 2 * SECONDS), -1))
        try:
            importer(path)
            outcome = "ok"
        except SnnccError as refused:
            outcome = refused.code
        except BaseException:
            outcome = traceback.format_exc().replace("\n", " | ").replace("\t", " ")
        print(path.name, outcome, f"{_cpu_time() - start:.2f}", sep="\t", flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
