// Draws every chart box of the page from the Vega-Lite specification it holds, and again when the page turns dark.
// Beneath each: buttons that copy its command and save its data (CSV) and picture (SVG, PNG), all without a network.
(() => {
  const isDark = () => document.body.classList.contains("quarto-dark");

  const options = (dark) => ({
    ast: true, // expressions are interpreted, so no eval is needed
    renderer: "svg",
    actions: false, // our own buttons, which say what they do
    config: {
      mark: { aria: false }, // the chart as a whole is one image with one text, not a thousand unnamed marks
      // the theme colours axes and titles; texts inside a chart would stay black
      ...(dark ? { text: { color: "#e8e8e8" } } : {}),
    },
    ...(dark ? { theme: "dark" } : {}),
  });

  const specOf = (box) => JSON.parse(box.querySelector("script[type='application/json']").textContent);

  async function draw(box) {
    const dark = isDark();
    const mode = dark ? "dark" : "light";
    if (box.dataset.mode === mode) return;
    box.dataset.mode = mode;
    const canvas = box.querySelector(".canvas");
    try {
      box.finalize?.();
      const chosen = box.view ? params(box) : [];
      const result = await window.vegaEmbed(canvas, specOf(box), options(dark));
      box.finalize = result.finalize;
      box.view = result.view;
      for (const [name, value] of chosen) result.view.signal(name, value);
      if (chosen.length) await result.view.runAsync();
      const svg = canvas.querySelector("svg.marks");
      svg?.setAttribute("role", "img");
      svg?.setAttribute("aria-label", box.getAttribute("aria-label"));
      box.dataset.drawn = mode;
    } catch (error) {
      canvas.textContent = `This chart could not be drawn here (${error.message}). The same chart is in the study's figures folder.`;
    }
  }

  // what the reader has chosen, to be kept when the page turns dark
  const params = (box) =>
    (specOf(box).params ?? []).filter((p) => p.bind && p.bind !== "legend").map((p) => [p.name, box.view.signal(p.name)]);

  let drawing = Promise.resolve();
  const drawAll = () => {
    drawing = drawing.then(async () => {
      for (const box of document.querySelectorAll(".chart")) {
        await draw(box);
        await new Promise((next) => setTimeout(next)); // between two charts the page answers
      }
    });
  };

  // ---- data and pictures to save

  // The tables that the chart carries (helpers of one row or column left out), each row once; of a chart whose values
  // are computed here, the rows that are drawn now.
  function tables(box) {
    if (box.dataset.rows === "drawn") return [drawnRows(box.view.scenegraph().root)];
    const all = Object.values(specOf(box).datasets ?? {});
    const real = all.filter((rows) => rows.length > 1 && Object.keys(rows[0]).length > 1);
    return real.length ? real : all;
  }

  function drawnRows(item) {
    const own = item.marktype === "symbol" ? (item.items ?? []).map((mark) => ({ ...mark.datum })) : [];
    return own.concat(...(item.items ?? []).map(drawnRows));
  }

  function csv(box) {
    const rows = [...new Map(tables(box).flat().map((row) => [JSON.stringify(row), row])).values()];
    const columns = [...new Set(rows.flatMap(Object.keys))];
    const field = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((line) => line.map(field).join(",")).join("\n");
  }

  async function picture(box, kind) {
    const ground = isDark() ? "#1b1e21" : "#ffffff";
    box.view.background(ground);
    const url = await box.view.toImageURL(kind, 2);
    box.view.background("transparent");
    return url;
  }

  const WAYS = {
    CSV: (box) => URL.createObjectURL(new Blob([`${csv(box)}\n`], { type: "text/csv" })),
    SVG: (box) => picture(box, "svg"),
    PNG: (box) => picture(box, "png"),
  };

  async function save(box, kind) {
    const link = document.createElement("a");
    link.href = await WAYS[kind](box);
    link.download = `${box.dataset.chart}.${kind.toLowerCase()}`;
    link.click();
  }

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      document.execCommand("copy"); // where a page from disk may not use the clipboard otherwise
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  function button(text, label, act) {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: text });
    made.setAttribute("aria-label", label);
    made.setAttribute("aria-live", "polite");
    made.addEventListener("click", () => act(made));
    return made;
  }

  function equip(tools) {
    const box = document.querySelector(`.chart[data-chart="${tools.dataset.for}"]`);
    const name = tools.dataset.for.replaceAll("_", " ");
    const command = tools.querySelector("code");
    const copies = button("Copy", `Copy the command of figure ${name}`, (own) => copy(command.textContent, own));
    const saves = Object.keys(WAYS).map((kind) => button(kind, `Save ${kind === "CSV" ? "the data" : "the picture"} of figure ${name} as ${kind}`, () => save(box, kind)));
    command.after(copies);
    const group = document.createElement("span");
    group.className = "saves";
    group.append("Save: ", ...saves);
    tools.append(group);
  }

  // ---- folded blocks: open for print and where a link leads into them

  const folds = () => [...document.querySelectorAll("main details")];
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = folds().filter((block) => !block.open);
    for (const block of opened) block.open = true;
  });
  window.addEventListener("afterprint", () => { for (const block of opened) block.open = false; });

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let block = target.closest("details"); block; block = block.parentElement.closest("details")) block.open = true;
    target.scrollIntoView();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".tools").forEach(equip);
    drawAll();
    reveal();
    window.addEventListener("hashchange", reveal);
    // what scrolls sideways on a narrow screen does so by keyboard, too
    document.querySelectorAll('math[display="block"], pre').forEach((wide) => { wide.tabIndex = 0; });
    new MutationObserver(drawAll).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
