// A scatter that the keyboard reaches: one group a model, of which Tab finds one and the arrow keys the others.

function ticks(low, high, about) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found.map((each) => [each, each.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))]);
}
function axis(values, start, end) {
  const low = Math.min(...values), high = Math.max(...values), margin = 0.06 * (high - low) || Math.abs(high) || 1;
  const from = low - margin, to = high + margin;
  return { place: (each) => start + ((end - start) * (each - from)) / (to - from), from, to };
}

/** The first place around a point where its name meets no other name or point; none if all do. */
function room(x, y, width, taken, bounds) {
  const gap = 9, half = 7;
  const places = [[gap, 0], [-gap - width, 0], [-width / 2, -15], [-width / 2, 15], [gap, -12], [gap, 12], [-gap - width, -12], [-gap - width, 12]];
  for (const [dx, dy] of places) {
    const box = [x + dx, y + dy - half, x + dx + width, y + dy + half];
    const inside = box[0] > bounds[0] && box[2] < bounds[2] && box[1] > bounds[1] && box[3] < bounds[3];
    if (inside && !taken.some((own) => own[0] < box[2] && box[0] < own[2] && own[1] < box[3] && box[1] < own[3])) return box;
  }
  return null;
}

/** points: {slug, x, y (ours), px, py (the paper's), out, told, front}, in shown units; either pair may be missing.
    chosen(slug) is called for the model that is pointed at or has the focus. */
function chart(host, points, { x, y, chosen, line = [] }) {
  const focused = host.contains(document.activeElement) ? document.activeElement.dataset.slug : null;
  const width = Math.max(280, host.clientWidth), height = Math.max(320, Math.min(640, Math.round(0.68 * width)));
  const all = points.flatMap((p) => [[p.x, p.y], [p.px, p.py]]).filter(([a, b]) => known(a) && known(b));
  if (!all.length) return host.replaceChildren(h("p", { class: "notice" }, "Nothing to show for this choice."));
  const left = 62, right = width - 14, top = 14, bottom = height - 52;
  const across = axis(all.map((p) => p[0]), left, right), up = axis(all.map((p) => p[1]), bottom, top);
  const drawing = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${y} against ${x}` },
    s("defs", {}, s("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, s("path", { d: "M0 0L8 4L0 8z" }))),
    ticks(across.from, across.to, width / 90).map(([at, text]) => [
      s("line", { class: "rule", x1: across.place(at), x2: across.place(at), y1: top, y2: bottom }),
      s("text", { class: "tick", x: across.place(at), y: bottom + 18, "text-anchor": "middle" }, text)]),
    ticks(up.from, up.to, height / 60).map(([at, text]) => [
      s("line", { class: "rule", x1: left, x2: right, y1: up.place(at), y2: up.place(at) }),
      s("text", { class: "tick", x: left - 8, y: up.place(at) + 4, "text-anchor": "end" }, text)]),
    s("text", { class: "title", x: (left + right) / 2, y: height - 8, "text-anchor": "middle" }, x),
    s("text", { class: "title", transform: `translate(15 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y),
    line.length > 1 && s("polyline", { class: "front", points: line.flatMap((p, at) => [at && [line[at - 1].x, p.y], [p.x, p.y]]).filter(Boolean).map(([a, b]) => `${across.place(a)},${up.place(b)}`).join(" ") }));
  const taken = all.map(([a, b]) => [across.place(a) - 6, up.place(b) - 6, across.place(a) + 6, up.place(b) + 6]);
  const arrows = new Map();  // beneath all points and names
  const order = [...points].sort((a, b) => (a.x ?? a.px) - (b.x ?? b.px));
  const groups = order.map((p, index) => {
    const ours = known(p.x) && known(p.y), theirs = known(p.px) && known(p.py);
    if (!ours && !theirs) return null;
    const [cx, cy] = ours ? [across.place(p.x), up.place(p.y)] : [across.place(p.px), up.place(p.py)];
    const [px, py] = theirs ? [across.place(p.px), up.place(p.py)] : [cx, cy];
    const distance = Math.hypot(cx - px, cy - py);
    const ends = (share) => [cx + (px - cx) * share, cy + (py - cy) * share];
    const [ax, ay] = ends(Math.min(1, 6 / distance || 0));
    const name = label(p.slug), box = room(cx, cy, 7 * name.length + 4, taken, [left, top, width, bottom]);
    if (box) taken.push(box);
    if (ours && theirs && distance > 12) arrows.set(p.slug, s("line", { class: `arrow${p.out ? " out" : ""}`, x1: px, y1: py, x2: ax, y2: ay, "marker-end": "url(#head)" }));
    return s("g", {
      class: `model${p.out ? " out" : ""}${p.front ? " best" : ""}${ours ? "" : " lone"}`, "data-slug": p.slug, tabindex: -1, role: "img", "aria-label": p.told,
      onpointerenter: () => point(p.slug), onfocus: () => point(p.slug),
      onkeydown: (event) => step(event, { ArrowRight: 1, ArrowLeft: -1 }[event.key]),
    },
    theirs && s("circle", { class: "theirs", cx: px, cy: py, r: 4.5 }),
    ours && s("circle", { class: "ours", cx, cy, r: 5.5 }),
    s("circle", { class: "hit", cx, cy, r: 13 }),
    theirs && ours && s("circle", { class: "hit", cx: px, cy: py, r: 9 }),
    box && s("text", { class: "name", x: box[0], y: box[3] - 3 }, name));
  }).filter(Boolean);
  function point(slug) {
    arrows.forEach((arrow, own) => arrow.classList.toggle("on", own === slug));
    chosen(slug);
  }
  function step(event, by) {
    if (!by) return;
    event.preventDefault();
    reach(groups[(groups.indexOf(event.currentTarget) + by + groups.length) % groups.length]).focus();
  }
  function reach(group) {
    groups.forEach((each) => each.setAttribute("tabindex", each === group ? 0 : -1));
    return group;
  }
  drawing.append(...arrows.values(), ...groups);
  host.replaceChildren(drawing);
  const again = groups.find((group) => group.dataset.slug === focused);
  reach(again || groups[0]);
  if (again) again.focus({ preventScroll: true });
}
