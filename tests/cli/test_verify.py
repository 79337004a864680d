"""`shapfair verify`: receipts, what they say in words, and who has signed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import altered_receipts
import pytest
from helpers import ROOT, additive

from shapfair import Game, receipt, verifier
from shapfair.cli.main import main
from shapfair.cli.verify import NEEDED

CLINICS = ROOT / "book" / "examples" / "clinics.csv"
PARTIES = ("A", "Clinic North", 'Dr. "B", Inc*')
PRINCIPALS = ("A", '"Clinic North"', '"Dr. ?B?? Inc?"')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Game(additive(1, 3, 4), PARTIES).to_csv("v.csv")
    Game([0, 3, 2, 1, 0, 3, 2, 4], PARTIES).to_csv("noisy.csv")
    assert main(["allocate", "v.csv", "--budget=A=0", "--format=json", "--out=r.json"]) == 0


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys 0, 1 and 2 of the parties and 3 of a stranger, and who may sign."""
    place = tmp_path_factory.mktemp("keys")
    for k in range(4):
        keygen("-q", "-t", "ed25519", "-N", "", "-C", f"key {k}", "-f", place / str(k))
    publics = [(place / f"{k}.pub").read_text() for k in range(3)]
    lines = [f"{name} {key}" for name, key in zip(PRINCIPALS, publics, strict=True)]
    (place / "signers").write_text("# who may sign\n" + "".join(lines))
    return place


def keygen(*arguments):
    subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True)


def sign(key, name, path="r.json", namespace="shapfair"):
    """A signature beside the receipt, under a name."""
    keygen("-q", "-Y", "sign", "-n", namespace, "-f", key, path)
    os.rename(f"{path}.sig", name)


def verify(capsys, *arguments):
    code = main(["verify", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


# --- receipts ------------------------------------------------------------------------------------


def issue(path, *options):
    """A receipt of a value table, as data; it lies in i.json."""
    assert main(["allocate", path, *options, "--format=json", "--out=i.json"]) == 0
    return json.loads(Path("i.json").read_text())


def faults(capsys, document, path):
    """Lines about a receipt, which has to be refused."""
    Path("i.json").write_text(json.dumps(document))
    code, lines, err = verify(capsys, "i.json", path)
    assert (code, err) == (1, "")
    assert all(line.startswith("fault: ") and line.isprintable() for line in lines)
    return lines


def test_a_right_receipt(capsys):
    code, lines, err = verify(capsys, "r.json", "v.csv")
    assert (code, err) == (0, "")
    assert [line.split(": ")[0] for line in lines] == ["checked"] * 9 + ["not checked"] * 4
    assert lines[0].startswith("checked: value table, ")
    assert (
        lines[2] == "checked: options, as in shapfair allocate VALUES --budget=A=0.0 --format=json"
    )
    assert lines[5].startswith("checked: certificates, closed: within the budgets nobody could")
    assert lines[8] == "checked: warnings, 0, as shapfair 0.1.0 gives them"


def test_it_says_what_the_receipt_warns_of(capsys):
    document = issue("noisy.csv")
    _, lines, _ = verify(capsys, "i.json", "noisy.csv")
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert warnings == [f"warning: {warning}" for warning in document["warnings"]]
    assert warnings[0].startswith("warning: not monotone: 2 of 12 edges drop")


def test_it_says_that_a_certificate_is_open(capsys):
    Game([0, 3, 1, 2], ("A", "B")).to_csv("open.csv")
    document = issue("open.csv")
    code, lines, _ = verify(capsys, "i.json", "open.csv")
    assert (code, lines[5]) == (0, "checked: certificates, not all closed")
    assert lines[9] == "OPEN: certificate 1: costs are negative, others may be better"
    assert document["warnings"].pop(-2).startswith("v(i) > v(N) for i = A")
    (fault,) = faults(capsys, document, "open.csv")
    assert fault.startswith("fault: receipt['warnings'] is [")


def test_a_fault_is_a_line_and_the_status(capsys):
    document = json.loads(Path("r.json").read_text())
    document["grand_value"] += 1
    Path("r.json").write_text(json.dumps(document))
    code, lines, err = verify(capsys, "r.json", "v.csv", "--signers=v.csv")
    assert (code, err) == (1, "")
    assert lines == ["fault: receipt['grand_value'] is 9.0, need 8.0"]


def test_another_table_is_a_fault(capsys):
    code, (fault,), _ = verify(capsys, "r.json", "noisy.csv")
    assert code == 1
    assert fault.startswith("fault: receipt['input']['sha256'] is '")
    assert fault.endswith("; noisy.csv is not its table, or one of the two was edited")


def test_the_wording_of_warnings_counts(capsys):
    document = issue("noisy.csv")
    document["warnings"][0] = document["warnings"][0].replace("worst 2 at", "worst 0.002 at")
    (fault,) = faults(capsys, document, "noisy.csv")
    assert fault.startswith("fault: receipt['warnings'] is [\"not monotone: 2 of 12 edges drop, ")
    assert "worst 0.002 at" in fault
    assert ', shapfair 0.1.0 gives ["not monotone: 2 of 12 edges drop, worst 2 at' in fault


def test_an_edited_record_carries_its_warning(capsys):
    """And its receipt holds: it says what the file is."""
    record = json.loads((ROOT / "results" / "mnist.json").read_text())
    record["values"][0][5] += 0.01
    Path("edited.json").write_text(json.dumps(record))
    document = issue("edited.json", "--repair=hull")
    assert document["warnings"][0].startswith("values not from a recorded run: ")
    code, lines, _ = verify(capsys, "i.json", "edited.json")
    assert code == 0
    assert f"warning: {document['warnings'][0]}" in lines
    del document["warnings"][0]
    (fault,) = faults(capsys, document, "edited.json")
    assert 'gives ["values not from a recorded run: ' in fault


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (("options", "budgets", "A"), -0.0),
        (("options", "budgets", "A"), 0),
        (("options", "budgets", "A"), False),
        (("options", "exchange_rate"), True),
        (("options", "exchange_rate"), 1),
        (("budgets", 0), -0.0),
        (("desired", 0), False),
        (("warnings",), "none"),
        (("warnings",), [1]),
        (("warnings",), [[[]]]),
        (("warnings",), ["1 of 2 flows are negative, worst -1"]),
        (("written_by",), None),
        (("command",), "shapfair allocate VALUES"),
        (("command",), ["shapfair"]),
    ],
)
def test_form_and_words(capsys, place, new):
    document = issue("v.csv", "--budget=A=0")
    faults(capsys, altered_receipts.with_part(document, place, new), "v.csv")


