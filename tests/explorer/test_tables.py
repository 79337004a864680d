"""The explorer reads the CSV tables that the package reads, and refuses the others as it does."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

from shapfair.tables import read_csv

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="the explorer is tested in node, not found")

RUN = """
const tables = require(process.argv[1]);
const files = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(files.map((hex) => {
  try { return tables.read(tables.decode(Buffer.from(hex, "hex"))); }
  catch (error) { return { error: error.message, line: error.line }; }
})));
"""

SMALL = "A,B,value\n0,0,0\n1,0,1\n0,1,2\n1,1,4\n"
GOOD = [
    SMALL,
    "\ufeff" + SMALL,
    SMALL.replace("\n", "\r\n"),
    SMALL.replace("\n", "\r"),
    SMALL.replace("\n", "\n\n").rstrip(),
    " A ,B\t, value\n 1 , 1 ,4\n0,0,0\n1,0, 1e0\n0,1,+2.\n",
    '"A, the ""first""",B,value\n0,0,"0"\n"1",0,.1e1\n0,1,2\n1,1,4',
    "seed,A,value\n7,0,0\n8,1,2\n7,1,-1\n8,0,-0\n",
    "A,value,seed\n0,0,first\n1,5,first\n",
    "Ärzte,医院,value\n0,0,0\n1,0,1\n0,1,2\n1,1,4\n",
    (ROOT / "book" / "examples" / "clinics.csv").read_text(),
]
BAD = [
    "",
    "\n\n",
    "value\n",
    "A,B\n0,0\n",
    "A,B,value,C\n",
    "A,value,seed,seed\n",
    "A,A,value\n",
    "A,,value\n",
    "=A,B,value\n",
    "A;-B,value\n",
    "\u0301A,B,value\n",
    "A\u200b,B,value\n",
    "A\u2800,A,value\n",
    "ﬁ,fi,value\n",
    f"{'A' * 101},B,value\n",
    "A,B,value\n",
    SMALL.replace("1,0,1", "1,0"),
    SMALL.replace("1,0,1", "1,0,1,1"),
    SMALL.replace("1,0,1", "   "),
    SMALL.replace("1,0,1", "1,2,1"),
    SMALL.replace("1,0,1", "1,yes,1"),
    SMALL.replace("1,0,1", "1,it's,1"),
    SMALL.replace("1,0,1", "1,,1"),
    SMALL.replace("1,0,1", "1,0,one"),
    SMALL.replace("1,0,1", "1,0,inf"),
    SMALL.replace("1,0,1", "1,0,1_000"),
    SMALL.replace("1,0,1", "1,0,1e999"),
    SMALL.replace("1,0,1", "1,0,٣"),
    SMALL.replace("1,0,1", f"1,0,{'x' * 50}"),
    SMALL.replace("1,0,1", "1,0,1é\\\t"),
    SMALL.replace("0,0,0", "0,0,0.5"),
    SMALL.replace("0,0,0", "0,0,3"),
    SMALL.replace("0,0,0", "0,0,1e-7"),
    SMALL.replace("0,1,2", "1,0,2"),
    SMALL + "1,0,5\n",
    SMALL + "1,0,5\n0,1,7\n1,1,x\n",
    SMALL.replace("1,0,1", '1,"0"1,1'),
    SMALL.replace("1,0,1", '1,0,"1'),
    SMALL.replace("1,0,1", '1,0,"1\n2"\n7,7,7'),
    SMALL.replace("1,0,1", '1,0,"1\r\n2"\n7,7,7'),
    '"A\nB",B,value\n',
    "A,value,seed\n0,0,\n",
    "A,value,seed\n0,0,=1\n",
    "A,value,seed\n0,0,-1\n1,1,-1\n0,1,-2\n",
    "A,value,seed\n0,0,1\n1,2,1\n0,0,2\n0,0,2\n1,2,2\n",
]
INCOMPLETE = [
    SMALL.replace("1,0,1\n", ""),
    SMALL.replace("1,0,1", "1,0,"),
    SMALL.replace("0,0,0\n", ""),
    "A,value,seed\n0,0,1\n1,2,1\n0,0,2\n",
]


def in_node(files):
    script = str(ROOT / "shapfair" / "explorer" / "tables.js")
    text = json.dumps([content.hex() for content in files])
    command = [NODE, "-e", RUN, script]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(content):
    """What Python says of a file, without its name."""
    with pytest.raises(ValueError, match=r"^values\.csv") as caught:
        read_csv(Path("values.csv"), content)
    return str(caught.value).removeprefix("values.csv").removeprefix(": ")


def test_good_tables_are_read_as_python_reads_them():
    files = [text.encode() for text in GOOD]
    for content, found in zip(files, in_node(files), strict=True):
        wanted = read_csv(Path("values.csv"), content)
        assert found.get("error") is None, found
        assert tuple(found["parties"]) == wanted.parties
        assert tuple(found["seeds"]) == wanted.seed_labels
        assert np.array_equal(found["values"], np.atleast_2d(wanted.values))


def test_bad_tables_are_refused_in_the_same_words():
    files = [text.encode() for text in BAD]
    for content, found in zip(files, in_node(files), strict=True):
        wanted = refusal(content)
        assert found.get("error") == wanted, content
        line = re.match(r"line (\d+)", wanted)
        assert found["line"] == (int(line[1]) if line else 0)


def test_missing_values_are_named():
    files = [text.encode() for text in INCOMPLETE]
    for content, found in zip(files, in_node(files), strict=True):
        # Python's message goes on with a command that the page does not have.
        wanted = refusal(content).removeprefix(" (seed 2): ").split("; ")[0]
        seed = " (seed 2)" if b"seed" in content else ""
        assert found["error"] == wanted.replace(" coalitions,", f" coalitions{seed},")


def test_spreadsheets_of_other_countries_get_a_hint():
    files = [SMALL.replace(",", mark).encode() for mark in ";\t"]
    files.append(SMALL.replace("1,0,1", "1,0,75 %").encode())
    found = [one["error"] for one in in_node(files)]
    assert ["semicolons, need commas" in error for error in found] == [True, False, False]
    assert ["tabs, need commas" in error for error in found] == [False, True, False]
    assert found[2] == "line 3: value '75 %' is not a number, write 75% as 0.75"


def test_what_is_no_text_or_too_large_is_refused():
    files = [b"A,value\n0,0\n1,\xff\n", b"\x89PNG\0\0"]
    files += [(",".join(f"P{i}" for i in range(n)) + ",value\n").encode() for n in (16, 17)]
    found = [one["error"] for one in in_node(files)]
    assert found == [
        "not UTF-8 text, save the table as UTF-8",
        "not UTF-8 text, save the table as UTF-8",
        "no rows, need all 65536 coalitions",
        "line 1: n = 17 parties, this page takes up to 16, shapfair allocate takes up to 26",
    ]
