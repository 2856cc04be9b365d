/** What is on the screen, and every change of it: model, map, look, history. Panels listen and show. */

import { Channel } from "./api.js";
import { tell } from "./dom.js";
import { History } from "./history.js";
import { LabelMap, Patch } from "./label_map.js";
import { fromBase64 } from "./png.js";
import { anySeed, blended, fit, fromSeed, resample } from "./recipe.js";
import { keep, readMap } from "./session.js";

const NO_BLEND = { weights: {}, amount: 0 };

/**
 * Events: "model", "map" (pixels), "painted" (a change is complete), "look", "second", "blend", "active" (class or object), "rules" (locks,
 * hidden classes, only over), "tool", "history", "request", "picture", "refused".
 */
export class Studio extends EventTarget {
  model = null;
  map = null;
  look = fromSeed(7);
  second = null; // {title, recipe, map?}: the other look, that mix, morph and copy take from
  blend = NO_BLEND;
  history = new History();
  active = { id: 0, object: 0 };
  named = new Map(); // objects that were made but not painted yet: object id -> class id
  locked = new Set();
  hidden = new Set();
  onlyOver = null;
  tool = "brush";
  size = 9;
  varies = "class"; // what a click in the picture draws anew: "everything", "class" or "object"
  outlines = true; // of objects
  ground = 0; // what the eraser paints
  picture = null; // {png, image, recipe, map, milliseconds}
  #channel = new Channel("picture");
  #keeping = null;

  constructor(models) {
    super();
    const alone = (model) => models.every((each) => each === model || each.title !== model.title);
    const place = (model) => model.name.replace(/\/checkpoint\.safetensors$/, "");
    this.models = models.map((model) => (alone(model) ? model : { ...model, title: `${model.title} · ${place(model)}` }));
    this.on("rules tool size scope active", () => { if (this.map) this.#keepSoon(); });
  }

  emit(...names) {
    for (const name of names) this.dispatchEvent(new Event(name));
  }

  on(names, listener) {
    for (const name of names.split(" ")) this.addEventListener(name, listener);
  }

  get classes() {
    return this.model.classes;
  }

  className(id) {
    return this.classes.find((each) => each.id === id)?.name ?? (id === this.model.unlabelled ? "unlabelled" : `class ${id}`);
  }

  /** A class, or an object where a class has several, in words. */
  partName({ id, object }) {
    const siblings = [...this.map.owners()].filter(([, owner]) => owner === id).map(([each]) => each);
    const number = siblings.indexOf(object) + 1;
    return siblings.length > 1 && this.model.instances && number ? `${this.className(id)} ${number}` : this.className(id);
  }

  /** Classes that can be painted: those of the model, and "unlabelled" if it has that. */
  paintable() {
    const { unlabelled } = this.model;
    if (unlabelled === null || this.classes.some((each) => each.id === unlabelled)) return this.classes;
    return [...this.classes, { id: unlabelled, name: "unlabelled", color: [128, 128, 128] }];
  }

  /** Ids of the objects of a class, those that are still to be painted too. */
  objectsOf(id) {
    const owned = (pairs) => [...pairs].filter(([, owner]) => owner === id).map(([object]) => object);
    return [...new Set([...owned(this.map.owners()), ...owned(this.named)])].sort((a, b) => a - b);
  }

  newObject() {
    const object = this.map.freeObject(this.classes.length, this.named.keys());
    this.named.set(object, this.active.id);
    this.choose(this.active.id, object);
  }

  splitObject() {
    const regions = this.map.regions(this.active.object).slice(1);
    this.reassign("split objects", (objects) => {
      for (const pixels of regions) {
        const fresh = this.map.freeObject(this.classes.length, this.named.keys());
        for (const n of pixels) objects[n] = fresh;
      }
    });
  }

  /** Give the pixels of some objects to another one of their class. */
  mergeObjects(some, into) {
    this.reassign("merge objects", (objects) => {
      objects.forEach((object, n) => { if (some.includes(object)) objects[n] = into; });
    });
    this.choose(this.active.id, into);
  }

  /** What recipes can be about: {model, present, objects}. */
  scene(model = this.model) {
    const map = this.map.sized(model);
    const present = new Set([...map.counts().keys()].map((id) => this.className(id)));
    return { model, present, objects: new Set(map.owners().keys()) };
  }

  /** The recipe on the screen, sliders included, as a model can draw it. */
  recipe(model = this.model) {
    return fit(blended(this.look, this.second?.recipe, this.blend), this.scene(model));
  }

  /** Begin with a session, an address or an example: {model, map, look, ...}. */
  async begin(state) {
    const named = this.models.find((each) => each.name === state?.model);
    if (!named) state = null; // its model is not offered here
    const model = named ?? this.models[0];
    this.#use(model);
    this.map = state?.map ?? (await this.firstMap());
    this.look = state?.look ?? fromSeed(7);
    this.second = state?.second ?? null;
    this.blend = state?.blend ?? NO_BLEND;
    this.history = state?.history ?? new History();
    [this.locked, this.hidden] = [new Set(state?.locked ?? []), new Set(state?.hidden ?? [])];
    for (const name of ["onlyOver", "tool", "size", "varies"]) this[name] = state?.[name] ?? this[name];
    this.named = new Map(state?.named ?? []);
    this.active = state?.active ?? this.#firstThing();
    this.emit("model", "map", "painted", "look", "second", "blend", "active", "rules", "history");
    await this.redraw();
  }

  #use(model) {
    this.model = model;
    const background = model.classes.find((each) => each.name === "background") ?? model.classes[0];
    this.ground = model.unlabelled ?? background.id;
    const able = (scope) => !model.abilities[`resample ${scope === "object" ? "instance" : scope}`];
    this.varies = ["class", "object", "everything"].find(able) ?? "everything";
  }

  /** The map that a model begins with: its first example, or, of one that came without, the ground alone. */
  async firstMap() {
    const { examples, size: [height, width] } = this.model;
    return examples.length ? readMap(examples[0], this.model) : new LabelMap(width, height, new Uint16Array(width * height).fill(this.ground));
  }

  #firstThing() {
    const id = this.classes.find((each) => each.id !== this.ground)?.id ?? 0;
    return { id, object: id };
  }

