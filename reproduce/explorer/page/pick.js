// A weight, two limits: who is left, who is on the frontier, and in which order.

let limits = { code: [], seconds: [] };
const duration = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);

function pickView() {
  const models = Object.values(profile().models);
  const sorted = (name) => unique(models.map((model) => model[name]).filter(known)).sort((a, b) => a - b);
  limits = { code: sorted("code"), seconds: sorted("seconds") };
  const last = (name) => Math.max(0, limits[name].length - 1);
  $("pick-controls").replaceChildren(
    slider("weight", "Weight:", 100, $("weight")?.value ?? 50, drawPick, (at) => `${at} % quality, ${100 - at} % smoothness`),
    slider("code", "Code of at most", last("code"), last("code"), drawPick, (at) => `${limits.code[at] ?? "–"} numbers`),
    slider("seconds", "Training of at most", last("seconds"), last("seconds"), drawPick, (at) => (known(limits.seconds[at]) ? duration(limits.seconds[at]) : "–")),
    checkbox("fitted", "PCA and mean image too", true, drawPick),
    checkbox("alive", "Without collapsed models", true, drawPick));
  drawPick();
}

/** Candidates with their score, best first: SSIM and −PIQ, each rescaled to [0, 1] over those that meet the limits. */
function ranked() {
  const models = profile().models;
  const within = (value, name) => !known(value) || value <= limits[name][Number($(name).value)];
  const found = Object.keys(models).map((slug) => ({ slug, ...models[slug], x: value(models, slug, "ssim"), y: value(models, slug, "piq") })).filter((it) =>
    known(it.x) && known(it.y) && within(it.code, "code") && within(it.seconds, "seconds")
    && ($("fitted").checked || !DATA.references.includes(it.slug)) && !($("alive").checked && (it.collapsed || it.slug === "mean-image")));
  const share = (values) => { const low = Math.min(...values), high = Math.max(...values); return (each) => (high > low ? (each - low) / (high - low) : 0.5); };
  const quality = share(found.map((it) => it.x)), rough = share(found.map((it) => it.y)), weight = Number($("weight").value) / 100;
  for (const it of found) {
    it.score = weight * quality(it.x) + (1 - weight) * (1 - rough(it.y));
    it.front = !found.some((other) => other.x >= it.x && other.y <= it.y && (other.x > it.x || other.y < it.y));
  }
  return found.sort((a, b) => b.score - a.score);
}

function drawPick() {
  const found = ranked(), scale = Number(MEASURES.piq.unit);
  const points = found.map((it) => ({ ...it, y: it.y / scale, told: `${label(it.slug)}: SSIM ${shown("ssim", it.x)}, PIQ ${shown("piq", it.y)}${it.front ? ", on the frontier" : ""}` }));
  const line = points.filter((it) => it.front).sort((a, b) => a.x - b.x);
  chart($("pick-plot"), points, { x: "SSIM, higher is better", y: `${title("piq")}, lower is better`, chosen: mark, line });
  $("pick-list").replaceChildren(table(`${found.length} models meet the limits`, ["#", "Model", "Score", "SSIM", title("piq"), "Code", "Training", "Digits"],
    found.map((it, at) => h("tr", { "data-slug": it.slug, class: it.front ? "best" : "" }, h("td", {}, String(at + 1)), h("th", { scope: "row" }, label(it.slug), it.front && h("span", { class: "star" }, " ★")),
      h("td", {}, it.score.toFixed(2)), h("td", {}, shown("ssim", it.x)), h("td", {}, shown("piq", it.y)), h("td", {}, known(it.code) ? String(it.code) : "–"),
      h("td", {}, known(it.seconds) ? duration(it.seconds) : "–"), h("td", {}, known(it.digits) ? `${Math.round(100 * it.digits)} %` : "–"))), "ranked"),
  h("p", { class: "note" }, "★ on the frontier. Digits: of the two frames in the middle of each path, the share that at least four of the five nearest training images call the same digit."));
}

function mark(slug) {
  for (const row of document.querySelectorAll("#pick-list tr[data-slug]")) row.classList.toggle("marked", row.dataset.slug === slug);
}
