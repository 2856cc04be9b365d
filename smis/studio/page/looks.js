/** The look: what a click varies, variants to choose from, and the recipe with its seeds. */

import { Channel, post, wireMap } from "./api.js";
import { button, el, fill, tell } from "./dom.js";
import { drawImage } from "./picture.js";
import { add, anySeed, describe, fit, resample, withSeed, without } from "./recipe.js";
import { toImage } from "./studio.js";

const SCOPES = { everything: "Everything", class: "A class", object: "An object" };
const ABILITY = { everything: "resample everything", class: "resample class", object: "resample instance" };

/** What a click in the picture draws anew, and the recipe with a seed for each step. */
export function lookPanel(studio, variants) {
  const root = document.getElementById("panel-look");
  const scopes = el("div", { class: "segmented", role: "radiogroup", "aria-label": "What varies" });
  const why = el("p", { class: "why" });
  const vary = button("dice", "A new look (V)", () => studio.vary(studio.varies), { class: "primary", id: "vary", text: "New look" });
  const grid = el("button", { type: "button", id: "grid", onclick: () => variants.open() }, "Show variants");
  const steps = el("ol", { class: "steps", id: "steps" });
  fill(root,
    el("div", { class: "part" }, el("h2", {}, "Vary"), scopes, why, vary, grid),
    el("div", { class: "part" }, el("h2", {}, "How this look is made"), steps,
      el("p", { class: "hint" }, "A seed gives the same look again. Lock a class to keep its pixels and its look.")),
  );

  studio.on("model scope active painted", () => {
    fill(scopes, ...Object.entries(SCOPES).map(([scope, title]) => {
      const reason = studio.model.abilities[ABILITY[scope]];
      const choose = () => studio.set({ varies: scope }, "scope");
      const attributes = { type: "button", role: "radio", "aria-checked": String(studio.varies === scope), data: { scope } };
      return el("button", { ...attributes, disabled: Boolean(reason), title: reason ?? "", onclick: choose }, title);
    }));
    const able = !studio.model.abilities[ABILITY[studio.varies]];
    for (const each of [vary, grid]) each.disabled = !able;
    why.textContent = able ? invitation(studio) : studio.model.abilities["resample everything"];
    vary.lastChild.textContent = `New look for ${target(studio)}`;
  });
  studio.on("model look painted", () => fill(steps, ...stepRows(studio)));
}

function invitation(studio) {
  const kept = studio.locked.size && !studio.model.abilities["resample class"] ? ", except what is locked" : "";
  if (studio.varies === "everything") return `Click the picture: everything gets a new look${kept}.`;
  return `Click ${studio.varies === "class" ? "a part" : "an object"} of the picture: it alone gets a new look.`;
}

/** What varies, in words. */
function target(studio) {
  if (studio.varies === "everything") return "everything";
  return studio.varies === "class" ? studio.className(studio.active.id) : studio.partName(studio.active);
}

function stepRows(studio) {
  const { start, then } = studio.look;
  const first = start.seed === undefined ? (start.image ? "photograph" : "style file") : "everything";
  const shown = new Set(fit(studio.look, studio.scene()).then.map((step) => JSON.stringify(step)));
  return [
    stepRow(studio, -1, first, start.seed),
    ...then.map((step, n) => stepRow(studio, n, describe(step), step.resample?.seed, !step.resample || shown.has(JSON.stringify(step)))),
  ];
}

function stepRow(studio, step, name, seed, active = true) {
  const set = (value) => studio.setLook(`seed of ${name}`, withSeed(studio.look, step, value));
  const field = el("input", { type: "number", min: 0, max: 2 ** 31, step: 1, value: seed ?? "", "aria-label": `Seed of ${name}` });
  field.addEventListener("change", () => {
    if (/^\d+$/.test(field.value)) set(Number(field.value));
    else field.value = seed;
  });
  const remove = () => studio.setLook(`without ${name}`, without(studio.look, step));
  const title = active ? name : `${name} (not on the map now)`;
  return el("li", {},
    el("span", { class: active ? "what" : "what quiet", title }, title),
    seed === undefined ? el("span") : field,
    seed === undefined ? el("span") : button("dice", `Another seed for ${name}`, () => set(anySeed()), { class: "quiet" }),
    step < 0 ? el("span") : button("close", `Leave out: ${name}`, remove, { class: "quiet" }));
}

/** A grid of looks to choose from. */
export class Variants {
  #channel = new Channel("variants");
  #seeds = [];
  #number = 8;

