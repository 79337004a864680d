/* Read a CSV value table as shapfair/tables.py does, and refuse in the same words: 0/1 columns for
 * the parties, `value`, perhaps `seed`; every coalition once. Errors name the line.
 */
(function (root) {
  "use strict";
  const MOST = 16; // parties; the package takes more
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, NOT_FINITE = /^[+-]?(inf|infinity|nan)$/i;
  const PERCENT = /^[\d.,]+ ?%$/, SEPARATORS = { semicolons: ";", tabs: "\t" };
  const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
  const UNSEEN =
    /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{16fe4}\u{1d159}\u{e0100}-\u{e01ef}]/gu;

  class TableError extends Error {
    constructor(message, line) {
      super(line ? `line ${line}: ${message}` : message);
      this.line = line || 0;
    }
  }

  /** As Python writes a text, or with `ascii` every character beyond ASCII by its number. */
  function quoted(text, ascii) {
    const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
    const hex = (c) => {
      const code = c.codePointAt(0).toString(16);
      return code.length < 3 ? `\\x${code.padStart(2, "0")}`
        : code.length < 5 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
    };
    const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [mark]: `\\${mark}` };
    const one = (c) =>
      named[c] || (UNPRINTABLE.test(c) || (ascii && c > "~") ? hex(c) : c);
    return mark + [...text].map(one).join("") + mark;
  }
  const shown = (text) =>
    [...text].length <= 100 ? quoted(text) : `${quoted([...text].slice(0, 40).join(""))}...`;
  const short = (text) =>
    [...text].length <= 40 ? quoted(text, true) : `${quoted([...text].slice(0, 40).join(""), true)}...`;
  const float = (x) => {
    const text = String(x).replace(/e([+-])(\d)$/, "e$10$2");
    return /^-?\d+$/.test(text) ? `${text}.0` : text;
  };

  /** A finite decimal number. */
  function number(text) {
    if (NOT_FINITE.test(text)) throw new Error(`${quoted(text)} is not finite, need a number such as 0.25`);
    if (PERCENT.test(text)) throw new Error(`${short(text)} is not a number, write 75% as 0.75`);
    if (!NUMBER.test(text))
      throw new Error(`${short(text)} is not a number, need plain digits such as 0.25 or 1e-3`);
    const value = Number(text);
    if (!Number.isFinite(value))
      throw new Error(`${short(text)} is not finite: too large, need at most 1.79e308`);
    return value;
  }

  /** A number of at least 0, or `unlimited`. */
  function amount(text) {
    if (/^(unlimited|inf|∞)$/i.test(text)) return Infinity;
    let value;
    try {
      value = number(text);
    } catch (error) {
      throw new Error(`${error.message}, or unlimited`);
    }
    if (value < 0) throw new Error(`${short(text)} is negative, need a number >= 0, or unlimited`);
    return value + 0;
  }

  const isFormula = (text) => /(^|[,;|])\s*[=+\-@]/.test(text.normalize("NFKC"));
  const looks = (name) =>
    name.replace(UNSEEN, "").normalize("NFKC").split(/\s+/).filter(Boolean).join(" ");

  /** Why a name of a party is not taken; empty if it is. */
  function flaw(name) {
    const long = [...name].length;
    if (long > 100) return `need at most 100 characters, these are ${long.toLocaleString("en")}`;
    if (!name || name !== name.trim() || UNPRINTABLE.test(name) || !looks(name))
      return "need a printable name without spaces around it";
    if (/^\p{M}/u.test(name)) return "it begins with an accent, which would go to whatever stands before it";
    if (isFormula(name))
      return "a spreadsheet would take it for a formula, begin with something else than = + - @";
    return "";
  }

  /** What is needed instead of the label of a seed; empty if it is taken. */
  function labelFlaw(label) {
    if (label !== label.trim() || UNPRINTABLE.test(label)) return "need a printable label without padding";
    if ([...label].length > 100) return "need at most 100 characters";
    return !NUMBER.test(label) && isFormula(label) ? "a spreadsheet would take it for a formula" : "";
  }

  /** Text of a UTF-8 file. */
  function decode(bytes) {
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw new TableError("not UTF-8 text, save the table as UTF-8");
    }
    if (text.includes("\0")) throw new TableError("a binary file, not a value table");
    return text;
  }

  /** Line and fields of every record that is not blank. */
  function* records(text) {
    let line = 1, k = 0;
    while (k < text.length) {
      const fields = [];
      let ended = false;
      if (text[k] === "\n" || text[k] === "\r") {
        k += text.startsWith("\r\n", k) ? 2 : 1;
        line++;
        continue;
      }
      while (!ended) {
        let field = "";
        if (text[k] === '"') {
          for (k++; ; k++) {
            if (k >= text.length) throw new TableError("not CSV (unexpected end of data)", line);
            if (text[k] === '"') {
              if (text[k + 1] !== '"') break;
              k++;
            } else if (text[k] === "\n" || (text[k] === "\r" && text[k + 1] !== "\n")) {
              if (k + 1 < text.length) line++;
            }
            field += text[k];
          }
          k++;
          if (k < text.length && !",\r\n".includes(text[k]))
            throw new TableError(`not CSV (',' expected after '"')`, line);
        } else {
          const from = k;
          while (k < text.length && !",\r\n".includes(text[k])) k++;
          field = text.slice(from, k);
        }
        fields.push(field.replace(/^[ \t]+|[ \t]+$/g, ""));
        ended = text[k] !== ",";
        if (!ended) k++;
      }
      yield [line, fields];
      k += text.startsWith("\r\n", k) ? 2 : 1;
      line++;
    }
  }

  /** Names of the parties of a header. */
  function partiesOf(header, line) {
    const refuse = (message) => {
      throw new TableError(message, line);
    };
    if (!header.length) refuse("no header, need one column per party, then 'value'");
    const parties = header.filter((name) => name !== "value" && name !== "seed");
    if (parties.length > MOST)
      refuse(`n = ${parties.length} parties, this page takes up to ${MOST}, shapfair allocate takes up to 26`);
    if (!header.includes("value")) {
      const other = Object.entries(SEPARATORS).find(([, mark]) => header.join().includes(mark));
      const hint = other ? `; fields are separated by ${other[0]}, need commas, and points in decimals` : "";
      refuse(`no column is named 'value', found: ${header.join(", ")}${hint}`);
    }
    for (const name of header.slice(header.indexOf("value") + 1))
      if (name !== "seed") refuse(`column ${shown(name)} after 'value', only 'seed' may follow it`);
    if (header.filter((name) => name === "seed").length > 1) refuse("two columns are named 'seed'");
    if (!parties.length) refuse("no parties, need at least one");
    parties.forEach((name, i) => {
      const why = flaw(name);
      if (why) refuse(`party ${i + 1} is named ${shown(name)}, ${why}`);
    });
    const seen = new Map();
    for (const name of parties) {
      const other = seen.get(looks(name));
      if (other === name) refuse(`two parties are named ${quoted(name)}`);
      if (other !== undefined)
        refuse(
          `parties ${quoted(other)} and ${quoted(name)} look alike (they are written ` +
            `${quoted(other, true)} and ${quoted(name, true)}), rename one`,
        );
      seen.set(looks(name), name);
    }
    return parties;
  }

  const coalitionName = (c, parties) => `{${parties.filter((_, i) => (c >> i) & 1).join(", ")}}`;

  /** Values of one table in bitmask order, from its rows [line, coalition, value]. */
  function complete(rows, parties, seed) {
    const of = seed ? ` (seed ${seed})` : "", total = 2 ** parties.length, lines = new Map(), found = new Map();
    for (const [line, coalition, value] of rows) {
      if (lines.has(coalition))
        throw new TableError(`coalition ${coalitionName(coalition, parties)} appears twice${of}`, line);
      lines.set(coalition, line);
      if (!Number.isNaN(value)) found.set(coalition, value);
    }
    const values = Array.from({ length: total }, (_, c) => found.get(c));
    if (found.size < total) {
      const gap = values.indexOf(undefined), line = lines.get(gap);
      const name = gap ? coalitionName(gap, parties) : "the empty coalition (all zeros, value 0)";
      throw new TableError(
        `no value for ${(total - found.size).toLocaleString("en")} of ${total.toLocaleString("en")} ` +
          `coalitions${of}, first ${name}${line ? ` (line ${line})` : ""}: an allocation needs all`,
      );
    }
    return values;
  }

  /** {parties, values, seeds} of a CSV value table: a row of values per seed, in bitmask order. */
  function read(text) {
    const lines = records(text.replace(/^\ufeff/, ""));
    const [at, header] = lines.next().value || [1, []];
    const parties = partiesOf(header, at), tables = new Map();
    const columns = parties.map((name) => header.indexOf(name));
    const value = header.indexOf("value"), seed = header.indexOf("seed");
    for (const [line, record] of lines) {
      const refuse = (message) => {
        throw new TableError(message, line);
      };
      if (record.length !== header.length)
        refuse(`${record.length} fields, the header has ${header.length}`);
      const label = seed < 0 ? "" : record[seed];
      if (!tables.has(label)) {
        if (seed >= 0 && !label) refuse("the seed is empty");
        const why = labelFlaw(label);
        if (why) refuse(`the seed ${shown(label)}, ${why}`);
        tables.set(label, []);
      }
      let coalition = 0;
      columns.forEach((column, i) => {
        const cell = record[column];
        if (cell !== "0" && cell !== "1")
          refuse(`membership of party ${parties[i]} is ${shown(cell)}, need 0 or 1`);
        coalition |= Number(cell) << i;
      });
      let worth = NaN;
      if (record[value]) {
        try {
          worth = number(record[value]);
        } catch (error) {
          refuse(`value ${error.message}`);
        }
        if (!coalition && worth) refuse(`the empty coalition has value ${float(worth)}, it must be 0`);
      }
      const rows = tables.get(label);
      rows.push([line, coalition, worth]);
      if (rows.length > 2 ** parties.length) complete(rows, parties, label);
    }
    if (!tables.size) throw new TableError(`no rows, need all ${2 ** parties.length} coalitions`);
    const values = [...tables].map(([label, rows]) => complete(rows, parties, label));
    return { parties, values, seeds: seed < 0 ? [] : [...tables.keys()] };
  }

  const tables = { read, decode, amount, coalitionName, TableError };
  if (typeof module === "object" && module.exports) module.exports = tables;
  else root.shapfairTables = tables;
})(typeof self === "undefined" ? this : self);
