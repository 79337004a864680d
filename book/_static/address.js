// A link into a page: formulas and fonts move the target after the browser has gone there. For two
// seconds, or until the reader moves, follow it.
(function () {
  "use strict";
  // Back and reload return to where the reader was.
  const fresh = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  if (!fresh || window.location.hash.length < 2) return;
  window.addEventListener("load", async () => {
    const target = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (!target) return;
    const follow = () => target.scrollIntoView({ behavior: "instant" });
    const watch = new ResizeObserver(follow);
    const stop = () => watch.disconnect();
    for (const event of ["wheel", "touchstart", "keydown", "mousedown"]) {
      window.addEventListener(event, stop, { once: true, passive: true });
    }
    watch.observe(document.body);
    if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
    await document.fonts.ready;
    window.setTimeout(stop, 2000);
  });
})();
