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

const GAPS = [9, 14, 20, 28, 38, 50, 64, 80, 98, 118, 140], DIRECTIONS = 32;
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
/** Whether the line [x1, y1, x2, y2] passes through a box. */
function meets([x1, y1, x2, y2], [left, top, right, bottom]) {
  let enter = 0, leave = 1;
  for (const [from, step, low, high] of [[x1, x2 - x1, left, right], [y1, y2 - y1, top, bottom]]) {
    const ends = [(low - from) / (step || 1e-9), (high - from) / (step || 1e-9)];
    enter = Math.max(enter, Math.min(...ends));
    leave = Math.min(leave, Math.max(...ends));
  }
  return enter < leave;
}

const reach = ({ x, y }, [left, top, right, bottom]) => Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));

/** Where the names go: near their marks, over no mark and no other name, clear of lines where they can. The most
    crowded choose first; a name far from its mark gets a line to it. marks: {x, y, width (of the name)}. */
function names(marks, boxes, lines, bounds) {
  const taken = [...boxes], leaders = [], found = new Map();
  const crowd = (mark) => marks.filter((other) => Math.hypot(other.x - mark.x, other.y - mark.y) < 60).length;
  for (const mark of marks.map((each) => [crowd(each), each]).sort((a, b) => b[0] - a[0]).map((each) => each[1])) {
    let best = { cost: Infinity };
    for (const gap of GAPS) for (let turn = 0; turn < DIRECTIONS; turn++) {
      const dx = Math.cos((2 * Math.PI * turn) / DIRECTIONS), dy = Math.sin((2 * Math.PI * turn) / DIRECTIONS);
      const end = [mark.x + gap * dx, mark.y + gap * dy];
      const hang = (at, toward, size) => at + (Math.max(-1, Math.min(1, 1.25 * toward)) * size) / 2;
      const x = hang(end[0], dx, mark.width), y = hang(end[1], dy, 14);
      const box = [x - mark.width / 2, y - 7, x + mark.width / 2, y + 7];
      if (box[0] < bounds[0] || box[1] < bounds[1] || box[2] > bounds[2] || box[3] > bounds[3] || taken.some((own) => overlap(own, box))) continue;
      const leader = [mark.x + 6 * dx, mark.y + 6 * dy, ...end], far = gap > GAPS[1];
      const over = lines.filter((line) => meets(line, box)).length + leaders.filter((line) => meets(line, box)).length * 5
        + (far ? taken.filter((own) => meets(leader, own)).length * 2 : 0);
      // without a line a name belongs to the nearest mark
      const stranger = !far && marks.some((other) => other !== mark && Math.hypot(other.x - mark.x, other.y - mark.y) > 6 && reach(other, box) <= gap);
      const cost = gap + 25 * (over + stranger) + 4 * Math.abs(dy);
      if (cost < best.cost) best = { cost, box, leader: far && leader };
    }
    if (!best.box) continue;
    taken.push(best.box);
    if (best.leader) leaders.push(best.leader);
    found.set(mark.slug, best);
  }
  return found;
}

/** points: {slug, x, y (ours), px, py (the paper's), out, told, front}, in shown units; either pair may be missing.
    chosen(slug) is called for the model that is pointed at or has the focus. */
function chart(host, points, { x, y, chosen, line = [] }) {
  const focused = host.contains(document.activeElement) ? document.activeElement.dataset.slug : null;
  const width = Math.max(280, host.clientWidth), height = Math.max(400, Math.min(640, Math.round(0.68 * width)));
  const all = points.flatMap((p) => [[p.x, p.y], [p.px, p.py]]).filter(([a, b]) => known(a) && known(b));
  if (!all.length) return host.replaceChildren(h("p", { class: "notice" }, "Nothing to show for this choice."));
  const left = 62, right = width - 14, top = 14, bottom = height - 52;
  const across = axis(all.map((p) => p[0]), left, right), up = axis(all.map((p) => p[1]), bottom, top);
  const corners = line.flatMap((p, at) => [at && [line[at - 1].x, p.y], [p.x, p.y]]).filter(Boolean).map(([a, b]) => [across.place(a), up.place(b)]);
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
    corners.length > 1 && s("polyline", { class: "front", points: corners.join(" ") }));
  const boxes = all.map(([a, b]) => [across.place(a) - 6, up.place(b) - 6, across.place(a) + 6, up.place(b) + 6]);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;  // as in the style sheet
  const marks = points.map((p) => {
    const ours = known(p.x) && known(p.y), theirs = known(p.px) && known(p.py);
    const [x, y] = ours ? [across.place(p.x), up.place(p.y)] : [across.place(p.px), up.place(p.py)];
    const [px, py] = theirs ? [across.place(p.px), up.place(p.py)] : [x, y];
    return { ...p, ours, theirs, x, y, px, py, width: pen.measureText(label(p.slug)).width + 4 };
  }).filter((mark) => mark.ours || mark.theirs).sort((a, b) => a.x - b.x);
  const arrows = new Map();  // beneath all points and names
  for (const { slug, out, ours, theirs, x, y, px, py } of marks) {
    const distance = Math.hypot(x - px, y - py), share = 6 / distance;
    if (ours && theirs && distance > 12) arrows.set(slug, s("line", { class: `arrow${out ? " out" : ""}`, x1: px, y1: py, x2: x + (px - x) * share, y2: y + (py - y) * share, "marker-end": "url(#head)" }));
  }
  const lines = [...arrows.values()].map((arrow) => ["x1", "y1", "x2", "y2"].map((end) => Number(arrow.getAttribute(end))))
    .concat(corners.slice(1).map((corner, at) => [...corners[at], ...corner]));
  const named = names(marks, boxes, lines, [left, top, width, bottom]);
  const groups = marks.map((p) => {
    const { ours, theirs, x: cx, y: cy, px, py } = p, { box, leader } = named.get(p.slug) || {};
    return s("g", {
      class: `model${p.out ? " out" : ""}${p.front ? " best" : ""}${ours ? "" : " lone"}`, "data-slug": p.slug, tabindex: -1, role: "img", "aria-label": p.told,
      onpointerenter: () => point(p.slug), onfocus: () => point(p.slug),
      onkeydown: (event) => step(event, { ArrowRight: 1, ArrowLeft: -1 }[event.key]),
    },
    leader && s("line", { class: "leader", x1: leader[0], y1: leader[1], x2: leader[2], y2: leader[3] }),
    theirs && s("circle", { class: "theirs", cx: px, cy: py, r: 4.5 }),
    ours && s("circle", { class: "ours", cx, cy, r: 5.5 }),
    s("circle", { class: "hit", cx, cy, r: 13 }),
    theirs && ours && s("circle", { class: "hit", cx: px, cy: py, r: 9 }),
    box && s("text", { class: "name", x: (box[0] + box[2]) / 2, y: box[3] - 3, "text-anchor": "middle" }, label(p.slug)));
  });
  function point(slug) {
    arrows.forEach((arrow, own) => arrow.classList.toggle("on", own === slug));
    chosen(slug);
  }
  function step(event, by) {
    if (!by) return;
    event.preventDefault();
    single(groups[(groups.indexOf(event.currentTarget) + by + groups.length) % groups.length]).focus();
  }
  function single(group) {
    groups.forEach((each) => each.setAttribute("tabindex", each === group ? 0 : -1));
    return group;
  }
  drawing.append(...arrows.values(), ...groups);
  host.replaceChildren(drawing);
  const again = groups.find((group) => group.dataset.slug === focused);
  single(again || groups[0]);
  if (again) again.focus({ preventScroll: true });
}
