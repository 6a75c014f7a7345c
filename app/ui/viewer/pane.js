// One picture on the page: its canvas at fitted size, a sharper canvas of the visible part when zoomed in, the original
// above them behind the divider. Ranks, modes and the view come from the viewer, the same for all its panes.

const FRAME_BUDGET = 9; // milliseconds of layer arithmetic before the frame is shown
const SETTLE = 120; // milliseconds without movement before the visible part is drawn at full resolution

const recent = new Map(); // id -> factors already fetched, for coming back to a page; the last few only
const RECENT = 4;

const element = (tag, className, parent) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (parent) parent.append(node);
  return node;
};

class Pane {
  constructor(viewer, parent) {
    this.viewer = viewer;
    this.figure = element('figure', 'pane', parent);
    this.stage = element('div', 'stage', this.figure);
    this.plane = element('div', 'plane', this.stage);
    this.canvas = element('canvas', 'fit', this.plane);
    this.detail = element('canvas', 'detail', this.plane);
    this.original = element('img', 'original', this.plane);
    this.rival = element('img', 'rival', this.plane); // what stands behind the divider in the original's place
    for (const image of [this.original, this.rival]) Object.assign(image, { decoding: 'async', draggable: false, alt: '' });
    this.line = element('div', 'divider', this.stage);
    this.divider = element('input', 'divide', this.stage);
    Object.assign(this.divider, { type: 'range', min: 0, max: 1000, value: 500 });
    this.sides = [element('div', 'side', this.stage), element('div', 'side right', this.stage)];
    for (const side of this.sides) side.ariaHidden = true; // the divider's name says it
    this.scale = element('div', 'scale', this.stage);
    this.message = element('div', 'message', this.stage);
    this.caption = element('figcaption', '', this.figure);
    this.stage.tabIndex = 0;
    this.canvas.setAttribute('role', 'img');
    this.divider.oninput = () => viewer.divide(this.divider.value / 1000);
    this.watch = new ResizeObserver(() => this.place());
    this.watch.observe(this.stage);
    this.listen();
  }

  /** Show what `spec` describes; factors are fetched only where they are other ones than those at hand. */
  update(spec) {
    const { words } = this.viewer.data;
    const other = this.spec?.picture !== spec.picture;
    const sharper = this.spec?.factors.id !== spec.factors.id;
    this.spec = spec;
    this.stage.style.aspectRatio = `${spec.factors.columns} / ${spec.factors.rows}`;
    this.figure.style.setProperty('--ratio', spec.factors.columns / spec.factors.rows);
    this.divider.setAttribute('aria-label', words.divider);
    this.stage.setAttribute('aria-label', words.stage);
    this.sides[0].textContent = words.left;
    if (this.original.getAttribute('src') !== spec.original) this.original.src = spec.original;
    if (!spec.rival) this.rival.removeAttribute('src');
    else if (this.rival.getAttribute('src') !== spec.rival) this.rival.src = spec.rival;
    if (other) {
      this.fit = this.full = undefined;
      this.reference = {};
      this.canvas.width = this.canvas.height = 0;
      this.hideDetail();
    }
    if (other || sharper) this.load('fit', spec.factors);
    if (spec.full && this.wantsFull && !this.full) this.loadFull();
  }

