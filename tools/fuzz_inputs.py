"""Hostile inputs for the fuzzer: good ones made by the rules, then spoilt a little or a lot."""

import gzip
import json
import tarfile
import zlib
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = """
0 1 0.5 -1 1e-3 .5 5. 1E5 -0 +2 1e400 -1e400 1e-400 nan inf -Infinity 1_000 0x10 1,5 １ ٣ 1e 1e+ e5
. - 1.7976931348623157e308 4.9e-324 007 1e0000000009 99999999999999999999999 0.1e1.0 1d5 True ½
2.2250738585072011e-308 0.30000000000000004 unlimited UNLIMITED İnf 999999999 1000000000
1e999999999
""".split()
NUMBERS += ["", " ", "1 ", "\t1", "0\n", "1\x00", "9" * 400, "0" * 5000, "1" * 4301, "1\u200f"]

NAMES = """
A B C Zürich Zürich é é value seed Value =1+1 +x -x @x a;=1 a|-1 $x$ $\\frac{$ <b> & ﬁ fi Ａ
""".split()
NAMES += ["", " ", "a b", "a  b", "\u202ea", "a\u200f", "\x1b[31m", "\x1b]0;x\x07", "\u0301a"]
NAMES += ["\u3164", "\U000e0100", "A\ufe0f", "x" * 100, "x" * 101, "a,b", 'a"b', "a\nb", "\ud800"]
NAMES += [
    "אב",
    "\u2066a",
    "\x7f",
    "\x9b1m",
    "\ufeff",
    "a\u00a0",
    "\u2028",
    "\x85",
    "'",
    "=cmd|' /C'!A0",
]

BYTES = [
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b'"',
    b'""',
    b",",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"=",
]
BYTES += [
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"NaN",
    b"1e400",
    b"null",
    b"[" * 70,
]
BYTES += [b"-", b"0", b"1", b"\x1b[2J", b"\xe2\x80\xae", b"\xed\xa0\x80", b"{" * 500, b"[" * 3000]

ODD: list[Any] = [None, True, 5, -1, 0.5, "", "x", [], {}, [[]], {"a": 1}, [1, 2], float("nan")]
ODD += [float("inf"), 10**400, 10**308, "\ud800", "\x1b[31m", [None], ["x"], "0" * 200, 1e308]
PROVENANCE = ("digest", "table", "experiment", "data_size", "seeds", "derived", "x", "platform")


def pick(rng: Random, usual: Sequence[Any], odd: Sequence[Any], share: float) -> Any:
    """Something usual, or with probability ``share`` something odd."""
    return rng.choice(odd if rng.random() < share else usual)


def spoilt(rng: Random, content: bytes, most: int = 4) -> bytes:
    """Some bytes changed, removed, doubled, put in, or cut off."""
    for _ in range(rng.randint(1, most)):
        k, j = sorted(rng.randint(0, len(content)) for _ in range(2))
        near = min(j, k + rng.randint(1, 8))
        match rng.randrange(7):
            case 0:
                content = content[:k] + rng.choice(BYTES) + content[k:]
            case 1:
                content = content[:k] + content[near:]
            case 2:
                content = content[:k] + bytes([rng.randrange(256)]) + content[k + 1 :]
            case 3 if k < len(content):
                changed = content[k] ^ 1 << rng.randrange(8)
                content = content[:k] + bytes([changed]) + content[k + 1 :]
            case 4:
                content = content[:near] + content[k:]
            case 5:
                content = content[:k] + content[j:] + content[k:j]
            case 6 if rng.random() < 0.3:
                content = content[:j]
    return content


def sometimes_spoilt(rng: Random, content: bytes, share: float = 0.4) -> bytes:
    """As it is, or spoilt."""
    return spoilt(rng, content) if rng.random() < share else content


def encoded(text: str) -> bytes:
    """UTF-8, of lone surrogates too."""
    return text.encode(errors="surrogatepass")


# --- value tables --------------------------------------------------------------------------------


def parties(rng: Random, odd: float) -> list[str]:
    """Names of a few parties."""
    n = pick(rng, (1, 2, 2, 3), (0, 4, 5), 0.05)
    return [pick(rng, ("A", "B", "C", "D", "Zürich")[k:][:1], NAMES, odd) for k in range(n)]