def test_minus_zero_is_said_nowhere(capsys):
    """Said alike everywhere it gives the same numbers, but it is not what the command gives."""
    document = issue("v.csv", "--budget=A=0")
    document["options"]["budgets"]["A"] = document["budgets"][0] = -0.0
    document["command"] = receipt.command(document["options"])
    assert len(faults(capsys, document, "v.csv")) == 3


def test_names_that_look_alike_are_no_table(capsys):
    path = Path("alike.csv")
    path.write_text("\xe9,e\u0301,value\n0,0,0\n1,0,1\n0,1,1\n1,1,1\n", encoding="utf-8")
    code, lines, err = verify(capsys, "r.json", path)
    assert (code, lines) == (2, [])
    assert "look alike" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r.json", "none.csv"], "none.csv: No such file or directory"),
        (["none.json", "v.csv"], "none.json: No such file or directory"),
        (
            ["v.csv", "v.csv"],
            f"argument RECEIPT: line 1: not JSON (Expecting value); {NEEDED}",
        ),
        (["empty.json", "v.csv"], f"argument RECEIPT: not a shapfair receipt 1; {NEEDED}"),
        (["r.json", "v.csv", "--signers=none"], "none: No such file or directory"),
        (["r.json"], "the following arguments are required: VALUES (see shapfair verify --help)"),
    ],
)
def test_what_cannot_be_checked_is_one_line(capsys, arguments, message):
    Path("empty.json").write_text("{}")
    assert verify(capsys, *arguments) == (2, [], f"shapfair: error: {message}\n")


def test_too_many_parties_are_no_fault(capsys, monkeypatch):
    monkeypatch.setattr(verifier, "MOST_PARTIES", 2)
    message = "v.csv: 3 parties, receipts of at most 2 are checked"
    assert verify(capsys, "r.json", "v.csv") == (2, [], f"shapfair: error: {message}\n")