  /** Fetch factors and keep drawing the rank asked for as they arrive. */
  async load(which, factors) {
    const serial = (this[`${which}Serial`] = (this[`${which}Serial`] || 0) + 1);
    const stale = () => serial !== this[`${which}Serial`] || this.gone;
    let engine = recent.get(factors.id);
    if (!engine) {
      engine = new Engine(factors);
      const began = performance.now();
      try {
        const response = await fetch(factors.url);
        if (!response.ok) throw new Error(response.statusText);
        const reader = response.body.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (stale()) return void reader.cancel().catch(() => {});
          if (done) break;
          engine.feed(value);
          if (which === 'fit' && engine.available > (this.fit?.available ?? 0)) {
            this.use(which, engine);
            if (!this.painted) this.painted = performance.now() - began;
          }
        }
        if (engine.available < factors.rank) throw new Error('short');
      } catch {
        if (stale()) return;
        this.say(this.viewer.data.words.lost);
        this.viewer.stands();
        return;
      }
      this.loaded = performance.now() - began;
      recent.set(factors.id, engine);
      if (recent.size > RECENT) recent.delete(recent.keys().next().value);
    } else {
      recent.delete(factors.id);
      recent.set(factors.id, engine);
    }
    if (stale()) return;
    this.say('');
    this.use(which, engine);
    this.stage.dataset[which === 'fit' ? 'ready' : 'full'] = factors.id;
    if (which === 'full') this.sharpen();
  }

  use(which, engine) {
    if (which === 'fit' && this.fit !== engine) engine.region(0, engine.spec.rows, 0, engine.spec.columns);
    this[which] = engine;
    this.viewer.redraw();
  }

  say(text) {
    this.message.textContent = text;
  }

  /** Move the visible pictures towards rank k and draw them; true when all are there. */
  draw(k, deadline) {
    const engines = this.sharp ? [[this.full, this.detail], [this.fit, this.canvas]] : [[this.fit, this.canvas]];
    let there = true;
    for (const [engine, canvas] of engines) {
      if (!engine?.available) return false;
      const own = Math.min(k, engine.spec.rank);
      const arrived = engine.moveTo(own, deadline);
      this.paint(engine, canvas, Math.min(own, engine.available));
      there = arrived && there;
      if (!arrived && performance.now() > deadline) return false;
    }
    this.stage.dataset.rank = this.fit.k;
    this.sides[1].textContent = this.viewer.data.words.at.replace('{rank}', this.fit.k);
    return there;
  }

  paint(engine, canvas, k) {
    const { mode } = this.viewer;
    if (canvas.width !== engine.width || canvas.height !== engine.height) {
      Object.assign(canvas, { width: engine.width, height: engine.height });
    }
    let pixels;
    let peak = 0;
    if (mode === 'layer') ({ pixels, peak } = engine.layer(k));
    else pixels = engine.pixels();
    if (mode === 'difference') this.difference(pixels, engine);
    canvas.getContext('2d').putImageData(new ImageData(pixels, engine.width, engine.height), 0, 0);
    if (engine === this.fit) this.explainScale(mode, peak);
  }

  /** Turn rank-k pixels into the colours of their difference from the original, in place. */
  difference(pixels, engine) {
    const { colors, limit } = this.viewer.data.difference;
    const reference = this.referenceFor(engine);
    if (!reference) return;
    const rgba = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
    const gray = engine.spec.planes === 1;
    for (let i = 0, at = 0; i < rgba.length; i++, at += 4) {
      let d = pixels[at] - reference[at];
      if (!gray) {
        const g = pixels[at + 1] - reference[at + 1];
        const b = pixels[at + 2] - reference[at + 2];
        if (Math.abs(g) > Math.abs(d)) d = g;
        if (Math.abs(b) > Math.abs(d)) d = b;
      }
      rgba[i] = colors[limit + (d > limit ? limit : d < -limit ? -limit : d)];
    }
  }

  /** The original's pixels for the part that an engine draws, once the browser has decoded them. */
  referenceFor(engine) {
    const source = engine === this.full ? this.fullOriginal : this.original;
    if (!source?.complete || !source.naturalWidth) {
      if (source) source.addEventListener('load', () => this.viewer.redraw(), { once: true });
      return null;
    }
    const id = [source.src, engine.row, engine.column, engine.height, engine.width].join();
    const kind = engine === this.full ? 'full' : 'fit';
    if (this.reference[kind]?.id !== id) {
      const canvas = new OffscreenCanvas(engine.width, engine.height);
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.drawImage(source, -engine.column, -engine.row, engine.spec.columns, engine.spec.rows);
      this.reference[kind] = { id, pixels: context.getImageData(0, 0, engine.width, engine.height).data };
    }
    return this.reference[kind].pixels;
  }

  explainScale(mode, peak) {
    const { words, difference } = this.viewer.data;
    this.scale.hidden = mode === 'picture';
    this.scale.classList.toggle('diverging', mode === 'difference');
    if (mode === 'difference') this.scale.textContent = words.differenceScale;
    if (mode === 'layer') {
      const levels = peak >= 10 ? Math.round(peak) : peak.toPrecision(2);
      this.scale.textContent = words.layerScale.replaceAll('{levels}', levels);
    }
    this.scale.style.setProperty('--colors', difference.gradient);
  }

  // -- the view: zoom about a centre, in shares of the picture ------------------------------------------------------

  /** Put plane, divider and original where the view says. */
  place() {
    const { zoom, x, y } = this.viewer.view;
    const { clientWidth: w, clientHeight: h } = this.stage;
    if (!w || !this.spec) return;
    const left = w / 2 - x * zoom * w;
    const top = h / 2 - y * zoom * h;
    this.plane.style.transform = `translate(${left}px, ${top}px) scale(${zoom})`;
    const { columns } = this.spec.factors;
    this.plane.classList.toggle('coarse', (zoom * w) / columns >= 3);
    const { beside, held, split } = this.viewer;
    const cut = w - (split * w - left) / zoom;
    for (const image of [this.original, this.rival]) {
      const whole = held && image === this.original;
      const part = beside && !held && image === (this.spec.rival ? this.rival : this.original);
      image.style.visibility = whole || part ? 'visible' : 'hidden';
      image.style.clipPath = whole ? 'none' : `inset(0 ${cut}px 0 0)`;
    }
    for (const part of [this.divider, this.line, ...this.sides]) part.hidden = !beside || held;
    this.line.style.left = `${split * 100}%`;
    this.divider.value = split * 1000;
    this.divider.setAttribute('aria-valuetext', `${Math.round(split * 100)} %`);
    this.stage.classList.toggle('zoomed', zoom > 1);
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.sharpen(), SETTLE);
  }

  /** When zoomed in beyond the fitted size, draw the visible part from the full-size factors. */
  sharpen() {
    if (this.gone || !this.spec) return;
    const { zoom, x, y } = this.viewer.view;
    const { clientWidth: w } = this.stage;
    const { factors, height, width } = this.spec;
    const needed = zoom > 1 && (zoom * w * devicePixelRatio) / factors.columns > 1.2 && width > factors.columns;
    if (!needed) return this.hideDetail();
    this.wantsFull = true;
    if (!this.full) return this.spec.full ? this.loadFull() : this.viewer.ask('full');
    const reach = 0.5 / zoom + 0.02;
    const span = (middle, n) => [
      Math.max(0, Math.floor((middle - reach) * n)), Math.min(n, Math.ceil((middle + reach) * n)),
    ];
    const [top, bottom] = span(y, height);
    const [left, right] = span(x, width);
    const same = this.sharp && [top, bottom, left, right].every((n, i) => n === this.sharp[i]);
    if (!same) {
      this.full.region(top, bottom, left, right);
      this.sharp = [top, bottom, left, right];
      const percent = (n, of) => `${(100 * n) / of}%`;
      Object.assign(this.detail.style, {
        top: percent(top, height), left: percent(left, width),
        width: percent(right - left, width), height: percent(bottom - top, height),
      });
    }
    this.detail.hidden = false;
    if (this.fullOriginal) this.original.src = this.fullOriginal.src;
    this.plane.classList.toggle('coarse', (zoom * w) / width >= 3);
    this.viewer.redraw();
  }

  loadFull() {
    if (this.fullAsked === this.spec.full.factors.id) return;
    this.fullAsked = this.spec.full.factors.id;
    this.fullOriginal = new Image();
    this.fullOriginal.src = this.spec.full.original;
    this.load('full', this.spec.full.factors);
  }

  hideDetail() {
    this.detail.hidden = true;
    this.sharp = undefined;
    delete this.stage.dataset.full;
  }

  /** Pointers on the stage: drag pans, two fingers or the wheel zoom, double click goes back and forth. */
  listen() {
    const { stage, viewer } = this;
    const pointers = new Map();
    const share = (event) => {
      const box = stage.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    stage.onpointerdown = (event) => {
      if (event.target === this.divider) return;
      pointers.set(event.pointerId, share(event));
      if (viewer.view.zoom > 1 || pointers.size > 1) stage.setPointerCapture(event.pointerId);
    };
    stage.onpointermove = (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = share(event);
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      if (others.length) {
        const away = (p) => Math.hypot(p[0] - others[0][0], p[1] - others[0][1]) || 1e-3;
        viewer.zoomAt(away(now) / away(before), ...others[0]);
      } else if (viewer.view.zoom > 1) viewer.pan(before[0] - now[0], before[1] - now[1]);
      pointers.set(event.pointerId, now);
    };
    stage.onpointerup = stage.onpointercancel = (event) => pointers.delete(event.pointerId);
    stage.ondblclick = (event) => viewer.zoomAt(viewer.view.zoom > 1 ? 0 : 4, ...share(event));
    const wheel = (event) => {
      // a page must scroll past a picture; the wheel zooms with Ctrl (a pinch, too) or once the picture has the focus
      if (!event.ctrlKey && !stage.matches(':focus')) return;
      event.preventDefault();
      viewer.zoomAt(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), ...share(event));
    };
    stage.addEventListener('wheel', wheel, { passive: false });
  }

  dispose() {
    this.gone = true;
    clearTimeout(this.settling);
    this.watch.disconnect();
    this.figure.remove();
  }
}
