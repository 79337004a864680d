"""The papers of a delivery: the receipt of its allocation, and the value table that this is of.

Models are priced by the mean of the value tables of all seeds. That table and the receipt of its
allocation lie beside the models, so that ``shapfair verify receipt.json values.json`` checks the
prices, and each document names the receipt by its SHA-256.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from shapfair import documents
from shapfair.delivered.document import LARGEST
from shapfair.files import replacing
from shapfair.leftovers import undisturbed

RECEIPT, VALUES = "receipt.json", "values.json"


class Papers(NamedTuple):
    """The content of both files.

    Attributes:
        receipt: of the allocation of ``values``.
        values: the mean table.
    """

    receipt: bytes
    values: bytes

    @property
    def sha256(self) -> str:
        """Of the receipt, in hexadecimal digits."""
        return _sha256(self.receipt)


def check_place(papers: Papers, folder: Path) -> None:
    """Refuse to write over files that no delivery has left there.

    Raises:
        ValueError: naming the file.
        OSError: if it cannot be read.
    """
    receipt, values = folder / RECEIPT, folder / VALUES
    known = {_sha256(papers.values)}
    if receipt.exists():
        try:
            known.add(_parsed(receipt.read_bytes())["input"]["sha256"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{receipt}: not a receipt: move it away, or choose another folder"
            ) from None
    if values.exists() and _sha256(values.read_bytes()) not in known:
        raise ValueError(
            f"{values}: not the table of the receipt beside it: move it away, or choose another "
            "folder"
        )


def save(papers: Papers, folder: Path) -> None:
    """Write both files; the folder is made if missing.

    Raises:
        OSError: if one cannot be written; then both are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with undisturbed, ExitStack() as stack:  # the receipt comes last: the table is there by then
        for name, content in ((RECEIPT, papers.receipt), (VALUES, papers.values)):
            stack.enter_context(replacing(folder / name)).write_bytes(content)


def check_model(about: Mapping[str, Any], receipt: Path) -> None:
    """Refuse a model that was made for another allocation than that of a receipt.

    Args:
        about: the document of the model.
        receipt: the file.

    Raises:
        ValueError: if the document names another receipt, or says something else than it.
        OSError: if the file cannot be read.
    """
    if receipt.stat().st_size > LARGEST:
        raise ValueError(f"{receipt}: too large for a receipt")
    content = receipt.read_bytes()
    price, party = about["price"], about["party"]
    named = None if price is None else price["receipt"]
    found = _sha256(content)
    if named != found:
        raise ValueError(
            f"{receipt}: not the receipt of party {party['name']}'s model, which names "
            f"{'none' if named is None else named[:12]}, and this is {found[:12]}: put the right "
            "one there, or none"
        )
    try:
        stated = list(_stated(_parsed(content), party["number"] - 1))
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError):
        raise ValueError(f"{receipt}: not a receipt") from None
    for part, name, value in stated:
        if about[part][name] != value:
            raise ValueError(
                f"{receipt}: says that {part}.{name} of party {party['name']} is {value}, but its "
                f"document says {about[part][name]}"
            )


def _stated(receipt: Any, k: int) -> Iterator[tuple[str, str, Any]]:
    """What the document of party ``k`` has to say, by its keys."""
    rate = receipt["options"]["exchange_rate"]
    yield "party", "parties", receipt["parties"]
    yield "target", "accuracy", receipt["model_values"][k] / rate
    yield "target", "own", receipt["own_values"][k] / rate
    yield "target", "best", receipt["grand_value"] / rate
    yield "price", "payoff", receipt["payoffs"][k]
    yield "price", "scaling", receipt["scaling"][k]
    yield "price", "exchange_rate", rate


def _parsed(content: bytes) -> Any:
    """What says that it is a receipt."""
    document = documents.parse(content)
    if not str(document["format"]).startswith("shapfair receipt "):
        raise ValueError("not a receipt")
    return document


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
