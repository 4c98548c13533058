// Drawing on the canvas. `state` is what the reader chose.
const canvas = document.getElementById('canvas'), context = canvas.getContext('2d');
const view = {scale: 1, x: 0, y: 0};
const state = {selected: -1, path: new Set(), matches: [], match: -1, step: 0, map: true};
const readable = 0.6, largestMap = {w: 180, h: 180, least: 40};
let asked = false, ink = {};

function readInk() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ['page', 'ink', 'line', 'faint', 'box', 'mark', 'path'])
        ink[name] = style.getPropertyValue('--' + name).trim();
}

function redraw() {
    if (asked)
        return;
    asked = true;
    requestAnimationFrame(() => {
        asked = false;
        draw();
    });
}

function resize() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    redraw();
}

function fit() {
    const w = canvas.clientWidth, h = canvas.clientHeight;
    view.scale = Math.min(1.5, w / data.width, h / data.height) * 0.98;
    view.x = (w - data.width * view.scale) / 2;
    view.y = (h - data.height * view.scale) / 2;
    redraw();
}

// The result in the middle, near the lower end: what it was computed from stands above it.
function showResult() {
    const t = thing(standIn(0));
    view.scale = 0.9;
    view.x = canvas.clientWidth / 2 - t.x * view.scale;
    view.y = canvas.clientHeight - 40 - (t.y + sizeOf(t).h / 2) * view.scale;
    redraw();
}

// All of the graph if its words can be read then, else the result.
function begin() {
    const scale = Math.min(canvas.clientWidth / data.width, canvas.clientHeight / data.height);
    if (scale * 0.98 >= readable)
        fit();
    else
        showResult();
}

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const scale = Math.min(8, Math.max(0.002, view.scale * factor));
    view.x = x - (x - view.x) * scale / view.scale;
    view.y = y - (y - view.y) * scale / view.scale;
    view.scale = scale;
    redraw();
}

function centre(i) {
    const t = thing(standIn(i));
    view.scale = Math.max(view.scale, 0.7);
    view.x = canvas.clientWidth / 2 - t.x * view.scale;
    view.y = canvas.clientHeight / 2 - t.y * view.scale;
    redraw();
}

// The part of the picture that is seen.
function seen() {
    return {left: -view.x / view.scale, top: -view.y / view.scale,
            right: (canvas.clientWidth - view.x) / view.scale,
            bottom: (canvas.clientHeight - view.y) / view.scale};
}

function colorOf(t) {
    const [variable, operation] = data.colors[data.orders ? t.order : 0];
    return t.kind === 0 ? variable : operation;
}

function drawBoxes(part) {
    for (const box of boxes) {
        if (box.right < part.left || box.left > part.right || box.bottom < part.top ||
            box.top > part.bottom || insideClosed(box))
            continue;
        context.fillStyle = ink.box;
        context.strokeStyle = ink.faint;
        context.beginPath();
        context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
        context.fill();
        context.stroke();
        if (view.scale > 0.12) {
            context.fillStyle = ink.ink;
            context.textAlign = 'left';
            context.fillText(box.name, box.left + 8, box.top + 14);
        }
    }
}

function insideClosed(box) {
    for (let b = box; b; b = boxes[b.outer])
        if (b.closed)
            return true;
    return false;
}

// One path for all edges of a colour: thousands of them are drawn in a frame.
function drawEdges(part, color, width, wanted) {
    const plain = view.scale < 0.25;
    context.globalAlpha = plain ? Math.min(1, Math.max(0.1, 4000 / links.length)) : 1;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    for (let i = 0; i < links.length; i += 2) {
        const a = thing(links[i]), b = thing(links[i + 1]);
        if ((a.y < part.top && b.y < part.top) || (a.y > part.bottom && b.y > part.bottom) ||
            (a.x < part.left && b.x < part.left) || (a.x > part.right && b.x > part.right) ||
            !wanted(links[i], links[i + 1]))
            continue;
        const sign = b.y >= a.y ? 1 : -1;
        const y1 = a.y + sign * sizeOf(a).h / 2, y2 = b.y - sign * sizeOf(b).h / 2;
        context.moveTo(a.x, y1);
        if (plain) {
            context.lineTo(b.x, y2);
            continue;
        }
        const bend = (y2 - y1) / 2.5, far = Math.abs(y2 - y1);
        const swing = far < 80 || Math.abs(b.x - a.x) > 60 ? 0
            : (i % 4 ? 1 : -1) * Math.min(50 + 0.1 * far, 200);
        context.bezierCurveTo(a.x + swing, y1 + bend, b.x + swing, y2 - bend, b.x, y2);
        context.moveTo(b.x - 4, y2 - sign * 7);
        context.lineTo(b.x, y2);
        context.lineTo(b.x + 4, y2 - sign * 7);
    }
    context.stroke();
    context.globalAlpha = 1;
}

function outline(t, size) {
    context.beginPath();
    if (t.kind === 0)
        context.ellipse(t.x, t.y, size.w / 2, size.h / 2, 0, 0, 2 * Math.PI);
    else
        context.rect(t.x - size.w / 2, t.y - size.h / 2, size.w, size.h);
}

function drawText(t) {
    const lines = t.kind === undefined ? [boxText(t)] : t.label.split('\n');
    context.fillStyle = '#101010';
    context.textAlign = 'center';
    lines.forEach((line, k) => {
        const cut = [...line.slice(0, 200)];
        const short = cut.length > 48 ? cut.slice(0, 48).join('') + '\u2026' : line;
        context.fillText(short, t.x, t.y + 5 + 18 * (k - (lines.length - 1) / 2));
    });
}

