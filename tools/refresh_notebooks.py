"""Execute the notebooks and store their outputs in a form that changes only when a result does.

Usage: python tools/refresh_notebooks.py [--check] [--into FOLDER] [NOTEBOOK ...]

Without names, every notebook of the book is executed, one kernel at a time, by the interpreter that
runs this script. A failing cell stops the run with exit status 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    *("_config.yml", "_toc.yml", "book", "notebooks", "results"),
    *("SECURITY.md", "shapfair/verifier.py", "shapfair/receipt.schema.json"),  # pages have these
    *(f"benchmarks/{name}.json" for name in ("estimation", "authors", "keras")),
)
"""What the book is built from."""
CELL_TIMEOUT = 3600
"""Seconds after which a cell counts as hanging."""
KEPT_METADATA = ("tags", "mystnb")
"""Cell metadata that authors write; editors add the rest."""
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ThisInterpreter(KernelSpecManager):
    """Offers one kernel, the running interpreter; a registered one may belong to another."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Describe how to start the kernel, whatever its name."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command += ["--HistoryManager.enabled=False", "--log-level=ERROR"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


class Client(NotebookClient):
    """An nbclient that starts (and so also stops) the kernel of the running interpreter."""

    def create_kernel_manager(self) -> AsyncKernelManager:
        """Called once, before the first cell."""
        self.km = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
        return self.km


class CellFailure(Exception):
    """A cell raised, hung or lost its kernel; the message says where."""


def execute(notebook: NotebookNode, folder: Path, name: str) -> None:
    """Run every code cell in ``folder`` and keep the outputs in ``notebook``.

    What a cell writes to stderr goes to this terminal, not into the notebook.

    Raises:
        CellFailure: at the first cell that fails.
    """
    client = Client(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
    )
    # A kernel that stops may complain about its sockets; what cells write comes as their output.
    with client.setup_kernel(stderr=subprocess.DEVNULL):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            try:
                # Without history, as in nbval: both then show the same outputs.
                client.execute_cell(cell, index, store_history=False)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as failure:
                raise CellFailure(describe(failure, cell, index, name)) from None
            for output in cell.outputs:
                if output.get("name") == "stderr":
                    print(f"{name}, cell {index}, stderr: {output.text.rstrip()}", file=sys.stderr)
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]


def describe(failure: Exception, cell: NotebookNode, index: int, name: str) -> str:
    """Notebook, cell, source line and error of a failed cell, in a few lines."""
    if isinstance(failure, DeadKernelError):
        return f"{name}, cell {index}: the kernel died (out of memory?)"
    if isinstance(failure, CellTimeoutError):
        return f"{name}, cell {index}: no result after {CELL_TIMEOUT} s"
    text = ANSI_COLOUR.sub("", failure.traceback)
    error = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    # The first cell frame is the failing cell; later ones are functions defined in earlier cells.
    frame = re.search(r"Cell In\[\d+\], line (\d+)", text)
    lines = cell.source.splitlines()
    if not frame or int(frame[1]) > len(lines):
        return f"{name}, cell {index}:\n  {error}"
    return (
        f"{name}, cell {index}, line {frame[1]}:\n  {lines[int(frame[1]) - 1].strip()}\n  {error}"
    )


def normalise(notebook: NotebookNode) -> None:
    """Remove from an executed notebook all that differs between runs or between editors."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    count = 0
    for index, cell in enumerate(notebook.cells):
        cell.id = f"c{index:02d}"
        kept = {key: cell.metadata[key] for key in KEPT_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count


def differences(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Names of the cells whose stored form a new run does not give.

    Outputs of cells tagged ``nbval-ignore-output`` (figures, timings) may differ.
    """
    if len(stored.cells) != len(fresh.cells):
        return ["the number of cells"]
    found = [] if stored.metadata == fresh.metadata else ["the metadata"]
    for index, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        free = "nbval-ignore-output" in new.metadata.get("tags", [])
        keys = set(old) | set(new)
        if any(old.get(key) != new.get(key) for key in keys if not (free and key == "outputs")):
            found.append(f"cell {index}")
    return found


def refresh(path: Path, check: bool) -> bool:
    """Execute one notebook and write it, or compare it if ``check``; true if nothing is wrong."""
    started = time.perf_counter()
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    execute(fresh, path.parent, path.name)
    normalise(fresh)
    seconds = f"{time.perf_counter() - started:.1f} s"
    if check:
        found = differences(stored, fresh)
        print(f"{path.name}: {seconds}, {'differs in ' + ', '.join(found) if found else 'same'}")
        return not found
    # A file of the same folder replaces the notebook in one step: nothing is lost on a kill.
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    nbformat.write(fresh, scratch)
    scratch.replace(path)
    print(f"{path.name}: {seconds}", flush=True)
    return True


def copy_sources(folder: Path) -> None:
    """Copy what the book is built from into ``folder``, replacing an earlier copy."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(source, target)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument(
        "--check", action="store_true", help="compare with a new run, write nothing"
    )
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="execute a copy of the book")
    arguments = parser.parse_args()
    paths = [path.resolve() for path in arguments.notebooks]
    paths = paths or sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("notebooks/*.ipynb")])
    if missing := [path for path in paths if not path.is_file()]:
        parser.error(f"no such notebook: {missing[0]}")
    if arguments.into:
        copy_sources(arguments.into)
        paths = [arguments.into.resolve() / path.relative_to(ROOT) for path in paths]
    # The debugger's remark about frozen modules is of no interest to a reader.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        return 0 if all([refresh(path, arguments.check) for path in paths]) else 1
    except CellFailure as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
