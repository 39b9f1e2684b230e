// The ten claims, then every statement: filters, and a link for each.

const VERDICTS = DATA.verdicts || { ten: [], statements: [] };
const FILTERS = [
  ["section", "Section", (it) => [it.section]],
  ["model", "Model", (it) => it.models],
  ["verdict", "Verdict", (it) => [it.verdict || "about the text"]],
  ["within", "In the paper", (it) => [it.within_paper]],
  ["grade", "Grade", (it) => [it.grade]],
  ["firm", "Firmness", (it) => [it.verdict && (it.firm ? "firm" : "not firm")]],
];
const searched = new Map();

function claimsView() {
  $("no-verdicts").hidden = Boolean(DATA.verdicts);
  $("verdicts").hidden = !DATA.verdicts;
  if (!DATA.verdicts) return;
  $("ten").replaceChildren(ten());
  $("filters").replaceChildren(
    h("label", { class: "search" }, h("span", {}, "Search"), h("input", { id: "words", type: "search", oninput: filter, placeholder: "words, e.g. VQ-VAE t-test" })),
    ...FILTERS.map(([id, text, of]) => {
      const values = unique(VERDICTS.statements.flatMap(of)).filter(Boolean);
      const names = id === "model" ? Object.keys(DATA.labels).filter((slug) => values.includes(slug)) : values;
      if (id === "grade") names.sort();
      return chooser(`by-${id}`, text, [["", "all"], ...names.map((name) => [name, id === "model" ? label(name) : name])], filter, "");
    }),
    checkbox("important", "Only what carries the paper", false, filter),
    h("button", { type: "reset" }, "Clear"));
  $("filters").addEventListener("reset", () => setTimeout(filter));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("statements").replaceChildren(...VERDICTS.statements.map(statement));
  filter();
}

function ten() {
  const profiles = unique(VERDICTS.ten.flatMap((claim) => Object.keys(claim.verdicts)));
  const head = ["#", "Claim", "Where", "In the paper", ...profiles.map((name) => `Ours: ${name}`)];
  const judged = (found) => (found?.verdict ? [badge(found.verdict), h("p", { class: "small" }, standing(found)), h("p", { class: "small" }, found.evidence)] : "–");
  return table("The ten claims", head, VERDICTS.ten.map((claim) => h("tr", {},
    h("td", {}, String(claim.number)),
    h("th", { scope: "row" }, h("a", { href: `#claim=${claim.id}` }, claim.claim)),
    // the column's name beside each cell, for the narrow layout
    [where([claim.place]), badge(claim.consistent), ...profiles.map((name) => judged(claim.verdicts[name]))].map((cell, at) => h("td", { "data-label": head[at + 2] }, cell)))), "ten");
}

/** Section and where in it, each place once; the abstract has no sections. */
const where = (places) => unique(places.map((place) => place.replace(/^Abstract, .*/, "Abstract"))).join("; ");

/** How sure a verdict is, in words. */
function standing({ grade, looks, firm }) {
  return [grade && `grade ${grade}`, looks, firm ? "firm" : "not firm"].filter(Boolean).join(" · ");
}

function statement(it) {
  const judged = it.about !== "text";
  const rows = [
    ["Where", where(it.places)],
    ["Printed", it.printed.filter(Boolean).join("; ")],
    ["In the paper", [badge(it.within_paper), " ", it.recomputed]],
    judged && ["In our results", [badge(it.verdict), " ", it.reason]],
    judged && ["How sure", standing(it)],
    judged && ["Evidence", it.evidence],
    it.models.length && ["Models", it.models.map(label).join(", ")],
    it.command && ["Check it", h("code", {}, it.command)],
    ["Link", h("a", { href: `#claim=${it.id}` }, `#claim=${it.id}`)],
  ].filter((row) => row && row[1] !== "");
  searched.set(it.id, [it.id, it.wording, it.reason, it.evidence, it.recomputed, ...it.printed, ...it.places, ...it.models.map(label)].join(" ").toLowerCase());
  return h("details", { class: "statement", "data-id": it.id },
    h("summary", {},
      h("span", { class: "wording" }, h("span", {}, it.wording), it.printed.some(Boolean) && h("q", {}, it.printed.find(Boolean))),
      h("span", { class: "id" }, it.id),
      h("span", { class: "verdict" }, judged ? badge(it.verdict) : badge(it.within_paper))),
    h("dl", {}, rows.map(([term, text]) => [h("dt", {}, term), h("dd", {}, text)])));
}

function filter() {
  const words = $("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = FILTERS.map(([id, , of]) => [$(`by-${id}`).value, of]).filter(([value]) => value);
  const nodes = $("statements").children;
  let count = 0;
  VERDICTS.statements.forEach((it, index) => {
    const fits = words.every((word) => searched.get(it.id).includes(word)) && chosen.every(([value, of]) => of(it).includes(value))
      && (it.important || !$("important").checked);
    nodes[index].hidden = !fits;
    count += fits;
  });
  $("shown").textContent = `${count} of ${VERDICTS.statements.length} statements`;
}

/** Open one statement, whatever the filters say. */
function openClaim(id) {
  const node = [...$("statements").children].find((each) => each.dataset.id === id);
  if (!node) {
    $("shown").textContent = `There is no statement “${id}”.`;
    return;
  }
  if (node.hidden) { $("filters").reset(); }
  node.hidden = false;
  node.open = true;
  requestAnimationFrame(() => { node.scrollIntoView({ block: "center" }); node.querySelector("summary").focus({ preventScroll: true }); });
}
