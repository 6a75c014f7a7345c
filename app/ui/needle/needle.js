// The mark over a chart: an upright line that goes with the slider, or a ring at a point of its own.
//
// Of Plotly it asks where its axes lie, in `_fullLayout`, and when it has drawn; the figure itself is left alone.

class Needle {
  constructor(root) {
    this.root = root;
    this.mark = document.createElement('div');
    this.text = this.mark.appendChild(document.createElement('span'));
    this.mark.className = 'lowrank-needle';
    this.mark.ariaHidden = true; // the chart's alternative text and the page's sentences say it
    this.dress = this.dress.bind(this);
    this.hear = ({ detail }) => {
      this.rank = detail;
      this.place();
    };
    document.addEventListener('lowrank-rank', this.hear);
    this.watch = new MutationObserver(() => this.find()); // a chart comes late, and anew when its figure is another
    this.watch.observe(document.body, { childList: true, subtree: true });
  }

  update(data) {
    this.data = data;
    this.rank = data.rank;
    this.find();
    this.dress();
  }

  find() {
    if (this.plot?.isConnected && this.mark.isConnected) return;
    const plot = document.querySelector(`.st-key-${this.data.chart} .js-plotly-plot`);
    if (!plot?.on || !plot._fullLayout?.xaxis) return;
    if (plot !== this.plot) for (const drawn of ['plotly_afterplot', 'plotly_relayouting']) plot.on(drawn, this.dress);
    this.plot = plot;
    plot.append(this.mark);
    this.dress();
  }

  /** How it looks: once for each drawing of the chart, not for each move of the slider. */
  dress() {
    if (!this.plot?.isConnected) return;
    const { at } = this.data;
    const color = getComputedStyle(this.root).getPropertyValue('--st-primary-color') || 'teal';
    const height = this.plot._fullLayout.yaxis._length;
    this.mark.style.cssText = `position:absolute; pointer-events:none; left:0; top:0; ${
      at ? `width:14px; height:14px; margin:-7px; border:2px solid ${color}; border-radius:50%`
         : `height:${height}px; margin-left:-1px; border-left:2px solid ${color}`}`;
    this.text.style.cssText = `position:absolute; top:${at ? '-1.6em' : 0}; white-space:nowrap; font-size:12px;
      color:${color}; font-weight:600`;
    this.place();
  }

  place() {
    if (!this.plot?.isConnected) return;
    const { xaxis, yaxis } = this.plot._fullLayout;
    const { at, words } = this.data;
    const x = xaxis.d2p(at ? at[0] : this.rank);
    const y = at ? yaxis.d2p(at[1]) : 0;
    const inside = x >= 0 && x <= xaxis._length && y >= 0 && y <= yaxis._length;
    const side = `${at ? 0 : 4}px`;
    const leftward = x > 0.7 * xaxis._length;
    this.text.textContent = words.replace('{k}', at ? this.data.rank : this.rank);
    this.mark.style.opacity = at && this.rank !== this.data.rank ? 0.3 : 1; // the point is that of the last release
    Object.assign(this.text.style, { left: leftward ? 'auto' : side, right: leftward ? side : 'auto' });
    this.mark.style.visibility = inside ? '' : 'hidden';
    this.mark.style.transform = `translate(${xaxis._offset + x}px, ${yaxis._offset + y}px)`;
  }

  dispose() {
    document.removeEventListener('lowrank-rank', this.hear);
    this.watch.disconnect();
    this.mark.remove();
  }
}

const needles = new WeakMap();

export default function mount({ parentElement, data }) {
  if (!needles.has(parentElement)) needles.set(parentElement, new Needle(parentElement));
  needles.get(parentElement).update(data);
  return () => {
    if (parentElement.isConnected) return; // Streamlit also clears up after a run that a later one has overtaken
    needles.get(parentElement)?.dispose();
    needles.delete(parentElement);
  };
}
