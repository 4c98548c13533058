'use strict';

// The graph as it came, and what is collapsed of it. A thing is a node, by its index, or a box that
// stands for all in it, by the number of nodes plus its index.
const data = JSON.parse(document.getElementById('data').textContent);
const nodes = data.nodes.map(([kind, order, box, x, y, w, h, label, count, generation, about, stats]) =>
    ({kind, order, box, x, y, w, h, label, count, generation, about, stats}));
const boxes = data.boxes.map(([outer, order, left, top, right, bottom, name, scope]) =>
    ({outer, order, left, top, right, bottom, name, scope, size: 0,
      x: (left + right) / 2, y: (top + bottom) / 2, closed: false}));
const inputs = nodes.map(() => []), users = nodes.map(() => []);
for (let i = 0; i < data.edges.length; i += 2) {
    users[data.edges[i]].push(data.edges[i + 1]);
    inputs[data.edges[i + 1]].push(data.edges[i]);
}
for (const node of nodes)
    for (let b = node.box; b >= 0; b = boxes[b].outer)
        boxes[b].size++;

let shown = [], links = []; // things to draw; pairs of them that are joined

function thing(i) {
    return i < nodes.length ? nodes[i] : boxes[i - nodes.length];
}

// What stands for node i: itself, or the outermost closed box around it.
function standIn(i) {
    let stand = i;
    for (let b = nodes[i].box; b >= 0; b = boxes[b].outer)
        if (boxes[b].closed)
            stand = nodes.length + b;
    return stand;
}

function refresh() {
    const stands = nodes.map((_, i) => standIn(i));
    const some = boxes.some(box => box.closed);
    const met = new Set();
    shown = some ? [...new Set(stands)] : stands;
    links = [];
    for (let i = 0; i < data.edges.length; i += 2) {
        const from = stands[data.edges[i]], to = stands[data.edges[i + 1]];
        const key = from * (nodes.length + boxes.length) + to;
        if (from === to || (some && met.has(key)))
            continue;
        if (some)
            met.add(key);
        links.push(from, to);
    }
}

// A closed box is as large as its words.
function sizeOf(t) {
    return t.kind === undefined ? {w: Math.max(90, 8 * boxText(t).length + 24), h: 40} : t;
}

function boxText(box) {
    return `${box.name} (${box.size})`;
}

// All that start leads to along steps, start included.
function reach(start, steps) {
    const met = new Set([start]), list = [start];
    for (const i of list)
        for (const j of steps[i])
            if (!met.has(j)) {
                met.add(j);
                list.push(j);
            }
    return met;
}

// The nodes on the ways between two nodes, whichever comes first.
function between(a, b) {
    const down = reach(a, users);
    if (!down.has(b))
        return reach(b, users).has(a) ? between(b, a) : new Set();
    const up = reach(b, inputs);
    return new Set([...down].filter(i => up.has(i)));
}

// Functions in the order in which a backward sweep visits them: the highest generation first.
const sweep = nodes.map((_, i) => i).filter(i => nodes[i].kind === 1 && nodes[i].generation > 0)
    .sort((a, b) => nodes[b].generation - nodes[a].generation || a - b);
