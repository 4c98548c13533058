// SPDX-License-Identifier: MIT
//
// page.mjs DIRECTORY: opens the pages that page.c wrote there in a headless Chromium and uses them:
// finding, clicking, keys, paths, the sweep, collapsing, themes. Any message of the console or
// request to the network is a failure. The last line is "N passed, N failed".
import {chromium} from 'playwright-core';
import {pathToFileURL} from 'node:url';
import path from 'node:path';
import {existsSync} from 'node:fs';

const directory = path.resolve(process.argv[2]);
let passed = 0, failed = 0;

function check(what, good, got) {
    if (good)
        passed++;
    else
        failed++;
    if (!good)
        console.log(`failed: ${what}${got === undefined ? '' : `: ${got}`}`);
}

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
           '--disable-component-update', '--disable-sync', '--no-first-run'],
});

async function open(name) {
    const page = await browser.newPage({viewport: {width: 1200, height: 800}});
    page.complaints = [];
    page.on('console', message => page.complaints.push(message.text()));
    page.on('pageerror', error => page.complaints.push(String(error)));
    page.on('request', request => {
        if (!request.url().startsWith('file:') && !request.url().startsWith('data:'))
            page.complaints.push(request.url());
    });
    const start = Date.now();
    await page.goto(pathToFileURL(path.join(directory, name)).href);
    await page.waitForFunction(() => document.title !== '');
    page.took = Date.now() - start;
    return page;
}

async function close(page, name) {
    check(`${name}: nothing on the console`, page.complaints.length === 0, page.complaints[0]);
    check(`${name}: nothing was executed`, await page.evaluate(() => window.hurt === undefined));
    await page.close();
}

const panel = page => page.textContent('#panel');

// Where the middle of a node is on the screen.
const place = (page, i) => page.evaluate(index => {
    const t = thing(standIn(index)), box = canvas.getBoundingClientRect();
    return {x: box.left + view.x + t.x * view.scale, y: box.top + view.y + t.y * view.scale};
}, i);

async function clickNode(page, i) {
    await page.evaluate(index => centre(index), i);
    const at = await place(page, i);
    await page.mouse.click(at.x, at.y);
}

// Some pixels of the canvas are not the background's.
const isDrawn = page => page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => {
    draw();
    const at = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let other = 0;
    for (let i = 0; i < at.length; i += 4)
        other += at[i] !== at[0] || at[i + 1] !== at[1] || at[i + 2] !== at[2];
    resolve(other > 500);
})));

async function tryPage(name, least, operation) {
    const page = await open(name);
    const n = await page.evaluate(() => nodes.length);
    check(`${name}: at least ${least} nodes`, n >= least, n);
    check(`${name}: opens in 5 s`, page.took < 5000, page.took);
    check(`${name}: is drawn`, await isDrawn(page));
    await page.keyboard.press('/');
    await page.keyboard.type(operation);
    const found = parseInt(await page.textContent('#found'), 10);
    check(`${name}: finds ${operation}`, found > 0, found);
    await page.keyboard.press('Enter');
    check(`${name}: goes to the first of them`, (await page.textContent('#found')) ===
        `1 of ${found}`);
    check(`${name}: shows the rule`, (await panel(page)).includes('Gradient rule'));
    await page.keyboard.press('Escape');
    await page.fill('#find', 'result');
    await page.press('#find', 'Enter');
    await page.press('#find', 'Escape');
    check(`${name}: Escape lets go`, (await panel(page)) === '');
    await clickNode(page, 0);
    const text = await panel(page);
    check(`${name}: a click shows shape and values`, text.includes('shape') &&
        text.includes('mean') && text.includes('NaN'), text);
    check(`${name}: a click shows what it is`, text.startsWith('result'), text);
    await page.keyboard.press('i');
    check(`${name}: i goes to the input`, (await panel(page)).includes('operation'));
    const frame = await page.evaluate(() => {
        const start = performance.now();
        fit();
        draw();
        return performance.now() - start;
    });
    check(`${name}: a frame takes less than 200 ms`, frame < 200, frame);
    await close(page, name);
}

