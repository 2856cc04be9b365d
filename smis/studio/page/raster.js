/**
 * Strokes and shapes as integer scanlines: `span(y, x0, x1)` is called for rows of pixels, both ends included.
 * Nothing is antialiased, so no pixel ever gets a class that nobody painted. Spans may leave the map; who paints clips.
 */

/** Rows of a disc of this diameter in pixels: [[dy, dx0, dx1], ...] around the pixel at the pointer. */
export function disc(diameter) {
  const radius = diameter / 2;
  const center = (diameter - 1) / 2;
  const shift = Math.floor(diameter / 2);
  const rows = [];
  for (let row = 0; row < diameter; row++) {
    const half = Math.sqrt(radius * radius - (row - center) ** 2);
    rows.push([row - shift, Math.ceil(center - half) - shift, Math.floor(center + half) - shift]);
  }
  return rows;
}

/** Pixels of a line (Bresenham), both ends included. */
export function* linePixels(x0, y0, x1, y1) {
  const dx = Math.abs(x1 - x0);
  const dy = -Math.abs(y1 - y0);
  const stepX = x0 < x1 ? 1 : -1;
  const stepY = y0 < y1 ? 1 : -1;
  for (let error = dx + dy; ; ) {
    yield [x0, y0];
    if (x0 === x1 && y0 === y1) return;
    const twice = 2 * error;
    if (twice >= dy) [error, x0] = [error + dy, x0 + stepX];
    if (twice <= dx) [error, y0] = [error + dx, y0 + stepY];
  }
}

/** A line as thick as a disc. */
export function line([x0, y0], [x1, y1], diameter, span) {
  const rows = disc(diameter);
  for (const [x, y] of linePixels(x0, y0, x1, y1)) for (const [dy, from, to] of rows) span(y + dy, x + from, x + to);
}

/** A filled rectangle between two corners, both included. */
export function rectangle([x0, y0], [x1, y1], span) {
  for (let y = Math.min(y0, y1); y <= Math.max(y0, y1); y++) span(y, Math.min(x0, x1), Math.max(x0, x1));
}

/** A filled ellipse that touches the sides of the rectangle between two corners. */
export function ellipse([x0, y0], [x1, y1], span) {
  const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
  const [centerX, centerY] = [(left + right) / 2, (top + bottom) / 2];
  for (let y = top; y <= bottom; y++) {
    const share = (y - centerY) / ((bottom - top + 1) / 2);
    const half = ((right - left + 1) / 2) * Math.sqrt(1 - share * share);
    const from = Math.ceil(centerX - half);
    if (from <= Math.floor(centerX + half)) span(y, from, Math.floor(centerX + half));
  }
}

/** A filled polygon (even-odd) with its outline; corners are pixels. */
export function polygon(corners, span) {
  corners.forEach((corner, n) => {
    const [nextX, nextY] = corners[(n + 1) % corners.length];
    for (const [x, y] of linePixels(corner[0], corner[1], nextX, nextY)) span(y, x, x);
  });
  const rows = corners.map(([, y]) => y);
  for (let y = Math.min(...rows); y <= Math.max(...rows); y++) {
    const crossings = [];
    corners.forEach(([xa, ya], n) => {
      const [xb, yb] = corners[(n + 1) % corners.length];
      if (ya <= y !== yb <= y) crossings.push(xa + ((y - ya) * (xb - xa)) / (yb - ya));
    });
    crossings.sort((a, b) => a - b);
    for (let n = 0; n + 1 < crossings.length; n += 2) {
      const [from, to] = [Math.ceil(crossings[n]), Math.floor(crossings[n + 1])];
      if (from <= to) span(y, from, to);
    }
  }
}

/** The connected area (by sides) around a pixel in which `same(index)` holds, by scanlines. */
export function flood([x, y], width, height, same, span) {
  const done = new Uint8Array(width * height);
  const free = (px, py) => py >= 0 && py < height && !done[py * width + px] && same(py * width + px);
  const stack = [[x, y]];
  while (stack.length) {
    const [px, py] = stack.pop();
    if (!free(px, py)) continue;
    let [from, to] = [px, px];
    while (from > 0 && free(from - 1, py)) from--;
    while (to < width - 1 && free(to + 1, py)) to++;
    done.fill(1, py * width + from, py * width + to + 1);
    span(py, from, to);
    for (const next of [py - 1, py + 1]) {
      for (let at = from; at <= to; at++) if (free(at, next) && (at === from || !free(at - 1, next))) stack.push([at, next]);
    }
  }
}