def number(rng: Random, odd: float) -> str:
    """A number as text."""
    if rng.random() < odd:
        return rng.choice(NUMBERS)
    return repr(rng.choice((rng.random(), rng.randint(0, 9), rng.gauss(0, 1e3))))


def csv_table(rng: Random) -> bytes:
    """A value table in CSV, right more often than not."""
    odd = rng.choice((0, 0, 0.02, 0.1))
    names = parties(rng, odd)
    order = [*names, "value"]
    usual = ([""], ["0", "1"], ["seed 7"], ["-1", "1e3"])
    labels = pick(rng, usual, ([rng.choice(NAMES)], ["=1"]), 2 * odd)
    if labels != [""] or rng.random() < odd:
        order.insert(rng.randint(0, len(order)), "seed")
    if rng.random() < odd:
        rng.shuffle(order)
    rows = [(label, coalition) for label in labels for coalition in range(2 ** len(names))]
    if rng.random() < 0.3:
        rng.shuffle(rows)
    lines = [order]
    for label, coalition in rows:
        cells = dict(zip(names, (str(coalition >> i & 1) for i in range(len(names))), strict=True))
        cells |= {
            "value": number(rng, odd) if coalition or rng.random() < odd else "0",
            "seed": label,
        }
        lines.append([cells[name] for name in order])
    if rng.random() < odd * 5:
        line = rng.choice(lines)
        line.insert(rng.randint(0, len(line)), rng.choice(NUMBERS + NAMES))
    if rng.random() < odd * 5:  # a line in the place of another
        lines[rng.randrange(len(lines))] = rng.choice(lines)
    end = rng.choice(("\n", "\r\n", "\r"))
    quoted = rng.choice((0, 0, 0.2, 1))
    text = end.join(",".join(_cell(rng, cell, odd, quoted) for cell in line) for line in lines)
    text += pick(rng, (end,), ("",), 0.2)
    if rng.random() < 0.1:  # something behind a quote
        text = text.replace('",', f'"{rng.choice(("x", chr(34), " "))},', 1)
    return sometimes_spoilt(rng, (b"\xef\xbb\xbf" if rng.random() < 0.1 else b"") + encoded(text))


def _cell(rng: Random, text: str, odd: float, quoted: float) -> str:
    if any(c in text for c in ',"\r\n') or rng.random() < quoted:
        text = '"{}"'.format(text.replace('"', '""'))
    return f" {text}\t" if rng.random() < odd else text


def json_table(rng: Random) -> bytes:
    """A value table in JSON, right more often than not."""
    odd = rng.choice((0, 0, 0.05, 0.2))
    names = parties(rng, odd)
    tables, coalitions = rng.choice((1, 1, 2, 3)), range(2 ** len(names))
    document: dict[str, Any] = {
        "parties": names,
        "values": [
            [
                rng.choice((rng.random(), k % 9)) if k or rng.random() < odd else 0
                for k in coalitions
            ]
            for _ in range(tables)
        ],
    }
    if rng.random() < 0.5:
        document["provenance"] = provenance(rng, tables, odd)
    if rng.random() < odd:
        _replace_somewhere(rng, document)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1)))
    if rng.random() < odd:  # a key twice
        more = rng.choice(('"parties": ["A"], ', '"provenance": {"x": 1, "x": 2}, '))
        text = f"{{{more}{text[1:]}"
    if rng.random() < odd:
        text = text.replace(rng.choice("0123456789"), rng.choice(NUMBERS), 1)
    return sometimes_spoilt(rng, encoded(text))


def provenance(rng: Random, tables: int, odd: float) -> dict[str, Any]:
    """What may be said of where tables come from."""
    found: dict[str, Any] = {}
    for key in rng.sample(PROVENANCE, rng.randint(0, 4)):
        right = {"seeds": [*range(tables)], "derived": ["scaled by 2"]}.get(key, "text")
        found[key] = deepcopy(pick(rng, (right,), ODD, odd))
    if rng.random() < 2 * odd:
        deep: Any = 1
        for _ in range(rng.choice((5, 63, 64, 500))):
            deep = [deep] if rng.random() < 0.5 else {"x": deep}
        found["deep"] = deep
    return found


