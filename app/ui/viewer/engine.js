// The engine: streams factors in, and draws any rank of them by adding or taking away the layers in between.
//
// One block of memory holds everything: U and V of each plane rank by rank, float accumulators in grey levels, and the
// RGBA picture. The loops over it are kernel.wat's; `scriptKernel` is the same in JavaScript. Offsets are in bytes.

const LAYERS = 4; // JavaScript adds this many at a time; memory holds as many spare ranks behind the last one
const SLICE = 16; // layers between two looks at the clock
const PAGE = 65536;
const MIX = 16; // where the nine factors lie that mix three planes into red, green and blue

const aligned = (n, to) => Math.ceil(n / to) * to;

/** Bytes from row to row of so many floats: sixteens, but no multiple of 1024, whose rows share few places in the cache. */
function strideOf(floats) {
  const bytes = 4 * aligned(floats, 16);
  return bytes % 1024 ? bytes : bytes + 64;
}

/** The kernel in WebAssembly, on memory of its own. */
function wasmKernel(module) {
  const { memory, add, pack, packMixed } = new WebAssembly.Instance(module).exports;
  return {
    name: 'wasm',
    get buffer() { return memory.buffer; },
    reserve(bytes) {
      const missing = bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    },
    add,
    pack,
    packMixed,
  };
}

/** The same kernel in JavaScript. */
function scriptKernel() {
  let floats = new Float32Array(0);
  return {
    name: 'script',
    get buffer() { return floats.buffer; },
    reserve(bytes) {
      if (bytes <= floats.byteLength) return;
      const larger = new Float32Array(Math.ceil(bytes / 4));
      larger.set(floats);
      floats = larger;
    },
    add(acc, accStride, u, uStride, v, vStride, rows, cols, layers, sign) {
      [acc, accStride, u, uStride, v, vStride] = [acc, accStride, u, uStride, v, vStride].map((x) => x >> 2);
      for (let i = 0; i < rows; i++, acc += accStride, u++) {
        for (let l = 0; l < layers; l += LAYERS) {
          const weight = (n) => (l + n < layers ? sign * floats[u + (l + n) * uStride] : 0);
          const a0 = weight(0), a1 = weight(1), a2 = weight(2), a3 = weight(3);
          const first = v + l * vStride;
          for (let j = 0; j < cols; j++) {
            const at = first + j;
            floats[acc + j] += a0 * floats[at] + a1 * floats[at + vStride]
              + a2 * floats[at + 2 * vStride] + a3 * floats[at + 3 * vStride];
          }
        }
      }
    },
    pack(r, g, b, stride, out, rows, cols, scale, offset) {
      const pixels = new Uint8ClampedArray(floats.buffer, out, 4 * rows * cols); // rounds to even and clips by itself
      [r, g, b, stride] = [r, g, b, stride].map((x) => x >> 2);
      for (let i = 0, at = 0; i < rows; i++, r += stride, g += stride, b += stride) {
        for (let j = 0; j < cols; j++, at += 4) {
          pixels[at] = floats[r + j] * scale + offset;
          pixels[at + 1] = floats[g + j] * scale + offset;
          pixels[at + 2] = floats[b + j] * scale + offset;
          pixels[at + 3] = 255;
        }
      }
    },
    packMixed(x, y, z, stride, out, rows, cols, scale, offset, mix) {
      const pixels = new Uint8ClampedArray(floats.buffer, out, 4 * rows * cols);
      const [rx, ry, rz, gx, gy, gz, bx, by, bz] = floats.subarray(mix >> 2, (mix >> 2) + 9).map((factor) => factor * scale);
      [x, y, z, stride] = [x, y, z, stride].map((n) => n >> 2);
      for (let i = 0, at = 0; i < rows; i++, x += stride, y += stride, z += stride) {
        for (let j = 0; j < cols; j++, at += 4) {
          const a = floats[x + j], b = floats[y + j], c = floats[z + j];
          pixels[at] = a * rx + b * ry + c * rz + offset;
          pixels[at + 1] = a * gx + b * gy + c * gz + offset;
          pixels[at + 2] = a * bx + b * by + c * bz + offset;
          pixels[at + 3] = 255;
        }
      }
    },
  };
}

