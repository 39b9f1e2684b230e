"use strict";
// Helpers that all views share. Text of the data is only ever put in as text, never as HTML.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MEASURES = Object.fromEntries(DATA.measures.map((measure) => [measure.id, measure]));
const SYMBOLS = {
  "reproduced": "✓", "consistent": "✓", "direction only": "≈", "not reproduced": "✗", "inconsistent": "✗",
  "defined differently": "≠", "undecided": "?", "not judged": "–", "not checkable": "–",
};

const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child != null && child !== false));
  return node;
}
const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const label = (slug) => DATA.labels[slug] || slug;
const unique = (values) => [...new Set(values)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const known = (value) => value != null && Number.isFinite(value);

function profile() {
  return DATA.profiles.find((each) => each.name === $("profile").value);
}

/** A number in the units of the paper's tables. */
function shown(id, value, digits = 3) {
  if (!known(value)) return "–";
  const scaled = value / Number(MEASURES[id].unit);
  return Math.abs(scaled) < 0.0005 && scaled !== 0 ? "< 0.001" : scaled.toFixed(Math.abs(scaled) >= 10 ? Math.min(digits, 2) : digits);
}
function title(id) {
  const { name, unit } = MEASURES[id];
  return unit === "1" ? name : `${name} × ${unit === "1e-3" ? "10³" : "10"}`;
}

/** The mean over a model's seeds, or one seed's; undefined where there is none. */
function value(models, slug, id, seed = "mean", epoch = "final") {
  const runs = Object.entries(models[slug]?.runs || {}).filter(([own]) => seed === "mean" || own === seed);
  const found = runs.map(([, at]) => at[epoch]?.[id]).filter(known);
  return found.length ? mean(found) : undefined;
}

/** Pearson's r of [x, y] pairs. */
function pearson(points) {
  if (points.length < 3) return NaN;
  const mx = mean(points.map((p) => p[0])), my = mean(points.map((p) => p[1]));
  const sum = (f) => points.reduce((total, [x, y]) => total + f(x - mx, y - my), 0);
  return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
}

// Pictures: one sheet a model, of which a tile shows one image.
const addresses = new Map();
function address(sprite) {
  if (!addresses.has(sprite)) {
    const bytes = Uint8Array.from(atob(sprite.png), (character) => character.charCodeAt(0));
    addresses.set(sprite, URL.createObjectURL(new Blob([bytes], { type: "image/png" })));
  }
  return addresses.get(sprite);
}
function move(node, sprite, column, row) {
  const share = (at, of) => (of > 1 ? `${(100 * at) / (of - 1)}%` : "0");
  node.style.backgroundPosition = `${share(column, sprite.columns)} ${share(row, sprite.rows)}`;
}
function tile(sprite, column, row, what) {
  const node = h("span", { class: "tile", role: "img", "aria-label": what });
  if (!sprite) return node;
  node.style.backgroundImage = `url("${address(sprite)}")`;
  node.style.backgroundSize = `${100 * sprite.columns}% ${100 * sprite.rows}%`;
  move(node, sprite, column, row);
  return node;
}

// Controls
const option = (value, text, selected) => h("option", { value, selected }, text);
function chooser(id, text, options, onchange, chosen) {
  const select = h("select", { id, onchange }, options.map(([value, name]) => option(value, name, value === chosen)));
  return h("label", {}, h("span", {}, text), select);
}
function slider(id, text, max, start, oninput, told) {
  const out = h("output", { for: id });
  const input = h("input", { id, type: "range", min: 0, max, value: start, step: 1 });
  const say = () => { out.textContent = told(Number(input.value)); input.setAttribute("aria-valuetext", out.textContent); };
  input.addEventListener("input", () => { say(); oninput(); });
  say();
  return h("label", { class: "slider", for: id }, h("span", {}, text, " ", out), input);
}
const checkbox = (id, text, checked, onchange) =>
  h("label", { class: "check" }, h("input", { id, type: "checkbox", checked, onchange }), text);

function badge(word) {
  return word ? h("span", { class: "badge", "data-word": word }, `${SYMBOLS[word] || "·"} ${word}`) : null;
}
function table(caption, head, rows, name = "") {
  return h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption }, h("table", { class: name },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows)));
}
