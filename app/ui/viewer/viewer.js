// The viewer: one rank, one mode and one view for all its panes; the controls; and the way to and from Python.
//
// Python is told the rank when the hand lets go, and sends it back only when it was changed elsewhere (`data.turn`), so a
// late answer never moves the slider under the hand.

const KEY_REPEAT = 150; // milliseconds after the last key before Python is told
const SWEEP = 5000; // milliseconds for a sweep over all ranks
const MOST_ZOOM = 40;

class Viewer {
  constructor(root) {
    this.root = root;
    const found = {};
    this.find = (name) => (found[name] ??= root.querySelector(`.${name}`));
    this.panes = [];
    this.mode = 'picture';
    this.beside = this.held = false;
    this.split = 0.5;
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.rank = this.wanted = 1;
    this.connect();
  }

  /** Take new data from Python; called again whenever they change. */
  update(data) {
    const others = this.data?.panes.map((p) => p.picture).join() !== data.panes.map((p) => p.picture).join();
    this.data = data;
    if (!data.waited) this.stood = false; // another session, after the server's restart, may wait again
    if (others) {
      this.view = { zoom: 1, x: 0.5, y: 0.5 };
      this.stop(false);
    }
    while (this.panes.length > data.panes.length) this.panes.pop().dispose();
    while (this.panes.length < data.panes.length) this.panes.push(new Pane(this, this.find('panes')));
    this.label();
    if (this.turn !== data.turn) {
      this.turn = data.turn;
      this.wanted = this.told = data.rank;
    }
    const rival = data.panes.some((pane) => pane.rival);
    if (rival && !this.rival) this.setBeside(true); // it was asked for to be seen
    this.rival = rival;
    this.rank = Math.min(this.wanted, data.highest); // a small picture does not make a larger one forget
    this.panes.forEach((pane, i) => pane.update(data.panes[i]));
    this.drawTrack();
    this.place();
    this.redraw();
  }

  /** Names, ranges, stops and marks: what changes with the picture, not with the rank. */
  label() {
    const { words, highest, stops, marks, numbers } = this.data;
    this.single = 'psnr' in numbers; // one picture with its numbers beside it, or a row of pictures with captions
    this.find('viewer').classList.toggle('several', !this.single);
    this.find('name').textContent = words.rank;
    const name = (part, text) => {
      this.find(part).setAttribute('aria-label', text);
      this.find(part).title = text;
    };
    name('less', words.less);
    name('more', words.more);
    name('entry', words.entry);
    name('stops', words.stops);
    name('modes', words.mode);
    name('out', words.zoomOut);
    name('in', words.zoomIn);
    this.find('slider').max = this.find('entry').max = highest;
    this.find('beside').textContent = words.beside;
    this.find('hold').textContent = words.hold;
    this.find('whole').textContent = words.whole;
    this.find('play').textContent = this.playing ? words.pause : words.play;
    fill(this.find('stops'), stops, 'button', (button, k, i) => {
      Object.assign(button, { type: 'button', textContent: k, title: words.stop.replace('{key}', i + 1) });
      button.onclick = () => this.go(k, true);
    });
    fill(this.find('modes'), Object.entries(words.modes), 'label', (label, [mode, text]) => {
      const radio = label.querySelector('input') || label.appendChild(document.createElement('input'));
      Object.assign(radio, { type: 'radio', name: 'mode', value: mode, checked: mode === this.mode });
      radio.onchange = () => this.show(mode);
      const said = label.querySelector('span') || label.appendChild(document.createElement('span'));
      said.textContent = text;
    });
    fill(this.find('marks'), marks.filter((mark) => mark.rank >= 1 && mark.rank <= highest), 'span', (mark, { rank, text, high }) => {
      mark.style.left = `${this.position(rank)}%`;
      mark.textContent = text;
      mark.classList.toggle('leftward', rank > highest * 0.7);
      mark.classList.toggle('high', high);
    });
    fill(this.find('numbers'), Object.entries(numbers), 'div', (row, [key, { label, help }]) => {
      const term = row.querySelector('dt') || row.appendChild(document.createElement('dt'));
      const value = row.querySelector('dd') || row.appendChild(document.createElement('dd'));
      term.textContent = label;
      row.title = help;
      value.dataset.number = key;
    });
  }

