"""The search ranks chapters first and shows words instead of TeX."""

import json
import shutil
import subprocess

import pytest
from helpers import ROOT

NODE = shutil.which("node")
RUN = """
let start;
global.document = { addEventListener: (_, heard) => { start = heard; } };
const formulas = [{ textContent: process.argv[2] }];
const body = {
  querySelectorAll: (what) => (what === ".math" ? formulas : []),
  querySelector: () => null,
  get textContent() { return `Text  ${formulas[0].textContent}\\n.`; } };
global.DOMParser = class { parseFromString() { return { querySelector: () => body }; } };
global.Search = {};
eval(require("fs").readFileSync(process.argv[1], "utf8") + "; global.Scorer = Scorer");
start();
const scores = ["notebooks/05_clearing", "book/errata", "book/api/core"]
  .map((page) => Scorer.score([page, "", "", null, 15, ""]));
console.log(JSON.stringify([scores, Search.htmlToText("", "")]));
"""


@pytest.mark.skipif(NODE is None, reason="search.js is tested in node, not found here")
def test_chapters_come_first_and_formulas_are_read():
    formula = r"\(\lambda_i c_i \le \mathcal{N} \setminus i\)"
    script = str(ROOT / "book" / "_ext" / "search.js")
    done = subprocess.run([NODE, "-e", RUN, script, formula], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (chapter, page, reference), text = json.loads(done.stdout)
    assert chapter > page > reference
    assert text == "Text λi ci ≤N ∖i ."
