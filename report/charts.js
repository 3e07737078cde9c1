// Draws every chart box of the page from the Vega-Lite specification it holds, and again when the page turns dark.
(() => {
  const isDark = () => document.body.classList.contains("quarto-dark");

  const options = (dark) => ({
    ast: true, // expressions are interpreted, so no eval is needed
    renderer: "svg",
    actions: { export: { svg: true, png: true }, source: false, editor: false, compiled: false },
    config: {
      mark: { aria: false }, // the chart as a whole is one image with one text, not a thousand unnamed marks
      // the theme colours axes and titles; texts inside a chart would stay black
      ...(dark ? { text: { color: "#e8e8e8" } } : {}),
    },
    ...(dark ? { theme: "dark" } : {}),
  });

  async function draw(box) {
    const dark = isDark();
    const mode = dark ? "dark" : "light";
    if (box.dataset.mode === mode) return;
    box.dataset.mode = mode;
    const canvas = box.querySelector(".canvas");
    try {
      const spec = JSON.parse(box.querySelector("script[type='application/json']").textContent);
      box.finalize?.();
      const result = await window.vegaEmbed(canvas, spec, options(dark));
      box.finalize = result.finalize;
      const svg = canvas.querySelector("svg.marks");
      svg?.setAttribute("role", "img");
      svg?.setAttribute("aria-label", box.getAttribute("aria-label"));
      canvas.querySelector("summary")?.setAttribute("aria-label", "Save this chart as SVG or PNG");
      box.dataset.drawn = mode;
    } catch (error) {
      canvas.textContent = `This chart could not be drawn here (${error.message}). The same chart is in the study's figures folder.`;
    }
  }

  const drawAll = () => document.querySelectorAll(".chart").forEach(draw);

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    // what scrolls sideways on a narrow screen does so by keyboard, too
    document.querySelectorAll('math[display="block"], pre').forEach((wide) => { wide.tabIndex = 0; });
    new MutationObserver(drawAll).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