let kernelModule; // compiled once for all viewers on the page; null where the browser refuses
function makeKernel() {
  if (kernelModule === undefined) kernelModule = KERNELS.reduce((found, code) => found ?? compiled(code), null);
  return kernelModule ? wasmKernel(kernelModule) : scriptKernel();
}

function compiled(code) {
  try {
    return new WebAssembly.Module(Uint8Array.from(atob(code), (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
}

class Engine {
  /** `spec` is the payload's: rows, columns, planes, rank, bits, bytes; mixing, where its planes are no channels. */
  constructor(spec, kernel = makeKernel()) {
    this.spec = spec;
    this.kernel = kernel;
    const { rows, columns, planes, rank, mixing } = spec;
    this.uStride = strideOf(rows);
    this.vStride = strideOf(columns);
    this.uPlane = this.uStride * (rank + LAYERS);
    this.vPlane = this.vStride * (rank + LAYERS);
    this.uAt = 64;
    this.vAt = aligned(this.uAt + planes * this.uPlane, 16);
    this.top = aligned(this.vAt + planes * this.vPlane, 16) + 64;
    this.incoming = new Uint8Array(aligned(spec.bytes, 4));
    this.received = this.parsed = 0;
    this.available = 0; // ranks that have arrived
    // each plane's own rank at k = 0..rank: the layers that it has lie one after the other
    this.ranks = Array.from({ length: planes }, () => new Uint16Array(rank + 1));
    kernel.reserve(this.top);
    if (mixing) new Float32Array(kernel.buffer, MIX, 9).set(mixing);
    this.region(0, rows, 0, columns);
  }

  /** Take the next bytes of the payload; ranks become available as they are complete. */
  feed(chunk) {
    this.incoming.set(chunk, this.received);
    this.received += chunk.length;
    const { rows, columns, planes, rank } = this.spec;
    const floats = new Float32Array(this.kernel.buffer);
    while (this.available < rank) {
      if (this.received < this.parsed + 4 * planes) return;
      const scale = new Float32Array(this.incoming.buffer, this.parsed, planes);
      const there = [...scale.keys()].filter((p) => scale[p] !== 0);
      const bits = this.spec.bits[this.available];
      const size = aligned(4 * planes + Math.ceil((there.length * (rows + columns) * bits) / 8), 4);
      if (this.received < this.parsed + size) return;
      const next = this.numbers(this.parsed + 4 * planes, bits);
      for (const p of there) {
        const u = (this.uAt + p * this.uPlane + this.ranks[p][this.available] * this.uStride) >> 2;
        for (let i = 0; i < rows; i++) floats[u + i] = scale[p] * next();
      }
      for (const p of there) {
        const v = (this.vAt + p * this.vPlane + this.ranks[p][this.available] * this.vStride) >> 2;
        for (let j = 0; j < columns; j++) floats[v + j] = next();
      }
      for (const [p, ranks] of this.ranks.entries()) {
        ranks[this.available + 1] = ranks[this.available] + (scale[p] !== 0);
      }
      this.parsed += size;
      this.available++;
    }
    this.incoming = new Uint8Array(0);
  }

  /** Read signed numbers of so many bits each, one a call. */
  numbers(at, bits) {
    const bytes = this.incoming;
    const mask = 2 ** bits - 1;
    const zero = 2 ** (bits - 1) - 1;
    let held = 0;
    let count = 0;
    return () => {
      while (count < bits) {
        held |= bytes[at++] << count;
        count += 8;
      }
      const value = (held & mask) - zero;
      held >>>= bits;
      count -= bits;
      return value;
    };
  }

  /** Draw only rows top..bottom and columns left..right from now on. */
  region(top, bottom, left, right) {
    const { planes } = this.spec;
    Object.assign(this, { row: top, column: left, height: bottom - top, width: right - left });
    this.stride = strideOf(this.width);
    this.accPlane = this.stride * aligned(this.height, 2);
    this.accAt = this.top;
    this.outAt = aligned(this.accAt + planes * this.accPlane, 16) + 64;
    this.layerAt = aligned(this.outAt + 4 * this.width * this.height, 16) + 64;
    this.kernel.reserve(this.layerAt);
    this.clear(this.accAt);
    this.k = 0; // the rank that the accumulators hold
  }

  clear(at) {
    new Uint8Array(this.kernel.buffer, at, this.spec.planes * this.accPlane).fill(0);
  }

  /** Add what `count` ranks from index `from` on have, times `sign`, to the accumulators at `at`. */
  addLayers(at, from, count, sign) {
    for (let p = 0; p < this.spec.planes; p++) {
      const first = this.ranks[p][from];
      const layers = this.ranks[p][from + count] - first;
      if (!layers) continue;
      this.kernel.add(
        at + p * this.accPlane, this.stride,
        this.uAt + p * this.uPlane + first * this.uStride + 4 * this.row, this.uStride,
        this.vAt + p * this.vPlane + first * this.vStride + 4 * this.column, this.vStride,
        this.height, this.width, layers, sign,
      );
    }
  }

  /** Move towards rank `target` until it is reached or the clock passes `deadline`; true when there. */
  moveTo(target, deadline = Infinity) {
    const goal = Math.min(target, this.available);
    if (goal === 0 || Math.abs(goal - this.k) > goal) { // from nothing is shorter, and forgets rounding
      this.clear(this.accAt);
      this.k = 0;
    }
    while (this.k !== goal) {
      const count = Math.min(SLICE, Math.abs(goal - this.k));
      const next = goal > this.k ? this.k + count : this.k - count;
      this.addLayers(this.accAt, Math.min(this.k, next), count, Math.sign(next - this.k));
      this.k = next;
      if (performance.now() > deadline) break;
    }
    return this.k === Math.min(target, this.spec.rank);
  }

  /** Round accumulators to RGBA: value * scale + offset, clipped to 0..255. */
  pixels(at = this.accAt, scale = 1, offset = 0) {
    const { planes, mixing } = this.spec;
    const plane = (p) => at + (planes === 3 ? p : 0) * this.accPlane;
    const args = [plane(0), plane(1), plane(2), this.stride, this.outAt, this.height, this.width, scale, offset];
    if (mixing) this.kernel.packMixed(...args, MIX);
    else this.kernel.pack(...args);
    return new Uint8ClampedArray(this.kernel.buffer, this.outAt, 4 * this.width * this.height);
  }

  /** RGBA of layer k alone around mid-grey, and how many grey levels white stands for. */
  layer(k) {
    this.kernel.reserve(this.layerAt + this.spec.planes * this.accPlane + 64);
    this.clear(this.layerAt);
    this.addLayers(this.layerAt, k - 1, 1, 1);
    const peak = this.peak(k - 1) || 1;
    return { pixels: this.pixels(this.layerAt, 127 / peak, 128), peak };
  }

  /** Largest magnitude of one rank's layers, in grey levels, over the whole picture; mixed ones may stay below it. */
  peak(index) {
    const { rows, columns, planes, mixing } = this.spec;
    const floats = new Float32Array(this.kernel.buffer);
    const largest = (at, n) => {
      let most = 0;
      for (let i = 0; i < n; i++) most = Math.max(most, Math.abs(floats[at + i]));
      return most;
    };
    const peaks = this.ranks.map((ranks, p) => {
      const own = ranks[index];
      if (ranks[index + 1] === own) return 0;
      const u = largest((this.uAt + p * this.uPlane + own * this.uStride) >> 2, rows);
      return u * largest((this.vAt + p * this.vPlane + own * this.vStride) >> 2, columns);
    });
    if (!mixing) return Math.max(...peaks);
    const reach = (channel) => peaks.reduce((sum, peak, p) => sum + Math.abs(mixing[planes * channel + p]) * peak, 0);
    return Math.max(reach(0), reach(1), reach(2));
  }
}
