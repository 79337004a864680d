/* The allocation of a value table: flows, greatest scaling factors within the budgets, prices, and
 * who would leave. Pure functions on arrays; a table lists v(C) by bitmask, bit i is party i, and
 * flows[i][j] is what i pays j. The Python package shapfair has the theory and the proofs; here
 * is the same mathematics written small, and tests/explorer holds it to Python.
 */
(function (root) {
  "use strict";
  const NOISE = 64 * Number.EPSILON; // of a table's largest magnitude; smaller differences are none
  const TOLERANCE = 1e-9;
  const sum = (x) => x.reduce((a, b) => a + b, 0);
  const dot = (x, y) => x.reduce((a, b, i) => a + (b && b * y[i]), 0); // 0 * Infinity counts 0
  const range = (n) => [...Array(n).keys()];
  const magnitude = (v) => v.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

  /** Numbers of parties: a table has 2^n values. */
  const parties = (v) => Math.log2(v.length);

  /** Least monotone table that is nowhere smaller: a coalition may leave data out. */
  function hull(v) {
    const h = [...v];
    for (let bit = 1; bit < h.length; bit *= 2)
      for (let c = 0; c < h.length; c++) if (c & bit) h[c] = Math.max(h[c], h[c ^ bit]);
    return h;
  }

  /** How many edges C -> C + i lose value, of how many, and the worst of them. */
  function monotonicity(v) {
    const noise = NOISE * magnitude(v);
    const found = { edges: 0, violations: 0, drop: 0, from: 0, to: 0 };
    for (let bit = 1; bit < v.length; bit *= 2)
      for (let c = 0; c < v.length; c++) {
        if (c & bit) continue;
        const drop = v[c] - v[c | bit];
        found.edges++;
        if (drop > noise) found.violations++;
        if (drop > Math.max(noise, found.drop)) Object.assign(found, { drop, from: c, to: c | bit });
      }
    return found;
  }

  /** What i pays j if all can pay: the Shapley value of j among those who join i, Equation (5). */
  function flows(v) {
    const n = parties(v), f = new Float64Array(n * n), inside = new Uint8Array(n);
    const weight = [0]; // 1 / ((n - 1) binom(n - 2, s - 1)) for coalitions of s that have i, not j
    for (let s = 1, binomial = 1; s < n; binomial *= (n - 1 - s) / s, s++)
      weight.push(1 / ((n - 1) * binomial));
    for (let c = 1; c < v.length; c++) {
      let size = 0;
      for (let i = 0; i < n; i++) if ((c >> i) & 1) inside[size++] = i;
      for (let j = 0; j < n; j++) {
        if ((c >> j) & 1) continue;
        const gain = weight[size] * (v[c | (1 << j)] - v[c]);
        for (let k = 0; k < size; k++) f[inside[k] * n + j] += gain;
      }
    }
    return range(n).map((i) => [...f.subarray(i * n, (i + 1) * n)]);
  }

  /** Shapley values, from the flows: by Equation (7) a payoff is n phi_i - v(N). */
  function shapley(f, grand) {
    return f.map((row, i) => (grand + sum(f.map((other) => other[i])) - sum(row)) / f.length);
  }

  /** Solve the equations of the parties D that spend all they have, and those of the prices.
   *
   * x: x_i c_i - sum_k x_k F_ki = funds_i, and y: y_i c_i - sum_k F_ik y_k = costs_i, over D.
   * Nothing is ever subtracted (Grassmann, Taksar and Heyman 1985): eliminating a party passes on
   * what it is paid in the shares in which it pays, so no digit is lost however ties fall. */
  function spend(f, D, funds, costs) {
    const p = D.map((i) => D.map((k) => f[i][k])), x = [...funds], y = [...costs], total = [];
    const out = D.map((i) => sum(f[i].filter((_, k) => !D.includes(k))));
    for (let m = D.length - 1; m >= 0; m--) {
      total[m] = out[m] + sum(p[m].slice(0, m));
      for (let a = 0; a < m; a++) {
        const share = p[a][m] / total[m];
        for (let b = 0; b < m; b++) if (b !== a) p[a][b] += share * p[m][b];
        out[a] += share * out[m];
        x[a] += (p[m][a] * x[m]) / total[m];
        y[a] += share * y[m];
      }
    }
    for (let m = 0; m < D.length; m++) {
      for (let a = 0; a < m; a++) {
        x[m] += p[a][m] * x[a];
        y[m] += p[m][a] * y[a];
      }
      x[m] /= total[m];
      y[m] /= total[m];
    }
    return [x, y];
  }

  /** Greatest solution of lambda_i = min(u_i, (b_i + revenue_i) / c_i), by fictitious default
   *  (Eisenberg and Noe 2001): whoever falls short spends all it has, until nobody else does.
   *
   * Returns scaling, constrained parties, their budget prices, the two sides of the certificate,
   * and the rounds: scaling factors, what each party lacks, and who is newly short. Throws
   * {payer, earner, flow} if some flow is negative and somebody is short. */
  function clear(raw, budgets, limits, noise) {
    const n = raw.length, f = raw.map((row) => row.map((x) => (Math.abs(x) > noise ? x : 0)));
    const costs = f.map(sum), caps = limits.map((u, i) => (costs[i] ? u : 1)), D = [], rounds = [];
    const revenue = (scaling, i) => dot(scaling, f.map((row) => row[i]));
    let scaling = caps, y = costs.map(() => 0);
    for (;;) {
      const lacks = costs.map((c, i) => c * scaling[i] - revenue(scaling, i) - budgets[i]);
      const short = range(n).filter((i) => !D.includes(i) && lacks[i] > n * noise);
      rounds.push({ scaling, lacks, short, costs: costs.map((c, i) => c * scaling[i]) });
      if (!short.length) break;
      const payer = f.findIndex((row) => row.some((x) => x < 0));
      if (payer >= 0) {
        const earner = f[payer].findIndex((x) => x < 0);
        throw { payer, earner, flow: f[payer][earner] };
      }
      D.push(...short);
      const paid = caps.map((u, i) => (D.includes(i) ? 0 : u));
      const funds = D.map((i) => budgets[i] + revenue(paid, i));
      const [x, prices] = spend(f, D, funds, D.map((i) => costs[i]));
      scaling = [...caps];
      y = costs.map(() => 0);
      D.forEach((i, k) => {
        scaling[i] = Math.min(Math.max(x[k], 0), caps[i]);
        y[i] = prices[k];
      });
    }
    const z = costs.map((c, i) => (D.includes(i) ? 0 : Math.max(c + dot(f[i], y), 0)));
    const certificate = { primal: dot(costs, scaling), dual: dot(y, budgets) + dot(caps, z) };
    return { scaling, constrained: D, prices: y, caps: z, certificate, rounds };
  }

  /** What of a table does not depend on budgets. */
  function prepare(v) {
    const n = parties(v), f = flows(v), grand = v[v.length - 1];
    const own = range(n).map((i) => v[1 << i]);
    return { v, n, flows: f, grand, own, noise: NOISE * magnitude(v), shapley: shapley(f, grand) };
  }

  /** The allocation of a prepared table; unlimited budgets and desired values are Infinity. */
  function allocate(table, budgets, desired) {
    const { own, grand, noise, n } = table;
    const limits = own.map((value, i) =>
      grand - value > noise ? (Math.min(grand, Math.max(value, desired[i])) - value) / (grand - value) : 1,
    );
    const cleared = clear(table.flows, budgets, limits, noise);
    const paid = table.flows.map((row, i) => row.map((x) => cleared.scaling[i] * x));
    const costs = paid.map(sum), revenues = range(n).map((i) => sum(paid.map((row) => row[i])));
    const payoffs = revenues.map((x, i) => x - costs[i]);
    const models = cleared.scaling.map((x, i) => x * grand + (1 - x) * own[i]);
    return { ...cleared, paid, costs, revenues, payoffs, models };
  }

  /** What each member of every coalition would have more by leaving: v(S) less the value that its
   *  own model must have, for given totals (model value plus payoff). */
  function leaving(v, totals, budgets) {
    const n = totals.length, largest = Math.max(...totals);
    const owed = new Float64Array(v.length), payers = new Uint8Array(v.length);
    for (let c = 1; c < v.length; c++) {
      const i = 31 - Math.clz32(c), rest = c ^ (1 << i);
      owed[c] = owed[rest] + totals[i];
      payers[c] = payers[rest] + 1;
    }
    const needed = owed.map((x, c) => (c ? x / payers[c] : 0));
    const funds = totals.map((t, i) => t + budgets[i]);
    for (const i of range(n).sort((a, b) => funds[a] - funds[b] || a - b)) {
      if (funds[i] >= largest) break; // nobody needs more, so no further budget binds
      for (let c = 1 << i; c < v.length; c++) {
        if (!((c >> i) & 1)) continue;
        owed[c] -= funds[i];
        if (--payers[c]) needed[c] = Math.max(needed[c], owed[c] / payers[c]);
      }
    }
    return needed.map((x, c) => (c && c < v.length - 1 ? v[c] - x : 0));
  }

  /** Mean and its standard error (NaN for a single number). */
  function mean(x) {
    const m = sum(x) / x.length;
    return [m, Math.sqrt(sum(x.map((a) => (a - m) ** 2)) / (x.length - 1) / x.length)];
  }

  /** The point that Student's distribution exceeds with probability `tail`, by bisection of a finite
   *  sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4). */
  function student(df, tail) {
    const odd = df % 2, above = (angle) => {
      let term = odd ? Math.cos(angle) : 1, total = 0;
      for (let k = 2 + odd; k < df + 2; k += 2) {
        total += term;
        term *= ((k - 1) / k) * Math.cos(angle) ** 2;
      }
      const inner = Math.sin(angle) * total;
      return (1 - (odd ? (2 / Math.PI) * (angle + inner) : inner)) / 2;
    };
    let low = 0, high = Math.PI / 2;
    for (let k = 0; k < 60; k++) {
      const middle = (low + high) / 2;
      if (above(middle) > tail) low = middle;
      else high = middle;
    }
    return Math.tan(low) * Math.sqrt(df);
  }

  /** Coalitions that gain by leaving on the mean of all tables, the largest gain first:
   *  {coalition, gain, error, margin, tables}. Margins are half widths of intervals that cover all
   *  gains with 95 %. */
  function blocking(tables, allocations, budgets) {
    const gains = tables.map((table, k) => {
      const { models, payoffs } = allocations[k];
      return leaving(table.v, models.map((m, i) => m + payoffs[i]), budgets);
    });
    const noise = TOLERANCE * Math.max(...tables.map((table) => magnitude(table.v)));
    const found = [], several = gains.length > 1, others = Math.max(gains[0].length - 2, 1);
    const width = several ? student(gains.length - 1, 0.05 / (2 * others)) : NaN;
    for (let c = 1; c < gains[0].length - 1; c++) {
      let total = 0;
      for (const row of gains) total += row[c];
      if (total / gains.length <= noise) continue;
      const [gain, error] = mean(gains.map((row) => row[c]));
      const often = gains.filter((row) => row[c] > noise).length;
      found.push({ coalition: c, gain, error, margin: width * error, tables: often });
    }
    const rank = (x) => Math.round(x.gain / noise);
    return found.sort((a, b) => rank(b) - rank(a) || a.coalition - b.coalition);
  }

  const solver = {
    hull, monotonicity, flows, shapley, clear, prepare, allocate, leaving, blocking, mean, magnitude,
    sum, range,
  };
  if (typeof module === "object" && module.exports) module.exports = solver;
  else root.shapfairSolver = solver;
})(typeof self === "undefined" ? this : self);