  constructor(studio) {
    this.studio = studio;
    this.root = document.getElementById("variants");
    studio.on("model", () => { this.root.hidden = true; });
    studio.on("look", () => this.#mark());
    studio.on("painted", () => { if (!this.root.hidden && this.images) this.note.textContent = "drawn before the last change of the map"; });
  }

  open() {
    const { studio } = this;
    studio.keepBlend();
    this.scope = studio.scope(studio.varies);
    this.title = target(studio);
    this.base = studio.look;
    this.root.hidden = false;
    this.#draw();
    this.root.scrollIntoView({ block: "nearest" });
  }

  async #draw() {
    const { studio } = this;
    this.#seeds = Array.from({ length: this.#number }, anySeed);
    this.looks = this.#seeds.map((seed) => resample(this.base, this.scope, seed));
    this.images = null;
    this.#head();
    const map = studio.map.clone();
    const recipes = this.looks.map((look) => fit(look, studio.scene()));
    try {
      const answer = await this.#channel.ask({ model: studio.model, map, recipes });
      if (!answer) return;
      this.images = await Promise.all(answer.images.map(toImage));
      this.#head();
      await this.#distances(map, answer.images);
    } catch (error) {
      this.note.textContent = error.message;
    }
  }

  #head() {
    const number = el("select", { "aria-label": "How many" }, ...[4, 8, 12, 16].map((n) => el("option", { value: n }, String(n))));
    number.value = this.#number;
    number.addEventListener("change", () => { this.#number = Number(number.value); this.#draw(); });
    this.note = el("span", { class: "hint grow", role: "status" }, this.images ? "click one to keep it" : "drawing …");
    fill(this.root,
      el("div", { class: "row" }, el("h2", {}, `Variants of ${this.title}`), this.note, number,
        button("dice", "Draw others", () => this.#draw(), { text: "Others" }),
        button("close", "Close the variants", () => { this.root.hidden = true; }, { class: "quiet" })),
      el("div", { class: "tiles", "aria-busy": String(!this.images) }, ...this.looks.map((look, n) => this.#tile(look, n))));
    this.#mark();
  }

  #tile(look, n) {
    const { map } = this.studio;
    const canvas = el("canvas", { width: map.width, height: map.height });
    if (this.images) drawImage(canvas, this.images[n]);
    const keep = () => this.studio.setLook(`keep a variant of ${this.title}`, look);
    const seed = this.#seeds[n];
    return el("button", { type: "button", class: "tile", disabled: !this.images, "aria-label": `Keep variant with seed ${seed}`, onclick: keep }, canvas, `seed ${seed}`);
  }

  #mark() {
    if (this.root.hidden || !this.looks) return;
    const shown = JSON.stringify(this.studio.look);
    this.root.querySelectorAll(".tile").forEach((tile, n) => tile.classList.toggle("shown", JSON.stringify(this.looks[n]) === shown));
  }

  /** Say how far the variants are from each other, inside and outside what varied. */
  async #distances(map, images) {
    const { studio } = this;
    const [name] = this.scope.classes?.length === 1 ? this.scope.classes : [];
    const { labels } = await wireMap(map, studio.model);
    const body = { model: studio.model.name, labels, images, ...(name && { class: name }) };
    const measured = await post("/distances", body).catch((error) => ({ reason: error.message }));
    const say = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));
    if (measured.reason) this.note.title = measured.reason;
    else {
      const inside = `${measured.measure} between them: ${say(measured.inside)} ${name ? `in ${name}` : ""}`;
      this.note.textContent = `click one to keep it · ${inside}${name ? `, ${say(measured.outside)} elsewhere` : ""}`;
    }
  }
}

/** Every change with a small picture; a click goes there. */
export function historyPanel(studio) {
  const root = document.getElementById("panel-history");
  const list = el("div", { id: "history-list" });
  fill(root, el("p", { class: "hint" }, "Every change, the newest last; click one to go there."), list);
  const render = () => {
    const { entries, at } = studio.history;
    const tiles = [{ title: "beginning", thumb: studio.history.first }, ...entries].map((entry, n) => {
      const attributes = { type: "button", class: n > at ? "tile undone" : "tile", title: entry.title, "aria-current": n === at && "true" };
      const image = entry.thumb ? el("img", { src: entry.thumb, alt: "" }) : el("canvas", { width: 8, height: 8 });
      return el("button", { ...attributes, onclick: () => studio.travel(n) }, image, el("span", {}, entry.title));
    });
    fill(list, ...tiles);
    list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  };
  studio.on("history", () => { if (!root.hidden) render(); });
  studio.on("shown", () => {
    const { at, entries } = studio.history;
    if (!studio.settled) return;
    const thumb = thumbnail(studio.picture.image);
    if (at) entries[at - 1].thumb ??= thumb;
    else studio.history.first ??= thumb;
    if (!root.hidden) render();
  });
  return render;
}

function thumbnail(image) {
  const width = 72;
  const canvas = el("canvas", { width, height: Math.round((width * image.height) / image.width) });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8);
}

/** Copy a part of the second look onto a part of this one. */
export function copyPart(studio, source, target) {
  const { second, model } = studio;
  const name = ({ id, object }) => (model.instances ? object : studio.className(id));
  const words = `copy onto ${studio.partName(target)}`;
  try {
    studio.keepBlend();
    studio.setLook(words, add(studio.look, { copy: { from: second.recipe, source: name(source), target: name(target) } }));
  } catch (error) {
    tell(error.message, { error: true });
  }
}
