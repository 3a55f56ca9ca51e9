"""Writes what was emitted: a folder appears whole or not at all, and holds nothing of others."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from snncc.errors import error

MOST_MANIFEST = 16 << 20
"""Bytes: what is larger is no manifest."""
_OTHER_FOLDER = "name an empty folder, or one that is not there"


def save_files(files: Mapping[str, bytes], target: Path) -> Path:
    """Writes path -> bytes to a folder, all or none. Raises SNC-C004."""
    try:
        expect_folder(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            write_files(files, made)
            made.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            os.replace(made, target)
        finally:
            if made.exists():
                shutil.rmtree(made)
    except OSError as fault:
        raise error("SNC-C004", f"{target}: {fault.strerror or fault}") from None
    return target


def expect_folder(target: Path) -> None:
    """
    Raises SNC-C004 where no package could be written to a folder, before work is lost on it: it is
    not there, is empty, or holds what was emitted before and nothing else.
    """
    try:
        there = next(path for path in (target, *target.absolute().parents) if path.exists())
        if not there.is_dir():
            raise error("SNC-C004", f"{there}: is a file")
        if Path.cwd().is_relative_to(target.resolve()):
            raise error(
                "SNC-C004", f"{target}: is the current folder, or holds it", remedy=_OTHER_FOLDER
            )
        beside = there.absolute().parent if there == target else there
        if not os.access(beside, os.W_OK | os.X_OK):
            raise error("SNC-C004", f"{target}: the folder {beside} cannot be written to")
        foreign = next(_foreign(target), None) if there == target else None
    except OSError as fault:
        raise error("SNC-C004", f"{target}: {fault.strerror or fault}") from None
    if foreign is not None:
        raise error(
            "SNC-C004",
            f"{target}: holds {foreign}, which snncc did not write",
            remedy=_OTHER_FOLDER,
        )


def _foreign(target: Path) -> Iterator[str]:
    """
    What is in a folder beside emitted networks: no manifest names it. What stands at its top is
    looked at first: a folder that was named by mistake may hold any number of files.
    """
    listed: set[str] = set()
    for path in sorted(target.iterdir(), key=lambda path: (path.suffix != ".json", path.name)):
        if path.suffix == ".json":
            named = _files_of_manifest(path)
            if named is None:
                yield path.name
            listed |= {path.name, *(named or ())}
        elif path.name not in {Path(name).parts[0] for name in listed}:
            yield path.name
    folders = {parent.as_posix() for name in listed for parent in Path(name).parents}
    for path in target.rglob("*"):
        name = path.relative_to(target).as_posix()
        is_folder = path.is_dir() and not path.is_symlink()
        if name not in (folders if is_folder else listed):
            yield name


def _files_of_manifest(path: Path) -> Iterable[str] | None:
    """The files that a manifest names; None for another kind of file."""
    try:
        if path.stat().st_size > MOST_MANIFEST:
            return None
        named = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name) for name in named} - {"", "."}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes path -> bytes into a folder that exists."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
