// Draws the chart in the page's width, and again when the reader's colour scheme or the width changes.
(() => {
  const spec = JSON.parse(document.getElementById("spec").textContent);
  const canvas = document.querySelector(".canvas");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let finalize = () => {};

  const sized = (part, width) => {
    if (part.width) part.width = width;
    for (const key of ["vconcat", "layer"]) (part[key] || []).forEach((inner) => sized(inner, width));
    return part;
  };

  async function draw() {
    const width = Math.max(220, Math.min(960, canvas.clientWidth - 92));
    finalize();
    const options = {
      ast: true, // expressions are interpreted, so the page needs no eval
      renderer: "svg",
      actions: { export: { svg: true, png: true }, source: false, editor: false, compiled: false },
      ...(dark.matches ? { theme: "dark", config: { text: { color: "#e8e8e8" }, background: "transparent" } } : {}),
    };
    const drawn = sized(JSON.parse(JSON.stringify(spec)), width);
    if (width < 420) narrow(drawn);
    try {
      finalize = (await window.vegaEmbed(canvas, drawn, options)).finalize;
      canvas.dataset.drawn = dark.matches ? "dark" : "light";
    } catch (error) {
      canvas.textContent = `The chart could not be drawn here (${error.message}).`;
    }
  }

  // on a phone the legend takes one column less, and labels of changes are left out
  function narrow(part) {
    (part.vconcat || []).forEach(narrow);
    if (part.layer) part.layer = part.layer.filter((layer) => (layer.mark.type || layer.mark) !== "text");
    (part.layer || []).forEach(({ encoding }) => {
      for (const channel of Object.values(encoding || {})) if (channel.legend) channel.legend.columns = 2;
    });
  }

  let last = 0;
  let timer;
  new ResizeObserver(() => {
    if (Math.abs(canvas.clientWidth - last) < 12) return;
    clearTimeout(timer);
    if (last) timer = setTimeout(draw, 60);
    else draw(); // at once, so that a page that is printed or photographed as it loads has its chart
    last = canvas.clientWidth;
  }).observe(canvas);
  dark.addEventListener("change", draw);
})();
