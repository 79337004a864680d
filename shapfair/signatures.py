"""Signatures of a receipt: files beside it that OpenSSH wrote and that OpenSSH checks.

A party signs with ``ssh-keygen -Y sign -n shapfair -f KEY RECEIPT``, which writes ``RECEIPT.sig``.
Signatures of several parties bear names of their own, ``RECEIPT.A.sig``: whose a signature is says
the key, not the name. Which key is whose says a file in OpenSSH's format ``allowed_signers``, in
which a party's name is the principal; a name with spaces stands in quotation marks there.

Nothing here is cryptography: ``ssh-keygen`` does all of it.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

NAMESPACE = "shapfair"
"""A signature for another purpose, such as a commit, is none of a receipt."""


class Signatures(NamedTuple):
    """Who has signed.

    Attributes:
        signed: party -> its signatures in words, the key and the file; empty if it has none.
        faults: signature files that are no signature of the receipt by one of the parties.
    """

    signed: dict[str, list[str]]
    faults: list[str]


def files(receipt: Path) -> list[Path]:
    """The signature files beside a receipt: ``RECEIPT.sig`` and ``RECEIPT.*.sig``."""
    start = f"{receipt.name}."
    there = (path for path in receipt.parent.iterdir() if path.name.startswith(start))
    return sorted(path for path in there if path.suffix == ".sig")


def signatures(receipt: Path, content: bytes, signers: Path, parties: Sequence[str]) -> Signatures:
    """Check every signature file beside a receipt, for every party.

    Args:
        receipt: the file, whose signatures lie beside it.
        content: what it held when it was read.
        signers: file of allowed signers.
        parties: who ought to sign.

    Raises:
        OSError: if a file cannot be read.
        ValueError: if there is no ``ssh-keygen``.

    Cost: some milliseconds for every pair of a file and a party.
    """
    signers.read_bytes()
    found = Signatures({party: [] for party in parties}, [])
    for path in files(receipt):
        key = _keygen(["check-novalidate", "-s", str(path)], content)
        if key.returncode:
            found.faults.append(f"{path.name}: not a signature of this receipt ({_words(key)})")
            continue
        words = f"{_key(key)}, {path.name}"
        options = ["verify", "-f", str(signers), "-s", str(path), "-I"]
        names = [name for name in parties if not _keygen([*options, name], content).returncode]
        for name in names:
            found.signed[name].append(words)
        if not names:
            found.faults.append(
                f"{path.name}: by a key that {signers} gives to no party ({_key(key)})"
            )
    return found


def _keygen(arguments: Sequence[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    command = ["ssh-keygen", "-Y", *arguments[:1], "-n", NAMESPACE, *arguments[1:]]
    try:
        return subprocess.run(command, input=content, capture_output=True, check=False)
    except FileNotFoundError:
        raise ValueError("ssh-keygen is not installed: OpenSSH 8.2 or later brings it") from None


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    """What ``ssh-keygen`` says is wrong."""
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split())


def _key(done: subprocess.CompletedProcess[bytes]) -> str:
    """The key of a signature that is good."""
    found = re.search(r"with (\S+) key (\S+)", done.stdout.decode(errors="replace"))
    return " ".join(found.groups()) if found else "a key"
