// Which view is shown: the part of the address behind "#".

const VIEWS = { claims: claimsView, scatter: scatterView, interpolate: interpolateView, compare: compareView, pick: pickView };
const drawn = new Map();  // view → the profile that it was last drawn for
let view = "";

function show() {
  const wanted = decodeURIComponent(location.hash.slice(1)), [name, id] = wanted.split("=");
  if (name === "main") return;
  view = id ? "claims" : VIEWS[name] ? name : "claims";
  for (const each of Object.keys(VIEWS)) $(`view-${each}`).hidden = each !== view;
  for (const link of document.querySelectorAll("nav a")) link.ariaCurrent = link.hash === `#${view}` ? "page" : null;
  draw();
  if (id) openClaim(id); else scrollTo(0, 0);
}

function draw() {
  const name = view === "claims" ? "any" : profile().name;  // claims show every profile at once
  if (drawn.get(view) !== name) VIEWS[view]();
  drawn.set(view, name);
  note();
}

function note() {
  const { name, purpose, seeds, missing } = profile();
  $("profile-note").hidden = view === "claims";
  $("profile-note").textContent = `Profile ${name}: ${purpose}. Seeds: ${seeds.join(", ") || "none"}.${missing.length ? ` Not finished: ${missing.join(", ")}.` : ""}`;
}

const stored = (value) => {
  try { return value === undefined ? localStorage.getItem("theme") || "" : localStorage.setItem("theme", value); } catch { return ""; }
};
$("theme").value = stored();
const dress = () => { document.documentElement.dataset.theme = $("theme").value; };
$("theme").addEventListener("change", () => { dress(); stored($("theme").value); });
dress();

$("profile").append(...DATA.profiles.map(({ name }) => option(name, name)));
$("profile").addEventListener("change", draw);
for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", show);
let width = innerWidth;
window.addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  if (view === "scatter") drawScatter();
  if (view === "pick") drawPick();
});
show();
