"""JSON documents of others: parsed within limits, and written so that nothing in them acts."""

import json
from collections import Counter
from typing import Any

from shapfair import memory, names


def parse(content: bytes) -> Any:
    """What a JSON document in UTF-8 holds, with or without a byte order mark.

    No object may have a key twice, since readers differ in which of the two counts.

    Raises:
        ValueError: saying what is wrong, and in which line if that is known; also if what it holds
            may not fit into memory.
    """
    memory.check(most_memory(content), "the JSON document", "read it elsewhere")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: not UTF-8 text") from None
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("too many lists and objects in each other") from None


def to_text(document: Any, indent: int | None = None) -> str:
    """JSON text in which characters that do not print are escaped, and lone surrogates too.

    Raises:
        ValueError: if a number is not finite.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    # What json itself puts between the strings is printable, or ends a line.
    return text if text.isprintable() else "\n".join(map(_harmless, text.split("\n")))


def most_memory(content: bytes) -> int:
    """Bytes that a document takes at most when it is parsed, told by what it is written with.

    Text of one character beyond ASCII may take four bytes for each. The rest is what CPython takes
    for a list, an object, an entry of either, and a string.
    """
    plain = content.isascii()
    text, strings = (1 if plain else 4), (1 if plain and b"\\u" not in content else 4)
    return (
        (text + strings) * len(content)
        + 90 * content.count(b"[")
        + 240 * content.count(b"{")
        + 40 * content.count(b",")
        + 200 * content.count(b":")
        + 30 * content.count(b'"')
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {names.shown(key)} appears twice")
    return found


def _harmless(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else _escape(c) for c in line)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4))
