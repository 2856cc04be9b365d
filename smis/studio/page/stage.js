/**
 * The map on the screen: pointers paint it. Pen (whatever its pressure), touch and mouse are the same; two fingers zoom and
 * move. Arrow keys move a pointer too, and Enter presses it down and lifts it.
 */

import { el } from "./dom.js";
import { Stroke } from "./label_map.js";
import * as raster from "./raster.js";
import { TOOLS } from "./tools.js";
import { Frame, borders, drawMap } from "./view.js";

export class Stage {
  #stroke = null;
  #path = [];
  #corners = null; // of a lasso that is clicked corner by corner
  #pointer = null; // the pixel under the pointer
  #fingers = new Map();
  #objects = null; // outlines of objects, until the map changes
  #waits = false;
  #pressed = false; // by a key, until the next press of it

  constructor(studio, root) {
    this.studio = studio;
    this.canvas = el("canvas", { class: "pixels", id: "map" });
    this.frame = new Frame(root, "Label map: paint here", this.canvas);
    this.frame.redraw = () => this.#overlay();
    studio.on("map model rules", () => this.render());
    studio.on("tool active size", () => this.#choseAnother());
    studio.on("outlines", () => this.#overlay());
    const listen = (names, listener) => names.split(" ").forEach((name) => root.addEventListener(name, listener, { passive: false }));
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#cancel(event));
    listen("pointerleave", () => { this.#pointer = null; this.#overlay(); });
    listen("wheel", (event) => this.#wheel(event));
    listen("contextmenu", (event) => event.preventDefault());
    listen("dblclick", () => this.closeLasso());
    listen("keydown", (event) => this.#key(event));
    listen("blur", () => { if (this.#pressed) this.#drop(); });
  }

  render() {
    const { studio } = this;
    if (!studio.map) return;
    this.#objects = null;
    drawMap(this.canvas, studio.map, studio.classes, { hidden: studio.hidden });
    if (this.frame.width !== studio.map.width || this.frame.height !== studio.map.height) {
      this.frame.shape(studio.map.width, studio.map.height);
    }
    this.#overlay();
  }

  #choseAnother() {
    this.#corners = null;
    if (this.#pressed && this.frame.root.dataset.tool !== this.studio.tool) this.#drop();
    this.frame.root.dataset.tool = this.studio.tool;
    this.#overlay();
  }

  #ink(erase) {
    const { studio } = this;
    const { id, object } = erase ? { id: studio.ground, object: studio.ground } : studio.active;
    return { id, object, allows: studio.allows };
  }

  #down(event) {
    event.preventDefault();
    if (this.#pressed) this.#drop();
    this.frame.root.focus({ preventScroll: true });
    this.frame.root.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.#fingers.set(event.pointerId, event);
    if (this.#fingers.size === 2) return this.#drop();
    const pixel = this.frame.pixel(event);
    if (event.button === 1 || (event.button === 0 && this.moving)) return void (this.#path = ["pan", event]);
    if (event.button === 2 || event.altKey || this.studio.tool === "pick") return this.#pick(pixel);
    if (event.button === 0 || event.button === 5) this.#begin(pixel, event);
  }

  #pick(pixel) {
    const at = this.studio.map.index(pixel);
    if (at >= 0) this.studio.choose(this.studio.map.ids[at], this.studio.map.objects[at]);
  }

  #begin(pixel, event) {
    const { tool } = this.studio;
    if (tool === "lasso" && this.#corners) return this.#corner(pixel);
    this.#stroke = new Stroke(this.studio.map, this.#ink(tool === "eraser" || event.button === 5));
    this.#path = [pixel];
    if (tool !== "fill") this.#extend(pixel, event); // an area is filled when the pointer is lifted: a second finger may come
  }

  /** Move the pointer of the keyboard, press it or lift it. */
  #key(event) {
    const step = event.shiftKey ? 8 : 1;
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    const press = event.key === "Enter" && !this.#corners;
    if (event.ctrlKey || event.metaKey || event.altKey || !(dx || dy || press)) return;
    event.preventDefault();
    event.stopPropagation();
    const { map, tool } = this.studio;
    const clamp = (value, length) => Math.min(length - 1, Math.max(0, value));
    const [x, y] = this.#pointer ?? [Math.floor(map.width / 2), Math.floor(map.height / 2)];
    this.#pointer = [clamp(x + dx, map.width), clamp(y + dy, map.height)];
    if (press && tool === "pick") this.#pick(this.#pointer);
    else if (press && this.#pressed) this.#up(event);
    else if (press) {
      this.#begin(this.#pointer, event);
      this.#pressed = true;
      if (tool === "fill") this.#up(event);
    } else if (this.#pressed) this.#extend(this.#pointer, { shiftKey: false });
    this.#sayPlace();
    this.#overlay();
  }

  /** Say where the pointer of the keyboard is. */
  #sayPlace() {
    const [x, y] = this.#pointer;
    const { map } = this.studio;
    const name = this.studio.className(map.ids[map.index([x, y])]);
    document.getElementById("place").textContent = `${x}, ${y}: ${name}${this.#pressed ? ", pressed" : ""}`;
  }

  #corner(pixel) {
    const [x, y] = this.#corners[0];
    const near = Math.hypot(pixel[0] - x, pixel[1] - y) * (this.frame.layer.getBoundingClientRect().width / this.frame.width) < 10;
    if (near && this.#corners.length > 2) return this.closeLasso();
    this.#corners.push(pixel);
    this.#overlay();
  }

  #fill(pixel) {
    const { map } = this.studio;
    const at = map.index(pixel);
    if (at < 0) return void this.#drop();
    const [id, object] = [map.ids[at], map.objects[at]];
    const { ids, objects } = this.#stroke.before;
    raster.flood(pixel, map.width, map.height, (n) => ids[n] === id && objects[n] === object, this.#stroke.span);
    this.#end();
  }

  /** Paint from the last pixel to this one. */
  #extend(pixel, event) {
    const { tool, size } = this.studio;
    const last = this.#path.at(-1);
    if (tool === "brush" || tool === "eraser") raster.line(last, pixel, size, this.#stroke.span);
    else if (TOOLS[tool].shape) {
      this.#stroke.revert();
      TOOLS[tool].shape(this.#path[0], pixel, { size, constrained: event.shiftKey, span: this.#stroke.span });
    }
    this.#path.push(pixel);
    this.#renderSoon();
  }

  /** Draw once for each picture of the screen, however many events come. */
  #renderSoon() {
    if (this.#waits) return;
    this.#waits = true;
    requestAnimationFrame(() => { this.#waits = false; this.render(); });
  }

  #move(event) {
    if (this.#fingers.has(event.pointerId)) {
      if (this.#fingers.size === 2) return this.#pinch(event);
      this.#fingers.set(event.pointerId, event);
    }
    if (this.#path[0] === "pan") return this.#pan(event);
    this.#pointer = this.frame.pixel(event);
    if (this.#stroke) {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.#extend(this.frame.pixel(each), event);
    } else this.#overlay();
  }

  #pan(event) {
    const [from, to] = [this.frame.share(this.#path[1]), this.frame.share(event)];
    Frame.zoom(1, to, [to[0] - from[0], to[1] - from[1]]);
    this.#path[1] = event;
  }

  #pinch(event) {
    const other = [...this.#fingers.values()].find((each) => each.pointerId !== event.pointerId);
    const before = this.#fingers.get(event.pointerId);
    const distance = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY) || 1;
    const [from, to] = [this.frame.share(before), this.frame.share(event)];
    Frame.zoom(distance(event) / distance(before), this.frame.share(other), [(to[0] - from[0]) / 2, (to[1] - from[1]) / 2]);
    this.#fingers.set(event.pointerId, event);
  }

  #up(event) {
    this.#fingers.delete(event.pointerId);
    this.#pressed = false;
    if (this.#path[0] === "pan") this.#path = [];
    if (!this.#stroke) return;
    if (this.studio.tool === "fill") return this.#fill(this.#path[0]);
    if (this.studio.tool !== "lasso") return this.#end();
    const corners = this.#path.slice(1);
    this.#stroke = null;
    const apart = corners.some(([x, y]) => Math.hypot(x - corners[0][0], y - corners[0][1]) > 2);
    this.#corners = apart ? corners : [corners[0]];
    if (apart) this.closeLasso();
    else this.#overlay();
  }

  /** Paint the area that was clicked around. */
  closeLasso() {
    const corners = this.#corners;
    if (!corners) return;
    this.#corners = null;
    this.#stroke = new Stroke(this.studio.map, this.#ink(false));
    raster.polygon(corners, this.#stroke.span);
    this.#end();
  }

  #end() {
    const stroke = this.#stroke;
    [this.#stroke, this.#path] = [null, []];
    const title = stroke.id === this.studio.ground ? "erase" : `paint ${this.studio.className(stroke.id)}`;
    this.studio.painted(title, stroke.finish());
    this.render();
  }

  #cancel(event) {
    this.#fingers.delete(event.pointerId);
    this.#drop();
  }

  /** Forget a stroke or a lasso that is not complete; returns whether there was one. */
  #drop() {
    const some = Boolean(this.#stroke || this.#corners);
    this.#stroke?.revert();
    [this.#stroke, this.#corners, this.#path, this.#pressed] = [null, null, [], false];
    this.render();
    return some;
  }

  abandon() {
    return this.#drop();
  }

  #wheel(event) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) return Frame.zoom(Math.exp(-event.deltaY / 300), this.frame.share(event));
    const step = Math.max(1, Math.round(this.studio.size / 8));
    const size = Math.min(96, Math.max(1, this.studio.size - Math.sign(event.deltaY) * step));
    this.studio.set({ size }, "size");
  }

  #overlay() {
    const { studio, frame } = this;
    if (!studio.map || !frame.width) return;
    const place = frame.context();
    if (studio.model.instances && studio.outlines) {
      const { ids, objects } = studio.map;
      this.#objects ??= borders(studio.map, (n, m) => m >= 0 && (objects[n] !== objects[m]) && (ids[n] === ids[m]));
      frame.trace(this.#objects, place, { dash: [4, 3] });
    }
    if (this.#corners) this.#traceCorners(place);
    if (this.studio.tool === "lasso" && this.#stroke) this.#traceCorners(place, this.#path.slice(1));
    if (this.#pointer) this.#tracePointer(place);
  }

  #traceCorners(place, corners = this.#corners) {
    const path = new Path2D();
    const points = this.#pointer && this.#corners ? [...corners, this.#pointer] : corners;
    points.forEach(([x, y], n) => (n ? path.lineTo(x + 0.5, y + 0.5) : path.moveTo(x + 0.5, y + 0.5)));
    this.frame.trace(path, place);
    const [[x, y]] = corners;
    const dot = new Path2D();
    dot.arc(x + 0.5, y + 0.5, 4 * place.unit, 0, 7);
    this.frame.trace(dot, place);
  }

  /** The outline of exactly those pixels that a click would paint. */
  #tracePointer(place) {
    const { tool, size } = this.studio;
    const round = tool === "brush" || tool === "eraser" || tool === "line";
    const path = new Path2D();
    const [x, y] = this.#pointer;
    const rows = raster.disc(round ? size : 1);
    rows.forEach(([dy, from, to], n) => {
      const [top, left, right] = [y + dy, x + from, x + to + 1];
      const [before, after] = [rows[n - 1], rows[n + 1]];
      for (const side of [left, right]) { path.moveTo(side, top); path.lineTo(side, top + 1); }
      const cap = (row, level) => {
        const ends = row ? [x + row[1], x + row[2] + 1] : [right, right];
        for (const [a, b] of row ? [[left, ends[0]], [ends[1], right]] : [[left, right]]) {
          if (a < b) { path.moveTo(a, level); path.lineTo(b, level); }
        }
      };
      cap(before, top);
      cap(after, top + 1);
    });
    this.frame.trace(path, place, { width: 1.2 });
  }
}
