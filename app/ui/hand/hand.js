// A small matrix to be drawn by hand: its layers, what the first k of them keep, and random matrices of rank k beside.
//
// All of it happens here; Python gives the words and the matrices to begin with, and hears of nothing.

class Hand {
  constructor(root) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.form = 'thin';
    this.at = [0, 0];
    this.find('slider').oninput = () => this.cut(Number(this.find('slider').value));
    this.find('again').onclick = () => this.draw();
    const grid = this.find('matrix');
    grid.onpointerdown = (event) => this.press(event);
    grid.onpointermove = (event) => this.drawing && this.paint(event);
    const stop = () => (this.drawing = false);
    for (const over of ['pointerup', 'pointercancel']) document.addEventListener(over, stop);
    grid.onkeydown = (event) => this.key(event);
  }

  update({ words, matrices }) {
    if (this.words) return;
    this.words = words;
    for (const [name, said] of Object.entries(words.labels)) this.find(name).textContent = said;
    for (const [name, rows] of Object.entries(matrices)) {
      const button = this.find('presets').appendChild(document.createElement('button'));
      Object.assign(button, { type: 'button', textContent: name, onclick: () => this.take(rows) });
    }
    for (const [form, said] of Object.entries(words.forms)) {
      const label = this.find('forms').appendChild(document.createElement('label'));
      const radio = label.appendChild(document.createElement('input'));
      Object.assign(radio, { type: 'radio', name: 'form', value: form, checked: form === this.form });
      radio.onchange = () => {
        this.form = form;
        this.shapes();
      };
      label.append(said);
    }
    this.k = 2;
    this.take(Object.values(matrices)[0]);
  }

  /** Look at another matrix. */
  take(rows) {
    this.a = rows.map((row) => [...row]);
    [this.m, this.n] = [rows.length, rows[0].length];
    this.find('hand').style.setProperty('--columns', this.n);
    this.find('slider').max = Math.min(this.m, this.n);
    this.build();
    this.changed();
  }

  build() {
    const grid = this.find('matrix');
    grid.replaceChildren(
      ...this.a.map((row, i) => {
        const line = document.createElement('div');
        line.setAttribute('role', 'row');
        line.replaceChildren(
          ...row.map((_, j) => {
            const cell = document.createElement('div');
            cell.setAttribute('role', 'gridcell');
            Object.assign(cell.dataset, { i, j });
            return cell;
          }),
        );
        return line;
      }),
    );
    grid.setAttribute('aria-label', this.words.grid);
    this.cells = [...grid.querySelectorAll('[role=gridcell]')];
  }

  // -- drawing by hand -------------------------------------------------------------------------------------------------

  press(event) {
    const cell = event.target.closest('[role=gridcell]');
    if (!cell || event.button) return;
    this.drawing = true;
    event.target.releasePointerCapture?.(event.pointerId); // a finger moves on to other cells
    this.ink = this.a[cell.dataset.i][cell.dataset.j] > 0.5 ? 0 : 1;
    this.paint(event);
  }

  paint({ clientX, clientY }) {
    const cell = this.find('matrix').getRootNode().elementFromPoint(clientX, clientY)?.closest('.matrix [role=gridcell]');
    if (cell) this.set(Number(cell.dataset.i), Number(cell.dataset.j), this.ink);
  }

  key(event) {
    const [i, j] = this.at;
    const to = { ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1] }[event.key];
    if (to) this.at = [Math.min(Math.max(to[0], 0), this.m - 1), Math.min(Math.max(to[1], 0), this.n - 1)];
    else if (event.key === ' ' || event.key === 'Enter') this.set(i, j, this.a[i][j] > 0.5 ? 0 : 1);
    else return;
    event.preventDefault();
    this.label();
    this.cells[this.at[0] * this.n + this.at[1]].focus();
  }

  set(i, j, value) {
    this.at = [i, j];
    if (this.a[i][j] === value) return;
    this.a[i][j] = value;
    this.changed();
  }

  // -- what follows ----------------------------------------------------------------------------------------------------

  changed() {
    this.svd = decompose(this.a);
    this.total = Math.hypot(...this.svd.s) || 1;
    const most = Math.max(1e-9, ...this.svd.s.map((s, i) => s * peak(this.svd.U[i]) * peak(this.svd.V[i])));
    this.find('layers').replaceChildren(
      ...this.svd.s.map((s, i) => {
        const box = document.createElement('div');
        box.className = 'layer';
        box.setAttribute('role', 'listitem');
        const cells = box.appendChild(document.createElement('div'));
        cells.className = 'cells';
        fill(cells, this.layer(i), most, true);
        box.append(filled(this.words.layer, { i: i + 1, s: s.toFixed(2) }));
        return box;
      }),
    );
    this.find('bars').replaceChildren(
      ...this.svd.s.map((s) => {
        const bar = document.createElement('i');
        bar.style.height = `${(100 * s * s) / (this.svd.s[0] ** 2 || 1)}%`;
        return bar;
      }),
    );
    this.label();
    this.blank = !this.svd.s[0];
    this.say('rank', { rank: this.svd.s.filter((s) => s > 0).length });
    this.cut(this.k);
  }

  label() {
    this.cells.forEach((cell, at) => {
      const [i, j] = [Math.floor(at / this.n), at % this.n];
      cell.style.background = shade(this.a[i][j]);
      cell.tabIndex = i === this.at[0] && j === this.at[1] ? 0 : -1;
      const value = this.words.values[this.a[i][j] > 0.5 ? 1 : 0];
      cell.setAttribute('aria-label', filled(this.words.cell, { i: i + 1, j: j + 1, value }));
    });
  }

  layer(i) {
    const { U, s, V } = this.svd;
    return this.a.map((_, row) => this.a[0].map((_, column) => s[i] * U[i][row] * V[i][column]));
  }

  /** Keep k layers. */
  cut(k) {
    this.k = k;
    const { s } = this.svd;
    this.find('slider').value = k;
    this.find('entry').textContent = k;
    this.best = this.a.map((row) => row.map(() => 0));
    for (let i = 0; i < k; i++) this.layer(i).forEach((row, at) => row.forEach((x, j) => (this.best[at][j] += x)));
    const missed = this.a.map((row, i) => row.map((x, j) => x - this.best[i][j]));
    this.error = Math.hypot(0, ...s.slice(k)) / this.total;
    [...this.find('layers').children].forEach((box, i) => box.classList.toggle('in', i < k));
    [...this.find('bars').children].forEach((bar, i) => bar.classList.toggle('in', i < k));
    const energy = 1 - this.error ** 2;
    this.show('kept', this.best, this.say('kept', { k, energy: percent(energy) }));
    this.show('missed', missed, this.say('missed', { error: percent(this.error) }), true);
    this.find('bars').setAttribute('aria-label', this.say('bars', { k, energy: percent(energy) }));
    this.shapes();
    this.say('best', { k, error: percent(this.error) });
    this.show('best', this.best, this.find('bestSays').textContent);
    this.tries = 0;
    this.nearest = Infinity;
    this.draw();
  }

  show(name, rows, words, signed = false) {
    const box = this.find(name);
    fill(box, rows, 1, signed);
    box.setAttribute('aria-label', words);
  }

  say(name, values) {
    const words = filled(this.words[this.blank ? 'nothing' : name], values); // there 0 % would be of nothing
    this.find(`${name}Says`).textContent = words;
    return words;
  }

  /** Draw another random matrix of rank k. */
  draw() {
    const other = randomOfRank(this.a, this.k);
    const error = Math.hypot(0, ...this.a.flatMap((row, i) => row.map((x, j) => x - other[i][j]))) / this.total;
    this.tries += 1;
    this.nearest = Math.min(this.nearest, error);
    this.say('other', { k: this.k, error: percent(error) });
    this.show('other', other, this.find('otherSays').textContent);
    const [tries, nearest] = [this.tries, percent(this.nearest)];
    this.find('tally').textContent = this.blank ? '' : filled(this.words.tally, { tries, nearest, error: percent(this.error) });
  }

  /** U, S and V^T to scale, the first k columns and rows of them in colour; and what they cost. */
  shapes() {
    const { m, n, k, form } = this;
    const r = Math.min(m, n);
    const [u, v] = form === 'full' ? [m, n] : [r, r];
    const shape = (name, rows, columns, keptRows, keptColumns) => {
      const box = document.createElement('div');
      box.className = 'shape';
      const outline = box.appendChild(document.createElement('div'));
      outline.className = 'box';
      const part = outline.appendChild(document.createElement('div'));
      part.className = 'part';
      for (const [one, h, w] of [[outline, rows, columns], [part, keptRows, keptColumns]]) {
        one.style.setProperty('--h', h);
        one.style.setProperty('--w', w);
      }
      box.append(`${name} ${rows} × ${columns}`);
      return box;
    };
    this.find('shapes').replaceChildren(
      shape('A', m, n, 0, 0), '=', shape('U', m, u, m, k), shape('S', u, v, k, k), shape('Vᵀ', v, n, k, n),
    );
    const [stored, all] = [k * (m + n + 1), m * n];
    this.find('cost').textContent = filled(this.words.cost[stored > all ? 'more' : 'less'], { k, m, n, stored, all });
    const label = { u: `${m} × ${u}`, s: `${u} × ${v}`, v: `${v} × ${n}`, k };
    this.find('shapes').setAttribute('aria-label', filled(this.words.shapes, label));
  }
}

const peak = (vector) => Math.max(...vector.map(Math.abs));

/** The text with what stands in braces filled in. */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;

/** Ink in the colour of text on the page; what is not between the two is cut off. */
const shade = (value) => `color-mix(in srgb, var(--plus) ${Math.round(100 * Math.min(Math.max(value, 0), 1))}%, var(--st-background-color))`;

/** The same for what may be negative: that is in another colour. */
const signedShade = (value, most) => {
  const share = Math.round(100 * Math.min(Math.abs(value) / most, 1));
  return `color-mix(in srgb, var(${value < 0 ? '--minus' : '--plus'}) ${share}%, var(--st-background-color))`;
};

function fill(box, rows, most, signed) {
  const cells = rows.flat();
  while (box.children.length > cells.length) box.lastChild.remove();
  while (box.children.length < cells.length) box.append(document.createElement('i'));
  cells.forEach((value, at) => (box.children[at].style.background = signed ? signedShade(value, most) : shade(value)));
}

const hands = new WeakMap();

export default function mount({ parentElement, data }) {
  if (!hands.has(parentElement)) hands.set(parentElement, new Hand(parentElement));
  hands.get(parentElement).update(data);
}