  /** Take another model; the map stays where classes are the same, else its first example comes. */
  async take(name) {
    const before = this.classes.map((each) => each.name).join();
    this.#use(this.models.find((each) => each.name === name));
    if (this.classes.map((each) => each.name).join() !== before) {
      this.map = await this.firstMap();
      [this.history, this.look, this.second, this.blend] = [new History(), fromSeed(7), null, NO_BLEND];
      [this.active, this.locked, this.hidden, this.onlyOver] = [this.#firstThing(), new Set(), new Set(), null];
    }
    this.emit("model", "map", "painted", "look", "second", "blend", "active", "rules", "history");
    await this.redraw();
  }

  /** Whether pixels of a class may be painted over. */
  allows = (id) => !this.locked.has(id) && !this.hidden.has(id) && (this.onlyOver === null || this.onlyOver === id);

  choose(id, object = id) {
    this.active = { id, object };
    this.emit("active");
  }

  set(values, ...events) {
    Object.assign(this, values);
    this.emit(...events);
  }

  /** Record a change of pixels that is on the map already. */
  painted(title, patch, since = performance.now()) {
    if (!patch) return;
    this.#record({ title, patch });
    this.emit("map", "painted");
    this.redraw(since);
  }

  /** Change objects without changing classes: `change(objects)` writes ids. */
  reassign(title, change) {
    const before = this.map.clone();
    change(this.map.objects);
    this.painted(title, Patch.between(before, this.map));
  }

  /** Replace the whole map, and perhaps the look. */
  replaceMap(title, map, look = this.look) {
    this.#record({ title, maps: [this.map, map], looks: [this.look, look] });
    [this.map, this.look] = [map.clone(), look];
    this.emit("map", "painted", "look");
    this.redraw();
  }

  /** Take another look. */
  setLook(title, look) {
    if (JSON.stringify(look) === JSON.stringify(this.look)) return;
    this.#record({ title, looks: [this.look, look] });
    this.look = look;
    this.emit("look");
    this.redraw();
  }

  /** What "everything", a class or an object means as a scope of `resample`; locked classes stay. */
  scope(kind, { id, object } = this.active) {
    if (kind === "object") return { instances: [object] };
    if (kind === "class") return { classes: [this.className(id)] };
    if (!this.locked.size || this.model.abilities["resample class"]) return {};
    const free = [...this.map.counts().keys()].filter((each) => !this.locked.has(each));
    return { classes: free.map((each) => this.className(each)) };
  }

  /** Draw a scope anew. */
  vary(kind, target = this.active, seed = anySeed()) {
    this.keepBlend();
    const scope = this.scope(kind, target);
    const name = kind === "everything" ? kind : kind === "class" ? scope.classes[0] : this.partName(target);
    try {
      this.setLook(`vary ${name}`, resample(this.look, scope, seed));
    } catch (error) {
      tell(error.message, { error: true });
    }
  }

  setSecond(second) {
    this.second = second;
    this.blend = NO_BLEND;
    this.emit("second", "blend");
    this.redraw();
  }

  setBlend(blend) {
    this.blend = { ...this.blend, ...blend };
    this.emit("blend");
    this.redraw();
  }

  /** Make what the sliders show a step of the look. */
  keepBlend() {
    const look = blended(this.look, this.second?.recipe, this.blend);
    this.blend = NO_BLEND;
    this.emit("blend");
    if (look !== this.look) this.setLook("blend", look);
  }

  #record(entry) {
    this.history.push(entry);
    this.emit("history");
  }

