"""Set up .venv from requirements.lock and install the package, once per lock.

Runs under any Python, so that one that is too old is told so in one line.
"""

from __future__ import print_function

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
STAMP = os.path.join(VENV, "shapfair-lock.sha256")


def stop(message):
    """End with one line on standard error."""
    sys.stderr.write("make: " + message + "\n")
    sys.exit(1)


def fingerprint(python):
    """Digest of what the environment is made from: lock, metadata, Python version."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as source:
            digest.update(source.read())
    digest.update(python.encode())
    return digest.hexdigest()


def run(command, what):
    """Run a command; if it fails, show its last lines and stop."""
    print("  " + what, flush=True)
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if process.returncode:
        output = process.stdout.decode("utf-8", "replace")
        sys.stderr.write("\n".join(output.splitlines()[-5:]) + "\n")
        signs = ("connection", "resolve", "unreachable", "timed out")
        if any(sign in output.lower() for sign in signs):
            stop("no network: the package index cannot be reached; connect and run make again")
        stop("%s failed; remove .venv and run make again" % what)


def main():
    """Do nothing if the environment is up to date; else build it."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        found = ".".join(map(str, sys.version_info[:3]))
        stop(
            "Python 3.11, 3.12 or 3.13 is needed, found %s (%s): name another one, as in "
            "PYTHON=python3.12 make test" % (found, sys.executable)
        )
    want = fingerprint("%d.%d" % sys.version_info[:2])
    if os.path.exists(STAMP):
        with open(STAMP) as stamp:
            if stamp.read().strip() == want:
                return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        stop("this Python has no venv module: install it (Debian: python3-venv) and run make again")
    print("Setting up .venv (once; some minutes and about 3 GB)", flush=True)
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt").create(VENV)
    pip = [
        os.path.join(BIN, "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run(
        pip + ["--require-hashes", "--no-deps", "-r", "requirements.lock"],
        "packages of requirements.lock",
    )
    run(pip + ["--no-deps", "--no-build-isolation", "--editable", "."], "shapfair, editable")
    with open(STAMP, "w") as stamp:
        stamp.write(want + "\n")


if __name__ == "__main__":
    main()
