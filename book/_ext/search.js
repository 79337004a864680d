// How the search ranks pages and what it shows of them (Sphinx reads this as html_search_scorer).
var Scorer = {
  // Chapters first, then the other pages of the book, then the reference of the package.
  score: ([page, , , , score]) => score + (/^book\/api/.test(page) ? -20 : /^notebooks/.test(page) ? 5 : 0),
  objNameMatch: 5,
  objPartialMatch: 2,
  objPrio: { 0: 0, 1: 0, 2: -5 },
  objPrioDefault: 0,
  title: 30,
  partialTitle: 15,
  term: 5,
  partialTerm: 2,
};

(() => {
  "use strict";
  const SIGNS = {
    lambda: "λ", varphi: "φ", phi: "φ", nu: "ν", rho: "ρ", sum: "∑", cup: "∪", subseteq: "⊆", setminus: "∖", in: "∈",
    le: "≤", ge: "≥", leq: "≤", geq: "≥", ne: "≠", neq: "≠", infty: "∞", emptyset: "∅", times: "×", cdot: "·", to: "→",
    mathcal: "", vec: "", text: "", mathrm: "", left: "", right: "", quad: " ", qquad: " ", frac: "", top: "ᵀ", mid: "|",
  };

  /** A formula as a line of text can have it. */
  const spoken = (tex) =>
    tex.replace(/^\s*\\[([]|\\[)\]]\s*$/g, "")
      .replace(/\\([A-Za-z]+)\s*/g, (_, name) => SIGNS[name] ?? "")
      .replace(/[{}\\$&]|\^|_/g, "");

  document.addEventListener("DOMContentLoaded", () => {
    if (typeof Search === "undefined") return;
    Search.htmlToText = (page, anchor) => {
      const content = new DOMParser().parseFromString(page, "text/html").querySelector(".bd-article");
      if (!content) return "";
      const left = ".headerlink, script, style, h1, svg, details, .cell_input, .explorer, .toctree-wrapper";
      for (const one of content.querySelectorAll(left)) one.remove();
      for (const one of content.querySelectorAll(".math")) one.textContent = spoken(one.textContent);
      const part = anchor && content.querySelector(anchor);
      return (part || content).textContent.replace(/\s+/g, " ");
    };
  });
})();