  undo() {
    const entry = this.history.undo();
    if (entry) this.#restore(entry, "before", 0);
  }

  redo() {
    const entry = this.history.redo();
    if (entry) this.#restore(entry, "after", 1);
  }

  /** Go to where `at` changes are applied. */
  travel(at) {
    while (this.history.at > at) this.#move(this.history.undo(), "before", 0);
    while (this.history.at < at) this.#move(this.history.redo(), "after", 1);
    this.#moved();
  }

  #restore(entry, side, number) {
    this.#move(entry, side, number);
    this.#moved();
  }

  #move(entry, side, number) {
    if (entry.maps) this.map = entry.maps[number].clone();
    if (entry.patch) entry.patch.apply(this.map, side);
    if (entry.looks) this.look = entry.looks[number];
  }

  #moved() {
    this.blend = NO_BLEND;
    this.emit("map", "painted", "look", "blend", "history");
    this.redraw();
  }

  /** Whether the picture on the screen is that of the map on the screen. */
  get settled() {
    return this.#channel.idle;
  }

  /** Ask for the picture of what is on the screen; the latest request wins. `since`: when the person let go. */
  async redraw(since = performance.now()) {
    const [map, recipe] = [this.map.clone(), this.recipe()];
    this.#keepSoon();
    this.emit("request");
    try {
      const answer = await this.#channel.ask({ model: this.model, map, recipes: [recipe] });
      if (!answer) return;
      const image = await toImage(answer.images[0]);
      this.picture = { png: answer.images[0], image, map, recipe, model: this.model, sequence: answer.sequence, since };
      this.emit("picture");
    } catch (error) {
      this.refusal = error.message;
      this.emit("refused");
    }
  }

  #keepSoon() {
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(() => this.keepNow(), 200);
  }

  /** Write the session down. */
  async keepNow() {
    await keep(this).catch((error) => console.warn("the session is not kept:", error));
    document.documentElement.dataset.kept = this.history.at;
  }
}

/** A base64 PNG as something that canvases draw. */
export async function toImage(png) {
  return createImageBitmap(new Blob([fromBase64(png)], { type: "image/png" }));
}
