// For whoever reads with the keyboard or by ear.
(function () {
  "use strict";
  // What scrolls by itself has to be within reach of the keyboard; what scrolls depends on the window.
  const boxes = "pre, table, .math, mjx-container, .pst-scrollable-table-container, .output";
  function reach() {
    for (const box of document.querySelectorAll(`.bd-article :is(${boxes})`)) {
      const scrolls = box.scrollWidth > box.clientWidth + 1
        && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
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
  window.addEventListener("load", async () => {
    if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
    reach();
  });
})();
