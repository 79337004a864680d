"""The bill of materials: every package of requirements.lock, as CycloneDX 1.6 in JSON.

Usage: python tools/sbom.py [FILE]

The same lock gives the same file, to the byte. The hashes of a package are those of all files of
its release that the lock takes, of which an installation uses one.
"""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lock import LOCK, ROOT, direct_requirements
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def components() -> Iterator[dict[str, Any]]:
    """The packages of the lock, in its order; one for each version of a package."""
    entry = re.compile(
        r"^([A-Za-z0-9].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
    )
    for line, hashes in entry.findall(LOCK.read_text(encoding="utf-8")):
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        name = canonicalize_name(requirement.name)
        purl = f"pkg:pypi/{name}@{pin.version}"
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": pin.version,
            "purl": purl,
            "hashes": [
                {"alg": "SHA-256", "content": content}
                for content in re.findall(r"[0-9a-f]{64}", hashes)
            ],
        }
        if requirement.marker:
            component["properties"] = [
                {"name": "shapfair:installed-if", "value": str(requirement.marker)}
            ]
        yield component


def document() -> dict[str, Any]:
    """The bill of materials."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    root = f"pkg:pypi/{project['name']}@{project['version']}"
    direct = {canonicalize_name(requirement.name) for requirement in direct_requirements()}
    found = [*components()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, root + LOCK.read_text()).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "purl": root,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": found,
        "dependencies": [
            {"ref": root, "dependsOn": [c["bom-ref"] for c in found if c["name"] in direct]}
        ],
    }


def main() -> None:
    """Write the file, or print it."""
    text = json.dumps(document(), indent=1) + "\n"
    if sys.argv[1:]:
        path = Path(sys.argv[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
