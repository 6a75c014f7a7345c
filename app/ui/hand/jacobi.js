// The singular value decomposition of a small matrix, exact enough to see, in the time of a frame.

/**
 * One-sided Jacobi (Hestenes 1958): turn pairs of rows until all are orthogonal. Then their norms are the singular
 * values, the rows themselves sigma V^T, and the turns U.
 *
 * @param {number[][]} a m rows of n numbers, m <= n
 * @returns {{U: number[][], s: number[], V: number[][]}} U[i] and V[i] are the i-th left and right singular vectors
 */
function decompose(a) {
  const m = a.length;
  const rows = a.map((row) => [...row]);
  const turns = a.map((_, i) => a.map((_, j) => +(i === j)));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const turn = (x, y, c, s) => {
    for (let i = 0; i < x.length; i++) [x[i], y[i]] = [c * x[i] - s * y[i], s * x[i] + c * y[i]];
  };
  for (let sweep = 0, left = Infinity; sweep < 40 && left > 1e-12; sweep++) {
    left = 0;
    for (let p = 0; p < m; p++) {
      for (let q = p + 1; q < m; q++) {
        const [x, y, both] = [dot(rows[p], rows[p]), dot(rows[q], rows[q]), dot(rows[p], rows[q])];
        const cosine = Math.abs(both) / Math.sqrt(x * y || 1);
        if (cosine < 1e-14) continue;
        left = Math.max(left, cosine);
        const ratio = (y - x) / (2 * both);
        const tangent = (Math.sign(ratio) || 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
        const c = 1 / Math.hypot(1, tangent);
        turn(rows[p], rows[q], c, c * tangent);
        turn(turns[p], turns[q], c, c * tangent);
      }
    }
  }
  const norms = rows.map((row) => Math.sqrt(dot(row, row)));
  const order = norms.map((_, i) => i).sort((i, j) => norms[j] - norms[i]);
  const s = order.map((i) => (norms[i] > 1e-9 * norms[order[0]] ? norms[i] : 0));
  // signs as everywhere in lowrank: the largest entry of a left vector is positive
  const signs = order.map((i) => Math.sign(turns[i].reduce((most, x) => (Math.abs(x) > Math.abs(most) + 1e-9 ? x : most), 0)) || 1);
  return {
    U: order.map((i, at) => turns[i].map((x) => signs[at] * x)),
    s,
    V: order.map((i, at) => rows[i].map((x) => (s[at] ? (signs[at] * x) / s[at] : 0))),
  };
}

/** The matrix of rank k nearest to `a` among those with k random rows for a row space: `a` projected onto that. */
function randomOfRank(a, k, random = Math.random) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const basis = [];
  while (basis.length < k) {
    const row = a[0].map(normal);
    for (const earlier of [...basis, ...basis]) {
      const along = row.reduce((sum, x, i) => sum + x * earlier[i], 0);
      row.forEach((x, i) => (row[i] = x - along * earlier[i]));
    }
    const norm = Math.hypot(...row);
    basis.push(row.map((x) => x / norm));
  }
  return a.map((row) => {
    const along = basis.map((one) => row.reduce((sum, x, i) => sum + x * one[i], 0));
    return row.map((_, j) => basis.reduce((sum, one, i) => sum + along[i] * one[j], 0));
  });
}