def test_what_a_terminal_cannot_show_is_no_error(tmp_path):
    Game([0, 1, 1, 2], ("Zürich", "東京")).to_csv("w.csv")
    command = [sys.executable, "-m", "shapfair.cli"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    subprocess.run(
        [*command, "allocate", "w.csv", "--default-budget=1", "--format=json", "--out=w.json"],
        check=True,
    )
    done = subprocess.run(
        [*command, "verify", "w.json", "w.csv"], capture_output=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "--budget=Zürich=1.0".encode("latin-1") in done.stdout
    assert b"\\u6771\\u4eac=1.0" in done.stdout


# --- signatures ----------------------------------------------------------------------------------


def test_all_have_signed(capsys, keys):
    for k, name in enumerate(("r.json.A.sig", "r.json.B, of North.sig", "r.json.sig")):
        sign(keys / str(k), name)
    code, lines, err = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert (code, err) == (0, "")
    signed = [line.split(", by ED25519 SHA256:") for line in lines if "signed: " in line]
    assert [party for party, _ in signed] == [f"signed: {party}" for party in PARTIES]
    assert [key.partition(", ")[2] for _, key in signed] == [
        "r.json.A.sig",
        "r.json.B, of North.sig",
        "r.json.sig",
    ]


def test_who_has_not_signed_is_shown_and_the_status_says_so(capsys, keys):
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert (code, lines[-3:]) == (1, [f"not signed: {party}" for party in PARTIES])
    for k in (0, 2):
        sign(keys / str(k), f"r.json.{k}.sig")
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert code == 1
    assert [line for line in lines if "not signed" in line] == ["not signed: Clinic North"]
    assert verify(capsys, "r.json", "v.csv")[0] == 0


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (
            lambda keys: sign(keys / "0", "r.json.A.sig", namespace="file"),
            "namespace does not match",
        ),
        (lambda keys: sign(keys / "0", "r.json.A.sig", "v.csv"), "incorrect signature"),
        (lambda keys: Path("r.json.A.sig").write_text("A"), "not a signature of this receipt ("),
        (lambda keys: sign(keys / "3", "r.json.A.sig"), "gives to no party (ED25519 SHA256:"),
    ],
)
def test_a_wrong_signature_is_a_fault(capsys, keys, break_it, words):
    for k in range(3):
        sign(keys / str(k), f"r.json.{k}.sig")
    break_it(keys)
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert code == 1
    assert lines[-1].startswith("fault: r.json.A.sig: ")
    assert words in lines[-1]
    assert sum(line.startswith("signed: ") for line in lines) == 3


def test_a_receipt_that_was_changed_after_it_was_signed(capsys, keys):
    """White space does not change the meaning, but the parties have signed the bytes."""
    for k in range(3):
        sign(keys / str(k), f"r.json.{k}.sig")
    with open("r.json", "a") as file:
        file.write("\n")
    assert verify(capsys, "r.json", "v.csv")[0] == 0
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert code == 1
    assert [line.split(":")[0] for line in lines[-6:]] == ["not signed"] * 3 + ["fault"] * 3


def test_a_key_speaks_for_those_that_the_file_says(capsys, keys):
    sign(keys / "0", "r.json.sig")
    key = (keys / "0.pub").read_text()
    Path("signers").write_text(f'"A,Clinic North" {key}')
    _, lines, _ = verify(capsys, "r.json", "v.csv", "--signers=signers")
    assert [line.partition(", by")[0] for line in lines[-3:]] == [
        "signed: A",
        "signed: Clinic North",
        f"not signed: {PARTIES[2]}",
    ]


def test_signatures_of_other_files_do_not_count(capsys, keys):
    shutil.copy("r.json", "r.json2")
    for k, path in enumerate(("r.json2", "v.csv")):
        sign(keys / str(k), f"{path}.sig", path)
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert (code, lines[-3:]) == (1, [f"not signed: {party}" for party in PARTIES])


def test_without_ssh_keygen_one_line_says_so(capsys, keys, monkeypatch):
    sign(keys / "0", "r.json.sig")
    monkeypatch.setenv("PATH", "/nowhere")
    found = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    message = "ssh-keygen is not installed: OpenSSH 8.2 or later brings it"
    assert found == (2, [], f"shapfair: error: {message}\n")


def test_a_file_name_is_no_command_to_the_terminal(capsys, keys):
    Path("r.json.\x1b[2J\n.sig").write_text("")
    code, lines, _ = verify(capsys, "r.json", "v.csv", "--signers", keys / "signers")
    assert code == 1
    assert lines[-1].startswith(r"fault: r.json.\x1b[2J\n.sig: not a signature of this receipt (")
    assert all(line.isprintable() for line in lines)
