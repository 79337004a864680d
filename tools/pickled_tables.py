"""Value tables that others have pickled, read without running the pickle.

A pickle is a program: loading one calls whatever it names. Here it is taken apart into its
instructions, and a machine that knows only those of plain data, and of arrays of float64 as NumPy
writes them, works through these. Names stay words; nothing is imported, looked up or called.
"""

import math
import pickletools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shapfair import escapes, files

MOST_BYTES = 100_000
"""Size of a file; a table of 12 parties has 33,000."""

ARRAY_NAMES = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")  # before NumPy 2, and since
    for module, name in (("numeric", "_frombuffer"), ("multiarray", "_reconstruct"))
}
"""Names that a pickled array has, in protocol 5 and before it."""

MARK = object()
PLAIN = {"BININT", "BININT1", "BININT2", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE"}
PLAIN |= {"SHORT_BINBYTES", "BINBYTES", "BYTEARRAY8"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
FRESH: dict[str, Any] = {"EMPTY_LIST": list, "EMPTY_DICT": dict}


class Table(NamedTuple):
    """A value table.

    Attributes:
        parties: a word for each, digits joined by commas if a party is a list of digits.
        values: in bitmask order, ``2**n`` of them.
    """

    parties: tuple[str, ...]
    values: tuple[float, ...]


class Named(NamedTuple):
    """A name that a pickle would look up."""

    module: str
    name: str


class Made:
    """What a pickle would make by a call: a type of numbers, or an array with its bytes.

    The bytes are unpacked at the very end, once: a pickle may have thousands of arrays of them.
    """

    def __init__(self, kind: str, content: bytes | bytearray = b"") -> None:
        self.kind, self.content = kind, content


def read_table(path: str | Path) -> Table:
    """The table in a file of the authors' code: names of parties, values of coalitions.

    Raises:
        ValueError: if the file is no such pickle, whatever else it is.
        OSError: if it cannot be read.
    """
    content = files.read(path, MOST_BYTES)
    try:
        return _table(_loaded(content))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _loaded(content: bytes) -> Any:
    """What the pickle describes, in plain containers, numbers, and :class:`Made`."""
    stack: list[Any] = []
    memo: list[Any] = []
    for instruction, argument in _instructions(content):
        if instruction == "STOP":
            return _pop(stack)
        if instruction in ("PROTO", "FRAME"):
            continue
        if instruction == "MEMOIZE":
            memo.append(_top(stack))
        elif instruction == "BINGET":
            if argument >= len(memo):
                raise ValueError("a pickle that recalls what it has not stored")
            stack.append(memo[argument])
        else:
            _step(instruction, argument, stack)
    raise ValueError("a pickle without an end")


def _instructions(content: bytes) -> Iterator[tuple[str, Any]]:
    """Instructions and their arguments; what cannot be taken apart is a ValueError."""
    try:
        for opcode, argument, _ in pickletools.genops(content):
            yield opcode.name, argument
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise ValueError("not a pickle") from error


def _step(instruction: str, argument: Any, stack: list[Any]) -> None:
    """One instruction other than those of the memo."""
    if instruction in PLAIN:
        stack.append(argument)
    elif instruction in CONSTANTS:
        stack.append(CONSTANTS[instruction])
    elif instruction in FRESH:
        stack.append(FRESH[instruction]())
    elif instruction in TUPLES:
        parts = [_pop(stack) for _ in range(TUPLES[instruction])]
        stack.append(tuple(reversed(parts)))
    elif instruction == "MARK":
        stack.append(MARK)
    elif instruction == "TUPLE":
        stack.append(tuple(_to_mark(stack)))
    elif instruction in ("APPEND", "APPENDS"):
        items = _to_mark(stack) if instruction == "APPENDS" else [_pop(stack)]
        _of_kind(_top(stack), list).extend(items)
    elif instruction in ("SETITEM", "SETITEMS"):
        items = _to_mark(stack) if instruction == "SETITEMS" else [_pop(stack), _pop(stack)][::-1]
        _set(_of_kind(_top(stack), dict), items)
    elif instruction == "STACK_GLOBAL":
        name, module = _pop(stack), _pop(stack)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a pickle that mixes up its kinds of data")
        if (module, name) not in ARRAY_NAMES:
            raise ValueError(f"a pickle that asks for {escapes.line(f'{module}.{name}')}")
        stack.append(Named(module, name))
    elif instruction == "REDUCE":
        arguments, called = _of_kind(_pop(stack), tuple), _of_kind(_pop(stack), Named)
        stack.append(_made(called.name, arguments))
    elif instruction == "BUILD":
        state = _of_kind(_pop(stack), tuple)
        _build(_of_kind(_top(stack), Made), state)
    else:
        raise ValueError(f"a pickle with the instruction {instruction}, which no table needs")


def _made(called: str, arguments: tuple[Any, ...]) -> Made:
    """What a call of NumPy's would give; only the calls that arrays of float64 need."""
    if called == "dtype" and arguments == ("f8", False, True):
        return Made("dtype")
    if called == "_reconstruct" and arguments == (("numpy", "ndarray"), (0,), b"b"):
        return Made("array")
    if called == "_frombuffer" and len(arguments) == 4:
        content, kind, shape, order = arguments
        if order == "C":
            return Made("array", _checked(content, kind, shape))
    raise ValueError(f"a pickle that calls {called} in a way that no table needs")


def _build(made: Made, state: tuple[Any, ...]) -> None:
    """Complete a type of numbers, or an array."""
    if made.kind == "dtype" and state == (3, "<", None, None, None, -1, -1, 0):
        return
    if made.kind == "array" and len(state) == 5 and (state[0], state[3]) == (1, False):
        _, shape, kind, _, content = state
        made.content = _checked(content, kind, shape)
        return
    raise ValueError("a pickle that makes something else than numbers")


def _checked(content: Any, kind: Any, shape: Any) -> bytes | bytearray:
    """The content of an array of little-endian float64 with one axis."""
    if not (isinstance(kind, Made) and kind.kind == "dtype"):
        raise ValueError("an array of something else than float64")
    if not isinstance(content, bytes | bytearray) or shape != (len(content) / 8,):
        raise ValueError("an array whose shape is not that of its content")
    return content


def _table(found: Any) -> Table:
    if not isinstance(found, dict):
        raise ValueError("a pickle of something else than a table with names")
    named, made = found.get("party_labels", found.get("party_digits")), found.get("test_acc")
    if not (isinstance(named, list) and isinstance(made, Made) and made.kind == "array"):
        raise ValueError("no party_labels or party_digits, or no array test_acc")
    values = struct.unpack(f"<{len(made.content) // 8}d", made.content)
    if not 1 <= len(named) <= 12 or len(values) != 2 ** len(named):
        raise ValueError(f"{len(values)} values for {len(named)} parties")
    if values[0] != 0 or not all(math.isfinite(x) and 0 <= x <= 1 for x in values):
        raise ValueError("values that are no accuracies")
    return Table(tuple(map(_name, named)), values)


def _name(label: Any) -> str:
    if isinstance(label, str):
        return label
    if isinstance(label, list) and all(type(digit) is int for digit in label):
        return ",".join(map(str, label))
    raise ValueError("a party whose name is neither a word nor a list of numbers")


def _set(into: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2 or not all(isinstance(key, str) for key in items[::2]):
        raise ValueError("a pickle whose keys are no words")
    into.update(zip(items[::2], items[1::2], strict=True))


def _of_kind(found: Any, kind: type) -> Any:
    if type(found) is not kind:
        raise ValueError("a pickle that mixes up its kinds of data")
    return found


def _top(stack: list[Any]) -> Any:
    if not stack or stack[-1] is MARK:
        raise ValueError("a pickle that takes what is not there")
    return stack[-1]


def _pop(stack: list[Any]) -> Any:
    top = _top(stack)
    stack.pop()
    return top


def _to_mark(stack: list[Any]) -> list[Any]:
    """What is above the last mark, which goes too."""
    items: list[Any] = []
    while stack:
        item = stack.pop()
        if item is MARK:
            return items[::-1]
        items.append(item)
    raise ValueError("a pickle that takes what is not there")
