/* The budget explorer: take money away from parties and watch their models weaken.
 *
 * Mounted in every .explorer of a page, with the tables of the <script type="application/json">
 * in it. solver.js computes, tables.js reads CSV, words.js says it; this file is the page: what a
 * reader moves, and what it moves. Nothing is sent anywhere; the state is in the address.
 */
(function (root) {
  "use strict";
  const { shapfairSolver: solver, shapfairTables: csv, shapfairWords: words, document } = root;
  const { sum, range } = solver, STEPS = 100;
  let count = 0; // of widgets, for the ids of their elements

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  }

  /** The last of several calls in a row, a little later. */
  function later(call, wait) {
    let timer = 0;
    return () => {
      root.clearTimeout(timer);
      timer = root.setTimeout(call, wait);
    };
  }

  /** The next larger of 1, 2, 5, 10, ... */
  function roundUp(x) {
    const power = 10 ** Math.floor(Math.log10(x || 1));
    return [1, 2, 5, 10].map((k) => k * power).find((y) => y >= x * (1 - 1e-9));
  }

  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

  /* ---- from a state to all that is shown ---- */

  /** Mean of numbers, lists or matrices over the tables, and its standard error. */
  function means(samples) {
    if (typeof samples[0] === "number") return solver.mean(samples);
    const parts = samples[0].map((_, i) => means(samples.map((one) => one[i])));
    return [parts.map((p) => p[0]), parts.map((p) => p[1])];
  }

  /** What of a table depends on no budget. */
  function readied(table, hull) {
    table.ready ||= {};
    return (table.ready[hull] ||= {
      prepared: table.values.map((v) => solver.prepare(hull ? solver.hull(v) : v)),
    });
  }

  function monotonicityOf(table) {
    return (table.monotonicity ||= table.values.map(solver.monotonicity).reduce((a, b) => ({
      ...(b.drop > a.drop ? b : a), edges: a.edges + b.edges, violations: a.violations + b.violations,
    })));
  }

  /** All numbers of a state: table, budgets, desired, hull. */
  function viewOf({ table, budgets, desired, hull: wanted }) {
    const hull = wanted && monotonicityOf(table).violations > 0; // else there is nothing to do
    const { prepared } = readied(table, hull), { parties } = table, n = parties.length;
    table.largest ??= Math.max(...table.values.map(solver.magnitude));
    const number = words.format(table.largest), monotonicity = monotonicityOf(table), seeds = prepared.length;
    const [grand] = means(prepared.map((one) => one.grand)), [own] = means(prepared.map((one) => one.own));
    const view = {
      name: table.name, file: table.file, sha256: table.sha256, values: table.values, parties, budgets, desired,
      hull, seeds, number, monotonicity, violations: monotonicity.violations, grand,
      title: `${table.name}: models and payments within the budgets`,
      source: `Computed in the browser from ${table.file}${hull ? ", monotone hull" : ""}${seeds > 1 ? `, means over ${seeds} seeds` : ""}.`,
      costly: parties.filter((_, i) => prepared.some((one) => one.own[i] > one.grand + one.noise)),
      limited: desired.some((r) => prepared.some((one) => r < one.grand)),
    };
    let found;
    try {
      found = prepared.map((one) => solver.allocate(one, budgets, desired));
    } catch (flow) {
      if (flow.payer === undefined) throw flow;
      view.refusal = `some flows are negative (${parties[flow.payer]} would pay ${parties[flow.earner]} ${number(flow.flow)}), ` +
        "and then budgets that bind have no greatest solution. Take the monotone hull, or lift the budgets";
      return view;
    }
    view.mean = { own };
    view.error = {};
    [view.mean.shapley] = means(prepared.map((one) => one.shapley));
    for (const key of ["scaling", "models", "payoffs", "costs", "revenues", "paid", "prices"])
      [view.mean[key], view.error[key]] = means(found.map((one) => one[key]));
    view.short = range(n).map((i) => found.filter((one) => one.constrained.includes(i)).length);
    const last = Math.max(...found.map((one) => one.rounds.length));
    view.rounds = range(last).map((k) => {
      const at = found.map((one) => one.rounds[Math.min(k, one.rounds.length - 1)]);
      const now = found.map((one) => (k < one.rounds.length ? one.rounds[k].short : []));
      const lacks = at.map((one) => one.lacks.map((x) => (x === -Infinity ? 0 : Math.max(x, 0))));
      return {
        scaling: means(at.map((one) => one.scaling))[0],
        costs: means(at.map((one) => one.costs))[0],
        lacks: means(lacks)[0],
        newly: range(n).map((i) => now.filter((short) => short.includes(i)).length),
      };
    });
    const models = [...own, ...view.mean.models, grand], low = Math.min(...models), high = Math.max(...models);
    view.axis = [low > 0.5 * high ? Math.max(low - 0.25 * (high - low), 0) : Math.min(0, low), high];
    if (view.axis[0] === high) view.axis[0] = 0;
    const free = means(prepared.map((one) => one.own.map((_, i) =>
      sum(one.flows.map((row) => row[i])) - sum(one.flows[i]))))[0];
    view.unit = Math.max(...[...free, ...view.mean.payoffs].map(Math.abs)) || 1;
    view.blocking = () => solver.blocking(prepared, found, budgets);
    return view;
  }

  /** The amount at which sliders end, where no budget binds any more. */
  function reach(table) {
    return (table.reach ||= roundUp(Math.max(...table.values.map((v) => {
      const h = solver.hull(v);
      return Math.max(...table.parties.map((_, i) => h[h.length - 1] - h[1 << i]));
    })) || 1));
  }

  /* ---- the address ---- */

  function addressOf({ table, budgets, desired, hull }) {
    const parts = [`table=${table.id}`];
    for (const [key, amounts] of [["budgets", budgets], ["desired", desired]])
      if (amounts.some((x) => x < Infinity)) parts.push(`${key}=${amounts.map(words.amount).join(",")}`);
    if (!hull) parts.push("repair=none");
    return `#${parts.join("&")}`;
  }

  /** What an address asks for; null if it is not about the explorer. */
  function asked(hash) {
    if (!/^#(table|budgets|desired|repair)=/.test(hash)) return null;
    const found = {};
    for (const part of hash.slice(1).split("&")) {
      const [key, value = ""] = part.split("=", 2);
      found[key] = decodeURIComponent(value);
    }
    for (const key of ["budgets", "desired"])
      if (found[key] !== undefined) found[key] = found[key].split(",").map((x) => csv.amount(x.trim()));
    return found;
  }

  /* ---- the widget ---- */

  function mount(place, data) {
    const id = `explorer-${++count}`, small = Boolean(data.small);
    const tables = new Map(data.tables.map((table) => [table.id, table]));
    const state = {};
    let parts = {}, pending = null;

    const unlimited = (table) => table.parties.map(() => Infinity);
    function choose(table, budgets = unlimited(table), desired = unlimited(table), hull = true) {
      Object.assign(state, { table, budgets: [...budgets], desired: [...desired], hull });
      // Desired values are shown where somebody has one; a reader may ask for them.
      if (desired.some((r) => r < Infinity)) place.classList.add("with-desired");
    }

    /* -- what stays: choices, sentence, the rest -- */

    const select = element("select", {
      id: `${id}-table`,
      onchange: () => {
        if (select.value === "own") return openOwn();
        choose(tables.get(select.value));
        build();
      },
    });
    function fillSelect() {
      select.replaceChildren(
        ...[...tables.values()].map((table) => element("option", { value: table.id }, table.name)),
        ...(tables.has("own") ? [] : [element("option", { value: "own" }, "Your own table …")]),
      );
      select.value = state.table.id;
    }
    const presets = element("div", { class: "ex-presets", role: "group", "aria-label": "Budgets to begin with" });
    const note = element("p", { class: "ex-note" });
    const status = element("p", { class: "ex-sentence", role: "status", "aria-live": "polite" });
    const rows = element("div", { class: "ex-rows" });
    const remarks = element("div", { class: "ex-remarks" });
    const say = later(() => {
      if (status.textContent !== parts.said) status.textContent = parts.said;
    }, 180);

    /* -- a row a party -- */

    function amountCell(kind, i) {
      const label = kind === "budgets" ? "Budget" : "Desired model", name = state.table.parties[i];
      const set = (x) => {
        state[kind][i] = x;
        update();
      };
      const slider = element("input", {
        type: "range", min: 0, max: STEPS, step: 1, class: "ex-slider", "aria-label": `${label} of ${name}`,
        oninput: () => set(Number(slider.value) === STEPS ? Infinity : fromSlider(kind, i, Number(slider.value))),
      });
      const field = element("input", {
        type: "text", inputmode: "decimal", class: "ex-field", autocomplete: "off", spellcheck: "false",
        "aria-label": `${label} of ${name}, a number or unlimited`,
        oninput: () => {
          try {
            set(csv.amount(field.value.trim()));
            field.removeAttribute("aria-invalid");
            flaw.textContent = "";
          } catch (error) {
            field.setAttribute("aria-invalid", "true");
            flaw.textContent = error.message;
          }
        },
        onblur: () => {
          field.removeAttribute("aria-invalid");
          flaw.textContent = "";
          show();
        },
      });
      const flaw = element("div", { class: "ex-flaw", id: `${id}-${kind}-${i}`, role: "alert" });
      field.setAttribute("aria-describedby", flaw.id);
      const show = () => {
        const x = state[kind][i], at = toSlider(kind, i, x);
        slider.value = at;
        slider.style.setProperty("--at", `${at}%`);
        slider.setAttribute("aria-valuetext", words.amount(x));
        if (document.activeElement !== field) field.value = words.amount(x);
      };
      const more = element("div", { class: "ex-more" });
      const cell = element("div", { class: `ex-cell ex-${kind}`, role: "cell" },
        element("span", { class: "ex-label" }, label), element("div", { class: "ex-amount" }, slider, field), flaw, more);
      return { cell, show, more };
    }
    const ends = (kind, i) => kind === "budgets" ? [0, reach(state.table)]
      : [parts.view?.mean?.own[i] ?? 0, parts.view?.grand ?? 1];
    function fromSlider(kind, i, at) {
      const [low, high] = ends(kind, i);
      return Number((low + ((high - low) * at) / STEPS).toPrecision(3));
    }
    function toSlider(kind, i, x) {
      const [low, high] = ends(kind, i);
      return x >= high ? STEPS : Math.round(Math.min(Math.max((x - low) / (high - low), 0), 1) * STEPS);
    }

    function buildRows() {
      const cell = (name, ...children) => element("div", { class: `ex-cell ex-${name}`, role: "cell" }, ...children);
      const head = (name, ...children) => element("div", { class: `ex-cell ex-${name}`, role: "columnheader" }, ...children);
      parts.axis = element("span", { class: "ex-ends" });
      const header = element("div", { class: "ex-row ex-head", role: "row" },
        head("name", "Party"), head("budgets", "Budget"), head("desired", "Desired model"),
        head("model", "Model ", parts.axis), head("payoff", "Payoff ", element("span", { class: "ex-ends" }, "pays | is paid")));
      parts.rows = state.table.parties.map((name, i) => {
        const badge = element("span", { class: "ex-badge" });
        const budget = amountCell("budgets", i), desired = amountCell("desired", i);
        const bar = element("div", { class: "ex-bar ex-model-bar", "aria-hidden": "true" },
          element("i", { class: "ex-own" }), element("i", { class: "ex-gain" }), element("i", { class: "ex-rest" }));
        const model = element("div", { class: "ex-numbers" });
        const pay = element("div", { class: "ex-bar ex-pay-bar", "aria-hidden": "true" }, element("i"));
        const payoff = element("div", { class: "ex-numbers" });
        const row = element("div", { class: "ex-row", role: "row" },
          element("div", { class: "ex-cell ex-name", role: "rowheader" }, element("strong", {}, name), " ", badge),
          budget.cell, desired.cell,
          cell("model", element("span", { class: "ex-label" }, "Model"), bar, model),
          cell("payoff", element("span", { class: "ex-label" }, "Payoff"), pay, payoff));
        return { row, badge, budget, desired, bar, model, pay, payoff };
      });
      const longest = Math.max(...state.table.parties.map((name) => name.length));
      rows.style.setProperty("--ex-name", `${Math.min(Math.max(0.62 * longest, 5.4), 9)}rem`);
      rows.replaceChildren(element("div", { role: "table", "aria-label": "Budgets, models and payoffs of the parties" },
        header, ...parts.rows.map((one) => one.row)));
    }

    function showRow(one, i, view) {
      one.budget.show();
      one.desired.show();
      one.row.classList.toggle("is-refused", Boolean(view.refusal));
      if (view.refusal) {
        for (const cell of [one.badge, one.model, one.payoff, one.budget.more]) cell.textContent = "";
        return;
      }
      const { mean, error, number, seeds } = view, share = (x) => (x - view.axis[0]) / (view.axis[1] - view.axis[0]);
      const spread = (x) => seeds > 1 && /[1-9]/.test(number(x)) ? element("small", {}, ` ± ${number(x)}`) : "";
      const best = view.short[i] === 0 && mean.scaling[i] > 1 - 1e-9;
      one.badge.textContent = view.short[i] ? (view.short[i] === seeds ? "short" : `short ${view.short[i]}/${seeds}`) : best ? "best model" : "";
      one.badge.className = `ex-badge ${view.short[i] ? "is-short" : best ? "is-best" : ""}`;
      one.badge.title = view.short[i] ? `It spends all it has ${words.often(view.short[i], seeds)}`.trim() : "";
      one.bar.style.setProperty("--own", share(mean.own[i]));
      one.bar.style.setProperty("--model", share(mean.models[i]));
      one.bar.style.setProperty("--best", share(view.grand));
      one.model.replaceChildren(element("b", {}, number(mean.models[i])), spread(error.models[i]),
        element("small", {}, ` · own ${number(mean.own[i])}`));
      one.pay.style.setProperty("--pay", mean.payoffs[i] / view.unit);
      one.pay.classList.toggle("is-paid", mean.payoffs[i] > 0);
      one.payoff.replaceChildren(element("b", {}, words.signed(number)(mean.payoffs[i])), spread(error.payoffs[i]));
      const price = mean.prices[i];
      one.budget.more.textContent = price > 0 ? `one more unit buys ${price.toFixed(2)}` : "";
      one.budget.more.title = price > 0 ? "of model value, summed over all parties: money is spent again by those whom it reaches" : "";
    }

    /* -- who pays whom -- */

    const matrix = element("div", { class: "ex-scroll" });
    function buildMatrix() {
      const { parties } = state.table;
      parts.cells = parties.map(() => parties.map(() => element("td")));
      parts.costs = parties.map(() => element("td", { class: "ex-total" }));
      parts.revenues = parties.map(() => element("td", { class: "ex-total" }));
      const corner = element("td", { class: "ex-total" });
      const head = (name, scope) => element("th", { scope, title: name }, element("span", {}, name));
      matrix.replaceChildren(element("table", { class: "ex-matrix" },
        element("caption", {}, "Rows pay columns"),
        element("thead", {}, element("tr", {}, element("td"), ...parties.map((name) => head(name, "col")), head("pays", "col"))),
        element("tbody", {}, ...parties.map((name, i) =>
          element("tr", {}, head(name, "row"), ...parts.cells[i], parts.costs[i]))),
        element("tfoot", {}, element("tr", {}, head("is paid", "row"), ...parts.revenues, corner))));
      matrix.style.setProperty("--parties", parties.length + 2);
      const wide = parties.length > 6;
      for (const [key, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "Who pays whom"]])
        if (wide) matrix.setAttribute(key, value);
        else matrix.removeAttribute(key);
    }
    function showMatrix({ mean, number, parties, refusal }) {
      if (refusal) return;
      const most = Math.max(...mean.paid.flat(), 1e-300);
      parties.forEach((_, i) => {
        parts.costs[i].textContent = number(mean.costs[i]);
        parts.revenues[i].textContent = number(mean.revenues[i]);
        parties.forEach((_, j) => {
          const cell = parts.cells[i][j];
          cell.textContent = i === j ? "" : number(mean.paid[i][j]);
          cell.style.setProperty("--shade", i === j ? 0 : Math.max(mean.paid[i][j], 0) / most);
          cell.classList.toggle("is-self", i === j);
        });
      });
    }

    /* -- round by round -- */

    const stepper = fold("Step by step", "steps");
    const stepText = element("p", { class: "ex-step-text", "aria-live": "polite" });
    const stepTable = element("div", { class: "ex-scroll" });
    const move = (by) => () => {
      parts.round = Math.min(Math.max(parts.round + by, 0), parts.view.rounds.length - 1);
      showSteps(parts.view);
    };
    const back = element("button", { type: "button", onclick: move(-1) }, "← Back");
    const next = element("button", { type: "button", onclick: move(1) }, "Next round →");
    const where = element("span", { class: "ex-where" });
    stepper.body.append(
      element("p", { class: "ex-hint" }, "How the scaling factors are found: whoever falls short spends all it has, and the next round looks who falls short of that."),
      element("div", { class: "ex-buttons" }, back, next, where), stepText, stepTable);
    function showSteps(view) {
      stepper.hint.textContent = view.refusal ? "" : words.plural(view.rounds.length - 1, "round", "rounds");
      if (view.refusal || !stepper.open) return;
      const k = (parts.round = Math.min(parts.round, view.rounds.length - 1)), { scaling, costs, lacks, newly } = view.rounds[k];
      where.textContent = k ? `round ${k} of ${view.rounds.length - 1}` : "start";
      back.disabled = k === 0;
      next.disabled = k === view.rounds.length - 1;
      stepText.textContent = words.step(view, k);
      const ever = view.parties.map((_, i) => view.rounds.slice(0, k).some((round) => round.newly[i]));
      stepTable.replaceChildren(element("table", { class: "ex-steps" },
        element("thead", {}, element("tr", {}, ...["party", "share of its gain", "costs", "lacks"].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, ...view.parties.map((name, i) => {
          const bar = element("span", { class: "ex-share", "aria-hidden": "true" }, element("i"));
          bar.style.setProperty("--share", scaling[i]);
          return element("tr", { class: newly[i] ? "is-new" : ever[i] ? "is-held" : "" },
            element("th", { scope: "row" }, name),
            element("td", {}, bar, ` ${(100 * scaling[i]).toFixed(0)} %`),
            element("td", {}, view.number(costs[i])),
            element("td", {}, newly[i] ? view.number(lacks[i]) : ever[i] ? "spends all" : "–"));
        }))));
    }

    /* -- who would leave -- */

    const leaving = fold("Would anybody leave?", "leaving");
    function showLeaving(view) {
      leaving.body.replaceChildren();
      if (view.refusal || view.limited) {
        leaving.hint.textContent = view.refusal ? "" : "not known";
        leaving.body.append(element("p", {}, "Not looked for where a party wants less than the best model: what it would do with a better one is not known."));
        return;
      }
      const found = view.blocking(), { number, seeds } = view;
      const chance = (one) => seeds > 1 && one.gain <= one.margin, sure = found.filter((one) => !chance(one));
      leaving.hint.textContent = sure.length ? words.plural(sure.length, "coalition would gain", "coalitions would gain")
        : found.length ? "no coalition would gain beyond the noise" : "no coalition would gain";
      leaving.body.append(element("p", {}, found.length
        ? "A model can be copied. On their own, within the same budgets, each member of these could have more, in model and money together:"
        : "A model can be copied, so a coalition that leaves has its own for each of its members. Here every coalition has at least as much together with the others."));
      if (!found.length) return;
      leaving.body.append(element("ul", {}, ...found.slice(0, 5).map((one) =>
        element("li", {}, element("strong", {}, csv.coalitionName(one.coalition, view.parties)),
          ` ${number(one.gain)} more${seeds > 1 ? ` ± ${number(one.error)}, ${words.often(one.tables, seeds)}, ${chance(one) ? "within" : "beyond"} the noise` : ""}`))));
      if (found.length > 5) leaving.body.append(element("p", {}, `and ${words.plural(found.length - 5, "other", "others")}.`));
      if (seeds > 1) leaving.body.append(element("p", { class: "ex-hint" }, "Of many coalitions some gain by chance. Beyond the noise is what intervals that cover all gains together, with 95 %, leave above zero."));
    }

    /* -- one's own table -- */

    const own = fold("Your own table", "own");
    const trouble = element("div", { class: "ex-trouble", role: "alert" });
    const area = element("textarea", {
      rows: 6, spellcheck: "false", id: `${id}-own`, placeholder: "A,B,value\n0,0,0\n1,0,0.6\n0,1,0.7\n1,1,0.8",
      onpaste: () => root.setTimeout(() => readOwn(area.value, "values.csv"), 0),
    });
    const file = element("input", { type: "file", accept: ".csv,text/csv", onchange: () => file.files[0] && readFile(file.files[0]) });
    own.body.append(
      element("p", {}, "A column of 0 and 1 for every party, then ", element("code", {}, "value"), "; a row for every coalition, the empty one included; perhaps a column ",
        element("code", {}, "seed"), ". Paste it here, or drop a file anywhere on the explorer. It is read in this page and sent nowhere; the address does not hold it."),
      element("label", { for: area.id, class: "ex-label-own" }, "Value table (CSV)"), area,
      element("div", { class: "ex-buttons" },
        element("button", { type: "button", onclick: () => readOwn(area.value, "values.csv") }, "Use this table"),
        element("label", { class: "ex-file" }, "Choose a file", file),
        ...(data.example ? [element("button", { type: "button", class: "is-quiet", onclick: () => { area.value = data.example; area.focus(); } }, "Fill in an example")] : [])),
      trouble);
    function openOwn() {
      fillSelect();
      own.box.open = true;
      area.focus();
      own.box.scrollIntoView({ block: "nearest" });
    }
    async function readFile(given) {
      try {
        if (given.size > 2 ** 26) throw new csv.TableError("larger than 64 MiB, too large for this page");
        area.value = csv.decode(await given.arrayBuffer());
      } catch (error) {
        return refuse(error, "");
      }
      readOwn(area.value, given.name);
    }
    function refuse(error, text) {
      if (!(error instanceof csv.TableError)) throw error;
      own.box.open = true;
      const line = error.line && text.split(/\r\n|\r|\n/)[error.line - 1];
      trouble.replaceChildren(element("p", {}, element("strong", {}, "Not read. "), `${error.message[0].toUpperCase()}${error.message.slice(1)}.`),
        ...(line ? [element("pre", {}, line.slice(0, 200))] : []));
    }
    function readOwn(text, name) {
      let table;
      try {
        table = csv.read(text);
      } catch (error) {
        return refuse(error, text);
      }
      trouble.replaceChildren();
      table = { ...table, id: "own", name: name === "values.csv" ? "Your own table" : name, file: name };
      tables.set("own", table);
      const wanted = pending && (pending.budgets || pending.desired || []).length === table.parties.length ? pending : {};
      pending = null;
      choose(table, wanted.budgets, wanted.desired, wanted.repair ? wanted.repair === "hull" : monotonicityOf(table).violations === 0);
      build();
      own.box.open = false;
      place.scrollIntoView({ block: "start" });
    }
    for (const [event, inside] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
      if (!small) place.addEventListener(event, (happened) => {
        happened.preventDefault();
        place.classList.toggle("is-target", inside);
        if (event === "drop" && happened.dataTransfer.files[0]) readFile(happened.dataTransfer.files[0]);
      });
    }

    /* -- to take along -- */

    const take = fold("Take it with you", "take");
    const link = element("input", { type: "text", readonly: true, class: "ex-link", "aria-label": "Address of this state", onfocus: () => link.select() });
    const copied = element("span", { role: "status" });
    function download(name, type, text) {
      const address = URL.createObjectURL(new Blob([text], { type }));
      element("a", { href: address, download: name }).click();
      root.setTimeout(() => URL.revokeObjectURL(address), 1000);
    }
    const offer = (label, name, type, text) => element("button", {
      type: "button", onclick: () => parts.view.refusal || download(name, type, text(parts.view)),
    }, label);
    const told = element("code", {});
    take.body.append(
      element("div", { class: "ex-buttons" },
        offer("Numbers (CSV)", "allocation.csv", "text/csv", words.csv),
        offer("Picture (SVG)", "allocation.svg", "image/svg+xml", words.picture),
        offer("Receipt (JSON)", "explorer-receipt.json", "application/json", (view) => `${JSON.stringify(words.receipt(view), null, 1)}\n`)),
      element("p", { class: "ex-hint" }, "The receipt of this page states input, options and numbers. The one with a proof, which ", element("code", {}, "shapfair verify"), " checks and parties sign, is written by"),
      element("pre", { class: "ex-command", tabindex: "0" }, told),
      element("div", { class: "ex-buttons" }, link, element("button", {
        type: "button",
        onclick: async () => {
          link.select();
          try {
            await root.navigator.clipboard.writeText(link.value);
            copied.textContent = "copied";
          } catch {
            copied.textContent = "copy it from the field";
          }
          root.setTimeout(() => (copied.textContent = ""), 4000);
        },
      }, "Copy the link"), copied));

    /** A part that opens on demand, with a hint of what is in it. */
    function fold(title, name) {
      const hint = element("span", { class: "ex-fold-hint" }), body = element("div", { class: "ex-fold-body" });
      const box = element("details", { class: `ex-fold ex-fold-${name}` }, element("summary", {}, element("span", {}, title), hint), body);
      box.addEventListener("toggle", () => parts.view && showSlow());
      return { box, body, hint, get open() { return box.open; } };
    }

    /* -- options: the hull, desired values -- */

    const hullBox = element("input", { type: "checkbox", onchange: () => { state.hull = hullBox.checked; update(); } });
    const hullLabel = element("label", { class: "ex-check" }, hullBox, "monotone hull");
    const desiredBox = element("input", {
      type: "checkbox",
      onchange: () => {
        place.classList.toggle("with-desired", desiredBox.checked);
        if (!desiredBox.checked) state.desired = unlimited(state.table);
        update();
      },
    });
    const options = element("div", { class: "ex-options" },
      element("label", { class: "ex-check" }, desiredBox, "some want less than the best model"), hullLabel);

    /* -- together -- */

    function build() {
      const { table } = state, n = table.parties.length;
      parts = { round: 0 };
      place.classList.toggle("with-desired", state.desired.some((r) => r < Infinity));
      fillSelect();
      const all = (x) => Array(n).fill(x);
      const offered = table.presets || [{ label: "Unlimited budgets", budgets: all(null) }, { label: "No money", budgets: all(0) }];
      parts.presets = offered.map(({ label, note: panels, budgets }) => {
        const amounts = budgets.map((x) => (x === null ? Infinity : x));
        const button = element("button", { type: "button", onclick: () => { choose(table, amounts); desiredBox.checked = false; place.classList.remove("with-desired"); parts.round = 0; update(); } },
          element("span", {}, label), ...(panels ? [element("small", {}, panels)] : []));
        return { button, amounts };
      });
      presets.replaceChildren(...parts.presets.map((one) => one.button));
      note.replaceChildren(table.note || "", ...(table.page ? [" ", element("a", { href: table.page }, "Its page")] : []));
      buildRows();
      buildMatrix();
      update();
    }

    let frame = 0;
    function update() {
      if (!frame) frame = root.requestAnimationFrame(() => { frame = 0; show(); });
    }
    function show() {
      const view = (parts.view = viewOf(state));
      const plain = state.desired.every((r) => r === Infinity);
      for (const { button, amounts } of parts.presets)
        button.setAttribute("aria-pressed", plain && same(amounts, state.budgets));
      desiredBox.checked = place.classList.contains("with-desired");
      hullBox.checked = state.hull;
      hullLabel.hidden = !view.violations;
      if (!view.refusal) parts.axis.textContent = `from ${view.axis[0] ? view.number(view.axis[0]) : 0} to ${view.number(view.axis[1])}`;
      parts.rows.forEach((one, i) => showRow(one, i, view));
      showMatrix(view);
      matrix.parentElement?.classList.toggle("is-refused", Boolean(view.refusal));
      remarks.replaceChildren(...words.remarks(view).map((line) => element("p", {}, line)));
      if (view.refusal && !state.hull)
        remarks.prepend(element("p", { class: "ex-refusal" }, element("button", { type: "button", onclick: () => { state.hull = true; update(); } }, "Take the monotone hull")));
      parts.said = words.sentence(view);
      if (status.textContent) say();
      else status.textContent = parts.said;
      if (full) full.href = `${data.full}${addressOf(state)}`;
      slowly();
    }
    function showSlow() {
      if (small) return;
      showSteps(parts.view);
      showLeaving(parts.view);
      told.textContent = words.command(parts.view);
      link.value = root.location.href.split("#")[0] + addressOf(state);
    }
    const slowly = later(() => {
      showSlow();
      if (!small && parts.touched) root.history.replaceState(null, "", addressOf(state));
      parts.touched = true;
    }, 120);

    /** Take what the address asks for; false if it asks for nothing. */
    function follow() {
      let wanted;
      try {
        wanted = asked(root.location.hash);
        if (!wanted) return false;
        const table = tables.get(wanted.table || data.tables[0].id);
        if (!table && wanted.table === "own") {
          pending = wanted;
          choose(data.tables[0]);
          build();
          own.box.open = true;
          trouble.replaceChildren(element("p", {}, "The address is of a table of one's own, which it does not hold. Give the table again, and the budgets are as they were."));
          return true;
        }
        const n = table?.parties.length;
        for (const amounts of [wanted.budgets, wanted.desired])
          if (!table || (amounts && amounts.length !== n)) throw new Error("no such table, or not an amount for each of its parties");
        if (wanted.repair && !["hull", "none"].includes(wanted.repair)) throw new Error("repair is hull or none");
        choose(table, wanted.budgets, wanted.desired, wanted.repair !== "none");
        build();
      } catch (error) {
        choose(data.tables[0]);
        build();
        note.prepend(element("strong", {}, `The address is not understood (${error.message}). `));
      }
      return true;
    }

    const full = small && data.full ? element("a", { class: "ex-full", href: data.full }, "Who pays whom, step by step, your own table …") : null;
    const choices = element("div", { class: "ex-choices" },
      ...(small ? [] : [element("label", { for: select.id }, "Table"), select]), presets);
    place.replaceChildren(...(small
      ? [choices, rows, status, full]
      : [choices, note, status, rows, options, remarks,
        element("section", { class: "ex-flows" }, element("h2", {}, "Who pays whom"), matrix),
        stepper.box, leaving.box, own.box, take.box]));
    place.classList.add("is-ready");
    if (small || !follow()) {
      choose(data.tables[0]);
      build();
    }
    if (!small) root.addEventListener("hashchange", follow);
  }

  const start = () => {
    for (const place of document.querySelectorAll(".explorer")) {
      const data = place.querySelector("script[type='application/json']");
      if (data) mount(place, JSON.parse(data.textContent));
    }
  };
  root.shapfairExplorer = { mount, addressOf, asked };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})(self);
