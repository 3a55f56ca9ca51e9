"""
A network's C in a program of its own, built with sanitizers: what a library that Python loads
cannot be. The program takes whole inputs on stdin and gives the outputs of every step.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from snncc.compiled import Compiled
from snncc.dialects.arrays import Array

CHECKS = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")

DRIVER = """
#include <stdio.h>
#include "@P@.h"
static @P@_state_t state;
@ARRAYS@
int main(void)
{
  for (;;) {
    @READ@
    if (@P@_init(&state) != @U@_OK || @P@_run(&state, @INPUTS@, @STEPS@u, @OUTPUTS@) != @U@_OK) {
      return 1;
    }
    @WRITE@
  }
}
"""


def run_sanitized(
    program: Compiled,
    x: Mapping[str, Array],
    folder: Path,
    compiler: str = "gcc",
    flags: Sequence[str] = ("-O1",),
) -> dict[str, Array]:
    """
    The outputs for inputs [T, B, *shape], of a build with the address and undefined behaviour
    sanitizers. Fails where one of them finds something.
    """
    manifest = program.package.manifest
    inputs, outputs = manifest["inputs"], manifest["outputs"]
    steps, batch = next(iter(x.values())).shape[:2]

    def count(tensor: Mapping[str, object]) -> int:
        return int(steps * np.prod(np.array(tensor["shape"], np.int64)))

    arrays = [f"static {t['type']} in_{t['symbol']}[{count(t)}];" for t in inputs]
    arrays += [f"static {t['type']} out_{t['symbol']}[{count(t)}];" for t in outputs]
    reads = [
        f"if (fread(in_{t['symbol']}, 1u, sizeof in_{t['symbol']}, stdin) "
        f"!= sizeof in_{t['symbol']}) {{ return 0; }}"
        for t in inputs
    ]
    writes = [f"fwrite(out_{t['symbol']}, 1u, sizeof out_{t['symbol']}, stdout);" for t in outputs]
    text = DRIVER
    for key, lines in (("ARRAYS", arrays), ("READ", reads), ("WRITE", writes)):
        text = text.replace(f"@{key}@", "\n".join(lines))
    for key, tensors, side in (("INPUTS", inputs, "in"), ("OUTPUTS", outputs, "out")):
        text = text.replace(f"@{key}@", ", ".join(f"{side}_{t['symbol']}" for t in tensors))
    text = text.replace("@P@", program.prefix).replace("@U@", program.prefix.upper())
    text = text.replace("@STEPS@", str(steps))
    root = program.save(folder / "package")
    main, binary = folder / "main.c", folder / "main"
    main.write_text(text)
    command = [compiler, "-std=c11", "-ffp-contract=off", *flags, *CHECKS]
    command += [f"-I{root / 'include'}", f"-I{root / 'src'}", str(main)]
    command += [str(root / source) for source in program.package.sources]
    subprocess.run([*command, "-o", str(binary), "-lm"], check=True, timeout=300)
    given = b"".join(
        np.ascontiguousarray(x[t["name"]][:, sample]).tobytes()
        for sample in range(batch)
        for t in inputs
    )
    done = subprocess.run([str(binary)], input=given, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:].decode()
    taken, at = np.frombuffer(done.stdout, np.uint8).reshape(batch, -1), 0
    found: dict[str, Array] = {}
    for t in outputs:
        dtype = np.dtype("float32" if t["type"] == "float" else t["type"].removesuffix("_t"))
        size = count(t) * dtype.itemsize
        part = np.ascontiguousarray(taken[:, at : at + size]).view(dtype)
        found[t["name"]] = part.reshape(batch, steps, *t["shape"]).swapaxes(0, 1)
        at += size
    assert at == taken.shape[1]
    return found
