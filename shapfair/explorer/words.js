/* What the explorer says and writes: numbers, sentences, and the files that a reader takes along.
 * Pure functions of what explorer.js has computed, its `view`.
 */
(function (root) {
  "use strict";

  /** Formats numbers to so many significant digits of a scale, all with the same decimals. */
  function format(scale, digits = 3) {
    const decimals = scale > 0 ? digits - 1 - Math.floor(Math.log10(scale)) : 1;
    const places = Math.min(Math.max(decimals, 0), 15);
    const form = new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places });
    return (x) => {
      const text = form.format(Math.abs(x));
      return (x < 0 && /[1-9]/.test(text) ? "−" : "") + text;
    };
  }

  const signed = (number) => (x) => (/[1-9]/.test(number(x)) && x > 0 ? "+" : "") + number(x);
  const plural = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
  const wordFor = ["nobody", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
  const counted = (n) => wordFor[n];
  const capital = (text) => text[0].toUpperCase() + text.slice(1);

  /** "A", "A and B", "A, B and C". */
  function list(names) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  }

  /** An amount as a field shows it and an address holds it: short, and read back as the same. */
  const amount = (x) => (x === Infinity ? "unlimited" : String(x));

  /** The state of affairs in a sentence or two. */
  function sentence(view) {
    if (view.refusal) return `No allocation: ${view.refusal}.`;
    const { parties, number, mean, short, seeds } = view;
    const names = (test) => parties.filter((_, i) => test(i));
    const least = (x) => x.indexOf(Math.min(...x)), most = (x) => x.indexOf(Math.max(...x));
    const poor = names((i) => short[i]), best = names((i) => mean.scaling[i] > 1 - 1e-9 && !short[i]);
    const said = [];
    if (!poor.length) {
      const wishes = view.limited ? "the model that it wants" : `the best model, ${number(view.grand)}`;
      said.push(`Everybody can pay and gets ${wishes}.`);
    } else {
      const who = poor.length > 3 ? (parties.length > 9 ? `${poor.length} of ${parties.length} parties` : `${capital(counted(poor.length))} of ${counted(parties.length)} parties`) : list(poor);
      const some = poor.length === 1, at = poor.map((name) => mean.models[parties.indexOf(name)]);
      const how = poor.length > 3
        ? `a weaker model, down to ${number(Math.min(...at))}`
        : `${some ? "a weaker model" : "weaker models"}, ${list(at.map(number))} instead of ${number(view.grand)}`;
      said.push(`${who} ${some ? "spends all it has and gets" : "spend all they have and get"} ${how}.`);
      if (best.length && best.length < 4) said.push(`${list(best)} ${best.length > 1 ? "have" : "has"} the best.`);
    }
    const rich = most(mean.payoffs), paying = least(mean.payoffs);
    if (/[1-9]/.test(number(mean.payoffs[rich])))
      said.push(`${parties[rich]} earns most, ${number(mean.payoffs[rich])}; ${parties[paying]} pays most, ${number(-mean.payoffs[paying])}.`);
    else said.push("No money changes hands on balance.");
    return said.join(" ") + (seeds > 1 ? ` (Means over ${seeds} seeds.)` : "");
  }

  /** "in all 10 seeds", "in 3 of 10 seeds"; nothing for a single table. */
  function often(k, seeds) {
    return seeds === 1 ? "" : k === seeds ? `in all ${seeds} seeds` : `in ${k} of ${seeds} seeds`;
  }

  /** What happens in a round of fictitious default. */
  function step(view, k) {
    const { parties, rounds, seeds } = view, { newly } = rounds[k];
    const falling = parties
      .map((name, i) => (newly[i] ? name + (newly[i] < seeds ? ` (${often(newly[i], seeds)})` : "") : ""))
      .filter(Boolean);
    const few = falling.length === 1;
    if (k === 0)
      return "Suppose that everybody buys " + (view.limited ? "the model that it wants. " : "the best model. ") +
        (few ? `${falling[0]} cannot pay for it.` : falling.length ? `${list(falling)} cannot pay for it.` : "Everybody can pay: these are the scaling factors.");
    const before = "Who was short now spends exactly what it has, its budget and what it is paid. ";
    if (!falling.length)
      return before + "Nobody else falls short: these are the greatest scaling factors that the budgets allow.";
    return before + `So others are paid less, and ${list(falling)} ${few ? "falls" : "fall"} short, too.`;
  }

  /** What a reader should know of the table, a line each. */
  function remarks(view) {
    const said = [];
    if (view.violations) {
      const { edges, violations, drop, from, to } = view.monotonicity;
      const among = (coalition) => list(view.parties.filter((_, i) => (coalition >> i) & 1));
      const where = `where ${among(from ^ to)} ${from ? `joins ${among(from)}` : "is alone"}`;
      const worst = `${violations} of ${plural(edges, "step", "steps")} from a coalition to a larger one lose value, by up to ${view.number(drop)} ${where}`;
      said.push(view.hull
        ? `As measured, ${worst}. The monotone hull takes their place: a coalition may leave data out.`
        : `The table is not monotone: ${worst}.`);
    }
    if (view.costly.length)
      said.push(`The model of ${list(view.costly)} alone is worth more than that of all together: take part only with the monotone hull.`);
    return said;
  }

  const csvCell = (x) => (/[",\r\n]/.test(x) ? `"${String(x).replaceAll('"', '""')}"` : String(x));
  const python = (x) => (x === Infinity ? "inf" : String(x));

  /** A row per party, with the columns of Allocation.to_csv and then what it pays to whom. */
  function csv(view) {
    const { parties, mean, error, seeds } = view, columns = [
      ["party", parties], ["budget", view.budgets.map(python)], ["desired", view.desired.map(python)],
      ["own_value", mean.own], ["shapley", mean.shapley],
    ];
    for (const [name, key] of Object.entries({ scaling: "scaling", model_value: "models", cost: "costs", revenue: "revenues", payoff: "payoffs" })) {
      columns.push([name, mean[key]]);
      if (seeds > 1) columns.push([`${name}_se`, error[key]]);
    }
    parties.forEach((name, j) => columns.push([`pays ${name}`, mean.paid.map((row) => row[j])]));
    const rows = [columns.map(([name]) => name), ...parties.map((_, i) => columns.map(([, x]) => x[i]))];
    return rows.map((row) => row.map(csvCell).join(",") + "\n").join("");
  }

  const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

  /** The command that allocates the same table with the same options, and proves it. */
  function command(view) {
    const named = (option, amounts) =>
      view.parties.flatMap((name, i) => (amounts[i] < Infinity ? [`${option}=${name}=${amounts[i]}`] : []));
    const words = ["shapfair", "allocate", view.file, ...named("--budget", view.budgets), ...named("--desired", view.desired)];
    if (view.hull) words.push("--repair=hull");
    return [...words, "--format=json", "--out=receipt.json"].map(word).join(" ");
  }

  /** Input, options and what follows from them, as JSON holds it. */
  function receipt(view) {
    const open = (x) => (x === Infinity ? null : x), { parties, mean } = view;
    const byName = (x) => Object.fromEntries(parties.map((name, i) => [name, open(x[i])]));
    return {
      format: "shapfair explorer 1",
      note: "Numbers of a page in a browser, to be agreed upon. They carry no proof: `command` writes the receipt that `shapfair verify` checks.",
      command: command(view),
      table: { name: view.name, file: view.file, ...(view.sha256 ? { sha256: view.sha256 } : {}) },
      parties, seeds: view.seeds, values: view.values,
      options: { budgets: byName(view.budgets), desired: byName(view.desired), exchange_rate: 1, repair: view.hull ? "hull" : "none" },
      grand_value: view.grand, own_values: mean.own, shapley: mean.shapley, scaling: mean.scaling,
      payoffs: mean.payoffs, model_values: mean.models, flows: mean.paid, budget_prices: mean.prices,
      remarks: remarks(view),
    };
  }

  const escaped = (text) =>
    String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const wide = (text) => [...text].reduce((w, c) => w + (c > "\u2e80" ? 14 : 7.2), 0);
  const INK = "#1f2328", MUTED = "#59636e", LINE = "#d1d9e0";
  const COLOUR = { own: "#a3a9b0", gain: "#009e73", pay: "#d55e00", earn: "#0072b2" };

  /** Models, payoffs and flows as a drawing of its own, on white. */
  function picture(view) {
    const { parties, mean, number, axis, unit } = view, pay = signed(number), n = parties.length, parts = [];
    const left = Math.min(Math.max(60, ...parties.map(wide)) + 14, 250), width = 780, row = 38, top = 84;
    const text = (x, y, words, { size = 13, fill = INK, anchor = "start", weight = 400 } = {}) =>
      parts.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}">${escaped(words)}</text>`);
    const box = (x, y, w, h, fill, more = "") =>
      parts.push(`<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(w, 0).toFixed(1)}" height="${h}" fill="${fill}"${more}/>`);
    const fit = (name, room) => {
      if (wide(name) <= room) return name;
      let cut = [...name];
      while (cut.length > 1 && wide(cut.join("")) + 10 > room) cut.pop();
      return `${cut.join("")}…`;
    };
    const model = (width - left) * 0.52, x = (value) => left + ((value - axis[0]) / (axis[1] - axis[0])) * (model - 70);
    const middle = left + model + (width - left - model) / 2, half = (width - left - model) / 2 - 62;
    text(0, 20, view.title, { size: 16, weight: 600 });
    text(0, 42, `Budgets: ${fit(parties.map((name, i) => `${name} ${amount(view.budgets[i])}`).join(", "), 690)}`, { fill: MUTED });
    text(left, top - 14, "own model, and what is gained", { size: 12, fill: MUTED });
    text(middle, top - 14, "pays | is paid, on balance", { size: 12, fill: MUTED, anchor: "middle" });
    parties.forEach((name, i) => {
      const y = top + i * row, p = (mean.payoffs[i] / unit) * half;
      text(0, y + 18, fit(name, left - 14), { weight: 600 });
      box(x(axis[0]), y + 6, x(mean.own[i]) - x(axis[0]), 16, COLOUR.own);
      box(x(mean.own[i]), y + 6, x(mean.models[i]) - x(mean.own[i]), 16, COLOUR.gain);
      text(x(axis[1]) + 8, y + 19, number(mean.models[i]));
      box(Math.min(middle, middle + p), y + 6, Math.abs(p), 16, p < 0 ? COLOUR.pay : COLOUR.earn);
      text(middle + p + (p < 0 ? -6 : 6), y + 19, pay(mean.payoffs[i]), { anchor: p < 0 ? "end" : "start" });
    });
    const foot = top + n * row;
    for (const at of [x(view.grand), middle])
      parts.push(`<path d="M${at.toFixed(1)} ${top - 6}V${foot}" stroke="${INK}" stroke-dasharray="${at === middle ? "none" : "4 3"}"/>`);
    text(x(view.grand), foot + 14, `best ${number(view.grand)}`, { size: 12, fill: MUTED, anchor: "middle" });
    const start = foot + 66, cell = Math.min(88, (width - left) / n), high = 30, most = Math.max(...mean.paid.flat(), 0);
    text(0, start - 30, "Who pays whom: rows pay columns", { weight: 600 });
    parties.forEach((name, j) => text(left + (j + 0.5) * cell, start - 8, fit(name, cell - 4), { size: 12, fill: MUTED, anchor: "middle" }));
    parties.forEach((name, i) => {
      text(0, start + i * high + 20, fit(name, left - 14), { weight: 600 });
      parties.forEach((_, j) => {
        if (i === j) return;
        const paid = mean.paid[i][j], shade = most ? Math.max(paid, 0) / most : 0;
        box(left + j * cell, start + i * high, cell - 2, high - 2, COLOUR.earn, ` fill-opacity="${(0.06 + 0.4 * shade).toFixed(3)}"`);
        text(left + (j + 0.5) * cell - 1, start + i * high + 19, number(paid), { size: Math.min(13, cell / 4.2), anchor: "middle" });
      });
    });
    const height = start + n * high + 34;
    parts.push(`<path d="M0 ${height - 24}H${width}" stroke="${LINE}"/>`);
    text(0, height - 6, view.source, { size: 11, fill: MUTED });
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -8 ${width + 32} ${height + 20}" width="${width + 32}" height="${height + 20}" font-family="system-ui, sans-serif">` +
      `<title>${escaped(view.title)}</title><desc>${escaped(sentence(view))}</desc><rect x="-16" y="-8" width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>\n`;
  }

  const words = { format, signed, list, often, amount, sentence, step, remarks, csv, command, receipt, picture, plural };
  if (typeof module === "object" && module.exports) module.exports = words;
  else root.shapfairWords = words;
})(typeof self === "undefined" ? this : self);
