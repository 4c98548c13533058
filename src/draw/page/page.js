// What the reader can do. Text from the graph is only ever set as text.
const byId = id => document.getElementById(id);
let playing = 0;

function element(tag, text, parent) {
    const made = document.createElement(tag);
    if (text !== undefined)
        made.textContent = text;
    if (parent)
        parent.append(made);
    return made;
}

function shortened(text) {
    const line = text.split('\n')[0];
    return line.length > 60 ? line.slice(0, 60) + '\u2026' : line;
}

function title(i) {
    const node = nodes[i], name = shortened(node.label);
    if (name)
        return name;
    const maker = inputs[i][0];
    return maker === undefined ? 'constant' : `result of ${nodes[maker].label.split('\n')[0]}`;
}

function list(panel, heading, items) {
    element('h3', `${heading} (${items.length})`, panel);
    const ul = element('ul', undefined, panel);
    for (const i of items.slice(0, 50))
        element('button', title(i), element('li', undefined, ul)).onclick = () => go(i);
    if (items.length > 50)
        element('li', `and ${items.length - 50} more`, ul);
}

function facts(panel, pairs) {
    const dl = element('dl', undefined, panel);
    for (const [what, value] of pairs)
        if (value !== null && value !== undefined && value !== '') {
            element('dt', what, dl);
            element('dd', String(value), dl);
        }
}

function describeVariable(panel, node) {
    facts(panel, [['shape', node.about.shape], ['type', node.about.dtype],
                  ['bytes', node.about.bytes], ['gradient', node.about.grad]]);
    element('h3', 'Elements', panel);
    if (!node.stats)
        element('p', 'gone, or not computed', panel);
    else
        facts(panel, [['min', node.stats[0]], ['mean', node.stats[1]], ['max', node.stats[2]],
                      ['NaN', node.stats[3]]]);
}

function describeFunction(panel, node) {
    const op = data.ops[node.about];
    if (!op)
        return;
    facts(panel, [['operation', op.name]]);
    if (op.formula) {
        element('h3', 'Value', panel);
        element('code', op.formula.replaceAll('tp_', ''), panel);
    }
    element('h3', 'Gradient rule', panel);
    element('code', op.rule.replaceAll('tp_', '') || 'none: the result is a constant', panel);
    if (op.rule)
        element('p', 'gy is the gradient of the result y; x, or a and b, are the inputs.', panel);
}

function pathChoice(panel, from) {
    const named = nodes.map((_, i) => i)
        .filter(i => nodes[i].kind === 0 && nodes[i].about.named && i !== from).slice(0, 500);
    if (!named.length)
        return;
    element('h3', 'Path to', panel);
    const select = element('select', undefined, panel);
    select.id = 'path';
    element('option', 'choose a variable', select).value = -1;
    for (const i of named)
        element('option', title(i), select).value = i;
    select.onchange = () => {
        state.path = select.value < 0 ? new Set() : between(from, Number(select.value));
        redraw();
    };
}

function describe() {
    const panel = byId('panel'), i = state.selected, open = panel.childElementCount > 0;
    panel.textContent = '';
    if (i >= 0) {
        const node = nodes[i];
        element('h2', node.label || title(i), panel);
        facts(panel, [['kind', node.kind ? 'operation' : inputs[i].length ? 'result' : 'leaf'],
                      ['group', data.orders ? data.colors[node.order][2] : null],
                      ['stands for', node.count > 1 ? `${node.count} nodes` : null]]);
        if (node.kind)
            describeFunction(panel, node);
        else
            describeVariable(panel, node);
        list(panel, 'Inputs', inputs[i]);
        list(panel, 'Used by', users[i]);
        pathChoice(panel, i);
    }
    if (open !== panel.childElementCount > 0)
        resize();
}

function select(i) {
    state.selected = i;
    state.path = new Set();
    describe();
    redraw();
}

function go(i) {
    if (standIn(i) !== i)
        setClosed(false);
    select(i);
    centre(i);
}

function setClosed(closed, some = boxes.filter(box => box.scope)) {
    for (const box of some)
        box.closed = closed;
    refresh();
    wholeIsOld = true;
    byId('collapse').textContent = boxes.some(box => box.closed) ? 'Expand' : 'Collapse';
    redraw();
}

function toggleAll() {
    setClosed(!boxes.some(box => box.closed));
}

// --- Finding ---

function find() {
    const wanted = byId('find').value.toLowerCase();
    state.matches = !wanted ? [] : nodes.map((_, i) => i).filter(i => {
        const op = nodes[i].kind ? data.ops[nodes[i].about] : null;
        return nodes[i].label.toLowerCase().includes(wanted) || (op && op.name.includes(wanted));
    });
    state.match = -1;
    byId('found').textContent = wanted ? `${state.matches.length} found` : '';
    redraw();
}

function nextMatch(by) {
    const n = state.matches.length;
    if (!n)
        return;
    state.match = (state.match + by + n) % n;
    byId('found').textContent = `${state.match + 1} of ${n}`;
    go(state.matches[state.match]);
}

// --- The backward sweep ---

function setStep(step) {
    state.step = Math.max(0, Math.min(sweep.length, step));
    byId('at').value = state.step;
    if (state.step > 0) {
        const i = sweep[state.step - 1], to = inputs[i].map(title).join(', ');
        byId('caption').textContent =
            `step ${state.step} of ${sweep.length}: the rule of ${title(i)} gives gradients to ${to}`;
        centre(i);
    } else {
        caption();
    }
    redraw();
}

