/** What both pictures share: a frame that zooms, the palette, and outlines that are sharp at every zoom. */

import { el } from "./dom.js";

const UNKNOWN = [128, 128, 128];

/** Draw ids through the palette onto a canvas of the map's size; nothing is smoothed. */
export function drawMap(canvas, map, classes, { hidden = new Set(), alpha = 255 } = {}) {
  if (canvas.width !== map.width || canvas.height !== map.height) Object.assign(canvas, { width: map.width, height: map.height });
  const colors = new Map(classes.map((each) => [each.id, each.color]));
  const packed = new Map();
  const pixels = new Uint32Array(map.ids.length);
  for (let n = 0; n < pixels.length; n++) {
    const id = map.ids[n];
    if (!packed.has(id)) {
      const [r, g, b] = colors.get(id) ?? UNKNOWN;
      packed.set(id, (((hidden.has(id) ? 40 : alpha) << 24) | (b << 16) | (g << 8) | r) >>> 0);
    }
    pixels[n] = packed.get(id);
  }
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), map.width, map.height);
  canvas.getContext("2d").putImageData(data, 0, 0);
}

/** The borders between pixels where `differs(n, m)` holds for neighbors n and m (m is -1 outside), in pixel units. */
export function borders({ width, height }, differs) {
  const path = new Path2D();
  const edge = (x0, y0, x1, y1) => { path.moveTo(x0, y0); path.lineTo(x1, y1); };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const n = y * width + x;
      if (differs(n, x + 1 < width ? n + 1 : -1)) edge(x + 1, y, x + 1, y + 1);
      if (differs(n, y + 1 < height ? n + width : -1)) edge(x, y + 1, x + 1, y + 1);
      if (x === 0 && differs(n, -1)) edge(0, y, 0, y + 1);
      if (y === 0 && differs(n, -1)) edge(x, 0, x + 1, 0);
    }
  }
  return path;
}

/** The outline of the pixels for which `inside(n)` holds. */
export function outline(map, inside) {
  const has = (n) => n >= 0 && inside(n);
  return borders(map, (n, m) => has(n) !== has(m));
}

/** A frame with canvases of the map's size that zoom together, and on top an overlay in the screen's own pixels. */
export class Frame {
  static view = { scale: 1, x: 0, y: 0 };
  static all = new Set();

  constructor(root, label, ...canvases) {
    this.root = root;
    this.layer = el("div", { class: "layer" }, ...canvases);
    this.overlay = el("canvas", { class: "overlay", "aria-hidden": "true" });
    root.append(this.layer, this.overlay);
    root.setAttribute("aria-label", label);
    Frame.all.add(this);
    this.redraw = () => {};
    new ResizeObserver(() => this.refresh()).observe(root);
  }

  shape(width, height) {
    [this.width, this.height] = [width, height];
    this.root.style.setProperty("--ratio", width / height);
    this.refresh();
  }

  /** The pixel under the pointer, perhaps outside the map. */
  pixel(event) {
    const box = this.layer.getBoundingClientRect();
    return [
      Math.floor(((event.clientX - box.left) / box.width) * this.width),
      Math.floor(((event.clientY - box.top) / box.height) * this.height),
    ];
  }

  /** Prepare the overlay: a clean context whose unit is a pixel of the map; `unit` is a pixel of the screen in it. */
  context() {
    const box = this.root.getBoundingClientRect();
    const density = devicePixelRatio;
    const size = { width: Math.round(box.width * density), height: Math.round(box.height * density) };
    if (size.width !== this.overlay.width || size.height !== this.overlay.height) Object.assign(this.overlay, size);
    const layer = this.layer.getBoundingClientRect();
    const context = this.overlay.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    const scale = (layer.width / this.width) * density;
    context.setTransform(scale, 0, 0, scale, (layer.left - box.left) * density, (layer.top - box.top) * density);
    return { context, unit: density / scale };
  }

  /** Stroke a path so that it is seen on light and on dark. */
  trace(path, { context, unit }, { color = "#fff", width = 1.5, dash = [] } = {}) {
    context.setLineDash(dash.map((each) => each * unit));
    context.lineJoin = "round";
    for (const [style, thick] of [["rgb(0 0 0 / 65%)", width + 1.6], [color, width]]) {
      Object.assign(context, { strokeStyle: style, lineWidth: thick * unit });
      context.stroke(path);
    }
  }

  refresh() {
    if (!this.width) return;
    const { scale, x, y } = Frame.view;
    this.layer.style.transform = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`;
    this.redraw();
  }

  /** Zoom by a factor about a point of the frame (shares of its size), or move; all frames follow. */
  static zoom(factor, [cx, cy] = [0.5, 0.5], [dx, dy] = [0, 0]) {
    const { view } = Frame;
    const scale = Math.min(16, Math.max(1, view.scale * factor));
    const clamp = (value) => Math.min(0, Math.max(1 - scale, value));
    view.x = clamp(cx - ((cx - view.x) * scale) / view.scale + dx);
    view.y = clamp(cy - ((cy - view.y) * scale) / view.scale + dy);
    view.scale = scale;
    for (const frame of Frame.all) frame.refresh();
  }

  /** Where an event is in the frame, as shares of its size. */
  share(event) {
    const box = this.root.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
}
