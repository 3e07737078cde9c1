// Draws every chart box of the page from the Vega-Lite specification it holds, for the width that it has, and again when
// the page turns dark or its width changes. In the menu beneath each: buttons that copy its command and save its data (CSV) and picture (SVG, PNG), all without a network.
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

  // ---- as wide as the screen: panels beneath one another, and narrower

  const STACKED = 0.72; // below this share of its own width a chart's panels go beneath one another
  const LETTER = 7.2; // pixels of one letter of a title, on average

  const wrap = (lines, letters) => [lines].flat().flatMap((line) => {
    const out = [""];
    for (const word of String(line).split(" ")) {
      if (out.at(-1) && `${out.at(-1)} ${word}`.length > letters) out.push(word);
      else out[out.length - 1] += (out.at(-1) ? " " : "") + word;
    }
    return out;
  });

  // A heading of a panel, in lines that fit; a text that is computed (an expression) stays.
  const headed = (title, room) => {
    const text = typeof title === "object" && title !== null && !Array.isArray(title) ? title.text : title;
    if (typeof text !== "string" && !Array.isArray(text)) return text ? { ...title, limit: room } : title;
    const lines = wrap([text].flat().join(" "), Math.floor((room * 0.9) / LETTER));
    return text === title ? lines : { ...title, text: lines };
  };

  // Widths times `scale`; what is placed by pixels across moves along with them. With `stack`, the room in pixels, panels
  // go beneath one another, and what has words keeps to that room: legends, headings, names of rows.
  function narrowed(spec, scale, stack) {
    if (Array.isArray(spec)) return spec.map((part) => narrowed(part, scale, stack));
    if (spec === null || typeof spec !== "object") return spec;
    const out = {};
    for (const [key, value] of Object.entries(spec)) {
      if (["datasets", "data", "params", "transform", "config"].includes(key)) out[key] = value;
      else if (key === "width" && typeof value === "number") out[key] = Math.max(40, Math.round(value * scale));
      else if (["x", "x2"].includes(key) && typeof value?.value === "number") out[key] = { ...value, value: value.value * scale };
      else if (key === "hconcat" && stack) out.vconcat = narrowed(value, scale, stack);
      else if (key === "columns" && stack) out[key] = 1;
      else if (key === "labelOverlap" && value === false) out[key] = "greedy"; // names of milestones made room for wide
      else if (key === "legend" && value && stack) out[key] = { ...value, columns: 1, orient: "bottom", labelLimit: stack * 0.6, titleLimit: stack * 0.75, ...(value.gradientLength ? { gradientLength: stack * 0.5 } : {}) };
      else if (key === "axis" && value && stack) out[key] = { ...narrowed(value, scale, stack), ...(spec.type === "quantitative" ? {} : { labelLimit: stack * 0.4 }) };
      else if (key === "title" && value && stack) out[key] = headed(value, stack * 0.75);
      else if (key === "mark" && value.type === "text" && stack) out[key] = { ...value, limit: stack * 0.75 };
      else out[key] = narrowed(value, scale, stack);
    }
    return out;
  }

  function titled(spec, width) {
    const { title } = spec;
    if (!title?.text) return spec;
    const letters = Math.floor(width / LETTER);
    const text = wrap([title.text].flat().join(" "), Math.floor(letters * 0.78)); // larger letters
    return { ...spec, title: { ...title, text, subtitle: wrap(title.subtitle ?? [], letters) } };
  }

  // Legends below the chart and beneath one another.
  const column = { orient: "bottom", layout: { bottom: { direction: "vertical", anchor: "start" } } };
  const below = (spec, stack) => (stack ? { ...spec, config: { ...spec.config, legend: { ...spec.config?.legend, ...column } } } : spec);

  const widthOf = (canvas) => canvas.querySelector("svg.marks")?.viewBox.baseVal.width ?? 0;

  // Draws, looks how wide it has become, and draws narrower until it fits; what then is too wide still is scaled by CSS.
  async function fitted(box, canvas, dark) {
    const spec = specOf(box);
    const room = canvas.clientWidth;
    let result = await window.vegaEmbed(canvas, spec, options(dark));
    const natural = widthOf(canvas);
    if (!room || natural <= room + 1) return result;
    const stack = room / natural < STACKED ? room : 0;
    let scale = stack ? 1 : room / natural;
    let before = { scale: 0, width: 90 }; // axes and the like, which do not shrink: a guess, until two widths are known
    for (let tries = 0; tries < 6; tries += 1) {
      result.finalize();
      result = await window.vegaEmbed(canvas, titled(below(narrowed(spec, scale, stack), stack), room), options(dark));
      const now = { scale, width: widthOf(canvas) };
      const slope = (now.width - before.width) / (now.scale - before.scale || 1);
      if (now.width <= room + 1 || slope <= 0) break;
      scale = Math.max(0.25, now.scale - (now.width - room + 1) / slope);
      before = now;
    }
    return result;
  }

  async function draw(box) {
    const dark = isDark();
    const mode = dark ? "dark" : "light";
    const canvas = box.querySelector(".canvas");
    // what is folded has no width: it is drawn as wide as it is made, and again when it is unfolded
    const width = canvas.clientWidth || box.dataset.width || 0;
    if (box.dataset.mode === mode && box.dataset.width === String(width)) return;
    Object.assign(box.dataset, { mode, width });
    try {
      box.finalize?.();
      const chosen = box.view ? params(box) : [];
      const result = await fitted(box, canvas, dark);
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
      const boxes = [...document.querySelectorAll(".chart")];
      const seen = boxes.filter((box) => box.offsetParent);
      for (const box of new Set([...seen, ...boxes])) {
        await draw(box);
        await new Promise((next) => setTimeout(next)); // between two charts the page answers
      }
    });
  };

  // ---- data and pictures to save

  // The tables that the chart carries, each by itself: rows of equal columns, each row once, the longest table first.
  // Helpers of one row or column are left out. Of a chart whose values are computed here: the rows that are drawn now.
  function tables(box) {
    if (box.dataset.rows === "drawn") return [box.view ? drawnRows(box.view.scenegraph().root) : []];
    const all = Object.values(specOf(box).datasets ?? {}).filter((rows) => rows.length);
    const real = all.filter((rows) => rows.length > 1 && Object.keys(rows[0]).length > 1);
    const found = new Map();
    for (const row of (real.length ? real : all).flat()) {
      const columns = Object.keys(row).sort().join();
      if (!found.has(columns)) found.set(columns, new Map());
      found.get(columns).set(JSON.stringify(row), row);
    }
    return [...found.values()].map((rows) => [...rows.values()]).sort((a, b) => b.length - a.length);
  }

  function drawnRows(item) {
    const own = item.marktype === "symbol" ? (item.items ?? []).map((mark) => ({ ...mark.datum })) : [];
    return own.concat(...(item.items ?? []).map(drawnRows));
  }

  function csv(rows) {
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

  function download(href, name) {
    const link = document.createElement("a");
    Object.assign(link, { href, download: name });
    link.click();
  }

  const saveTable = (box, i) => {
    const file = new Blob([`${csv(tables(box)[i])}\n`], { type: "text/csv" });
    download(URL.createObjectURL(file), `${box.dataset.chart}${i ? `-${i + 1}` : ""}.csv`);
  };
  const savePicture = async (box, kind) => download(await picture(box, kind), `${box.dataset.chart}.${kind}`);

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

  const MOST = 3; // tables of a figure that have a button

  function equip(tools) {
    const box = document.querySelector(`.chart[data-chart="${tools.dataset.for}"]`);
    const name = tools.dataset.for.replaceAll("_", " ");
    const command = tools.querySelector("code");
    const copies = button("Copy", `Copy the command of figure ${name}`, (own) => copy(command.textContent, own));
    const data = tables(box).map((_, i) => {
      const which = i ? ` ${i + 1}` : "";
      return button(`CSV${which}`, `Save the data${which} of figure ${name} as CSV`, () => saveTable(box, i));
    });
    const pictures = ["svg", "png"].map((kind) => {
      const label = kind.toUpperCase();
      return button(label, `Save the picture of figure ${name} as ${label}`, () => savePicture(box, kind));
    });
    const group = document.createElement("p");
    group.className = "saves";
    group.append("Save: ", ...data.slice(0, MOST), ...pictures);
    tools.append(group);
    command.after(copies);
  }

  // ---- folded blocks: open for print and where a link leads into them

  const folds = () => [...document.querySelectorAll("main details:not(.tools)")];
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

  // Quarto's switch of themes is an icon without a name
  function nameToggle() {
    for (const toggle of document.querySelectorAll(".quarto-color-scheme-toggle")) {
      toggle.setAttribute("aria-label", "Light or dark theme");
      toggle.setAttribute("role", "button");
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameToggle();
    document.querySelectorAll(".tools").forEach(equip);
    drawAll();
    reveal();
    window.addEventListener("hashchange", reveal);
    // what scrolls sideways on a narrow screen does so by keyboard, too
    document.querySelectorAll('math[display="block"], pre').forEach((wide) => { wide.tabIndex = 0; });
    // what was folded is drawn once more when it is opened, for its width is known only then
    for (const block of folds()) block.addEventListener("toggle", drawAll);
    let resized;
    window.addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(drawAll, 200); });
    new MutationObserver(drawAll).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