function play(on) {
    clearInterval(playing);
    playing = on ? setInterval(() => {
        setStep(state.step + 1);
        if (state.step === sweep.length)
            play(false);
    }, 500) : 0;
    byId('play').textContent = on ? 'Pause' : 'Play';
}

function caption() {
    const footer = byId('caption');
    footer.textContent = '';
    if (data.orders)
        for (const order of new Set(nodes.map(node => node.order).sort((a, b) => a - b))) {
            const key = element('span', undefined, footer);
            key.className = 'key';
            element('i', undefined, key).style.background = data.colors[order][0];
            element('i', undefined, key).style.background = data.colors[order][1];
            key.append(data.colors[order][2]);
        }
    footer.append(data.caption || `${nodes.length} nodes`);
}

function escape() {
    play(false);
    state.path = new Set();
    state.matches = [];
    byId('find').value = byId('found').textContent = '';
    setStep(0);
    select(-1);
    canvas.focus();
}

function setTheme(dark) {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    readInk();
    wholeIsOld = true;
    redraw();
}

function listenToMouse() {
    let from = null;
    canvas.onpointerdown = event => {
        from = {x: event.clientX, y: event.clientY, moved: false};
        canvas.setPointerCapture(event.pointerId);
    };
    canvas.onpointermove = event => {
        if (!from)
            return;
        const dx = event.clientX - from.x, dy = event.clientY - from.y;
        if (!from.moved && Math.abs(dx) + Math.abs(dy) < 4)
            return;
        view.x += dx;
        view.y += dy;
        from = {x: event.clientX, y: event.clientY, moved: true};
        redraw();
    };
    canvas.onpointerup = event => {
        const i = from && !from.moved ? hit(event.offsetX, event.offsetY) : -2;
        from = null;
        if (i >= nodes.length)
            setClosed(false, [thing(i)]);
        else if (i >= -1)
            select(i);
    };
    canvas.ondblclick = event => {
        const b = boxAt(event.offsetX, event.offsetY);
        if (b >= 0 && hit(event.offsetX, event.offsetY) < 0)
            setClosed(true, [boxes[b]]);
    };
    canvas.onwheel = event => {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY);
    };
}

function listenToMap() {
    map.onpointerdown = event => {
        map.setPointerCapture(event.pointerId);
        moveTo(event);
    };
    map.onpointermove = event => {
        if (event.buttons)
            moveTo(event);
    };
}

function toggleMap() {
    state.map = !state.map;
    redraw();
}

const keys = {
    '+': () => zoom(1.3), '=': () => zoom(1.3), '-': () => zoom(1 / 1.3), '0': fit, 'r': showResult,
    'm': toggleMap,
    '/': () => byId('find').focus(), '?': () => byId('keys').showModal(),
    'c': toggleAll, 'd': () => byId('theme').click(), ' ': () => play(!playing),
    '.': () => setStep(state.step + 1), ',': () => setStep(state.step - 1), 'Escape': escape,
    'i': () => state.selected >= 0 && inputs[state.selected].length && go(inputs[state.selected][0]),
    'o': () => state.selected >= 0 && users[state.selected].length && go(users[state.selected][0]),
    'ArrowLeft': () => { view.x += 60; redraw(); }, 'ArrowRight': () => { view.x -= 60; redraw(); },
    'ArrowUp': () => { view.y += 60; redraw(); }, 'ArrowDown': () => { view.y -= 60; redraw(); },
};

function listenToKeys() {
    document.onkeydown = event => {
        const typing = event.target.matches('input, select, dialog *');
        const button = event.key === ' ' && event.target.matches('button');
        if (typing ? event.key !== 'Escape' : event.ctrlKey || event.metaKey || button)
            return;
        if (keys[event.key]) {
            event.preventDefault();
            keys[event.key]();
        }
    };
    byId('find').onkeydown = event => {
        if (event.key === 'Enter')
            nextMatch(event.shiftKey ? -1 : 1);
    };
}

function start() {
    const operations = nodes.reduce((n, node) => n + (node.kind ? node.count : 0), 0);
    const words = operations === 1 ? '1 operation' : `${operations} operations`;
    byId('title').textContent = byId('title').title = document.title =
        `${data.title ? shortened(data.title) : title(0)}: graph of ${words}`;
    byId('find').oninput = find;
    byId('first').onclick = () => { play(false); setStep(0); };
    byId('back').onclick = () => setStep(state.step - 1);
    byId('forth').onclick = () => setStep(state.step + 1);
    byId('play').onclick = () => play(!playing);
    byId('at').max = sweep.length;
    byId('at').oninput = event => setStep(Number(event.target.value));
    byId('fit').onclick = fit;
    byId('result').onclick = showResult;
    byId('collapse').onclick = toggleAll;
    byId('collapse').hidden = !boxes.some(box => box.scope);
    byId('help').onclick = () => byId('keys').showModal();
    byId('theme').onclick = () => setTheme(document.documentElement.dataset.theme !== 'dark');
    listenToMouse();
    listenToMap();
    listenToKeys();
    refresh();
    caption();
    setTheme(matchMedia('(prefers-color-scheme: dark)').matches);
    window.onresize = resize;
    resize();
    begin();
}

start();
