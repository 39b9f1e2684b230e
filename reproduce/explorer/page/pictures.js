// Interpolate and Compare: the sample images of each model's first seed.

const withPictures = (now) => Object.keys(now.models).filter((slug) => now.pictures[slug]);
/** The first pair of two different digits. */
const changing = (now) => Math.max(0, now.pairs.findIndex(([first, second]) => first !== second));
let cards = [];

function interpolateView() {
  const now = profile();
  const pairs = now.pairs.map(([first, second], at) => [String(at), `${first} to ${second} (pair ${at + 1})`]);
  $("interpolate-controls").replaceChildren(
    chooser("pair", "Pair", pairs, layCards, $("pair")?.value ?? String(changing(now))),
    chooser("order", "Order", [["table", "Table I"], ["piq", "PIQ of this pair, smoothest first"]], layCards, $("order")?.value ?? "table"),
    slider("frame", "Frame", 9, $("frame")?.value ?? 4, moveFrames, (at) => `${at + 1} of 10`));
  layCards();
}

function layCards() {
  const now = profile(), pair = Number($("pair").value);
  const slugs = withPictures(now);
  if (!slugs.length) return $("interpolate-grid").replaceChildren(h("p", { class: "notice" }, "No pictures of this profile in this page."));
  if ($("order").value === "piq") slugs.sort((a, b) => now.models[a].piqs[pair] - now.models[b].piqs[pair]);
  const ends = [0, 1].map((end) => tile(now.pictures.originals.frames, end, pair, "original"));
  const fade = [0, 1].map((end) => tile(now.pictures.originals.frames, end, pair, "cross-fade"));
  cards = slugs.map((slug) => {
    const sprite = now.pictures[slug].frames, picture = tile(sprite, 0, pair, `${label(slug)}, frame`), reads = h("span", { class: "small" });
    return { slug, sprite, picture, reads, node: h("figure", { "data-slug": slug }, picture, h("figcaption", {}, h("strong", {}, label(slug)),
      h("span", {}, `PIQ ${shown("piq", now.models[slug].piqs[pair])}`), reads)) };
  });
  $("interpolate-grid").replaceChildren(
    h("figure", { class: "reference" }, h("div", { class: "two" }, ends), h("figcaption", {}, h("strong", {}, "Originals"), h("span", {}, "both ends"))),
    h("figure", { class: "reference", id: "fade" }, h("div", { class: "over" }, fade), h("figcaption", {}, h("strong", {}, "Cross-fade"), h("span", {}, "of the originals"))),
    ...cards.map(({ node }) => node));
  moveFrames();
}

function moveFrames() {
  const now = profile(), pair = Number($("pair").value), at = Number($("frame").value);
  const over = document.querySelector("#fade .over");
  if (!over) return;
  over.lastChild.style.opacity = at / 9;
  for (const { slug, sprite, picture, reads } of cards) {
    move(picture, sprite, at, pair);
    const model = now.models[slug];
    reads.textContent = `read as ${model.reads[pair][at]} by ${model.sure[pair][at]} of 5`;
  }
}

function compareView() {
  const now = profile(), slugs = withPictures(now);
  $("compare-worst").replaceChildren();
  if (!slugs.length) {
    $("compare-controls").replaceChildren();
    return $("compare-grid").replaceChildren(h("p", { class: "notice" }, "No pictures of this profile in this page."));
  }
  const names = slugs.map((slug) => [slug, label(slug)]);
  const chosen = (id, other) => (slugs.includes($(id)?.value) ? $(id).value : slugs.includes(other) ? other : slugs[0]);
  $("compare-controls").replaceChildren(
    chooser("one", "First model", names, drawCompare, chosen("one", "ae")), chooser("two", "Second model", names, drawCompare, chosen("two", "vae")),
    chooser("digit", "Digit", [["", "all"], ...[...Array(10).keys()].map((digit) => [String(digit), String(digit)])], drawCompare, $("digit")?.value ?? ""),
    chooser("by", "Order", [["", "as in the test set"], ["one", "first model ahead by most"], ["two", "second model ahead by most"]], drawCompare, $("by")?.value ?? ""));
  drawCompare();
}

function drawCompare() {
  const now = profile(), pair = [$("one").value, $("two").value], by = $("by").value;
  const [one, two] = pair.map((slug) => now.models[slug].ssims);
  let images = now.labels.map((_, at) => at).filter((at) => !$("digit").value || now.labels[at] === Number($("digit").value));
  const ahead = images.filter((at) => one[at] > two[at]).length;
  if (by) images = [...images].sort((a, b) => (by === "one" ? 1 : -1) * (one[b] - two[b] - one[a] + two[a]));
  $("compare-note").textContent = pair[0] === pair[1] ? `${images.length} images.` : `${label(pair[0])} has the higher SSIM on ${ahead} of ${images.length} images.`;
  $("compare-grid").replaceChildren(...images.map((at) => {
    const place = [at % 10, Math.floor(at / 10)];
    return h("figure", { class: "triple" },
      h("div", {}, tile(now.pictures.originals.images, ...place, `original ${now.labels[at]}`), h("span", { class: "small" }, "original")),
      pair.map((slug) => h("div", {}, tile(now.pictures[slug].images, ...place, `${label(slug)} of a ${now.labels[at]}`),
        h("span", { class: "small" }, label(slug)), h("span", { class: "small" }, now.models[slug].ssims[at].toFixed(3)))));
  }));
  $("compare-worst").replaceChildren(...unique(pair).map((slug) => {
    const sprite = now.pictures[slug].worst, columns = [...Array(sprite.columns).keys()];
    return h("div", { class: "worst" }, h("h4", {}, label(slug)),
      [["original", 0], ["model", 1]].map(([name, row]) => h("div", { class: "strip" }, h("span", { class: "small" }, name), columns.map((column) => tile(sprite, column, row, `${name} ${column + 1}`)))));
  }));
}
