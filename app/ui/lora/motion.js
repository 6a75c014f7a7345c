// W, B and A to scale and counted while the hand moves; Python is told the three numbers when it lets go.

const count = (n) => n.toLocaleString('en-US');
const digits = (x) => Number(x.toPrecision(3)).toString();
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

const SIDES = [64, 128, 192, 256, 384, 512, 768, 1024, 1280, 1600, 2048, 2560, 3072, 4096, 5120, 6144, 8192];
const RANKS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];

class Motion {
  constructor(root) {
    this.find = (name) => root.querySelector(`.${name}`);
    for (const name of ['d', 'r', 'alpha']) {
      this.find(name).oninput = () => this.moved(name);
      this.find(name).onchange = () => this.tell([this.d, this.asked, this.alpha]);
    }
  }

  update({ words, start }) {
    this.words = words;
    if (this.d) return;
    [this.d, this.asked, this.alpha] = start;
    this.find('d').max = SIDES.length - 1;
    this.find('r').max = RANKS.length - 1;
    this.find('d').value = SIDES.indexOf(this.d);
    this.find('r').value = RANKS.indexOf(this.asked);
    this.find('alpha').value = this.alpha;
    for (const name of ['d', 'r', 'alpha']) this.find(`${name}Name`).textContent = words[name];
    this.find('frozen').textContent = words.frozen;
    this.draw();
  }

  moved(name) {
    const value = Number(this.find(name).value);
    if (name === 'd') this.d = SIDES[value];
    if (name === 'r') this.asked = RANKS[value];
    if (name === 'alpha') this.alpha = value;
    this.draw();
  }

  draw() {
    const { d, alpha, words } = this;
    const r = Math.min(this.asked, d);
    const [full, adapter] = [d * d, 2 * r * d];
    const share = (100 * adapter) / full;
    const values = {
      d: count(d), r: count(r), full: count(full), adapter: count(adapter), even: count(d / 2),
      share: `${share < 1 ? digits(share) : share.toFixed(1)}\u00a0%`, plain: digits(alpha / r), rs: digits(alpha / Math.sqrt(r)),
    };
    for (const [name, shown] of [['d', d], ['r', r], ['alpha', alpha]]) {
      this.find(`${name}Says`).textContent = count(shown);
      this.find(name).setAttribute('aria-valuetext', count(shown));
    }
    for (const name of ['full', 'adapter', 'larger', 'plain', 'rs']) this.find(name).textContent = filled(words[name], values);
    this.find('drawing').setAttribute('aria-label', filled(words.box, values));
    this.find('drawing').style.setProperty('--share', r / d);
  }
}

const motions = new WeakMap();

export default function mount({ parentElement, data, setStateValue }) {
  if (!motions.has(parentElement)) motions.set(parentElement, new Motion(parentElement));
  const motion = motions.get(parentElement);
  motion.tell = (numbers) => setStateValue('numbers', numbers);
  motion.update(data);
}