  /** Where a rank stands on the track, in percent; the thumb's middle runs from 12 pixels to 12 from the end. */
  position(rank) {
    return this.data.highest > 1 ? (100 * (rank - 1)) / (this.data.highest - 1) : 50;
  }

  // -- rank ---------------------------------------------------------------------------------------------------------

  /** Go to a rank; `tell` says that the hand has let go. */
  go(rank, tell = false, began = 0) {
    const k = Math.min(Math.max(Math.round(rank), 1), this.data.highest);
    if (!Number.isFinite(k)) return;
    this.rank = this.wanted = k;
    if (began && globalThis.lowrankLatency) this.began ??= began; // a benchmark listens
    this.redraw(true);
    clearTimeout(this.telling);
    if (tell) this.telling = setTimeout(() => this.tell(), tell === 'soon' ? KEY_REPEAT : 0);
  }

  tell() {
    if (this.rank === this.told) return;
    this.told = this.rank;
    this.setState('rank', [this.rank, Date.now()]); // the time makes each release a change
  }

  ask(what) {
    const asked = what + this.data.panes[0].picture;
    if (this.asked !== asked) this.setState('wanted', (this.asked = asked));
  }

  /** Draw at once if nothing was drawn in this frame yet, or else in the next one. */
  redraw(now = false) {
    if (now && !this.frame) this.draw();
    else this.dirty = true;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.dirty) this.draw();
    });
  }

  draw() {
    if (!this.data) return;
    this.dirty = false;
    const deadline = performance.now() + FRAME_BUDGET;
    const there = this.panes.map((pane) => pane.draw(this.rank, deadline) || !pane.fit);
    this.readOut();
    if (this.began) {
      globalThis.lowrankLatency.push(performance.now() - this.began);
      this.began = undefined;
    }
    if (there.includes(false)) this.redraw();
    else if (this.panes.every((pane) => pane.fit)) this.stands();
  }

  /** Tell Python, where it waits for that, that the picture stands, or will not come. */
  stands() {
    if (!this.data.waited || this.stood) return;
    this.stood = true;
    requestAnimationFrame(() => setTimeout(() => this.setState('stands', Date.now()))); // when it can be seen
  }

  /** Every number that depends on the rank, in the same task as the picture. */
  readOut() {
    const { words, panes, numbers, stops } = this.data;
    const k = this.rank;
    const spoken = `${words.at.replace('{rank}', k)}, ${panes[0].readout.psnr[Math.min(k, panes[0].rank) - 1]}`;
    const slider = this.find('slider');
    if (slider.valueAsNumber !== k) slider.value = k;
    slider.setAttribute('aria-valuetext', spoken);
    const entry = this.find('entry');
    if (!entry.matches(':focus') || this.entered) entry.value = k;
    this.entered = false;
    const viewer = this.find('viewer');
    if (viewer.dataset.rank !== String(k)) document.dispatchEvent(new CustomEvent('lowrank-rank', { detail: k })); // for charts
    viewer.dataset.rank = k;
    [...this.find('stops').children].forEach((button, i) => {
      if (button.ariaPressed !== String(stops[i] === k)) button.ariaPressed = stops[i] === k;
    });
    for (const pane of this.panes) {
      const { title, alt, rank, readout } = pane.spec;
      const own = Math.min(k, rank);
      const at = words.at.replace('{rank}', own);
      pane.canvas.setAttribute('aria-label', `${this.mode === 'picture' ? at : `${words.modes[this.mode]}, ${at}`}. ${alt}`);
      if (!this.single) pane.caption.textContent = `${title} · ${at} · ${readout.psnr[own - 1]}`;
    }
    if (!this.single) return;
    const { readout, ssim, rank, breakEven } = panes[0];
    for (const cell of this.find('numbers').querySelectorAll('dd')) {
      const key = cell.dataset.number;
      if (key in readout) cell.textContent = readout[key][Math.min(k, rank) - 1];
      else if (key === 'ssim') {
        cell.classList.toggle('stale', ssim.rank !== k);
        cell.textContent = ssim.text;
      } else cell.textContent = numbers[key].value;
    }
    this.find('sentence').textContent = k > (breakEven.bytes ?? Infinity) ? words.larger : words.smaller;
  }

  /** The slider's track: PSNR against rank. */
  drawTrack() {
    const canvas = this.find('curve');
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    Object.assign(canvas, { width: width * scale, height: height * scale });
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    const style = getComputedStyle(this.find('viewer'));
    const color = style.getPropertyValue('--st-primary-color') || 'teal';
    this.data.panes.forEach(({ curve, line: own }) => {
      const most = Math.max(...curve);
      const least = Math.min(...curve);
      const line = new Path2D();
      curve.forEach((value, i) => {
        const x = (this.position(i + 1) / 100) * width;
        const y = height - 2 - (height - 6) * (most > least ? (value - least) / (most - least) : 1);
        if (i) line.lineTo(x, y);
        else line.moveTo(x, y);
      });
      context.strokeStyle = own || color;
      context.lineWidth = 1.5;
      context.stroke(line);
      if (!this.single) return;
      const area = new Path2D(line);
      area.lineTo((this.position(curve.length) / 100) * width, height);
      area.lineTo((this.position(1) / 100) * width, height);
      context.globalAlpha = 0.15;
      context.fillStyle = color;
      context.fill(area);
      context.globalAlpha = 1;
    });
  }

  // -- looks --------------------------------------------------------------------------------------------------------

  show(mode) {
    this.mode = mode;
    for (const radio of this.find('modes').querySelectorAll('input')) radio.checked = radio.value === mode;
    this.redraw();
  }

  setBeside(beside) {
    this.beside = beside;
    this.find('beside').setAttribute('aria-pressed', beside);
    this.place();
  }

  hold(held) {
    if (this.held === held) return;
    this.held = held;
    this.find('hold').classList.toggle('on', held);
    this.place();
  }

  divide(split) {
    this.split = split;
    this.place();
  }

  place() {
    for (const pane of this.panes) pane.place();
    const { zoom } = this.view;
    this.find('whole').textContent = zoom > 1 ? `${Math.round(zoom * 100)} %` : this.data.words.whole;
    this.find('out').disabled = zoom <= 1;
    this.find('in').disabled = zoom >= MOST_ZOOM;
  }

  /** Zoom by a factor (0: back to the whole picture) about a point of the stage, in shares of it. */
  zoomAt(factor, px = 0.5, py = 0.5) {
    const { zoom, x, y } = this.view;
    const next = Math.min(Math.max(zoom * factor, 1), MOST_ZOOM);
    this.view.zoom = next;
    this.centre(x + (px - 0.5) / zoom - (px - 0.5) / next, y + (py - 0.5) / zoom - (py - 0.5) / next);
  }

  pan(dx, dy) {
    this.centre(this.view.x + dx / this.view.zoom, this.view.y + dy / this.view.zoom);
  }

  centre(x, y) {
    const reach = 0.5 / this.view.zoom;
    this.view.x = Math.min(Math.max(x, reach), 1 - reach);
    this.view.y = Math.min(Math.max(y, reach), 1 - reach);
    this.place();
  }

  /** Sweep from rank 1 up to where the slider stands (to the end, if it stands at 1), and stop there. */
  play() {
    if (this.playing) return this.stop(true);
    const last = this.rank > 1 ? this.rank : this.data.highest;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const stops = [...this.data.stops.filter((k) => k < last), last];
    const duration = calm ? 1000 * stops.length : Math.max(1000, (SWEEP * last) / this.data.highest);
    const began = performance.now();
    const step = () => {
      const share = Math.min((performance.now() - began) / duration, 1);
      this.go(calm ? stops[Math.min(Math.floor(share * stops.length), stops.length - 1)] : 1 + share * (last - 1));
      if (share === 1) this.stop(true);
      else this.playing = requestAnimationFrame(step);
    };
    this.playing = requestAnimationFrame(step);
    this.find('play').textContent = this.data.words.pause;
    return undefined;
  }

  stop(tell) {
    if (!this.playing) return;
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.find('play').textContent = this.data.words.play;
    if (tell) this.go(this.rank, true);
  }

  // -- hands and keys -----------------------------------------------------------------------------------------------

  connect() {
    const slider = this.find('slider');
    const entry = this.find('entry');
    slider.oninput = (event) => {
      this.stop(false);
      this.go(slider.valueAsNumber, false, event.timeStamp);
    };
    slider.onpointerdown = () => (this.dragging = true);
    slider.onchange = () => { // a hand that lets go is done; a key may repeat
      this.go(slider.valueAsNumber, this.dragging ? true : 'soon');
      this.dragging = false;
    };
    slider.onkeydown = (event) => {
      this.dragging = false;
      const jump = { PageUp: 10, PageDown: -10 }[event.key];
      if (!jump) return;
      event.preventDefault();
      this.go(this.rank + jump, 'soon', event.timeStamp);
    };
    entry.onchange = () => {
      this.entered = true;
      this.go(entry.valueAsNumber, true);
    };
    this.find('less').onclick = () => this.go(this.rank - 1, 'soon');
    this.find('more').onclick = () => this.go(this.rank + 1, 'soon');
    this.find('play').onclick = () => this.play();
    this.find('beside').onclick = () => this.setBeside(!this.beside);
    const hold = this.find('hold');
    hold.onpointerdown = () => this.hold(true);
    hold.onpointerup = hold.onpointerleave = hold.onpointercancel = hold.onblur = () => this.hold(false);
    this.find('out').onclick = () => this.zoomAt(1 / 1.5);
    this.find('in').onclick = () => this.zoomAt(1.5);
    this.find('whole').onclick = () => this.zoomAt(0);
    const box = this.find('viewer');
    box.onkeydown = (event) => this.key(event);
    box.onkeyup = (event) => {
      if (event.key === ' ') this.hold(false);
    };
    this.watch = new ResizeObserver(() => this.data && this.drawTrack());
    this.watch.observe(this.find('curve'));
  }

  /** Keys that work anywhere in the viewer, except while a number is typed. */
  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches('.entry')) return;
    const onStage = target.matches('.stage');
    const step = 0.1 / this.view.zoom;
    const pans = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (key === ' ' && (onStage || target === this.find('hold'))) this.hold(true);
    else if (onStage && pans[key]) this.centre(this.view.x + pans[key][0], this.view.y + pans[key][1]);
    else if (key === '+' || key === '=') this.zoomAt(1.5);
    else if (key === '-') this.zoomAt(1 / 1.5);
    else if (key === '0') this.zoomAt(0);
    else if (this.data.stops[key - 1]) this.go(this.data.stops[key - 1], 'soon', event.timeStamp);
    else return;
    event.preventDefault();
  }

  dispose() {
    this.stop(false);
    clearTimeout(this.telling);
    cancelAnimationFrame(this.frame);
    this.watch.disconnect();
    for (const pane of this.panes) pane.dispose();
    this.panes = [];
  }
}

/** Make the children of a node match a list, reusing those that are there. */
function fill(parent, items, tag, set) {
  while (parent.children.length > items.length) parent.lastChild.remove();
  items.forEach((item, i) => set(parent.children[i] || element(tag, '', parent), item, i));
}

const viewers = new WeakMap();

export default function mount({ parentElement, data, setStateValue }) {
  let viewer = viewers.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement);
    viewers.set(parentElement, viewer);
  }
  viewer.setState = setStateValue;
  viewer.update(data);
  return () => {
    if (parentElement.isConnected) return; // Streamlit also clears up after a run that a later one has overtaken
    viewer.dispose();
    viewers.delete(parentElement);
  };
}
