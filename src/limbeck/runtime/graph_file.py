"""What stands in an ONNX file, read without the onnx package, which the base install does not bring: nodes, constants.

An ONNX file is one protocol-buffers message. Of its fields only these are read (onnx.proto3, IR version 9):

    ModelProto 7: graph;  GraphProto 1: node, 5: initializer
    NodeProto 1: input, 2: output, 4: op_type;  TensorProto 1: dims, 2: data_type, 8: name, 9: raw_data
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ArtifactError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TYPES = {1: np.float32, 10: np.float16, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}

Field = tuple[int, int | memoryview]


@dataclass(frozen=True)
class Node:
    """An operator with the names of what it reads and gives."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class GraphFile:
    """The nodes of a graph in order, and its constants by name."""

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[np.generic]]


def read_graph(path: Path) -> GraphFile:
    """Read the nodes and constants of an ONNX file.

    Args:
        path: A file whose constants lie within it.

    Raises:
        ArtifactError: It is no ONNX file, or cut short.
    """
    try:
        whole = memoryview(path.read_bytes())
        graph = next(value for number, value in _fields(whole) if number == 7 and isinstance(value, memoryview))
        found = list(_fields(graph))
        nodes = tuple(_node(value) for number, value in found if number == 1 and isinstance(value, memoryview))
        constants = dict(_constant(value) for number, value in found if number == 5 and isinstance(value, memoryview))
    except (IndexError, StopIteration, ValueError, KeyError) as error:
        raise ArtifactError(
            f"{path} is no ONNX file that can be read ({type(error).__name__}: {error}).",
            hint="Copy the artifact again, or make it anew with `limbeck compress`.",
        ) from None
    return GraphFile(nodes, constants)


def _fields(message: memoryview) -> Iterator[Field]:
    """Number and value of each field: an integer, or bytes that may be a message themselves."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in {_FIXED32, _FIXED64}:
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"unknown kind {kind} of field {number}")
        if place + length > len(message):
            raise IndexError(f"field {number} ends beyond the file")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """An integer in groups of 7 bits, the lowest first; and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _node(message: memoryview) -> Node:
    words: dict[int, list[str]] = {1: [], 2: [], 4: []}
    for number, value in _fields(message):
        if number in words and isinstance(value, memoryview):
            words[number].append(bytes(value).decode("utf-8"))
    return Node(words[4][0], tuple(words[1]), tuple(words[2]))


def _constant(message: memoryview) -> tuple[str, NDArray[np.generic]]:
    sizes: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for number, value in _fields(message):
        if number == 1:
            sizes += [value] if isinstance(value, int) else list(_packed(value))
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8 and isinstance(value, memoryview):
            name = bytes(value).decode("utf-8")
        elif number == 9 and isinstance(value, memoryview):
            raw = value
    return name, np.frombuffer(raw, _TYPES[kind]).reshape(sizes)


def _packed(message: memoryview) -> Iterator[int]:
    place = 0
    while place < len(message):
        value, place = _varint(message, place)
        yield value