function drawThing(i, marks) {
    const t = thing(i), size = sizeOf(t), mark = marks.get(i);
    outline(t, size);
    context.fillStyle = colorOf(t);
    context.fill();
    if (mark || t.count > 1 || t.kind === undefined) {
        context.strokeStyle = mark || ink.line;
        context.lineWidth = mark ? Math.max(4, 2 / view.scale) : 1.5;
        context.stroke();
    }
    if (view.scale > 0.3)
        drawText(t);
}

// What is emphasised: things and the colours of their outlines.
function emphasis() {
    const marks = new Map();
    for (const i of state.path)
        marks.set(standIn(i), ink.path);
    for (const i of state.matches)
        marks.set(standIn(i), ink.path);
    for (let k = 0; k < state.step; k++)
        marks.set(standIn(sweep[k]), ink.line);
    if (state.step > 0) {
        for (const j of inputs[sweep[state.step - 1]])
            marks.set(standIn(j), ink.path);
        marks.set(standIn(sweep[state.step - 1]), ink.mark);
    }
    if (state.selected >= 0)
        marks.set(standIn(state.selected), ink.mark);
    return marks;
}

function draw() {
    const ratio = window.devicePixelRatio || 1, part = seen(), marks = emphasis();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = ink.page;
    context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    context.font = '14px serif';
    context.lineWidth = 1;
    drawBoxes(part);
    drawEdges(part, ink.line, Math.max(0.8, 0.3 / view.scale), () => true);
    if (state.path.size)
        drawEdges(part, ink.path, Math.max(3, 2 / view.scale),
            (a, b) => marks.get(a) === ink.path && marks.get(b) === ink.path);
    for (const i of shown) {
        const t = thing(i), size = sizeOf(t);
        if (t.x + size.w / 2 < part.left || t.x - size.w / 2 > part.right ||
            t.y + size.h / 2 < part.top || t.y - size.h / 2 > part.bottom)
            continue;
        if (size.w * view.scale > 2.5 || marks.has(i)) {
            drawThing(i, marks);
            continue;
        }
        context.fillStyle = colorOf(t);
        context.fillRect(t.x - size.w / 2, t.y - size.h / 2, size.w, size.h);
    }
    drawMap(part);
}

// --- The overview ---

// A small picture of the whole, drawn once; a graph that is tall and thin is widened.
const map = document.getElementById('map'), whole = document.createElement('canvas');
let wholeIsOld = true;

function drawWhole() {
    const ratio = window.devicePixelRatio || 1;
    const scale = Math.min(largestMap.w / data.width, largestMap.h / data.height);
    const w = Math.max(largestMap.least, data.width * scale);
    const h = Math.max(largestMap.least, data.height * scale);
    map.style.width = `${w}px`;
    map.style.height = `${h}px`;
    whole.width = map.width = Math.round(w * ratio);
    whole.height = map.height = Math.round(h * ratio);
    const paper = whole.getContext('2d'), sx = whole.width / data.width, sy = whole.height / data.height;
    paper.fillStyle = ink.page;
    paper.fillRect(0, 0, whole.width, whole.height);
    for (const i of shown) {
        const t = thing(i), size = sizeOf(t);
        paper.fillStyle = colorOf(t);
        paper.fillRect((t.x - size.w / 2) * sx, (t.y - size.h / 2) * sy, Math.max(1, size.w * sx),
            Math.max(1, size.h * sy));
    }
    wholeIsOld = false;
}

function drawMap(part) {
    map.hidden = !state.map || (part.left <= 0 && part.top <= 0 && part.right >= data.width &&
        part.bottom >= data.height);
    if (map.hidden)
        return;
    if (wholeIsOld)
        drawWhole();
    const paper = map.getContext('2d'), sx = map.width / data.width, sy = map.height / data.height;
    paper.drawImage(whole, 0, 0);
    paper.strokeStyle = ink.mark;
    paper.lineWidth = 2;
    const left = Math.max(1, part.left * sx), top = Math.max(1, part.top * sy);
    paper.strokeRect(left, top, Math.max(2, Math.min(map.width - 1, part.right * sx) - left),
        Math.max(2, Math.min(map.height - 1, part.bottom * sy) - top));
}

// Moves the view to where the pointer is in the overview.
function moveTo(event) {
    const x = event.offsetX / map.clientWidth * data.width;
    const y = event.offsetY / map.clientHeight * data.height;
    view.x = canvas.clientWidth / 2 - x * view.scale;
    view.y = canvas.clientHeight / 2 - y * view.scale;
    redraw();
}

// The thing at a place of the canvas, or -1; the last drawn is the topmost.
function hit(x, y) {
    const px = (x - view.x) / view.scale, py = (y - view.y) / view.scale, near = 2 / view.scale;
    for (let k = shown.length - 1; k >= 0; k--) {
        const t = thing(shown[k]), size = sizeOf(t);
        if (Math.abs(px - t.x) <= size.w / 2 + near && Math.abs(py - t.y) <= size.h / 2 + near)
            return shown[k];
    }
    return -1;
}

// The innermost name scope at a place, or -1.
function boxAt(x, y) {
    const px = (x - view.x) / view.scale, py = (y - view.y) / view.scale;
    let found = -1;
    boxes.forEach((box, b) => {
        if (box.scope && px >= box.left && px <= box.right && py >= box.top && py <= box.bottom)
            found = b;
    });
    return found;
}
