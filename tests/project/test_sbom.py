"""The bill of materials: all of the lock, and what CycloneDX 1.6 demands of its parts."""

import json
import re
from collections import Counter

import lock
import pytest
import sbom
from jsonschema import Draft202012Validator

HASH = {
    "type": "object",
    "required": ["alg", "content"],
    "additionalProperties": False,
    "properties": {"alg": {"const": "SHA-256"}, "content": {"pattern": "^[a-f0-9]{64}$"}},
}
COMPONENT = {
    "type": "object",
    "required": ["type", "name"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "library"]},
        "bom-ref": {"type": "string", "minLength": 1},
        "name": {"type": "string"},
        "version": {"type": "string"},
        "purl": {"type": "string", "pattern": r"^pkg:pypi/[a-z0-9.-]+@[^@\s]+$"},
        "hashes": {"type": "array", "items": HASH, "minItems": 1},
        "licenses": {"const": [{"license": {"id": "Apache-2.0"}}]},
        "properties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["bomFormat", "specVersion"],
    "additionalProperties": False,
    "properties": {
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "serialNumber": {
            "pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
        },
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"component": COMPONENT},
        },
        "components": {"type": "array", "items": COMPONENT, "uniqueItems": True},
        "dependencies": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["ref"],
                "additionalProperties": False,
                "properties": {
                    "ref": {"type": "string"},
                    "dependsOn": {
                        "type": "array",
                        "items": {"type": "string"},
                        "uniqueItems": True,
                    },
                },
            },
        },
    },
}
"""What the schema of CycloneDX 1.6 says of the parts that are used here."""


@pytest.fixture(scope="module")
def bill():
    return sbom.document()


def test_it_is_cyclonedx(bill):
    assert [*Draft202012Validator(SCHEMA).iter_errors(bill)] == []
    everything = [bill["metadata"]["component"], *bill["components"]]
    references = Counter(component["bom-ref"] for component in everything)
    assert set(references.values()) == {1}
    for dependency in bill["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= references.keys()


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_it_holds_every_package_of_the_lock(bill, python):
    there = {(component["name"], component["version"]) for component in bill["components"]}
    assert set(lock.locked_versions(python).items()) <= there


def test_it_holds_nothing_else(bill):
    text = lock.LOCK.read_text(encoding="utf-8")
    assert len(bill["components"]) == len(re.findall(r"^[a-z0-9][^=\s]*==", text, re.MULTILINE))
    hashes = [h["content"] for component in bill["components"] for h in component["hashes"]]
    assert hashes == re.findall(r"--hash=sha256:([0-9a-f]{64})", text)
    (root,) = bill["dependencies"]
    names = {reference.partition("/")[2].partition("@")[0] for reference in root["dependsOn"]}
    assert names == {lock.canonicalize_name(r.name) for r in lock.direct_requirements()}


def test_the_same_lock_gives_the_same_bytes(tmp_path, monkeypatch, capsys):
    written = tmp_path / "new" / "sbom.json"
    monkeypatch.setattr("sys.argv", ["sbom.py", str(written)])
    sbom.main()
    monkeypatch.setattr("sys.argv", ["sbom.py"])
    capsys.readouterr()
    sbom.main()
    assert capsys.readouterr().out == written.read_text(encoding="utf-8")
    assert json.loads(written.read_text(encoding="utf-8")) == sbom.document()


@pytest.mark.parametrize("source", lock.PEERS, ids=lambda path: path.name)
def test_the_benchmarks_peers_are_hashed_too(source):
    text = source.with_suffix(".txt").read_text(encoding="utf-8")
    assert "://" not in text
    requirements = re.findall(r"^[a-z0-9][^\n]*==", text, re.MULTILINE)
    assert len(re.findall(r" \\\n    --hash=sha256:[0-9a-f]{64}\b", text)) >= len(requirements) > 20
    for line in source.read_text(encoding="utf-8").splitlines():
        name = re.match(r"[\w-]*", line)[0].lower()
        assert not name or f"\n{name}==" in text