def _replace_somewhere(rng: Random, value: Any) -> None:
    """Put something odd in the place of a part of a document."""
    while True:
        keys = [*(value if isinstance(value, dict) else range(len(value)))]
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(value[key], dict | list) or rng.random() < 0.4:
            value[key] = deepcopy(rng.choice(ODD))
            if rng.random() < 0.2 and isinstance(value, dict):
                value[rng.choice(NAMES)] = deepcopy(rng.choice(ODD))
            return
        value = value[key]


# --- the command line ----------------------------------------------------------------------------


def numeral(rng: Random) -> tuple[str, str]:
    """A kind of number and a text."""
    text = number(rng, 0.6)
    if rng.random() < 0.3:
        k = rng.randint(0, len(text))
        text = text[:k] + rng.choice("0123456789.eE+-_ ,\0x") + text[k + rng.randint(0, 1) :]
    return rng.choice(("number", "amount", "positive", "whole")), text


def amounts(rng: Random) -> list[str]:
    """Pairs NAME=AMOUNT."""
    pairs = []
    for _ in range(rng.randint(0, 3)):
        name = pick(rng, ("A", "B", "Zürich", "a=b"), NAMES, 0.2)
        pairs.append(f"{name}{pick(rng, '=', ('', '==', ':', ' = '), 0.1)}{number(rng, 0.2)}")
    return pairs


def command_line(rng: Random) -> tuple[list[str], str, bytes]:
    """Arguments, and the name and the content of a file in the folder ``{}``."""
    ending, make = rng.choice((("csv", csv_table), ("json", json_table)))
    name = f"{pick(rng, 'v', (NAMES[-3], chr(0x1B) + '[31m', 'a' + chr(10) + 'b'), 0.2)}.{ending}"
    return _words(rng, name), name, make(rng)


def _words(rng: Random, name: str) -> list[str]:
    """Arguments; what is run writes to the folder ``{}`` alone."""
    values, out = "{}/" + name, rng.choice(("{}/out", "{}/no/out", "{}", "{}/" + name, "/dev/full"))
    options = [
        ["--budget", f"{pick(rng, 'AB', NAMES, 0.1)}={number(rng, 0.1).lstrip('-')}"],
        ["--default-budget", number(rng, 0.1).lstrip("-")],
        ["--desired", f"A={number(rng, 0.1).lstrip('-')}"],
        ["--exchange-rate", number(rng, 0.1).lstrip("-")],
        ["--format", pick(rng, ("table", "json", "csv"), NAMES, 0.1)],
        ["--format", pick(rng, ("table", "json", "csv"), NAMES, 0.1)],
        pick(
            rng, [["--out", "{}/out"]], [["--out", out], ["--figure", "{}/f.xyz"], NAMES[:1]], 0.3
        ),
    ]
    chosen = [word for option in rng.sample(options, rng.randint(0, 3)) for word in option]
    match rng.randrange(8):
        case 0:
            given = ",".join(rng.choice(NAMES) for _ in range(rng.randint(0, 4)))
            return ["template", "--parties", given, "--seeds", pick(rng, "123", NUMBERS, 0.3)]
        case 1:
            return ["store", rng.choice(("list", "check", "x")), values, *chosen[:1]]
        case 2:
            words = ["allocate", "reproduce", "models", "data", "--help", "--version", *NAMES]
            return [rng.choice(words + NUMBERS) for _ in range(rng.randint(0, 4))]
        case _:
            return [
                "allocate",
                values,
                "--repair",
                pick(rng, ["hull"], ["none", "x"], 0.2),
                *chosen,
            ]


def shown(rng: Random) -> str:
    """Text that somebody else has chosen."""
    parts = [rng.choice(NAMES + NUMBERS) for _ in range(rng.randint(0, 4))]
    parts.append(
        "".join(
            chr(rng.choice((rng.randrange(256), rng.randrange(0x110000))))
            for _ in range(rng.randint(0, 6))
        )
    )
    rng.shuffle(parts)
    return "".join(parts)


