// Two measures against each other, and what Pearson's r becomes without some models.

const leftOut = new Set();
let pointedAt = null;

function scatterView() {
  const now = profile();
  const before = (id, other) => $(id)?.value ?? other;
  const measures = DATA.measures.map(({ id, name }) => [id, name]);
  const kept = { x: before("x", "ssim"), y: before("y", "piq"), seed: before("seed", "mean"), epoch: before("epoch", "final") };
  const seeds = now.seeds.map((seed) => [String(seed), String(seed)]);
  if (seeds.length !== 1) seeds.unshift(["mean", `mean of ${seeds.length}`]);
  const epochs = [["final", "the weights kept"], ...now.epochs.map((epoch) => [String(epoch), `after epoch ${epoch}`])];
  $("scatter-controls").replaceChildren(
    chooser("x", "Across", measures, drawScatter, kept.x), chooser("y", "Up", measures, drawScatter, kept.y),
    chooser("seed", "Seed", seeds, drawScatter, kept.seed), chooser("epoch", "Weights", epochs, drawScatter, kept.epoch));
  $("scatter-models").replaceChildren(...Object.keys(DATA.paper).map((slug) => checkbox(`counts-${slug}`, label(slug), !leftOut.has(slug), (event) => leave(slug, !event.target.checked))),
    h("button", { type: "button", onclick: () => { leftOut.clear(); scatterView(); } }, "Count all"));
  drawScatter();
}

function leave(slug, out) {
  leftOut[out ? "add" : "delete"](slug);
  $(`counts-${slug}`).checked = !out;
  drawScatter();
}

/** Slug → [x, y] unscaled: the paper's, and ours. */
function coordinates() {
  const models = profile().models, ids = [$("x").value, $("y").value];
  const theirs = {}, ours = {};
  for (const slug of Object.keys(DATA.paper)) {
    theirs[slug] = ids.map((id) => DATA.paper[slug][MEASURES[id].paper]);
    const found = ids.map((id) => value(models, slug, id, $("seed").value, $("epoch").value));
    if (found.every(known)) ours[slug] = found;
  }
  return { theirs, ours, ids };
}

function drawScatter() {
  const { theirs, ours, ids } = coordinates();
  const scaled = (point, axis) => (point ? point[axis] / Number(MEASURES[ids[axis]].unit) : undefined);
  const points = Object.keys(theirs).map((slug) => ({
    slug, out: leftOut.has(slug),
    x: scaled(ours[slug], 0), y: scaled(ours[slug], 1), px: scaled(theirs[slug], 0), py: scaled(theirs[slug], 1),
    told: `${label(slug)}: paper ${ids.map((id, i) => `${MEASURES[id].name} ${shown(id, theirs[slug][i])}`).join(", ")}; ours ${ours[slug] ? ids.map((id, i) => shown(id, ours[slug][i])).join(", ") : "not run"}`,
  }));
  const words = ids.map((id) => `${title(id)}, ${MEASURES[id].lower ? "lower" : "higher"} is better`);
  chart($("scatter-plot"), points, { x: words[0], y: words[1], chosen: showModel });
  showModel(pointedAt || Object.keys(ours)[0] || Object.keys(theirs)[0], true);
  const r = (which, all) => pearson(Object.keys(which).filter((slug) => all || !leftOut.has(slug)).map((slug) => which[slug]));
  const say = (number) => (known(number) ? number.toFixed(3).replace("-", "−") : "–");
  const count = (which) => Object.keys(which).filter((slug) => !leftOut.has(slug)).length;
  $("correlation").replaceChildren(table(`${MEASURES[ids[0]].name} and ${MEASURES[ids[1]].name}`, ["", "all models", "models that count", "change", "n"],
    [["The paper’s tables", theirs, "theirs"], ["Ours", ours, "ours"]].map(([name, which, id]) => {
      const [before, now] = [r(which, true), r(which, false)];
      return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, say(before)),
        h("td", { id: `r-${id}`, "data-r": now }, h("strong", {}, say(now))), h("td", {}, say(now - before)), h("td", {}, String(count(which))));
    })));
}

/** The panel: numbers and digits of one model. */
function showModel(slug, again = false) {
  if (!slug || (slug === pointedAt && !again)) return;
  pointedAt = slug;
  const now = profile(), pictures = now.pictures[slug], originals = now.pictures.originals;
  const ten = [...Array(10).keys()].map((digit) => now.labels.indexOf(digit)).filter((at) => at >= 0);
  const strip = (sprite, cells, what) => h("div", { class: "strip" }, cells.map(([column, row]) => tile(sprite, column, row, what)));
  const cells = ten.map((at) => [at % 10, Math.floor(at / 10)]);
  const pair = changing(now), frames = [...Array(10).keys()].map((at) => [at, pair]);
  const out = leftOut.has(slug);
  const ids = unique([$("x").value, $("y").value]);
  $("scatter-model").replaceChildren(
    h("h3", {}, label(slug)),
    table(label(slug), ["", "paper", "ours"], ids.map((id) => h("tr", {}, h("th", { scope: "row" }, title(id)), h("td", {}, shown(id, DATA.paper[slug][MEASURES[id].paper])),
      h("td", {}, shown(id, value(now.models, slug, id, $("seed").value, $("epoch").value))))), "quiet"),
    ...(pictures ? [h("p", { class: "small" }, "Originals, and what the model makes of them"), strip(originals.images, cells, "original"), strip(pictures.images, cells, "reconstruction"),
      h("p", { class: "small" }, `From ${now.pairs[pair].join(" to ")}`), strip(pictures.frames, frames, "interpolation")] : [h("p", { class: "note" }, "No pictures of this model in this page.")]),
    h("button", { type: "button", onclick: () => { leave(slug, !out); $("scatter-model").querySelector("button").focus(); } }, out ? `Count ${label(slug)} again` : `Leave ${label(slug)} out`));
}