// A graph too large to be read as a whole opens at its result, with an overview.
async function tryOverview() {
    const page = await open('large.html');
    const mapShown = () => page.evaluate(() => {
        draw();
        return !map.hidden;
    });
    check('overview: opens large enough to read', await page.evaluate(() => view.scale >= 0.6));
    const at = await place(page, 0), box = await (await page.$('#canvas')).boundingBox();
    check('overview: opens at the result', at.x > box.x && at.x < box.x + box.width &&
        at.y > box.y && at.y < box.y + box.height, JSON.stringify(at));
    check('overview: the title says what it is', /^result: graph of 5100 operations$/.test(
        await page.title()), await page.title());
    check('overview: is there', await mapShown());
    const corner = await (await page.$('#map')).boundingBox();
    check('overview: is in the picture', corner.x >= box.x && corner.width >= 40 &&
        corner.y + corner.height <= box.y + box.height, JSON.stringify(corner));
    const before = await page.evaluate(() => view.y);
    await page.mouse.click(corner.x + corner.width / 2, corner.y + 3);
    check('overview: a click moves there', await page.evaluate(() => view.y) > before + 1000);
    check('overview: … and keeps the scale', await page.evaluate(() => view.scale >= 0.6));
    await page.focus('#canvas');
    await page.keyboard.press('r');
    check('overview: r goes back', await page.evaluate(() => view.y) === before);
    await page.keyboard.press('m');
    check('overview: m takes it away', !await mapShown());
    await page.keyboard.press('m');
    await page.keyboard.press('0');
    check('overview: not where all is seen', !await mapShown());
    await close(page, 'overview');
    const few = await open('scopes.html');
    check('overview: a small graph is shown whole', await few.evaluate(() =>
        view.scale >= 0.6 && data.height * view.scale <= canvas.clientHeight));
    check('overview: its title names the result', (await few.title()).startsWith('loss: graph of '),
        await few.title());
    await close(few, 'overview');
}

async function tryPath() {
    const page = await open('small.html');
    await clickNode(page, 0);
    await page.selectOption('#path', {label: 'x'});
    const size = await page.evaluate(() => state.path.size);
    check('path: leads from x to the result', size > 5, size);
    check('path: holds both ends', await page.evaluate(() =>
        state.path.has(0) && [...state.path].some(i => nodes[i].label === 'x')));
    await close(page, 'path');
}

async function trySweep() {
    const page = await open('small.html');
    const steps = await page.evaluate(() => sweep.length);
    await page.focus('#canvas');
    await page.keyboard.press('.');
    await page.keyboard.press('.');
    const text = await page.textContent('#caption');
    check('sweep: . steps on', text.startsWith(`step 2 of ${steps}: the rule of`), text);
    await page.keyboard.press(',');
    check('sweep: , steps back', (await page.textContent('#caption')).startsWith('step 1 of'));
    check('sweep: generations fall', await page.evaluate(() =>
        sweep.every((i, k) => k === 0 || nodes[sweep[k - 1]].generation >= nodes[i].generation)));
    await page.keyboard.press(' ');
    await page.waitForFunction(() => state.step > 2, null, {timeout: 5000});
    await page.keyboard.press(' ');
    check('sweep: plays', true);
    check('sweep: names the groups', (await page.evaluate(() => {
        setStep(0);
        return document.getElementById('caption').textContent;
    })).includes('fourth backward'));
    await close(page, 'sweep');
}

async function tryScopes() {
    const page = await open('scopes.html');
    const all = await page.evaluate(() => shown.length);
    await page.click('#collapse');
    const few = await page.evaluate(() => shown.length);
    check('scopes: collapse', few < all && few > 2, few);
    await page.fill('#find', 'w1');
    await page.press('#find', 'Enter');
    check('scopes: finding expands', await page.evaluate(() => shown.length) === all);
    check('scopes: a matrix has statistics', /shape\(4, 4\)/.test(await panel(page)) &&
        /NaN0/.test(await panel(page)), await panel(page));
    await page.click('#theme');
    const first = await page.evaluate(() => document.documentElement.dataset.theme);
    await page.click('#theme');
    const second = await page.evaluate(() => document.documentElement.dataset.theme);
    check('theme: dark and light', first !== second && [first, second].includes('dark'));
    await page.focus('#canvas');
    await page.keyboard.press('?');
    check('help: opens', await page.isVisible('#keys'));
    await close(page, 'scopes');
}

async function tryHostile() {
    const page = await open('hostile.html');
    const n = await page.evaluate(() => nodes.length);
    for (let i = 0; i < n; i++)
        await page.evaluate(index => go(index), i);
    check('hostile: names are shown as they are',
        (await page.evaluate(() => nodes.map(node => node.label).join())).includes('<img src=x'));
    await page.waitForTimeout(200);
    await close(page, 'hostile');
}

async function tryPlot() {
    const page = await open('plot.html');
    const box = () => page.evaluate(() => svg.getAttribute('viewBox').split(' ').map(Number));
    const before = await box();
    await page.mouse.move(600, 400);
    check('plot: the pointer is read', /^x \S+ {3}y \S+$/.test(await page.textContent('output')));
    await page.mouse.wheel(0, -100);
    await page.waitForFunction(() => view[2] < whole[2]);
    check('plot: the wheel zooms', (await box())[2] < before[2]);
    const zoomed = await box();
    await page.mouse.down();
    await page.mouse.move(650, 420);
    await page.mouse.up();
    check('plot: dragging moves', (await box())[0] < zoomed[0]);
    await page.mouse.dblclick(600, 400);
    check('plot: a double click shows all', String(await box()) === String([0, 0, 800, 600]));
    await close(page, 'plot');
}

await tryPage('small.html', 100, 'mul');
await tryPage('large.html', 10000, 'sin');
await tryOverview();
await tryPath();
await trySweep();
await tryScopes();
await tryHostile();
if (existsSync(path.join(directory, 'plot.html'))) // there is none without cairo
    await tryPlot();
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