# --- data sets and stores ------------------------------------------------------------------------


def folder_name(rng: Random) -> str:
    """A value of an environment variable that should name a folder."""
    parts = [
        "~",
        "/",
        "tmp",
        "nosuchuser",
        "..",
        ".",
        "",
        "x y",
        "$HOME",
        "\x1b[31m",
        "\udcff",
        "é",
    ]
    return "".join(rng.choice(parts) for _ in range(rng.randint(0, 5)))


def archive(rng: Random, files: dict[str, bytes]) -> tuple[bytes, bool]:
    """A packed tape archive, and whether it is as the tar module made it of regular files."""
    fair = rng.random() < 0.3
    others = () if fair else (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    form, unpacked = rng.choice((tarfile.USTAR_FORMAT, *others)), b""
    for name, content in files.items():
        member = tarfile.TarInfo(name)
        member.size = len(content)
        if not fair and rng.random() < 0.3:
            member.type = b"%c" % rng.choice(b"1234567SxgLK")
            member.linkname = rng.choice((name[:99], "../x", "/etc/passwd", "other"))
            member.size = rng.choice((0, len(content), 8 * 10**9))
        unpacked += member.tobuf(form) + content + bytes(-len(content) % 512)
    unpacked += bytes(1024)
    if not fair and rng.random() < 0.7:
        unpacked = (
            _with_checksums(spoilt(rng, unpacked)) if rng.random() < 0.7 else spoilt(rng, unpacked)
        )
    packed = gzip.compress(unpacked, 1)
    if not fair and rng.random() < 0.3:
        packed = spoilt(rng, packed) if rng.random() < 0.6 else packed[: -rng.randint(1, 12)]
    return packed, fair


def _with_checksums(tape: bytes) -> bytes:
    """The tape with right checksums where headers seem to be."""
    blocks = bytearray(tape)
    for k in range(0, len(blocks) - 511, 512):
        if blocks[k + 257 : k + 262] == b"ustar":
            blocks[k + 148 : k + 156] = b" " * 8
            blocks[k + 148 : k + 156] = b"%06o\0 " % sum(blocks[k : k + 512])
    return bytes(blocks)


def png(rng: Random, picture: bytes) -> bytes:
    """A picture, spoilt with or without its checksums put right."""
    if rng.random() < 0.05:
        return picture
    if rng.random() < 0.4:
        return spoilt(rng, picture)
    parts, k = [picture[:8]], 8
    while k + 12 <= len(picture):
        size = int.from_bytes(picture[k : k + 4], "big")
        chunk = picture[k + 4 : k + 8 + size]
        if rng.random() < 0.4:
            chunk = chunk[:4] + spoilt(rng, chunk[4:])
        parts.append(
            len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        )
        k += 12 + size
    return b"".join(parts)


def record_line(rng: Random, record: dict[str, Any]) -> dict[str, Any]:
    """A record in which some is not what it should be."""
    document: dict[str, Any] = dict(record)
    for _ in range(rng.randint(0, 2)):
        match rng.randrange(4):
            case 0:
                document.pop(rng.choice([*document]), None)
            case 1:
                document[rng.choice(NAMES)] = rng.choice(ODD)
            case _:
                document[rng.choice([*record])] = rng.choice(ODD)
    return document


def claims(rng: Random, rows: Sequence[dict[str, Any]], dump: Any) -> str:
    """A ledger of one or two rows."""
    chosen: list[Any] = [dict(row) for row in rng.sample(rows, rng.randint(1, 2))]
    for _ in range(rng.choice((0, 0, 1, 2))):
        row = rng.choice(chosen)
        if not isinstance(row, dict):
            continue
        key = rng.choice([*row, "remark", "pending", "printed", "id"])
        if rng.random() < 0.4:
            row.pop(key, None)
        else:
            row[key] = rng.choice([*ODD[:13], "App. Z", "Lemma 9.9", "notebooks/x", [5], "a b"])
    text = dump(chosen)
    if rng.random() < 0.4:
        return spoilt(rng, encoded(text)).decode(errors="replace")
    return text
