"""Files that are damaged by chance: an error with a code, or a model."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from onnx import ModelProto

from tests.importers.batch import load_all
from tests.importers.onnx.damage import HUGE, ordinary


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed."""
    mutant = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(mutant))
        if rng.random() < 0.5:
            mutant[at] ^= 1 << rng.randrange(8)
        else:
            width = rng.choice([1, 2, 4, 8])
            value = rng.choice([0, 1, 2 ** (8 * width) - 1, rng.randrange(2 ** (8 * width))])
            mutant[at : at + width] = value.to_bytes(width, "little")
    if rng.random() < 0.2:
        at, size = rng.randrange(len(mutant)), rng.randrange(64)
        mutant[at : at + size] = mutant[rng.randrange(len(mutant)) :][:size]
    return bytes(mutant)


NUMBERS = [0, 1, -1, 2, 3, 7, 31, 255, 2**31 - 1, -(2**31), 2**62, -(2**63), HUGE]


def edited(proto: ModelProto, rng: random.Random) -> ModelProto:
    """A few fields of any message changed, which leaves a file that decodes."""
    mutant = ModelProto()
    mutant.CopyFrom(proto)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        messages = list(all_messages(mutant))
        texts = [v for m in messages for f, v in m.ListFields() if isinstance(v, str)]
        message = rng.choice(messages)
        fields = message.ListFields()
        if not fields:
            continue
        field, value = rng.choice(fields)
        if field.is_repeated:
            edit_list(value, field, messages, rng)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, scalar(field, texts, rng))
    return mutant


def all_messages(message: Any) -> Any:
    yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                yield from all_messages(inner)


def edit_list(values: Any, field: Any, messages: list[Any], rng: random.Random) -> None:
    action = rng.choice(["remove", "repeat", "swap", "change", "clear"])
    if action == "clear":
        del values[:]
    elif action == "remove":
        del values[rng.randrange(len(values))]
    elif action == "repeat":
        values.append(rng.choice(list(values)))
    elif action == "swap":
        given = list(values)
        rng.shuffle(given)
        del values[:]
        values.extend(given)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        kind = type(values[0])
        others = [message for message in messages if isinstance(message, kind)]
        copy = kind()
        copy.CopyFrom(rng.choice(others))
        values[rng.randrange(len(values))].CopyFrom(copy)
    else:
        values[rng.randrange(len(values))] = scalar(field, [str(v) for v in values], rng)


def scalar(field: Any, texts: list[str], rng: random.Random) -> Any:
    kind = field.type
    if kind == FieldDescriptor.TYPE_STRING:
        return rng.choice([*texts, "", "x", "\x1b", "ä" * 300])
    if kind == FieldDescriptor.TYPE_BYTES:
        return rng.choice([b"", b"\xff" * 9, bytes(108), b"SAME_UPPER"])
    if kind in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice([0.0, -1.0, 1e30, float("nan"), float("inf"), 1e-40])
    if kind == FieldDescriptor.TYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    width = 31 if kind in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32) else 63
    low = 0 if kind in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64) else -(2**width)
    return rng.choice([number for number in NUMBERS if low <= number < 2**width])


def mutants(proto: ModelProto, folder: Path, count: int, seed: str) -> Counter[str]:
    """Half with bytes changed, half with fields. The outcomes of reading them."""
    folder.mkdir(exist_ok=True)
    data = proto.SerializeToString()
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        mutant = flipped(data, rng) if number % 2 else edited(proto, rng).SerializeToString()
        (folder / f"{number:05}.onnx").write_bytes(mutant)
    results = load_all("onnx", folder)
    assert len(results) == count
    found = Counter(results.values())
    bad = {name: text for name, text in results.items() if not text.startswith(("ok", "SNC-I"))}
    assert not bad, bad
    return found


def test_mutants(tmp_path: Path) -> None:
    """Every one is read or refused; many thousands more were run when this was written."""
    found = mutants(ordinary(), tmp_path / "m", 400, "m")
    # both happen, or the mutants would be too mild or too wild to show anything
    assert found["ok"] > 20
    assert len(found) > 5
