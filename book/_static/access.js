// For whoever reads with the keyboard, by ear, on a phone or on paper.
(function () {
  "use strict";
  // What scrolls by itself shows it (book.css) and has to be within reach of the keyboard; what scrolls depends on the window.
  const boxes = "pre, table, .math, mjx-container, .pst-scrollable-table-container, .output";
  // What the browser has not laid out yet has its turn when it comes into sight.
  const drawn = (one) => one.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
  // A displayed formula that is a little too wide is drawn smaller, down to SMALLEST of its size.
  const SMALLEST = 0.68;
  function fit() {
    for (const formula of document.querySelectorAll(".bd-article div.math mjx-container[display]")) {
      if (!drawn(formula)) continue;
      formula.style.removeProperty("font-size");
      if (formula.dataset.size) formula.style.fontSize = formula.dataset.size;
      const wide = formula.firstElementChild?.getBoundingClientRect().width ?? 0;
      const box = formula.parentElement;
      const room = box.clientWidth - (box.querySelector(".eqno")?.offsetWidth ?? 0);
      if (wide > room && room > 0) {
        formula.dataset.size ??= formula.style.fontSize;
        const size = parseFloat(getComputedStyle(formula).fontSize);
        const part = Math.max(SMALLEST, 0.98 * room / wide);
        formula.style.setProperty("font-size", `${size * part}px`, "important");
      }
    }
  }
  function reach() {
    fit();
    for (const box of document.querySelectorAll(`.bd-article :is(${boxes})`)) {
      if (!drawn(box)) continue;
      const scrolls = box.scrollWidth > box.clientWidth + 1
        && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
      box.classList.toggle("is-scrolling", scrolls);
      if (scrolls && !box.hasAttribute("tabindex")) {
        box.tabIndex = 0;
        box.dataset.reached = "";
      } else if (!scrolls && "reached" in box.dataset) {
        box.removeAttribute("tabindex");
        delete box.dataset.reached;
      }
    }
  }
  let waiting = 0;
  function soon() {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(reach, 200);
  }
  document.addEventListener("DOMContentLoaded", () => {
    for (const one of document.querySelectorAll(".search-button-field, details > summary")) {
      if (one.textContent.trim()) {
        one.removeAttribute("aria-label"); // its text says more
      } else { // an arrow in the list of pages
        const page = one.closest("li")?.querySelector("a")?.textContent.trim() ?? "this page";
        one.setAttribute("aria-label", `pages under ${page}`);
      }
    }
    // References are no list of items to a reader by ear, as their links stand beside them.
    for (const one of document.querySelectorAll(".citation-list, .citation-list [role]")) {
      one.removeAttribute("role");
    }
    reach();
    // Formulas are drawn as they come into sight, and change what is wide.
    const article = document.querySelector(".bd-article");
    if (article) new ResizeObserver(soon).observe(article);
    window.addEventListener("scroll", soon, { passive: true });
  });
  // Paper is light.
  let theme;
  window.addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme;
  });
  window.addEventListener("load", async () => {
    if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
    reach();
  });
})();
