/* The table of the page Claims: sort it, filter it. Without this script the whole table is there.
 *
 * Rows are described by the JSON in #claims-data: id, part, verdict, text, in the order of the
 * paper. The functions work on these; the lower half of the file applies them to the page.
 */
(function (root, factory) {
  "use strict";
  const claims = factory();
  if (typeof module === "object" && module.exports) {
    module.exports = claims;
    return;
  }
  const start = () => claims.attach(root.document, root);
  if (root.document.readyState === "loading") {
    root.document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})(typeof self === "undefined" ? this : self, function () {
  "use strict";

  /** Lower case, without accents, formula marks and runs of spaces. */
  function plain(text) {
    return text
      .normalize("NFD")
      .replace(/[\u0300-\u036f$`*]/g, "")
      .replace(/\s+/g, " ")
      .trim()
      .toLowerCase();
  }

  /** Rows that match: verdict and part if they are given, and every word of the search text. */
  function filter(rows, query) {
    const words = plain(query.text || "").split(" ").filter(Boolean);
    return rows.filter((row) => {
      const text = plain(row.text);
      return (
        (!query.verdict || row.verdict === query.verdict) &&
        (!query.part || row.part === query.part) &&
        words.every((word) => text.includes(word))
      );
    });
  }

  /** A sorted copy. Key "place" is the order of the paper, the order in which `rows` come at
   *  first; key "verdict" that of `verdicts`, then of the paper. Direction is 1 or -1. */
  function sort(rows, all, key, direction, verdicts) {
    const place = new Map(all.map((row, index) => [row.id, index]));
    const rank = (row) => (key === "verdict" ? verdicts.indexOf(row.verdict) : 0);
    const order = key === "place" ? direction : 1;
    return [...rows].sort(
      (a, b) =>
        direction * (rank(a) - rank(b)) || order * (place.get(a.id) - place.get(b.id)),
    );
  }

  /** Different values of a key, in the order of their first row, with how many rows have each. */
  function counts(rows, key) {
    const found = new Map();
    for (const row of rows) found.set(row[key], (found.get(row[key]) || 0) + 1);
    return found;
  }

  /** What to say of a selection: "Showing all 120 claims." or "Showing 3 of 120 claims." */
  function sentence(shown, total) {
    if (shown === total) return `Showing all ${total} claims.`;
    if (shown === 0) return `No claim matches; there are ${total}.`;
    return `Showing ${shown} of ${total} claims.`;
  }

  /** What an address asks for, `#verdict=...&part=...&words=...&by=-verdict`; null if it is about
   *  something else. */
  function asked(hash) {
    if (!/^#(verdict|part|words|by)=/.test(hash)) return null;
    const found = new URLSearchParams(hash.slice(1));
    const by = found.get("by") || "place";
    return {
      verdict: found.get("verdict") || "",
      part: found.get("part") || "",
      text: found.get("words") || "",
      key: by.endsWith("verdict") ? "verdict" : "place",
      direction: by.startsWith("-") ? -1 : 1,
    };
  }

  /** The address of a selection, so that it can be sent and kept; empty for all rows as they come. */
  function addressOf(state) {
    const parts = new URLSearchParams();
    if (state.verdict) parts.set("verdict", state.verdict);
    if (state.part) parts.set("part", state.part);
    if (state.text) parts.set("words", state.text);
    const by = (state.direction < 0 ? "-" : "") + state.key;
    if (by !== "place") parts.set("by", by);
    return parts.size ? `#${parts}` : "";
  }

  /* ---- the page ---- */

  function attach(document, window) {
    const data = document.getElementById("claims-data");
    const table = document.querySelector("table.ledger-claims");
    const place = document.getElementById("claims-controls");
    if (!data || !table || !place) return;
    const rows = JSON.parse(data.textContent);
    const verdicts = [
      ...document.querySelectorAll("table.ledger-summary .verdict"),
    ].map((word) => word.textContent);
    const body = table.tBodies[0];
    const lines = new Map(rows.map((row) => [row.id, document.getElementById(`claim-${row.id}`)]));
    const state = { verdict: "", part: "", text: "", key: "place", direction: 1 };
    const follow = () => {
      const wanted = asked(window.location.hash);
      if (!wanted) return false;
      Object.assign(state, wanted);
      for (const field of fields) field.value = state[field.name];
      return true;
    };

    // On a phone the style sheet stacks the cells, by which a table stops being one for a reader
    // that listens; the roles say it again.
    table.setAttribute("role", "table");
    for (const group of [table.tHead, body]) group.setAttribute("role", "rowgroup");
    for (const line of table.rows) {
      line.setAttribute("role", "row");
      for (const cell of line.cells) {
        cell.setAttribute("role", cell.tagName === "TH" ? "columnheader" : "cell");
      }
    }

    function element(name, attributes, ...children) {
      const made = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.append(...children);
      return made;
    }

    function choice(label, key, all) {
      const found = counts(rows, key);
      const names = key === "verdict" ? verdicts.filter((name) => found.has(name)) : found.keys();
      const options = [...names].map((name) =>
        element("option", { value: name }, `${name} (${found.get(name)})`),
      );
      const box = element("select", { name: key }, element("option", { value: "" }, all), ...options);
      box.addEventListener("change", () => {
        state[key] = box.value;
        show();
      });
      fields.push(box);
      return element("label", {}, label, box);
    }

    const fields = [];
    const search = element("input", { type: "search", name: "text", autocomplete: "off" });
    search.addEventListener("input", () => {
      state.text = search.value;
      show();
    });
    fields.push(search);
    const reset = element("button", { type: "button" }, "Show all");
    reset.addEventListener("click", () => {
      for (const field of fields) field.value = "";
      Object.assign(state, { verdict: "", part: "", text: "" });
      show();
    });
    const status = element("p", { role: "status", "aria-live": "polite" });
    place.append(
      element(
        "div",
        { class: "ledger-fields", role: "search", "aria-label": "Filter the claims" },
        choice("Verdict", "verdict", "all verdicts"),
        choice("Part of the paper", "part", "all parts"),
        element("label", {}, "Words or numbers", search),
        reset,
      ),
      status,
    );

    const heads = [...table.tHead.rows[0].cells];
    for (const head of heads) head.setAttribute("scope", "col");
    const sortable = { place: heads[0], verdict: heads[2] };
    for (const [key, head] of Object.entries(sortable)) {
      const button = element("button", { type: "button" }, key);
      button.addEventListener("click", () => {
        state.direction = state.key === key ? -state.direction : 1;
        state.key = key;
        show();
      });
      head.replaceChildren(button);
    }

    let arranged = ""; // the rows come as they are asked for without an address
    function show() {
      const shown = filter(rows, state);
      const wanted = addressOf(state);
      if (wanted !== arranged) {
        for (const row of rows) lines.get(row.id).hidden = true;
        for (const row of sort(shown, rows, state.key, state.direction, verdicts)) {
          const line = lines.get(row.id);
          line.hidden = false;
          body.append(line);
        }
        arranged = wanted;
      }
      for (const [key, head] of Object.entries(sortable)) {
        const direction = state.direction === 1 ? "ascending" : "descending";
        head.setAttribute("aria-sort", state.key === key ? direction : "none");
      }
      status.textContent = sentence(shown.length, rows.length);
      reset.disabled = !(state.verdict || state.part || state.text);
      const kept = addressOf(state);
      // A link to a row stays in the address until a reader chooses something.
      if (kept || asked(window.location.hash)) {
        window.history.replaceState(null, "", kept || window.location.pathname);
      }
    }

    // A link to a row that the filter hides brings the row back.
    window.addEventListener("hashchange", () => {
      if (follow()) {
        show();
        return;
      }
      const line = document.getElementById(window.location.hash.slice(1));
      if (line && line.hidden) {
        reset.click();
        line.scrollIntoView();
      }
    });
    follow();
    show();
  }

  return { plain, filter, sort, counts, sentence, asked, addressOf, attach };
});
