/**
 * The label map itself: the class id of each pixel, and beside it the id of its object (instance).
 *
 * An object belongs to one class. The first object of class `c` has the id `c`, further ones take free ids after the
 * classes; so ids stay what they are while other things come and go, and with them the look of each object.
 */

import { flood } from "./raster.js";

export class LabelMap {
  constructor(width, height, ids, objects = null) {
    [this.width, this.height] = [width, height];
    [this.ids, this.objects] = [Uint16Array.from(ids), Uint16Array.from(objects ?? ids)];
  }

  clone() {
    return new LabelMap(this.width, this.height, this.ids, this.objects);
  }

  /** The map at the size of a model: itself, or one in which each pixel takes the nearest one's class and object. */
  sized({ size: [height, width] }) {
    if (this.width === width && this.height === height) return this;
    const near = (at, length, own) => Math.floor(((at + 0.5) * own) / length);
    const places = Array.from({ length: width * height }, (_, n) =>
      near(Math.floor(n / width), height, this.height) * this.width + near(n % width, width, this.width));
    return new LabelMap(width, height, places.map((n) => this.ids[n]), places.map((n) => this.objects[n]));
  }

  /** The index of a pixel, or -1 outside. */
  index([x, y]) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height ? y * this.width + x : -1;
  }

  /** Pixels of each class: Map of id -> number. */
  counts() {
    const counts = new Map();
    for (const id of this.ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts;
  }

  /** The class of each object on the map: Map of object id -> class id, by ascending object id. */
  owners() {
    const owners = new Map();
    for (let n = 0; n < this.ids.length; n++) owners.set(this.objects[n], this.ids[n]);
    return new Map([...owners].sort(([a], [b]) => a - b));
  }

  /** An object id that no pixel has, after those that classes begin with. */
  freeObject(classes, taken = []) {
    const used = new Set([...this.objects, ...taken]);
    for (let id = classes; ; id++) if (!used.has(id)) return id;
  }

  /** Connected regions of an object, the largest first: arrays of pixel indices. */
  regions(object) {
    const seen = new Uint8Array(this.ids.length);
    const regions = [];
    for (let start = 0; start < seen.length; start++) {
      if (this.objects[start] !== object || seen[start]) continue;
      const pixels = [];
      flood([start % this.width, Math.floor(start / this.width)], this.width, this.height,
        (n) => this.objects[n] === object && !seen[n],
        (y, from, to) => { for (let x = from; x <= to; x++) pixels.push(y * this.width + x); });
      for (const n of pixels) seen[n] = 1;
      regions.push(pixels);
    }
    return regions.sort((a, b) => b.length - a.length);
  }

  #ruled(classes) {
    const owners = this.owners();
    return this.objects.every((object, n) => owners.get(object) === this.ids[n] && (object >= classes || object === this.ids[n]));
  }

  /** Bring object ids that came with a map (any numbers, dense or not) to the rule above. */
  static withObjects(width, height, ids, instances, classes) {
    if (!instances) return new LabelMap(width, height, ids);
    const map = new LabelMap(width, height, ids, instances);
    if (map.#ruled(classes)) return map;
    const names = new Map();
    const first = new Set();
    let next = classes;
    const objects = Array.from(instances, (instance, n) => {
      const key = `${ids[n]}/${instance}`;
      if (!names.has(key)) names.set(key, first.has(ids[n]) ? next++ : ids[n]);
      first.add(ids[n]);
      return names.get(key);
    });
    return new LabelMap(width, height, ids, objects);
  }
}

/** A change of a rectangle of the map that can be taken back and made again. */
export class Patch {
  constructor(x, y, width, height, before, after) {
    Object.assign(this, { x, y, width, height, before, after });
  }

  /** Compare two states of a map; null if nothing changed. */
  static between(before, after) {
    const { width, height } = after;
    let [left, top, right, bottom] = [width, height, -1, -1];
    for (let n = 0; n < after.ids.length; n++) {
      if (before.ids[n] === after.ids[n] && before.objects[n] === after.objects[n]) continue;
      const [x, y] = [n % width, Math.floor(n / width)];
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
    if (right < 0) return null;
    const box = [left, top, right - left + 1, bottom - top + 1];
    return new Patch(...box, cut(before, ...box), cut(after, ...box));
  }

  /** Write one side, "before" or "after", into the map. */
  apply(map, side) {
    for (let row = 0; row < this.height; row++) {
      const [at, from] = [(this.y + row) * map.width + this.x, row * this.width];
      map.ids.set(this[side].ids.subarray(from, from + this.width), at);
      map.objects.set(this[side].objects.subarray(from, from + this.width), at);
    }
  }
}

function cut(map, x, y, width, height) {
  const [ids, objects] = [new Uint16Array(width * height), new Uint16Array(width * height)];
  for (let row = 0; row < height; row++) {
    const at = (y + row) * map.width + x;
    ids.set(map.ids.subarray(at, at + width), row * width);
    objects.set(map.objects.subarray(at, at + width), row * width);
  }
  return { ids, objects };
}

/** One stroke: paints a class and an object where the rules allow it, and becomes a patch. */
export class Stroke {
  /** `allows(id)`: whether pixels that had this class before the stroke may be painted over. */
  constructor(map, { id, object, allows = () => true }) {
    Object.assign(this, { map, id, object, allows, before: map.clone() });
    this.span = this.span.bind(this);
  }

  span(y, x0, x1) {
    if (y < 0 || y >= this.map.height) return;
    const row = y * this.map.width;
    for (let n = row + Math.max(0, x0); n <= row + Math.min(this.map.width - 1, x1); n++) {
      if (!this.allows(this.before.ids[n])) continue;
      this.map.ids[n] = this.id;
      this.map.objects[n] = this.object;
    }
  }

  /** Take back what was painted so far; the stroke goes on. */
  revert() {
    this.map.ids.set(this.before.ids);
    this.map.objects.set(this.before.objects);
  }

  /** Return the patch, or null if nothing changed. */
  finish() {
    return Patch.between(this.before, this.map);
  }
}
