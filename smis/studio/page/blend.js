/** Two looks: mix class by class, morph from one to the other, copy the look of one part onto another. */

import { Channel, postForFile, wireMap, wireRecipe } from "./api.js";
import { button, download, el, fill, tell } from "./dom.js";
import { copyPart } from "./looks.js";
import { drawImage } from "./picture.js";
import { anySeed, blended, fit, fromSeed } from "./recipe.js";
import { readMap } from "./session.js";
import { toImage } from "./studio.js";
import { recordVideo, videoKind } from "./video.js";

const FRAMES = 24;
const AT_ONCE = 8; // pictures in one request

export class BlendPanel {
  #channel = new Channel("second");
  #playing = false;

  constructor(studio, picture, files) {
    Object.assign(this, { studio, picture, files });
    this.root = document.getElementById("panel-blend");
    this.canvas = el("canvas", { class: "thumb", id: "second", role: "img", "aria-label": "Second look: drag a part of it onto the picture" });
    this.#drag();
    studio.on("model second", () => this.#build());
    studio.on("painted", () => { this.#parts(); this.#drawSecond(); });
    studio.on("blend", () => this.#sync());
  }

  /** Draw the second look when it is shown. */
  open() {
    if (!this.studio.second) this.#take("another seed", fromSeed(anySeed()));
    else this.#drawSecond();
  }

  #take(title, recipe, map = null) {
    this.studio.setSecond({ title, recipe, map });
  }

  #build() {
    const { studio } = this;
    const { abilities } = studio.model;
    const title = el("span", { class: "hint" }, studio.second?.title ?? "");
    const sources = el("select", { "aria-label": "Take the second look from" },
      ...[["", "Take from …"], ["seed", "another seed"], ["this", "the look on the screen"],
        ...studio.model.examples.map((each, n) => [`example ${n}`, `example ${each.name}, any seed`]),
        ["file", "a photograph or style file …"]].map(([value, text]) => el("option", { value }, text)));
    sources.value = "";
    sources.addEventListener("change", () => this.#source(sources.value));
    const dice = button("dice", "Another second look", () => this.#again(), { text: "Another" });
    this.sliders = el("div", { class: "sliders", id: "mix" });
    this.selects = el("div", { class: "pair" });
    fill(this.root,
      el("div", { class: "part" }, el("h2", {}, "Second look"), el("div", { class: "second" }, this.canvas, el("div", { class: "stack" }, title, dice, sources))),
      this.#part("Mix", abilities.mix, "Each class moves toward the second look.", this.sliders),
      this.#part("Morph", abilities.morph, null, ...this.#morph()),
      this.#part("Copy", abilities.copy, "Drag a part of the second look onto a part of the picture, or choose:", this.selects),
      el("div", { class: "part" }, el("button", { type: "button", class: "primary", id: "keep", onclick: () => studio.keepBlend() }, "Keep this blend")));
    this.#parts();
    this.#sync();
    this.#drawSecond();
  }

  #part(title, reason, hint, ...content) {
    const why = reason ? el("p", { class: "why" }, reason) : hint && el("p", { class: "hint" }, hint);
    return el("div", { class: "part" }, el("h2", {}, title), why, ...(reason ? [] : content));
  }

  #again() {
    const { second } = this.studio;
    this.#take(second?.map ? second.title : "another seed", { ...(second?.map ? second.recipe : {}), ...fromSeed(anySeed()) }, second?.map);
  }

  async #source(value) {
    const { studio } = this;
    if (value === "seed") this.#take("another seed", fromSeed(anySeed()));
    if (value === "this") this.#take("the look that was on the screen", studio.recipe());
    if (value === "file") this.files.choose("second");
    if (value.startsWith("example")) {
      const example = studio.model.examples[Number(value.split(" ")[1])];
      const map = await readMap(example, studio.model);
      this.#take(`example ${example.name}`, { ...fromSeed(anySeed()), ...(await ownMap(map, studio.model)) }, map);
    }
  }

  #morph() {
    this.amount = el("input", { type: "range", min: 0, max: 100, id: "morph", "aria-label": "Morph toward the second look" });
    this.percent = el("output");
    this.amount.addEventListener("input", () => this.studio.setBlend({ amount: this.amount.value / 100 }));
    this.player = button("play", "Play the morph", () => this.#play(), { text: "Play" });
    const save = (format) => el("button", { type: "button", onclick: () => this.#export(format) }, format.toUpperCase());
    return [
      el("div", { class: "row" }, "this", this.amount, "second", this.percent),
      el("div", { class: "row" }, this.player),
      el("div", { class: "row wrap" }, "Export", save("gif"), save("webp"), this.#videoButton()),
    ];
  }

  #videoButton() {
    const [ending, reason] = videoKind() ? [videoKind()[0], null] : ["video", "this browser writes no video"];
    const hint = ending === "webm" ? "this browser writes WebM, not MP4" : "";
    const control = el("button", { type: "button", disabled: Boolean(reason), title: reason ?? hint, id: "video", onclick: () => this.#exportVideo(control) }, ending === "webm" ? "WebM" : ending.toUpperCase());
    return control;
  }

  /** Draw the frames as the slider does, then let the browser write them. */
  async #exportVideo(control) {
    const { studio } = this;
    const { model } = studio;
    const [map, scene] = [studio.map.clone(), studio.scene()];
    const amounts = Array.from({ length: FRAMES }, (_, n) => n / (FRAMES - 1));
    const recipes = amounts.map((amount) => fit(blended(studio.look, studio.second.recipe, { weights: {}, amount }), scene));
    const [channel, images] = [new Channel("video"), []];
    control.disabled = true;
    try {
      for (let at = 0; at < FRAMES; at += AT_ONCE) {
        const answer = await channel.ask({ model, map, recipes: recipes.slice(at, at + AT_ONCE) });
        images.push(...(await Promise.all(answer.images.map(toImage))));
      }
      const { blob, ending } = await recordVideo(images);
      download(blob, `morph.${ending}`);
    } catch (error) {
      tell(error.message, { error: true });
    }
    control.disabled = false;
  }

  /** One slider for each class that both looks have; the choices of "copy". */
  #parts() {
    const { studio } = this;
    if (!this.sliders) return;
    const here = studio.scene().present;
    const there = studio.second?.map ? new Set([...studio.second.map.counts().keys()].map((id) => studio.className(id))) : here;
    const names = studio.classes.map((each) => each.name).filter((name) => here.has(name) && there.has(name));
    this.inputs = new Map();
    const rows = names.flatMap((name) => {
      const input = el("input", { type: "range", min: 0, max: 100, id: `mix-${name}`, data: { name } });
      const output = el("output", { for: input.id });
      input.addEventListener("input", () => studio.setBlend({ weights: { ...studio.blend.weights, [name]: input.value / 100 } }));
      this.inputs.set(name, [input, output]);
      return [el("label", { for: input.id, title: name }, name), input, output];
    });
    fill(this.sliders, ...rows);
    this.#copyChoices();
    this.#sync();
  }

  #copyChoices() {
    const { studio } = this;
    const choose = (map, label) => {
      const select = el("select", { "aria-label": label, class: "grow" });
      for (const [object, id] of map.owners()) {
        if (studio.model.instances || object === id) select.append(el("option", { value: `${id} ${object}` }, map === studio.map ? studio.partName({ id, object }) : studio.className(id)));
      }
      return select;
    };
    const part = (select) => { const [id, object] = select.value.split(" ").map(Number); return { id, object }; };
    const [from, onto] = [choose(studio.second?.map ?? studio.map, "Copy this part of the second look"), choose(studio.map, "onto this part")];
    const go = () => copyPart(studio, part(from), part(onto));
    fill(this.selects, from, "→", onto, el("button", { type: "button", id: "copy", onclick: go }, "Copy"));
  }

  #sync() {
    if (!this.inputs) return;
    const { weights, amount } = this.studio.blend;
    const show = (input, output, value) => {
      if (document.activeElement !== input) input.value = Math.round(value * 100);
      output.textContent = `${Math.round(value * 100)} %`;
    };
    for (const [name, [input, output]] of this.inputs) show(input, output, weights[name] ?? 0);
    show(this.amount, this.percent, amount);
    document.getElementById("keep").disabled = !amount && !Object.values(weights).some(Boolean);
  }

  async #drawSecond() {
    const { studio } = this;
    if (this.root.hidden || !studio.second) return;
    const map = (studio.second.map ?? studio.map).clone();
    const recipe = studio.second.map ? studio.second.recipe : fit(studio.second.recipe, studio.scene());
    try {
      const answer = await this.#channel.ask({ model: studio.model, map, recipes: [recipe] });
      if (!answer) return;
      this.map = map;
      drawImage(this.canvas, await toImage(answer.images[0]));
      this.canvas.dataset.sequence = answer.sequence;
    } catch (error) {
      tell(error.message, { error: true });
    }
  }

  /** Move the slider there and back for as long as it plays; each picture waits for the one before. */
  async #play() {
    this.#playing = !this.#playing;
    const { studio } = this;
    this.player.lastChild.textContent = this.#playing ? "Stop" : "Play";
    for (let step = Math.round(studio.blend.amount * 20); this.#playing; step++) {
      this.studio.blend = { ...studio.blend, amount: 1 - Math.abs(1 - (step % 40) / 20) };
      studio.emit("blend");
      await studio.redraw();
      if (this.root.hidden) this.#playing = false;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    this.player.lastChild.textContent = "Play";
  }

  async #export(format) {
    const { studio } = this;
    const scene = studio.scene();
    const [from, to] = [fit(studio.look, scene), studio.second.map ? studio.second.recipe : fit(studio.second.recipe, scene)];
    const looks = { from: await wireRecipe(from, studio.model), to: await wireRecipe(to, studio.model) };
    const body = { model: studio.model.name, ...(await wireMap(studio.map, studio.model)), ...looks, frames: FRAMES, format };
    try {
      download(await postForFile("/animation", body), `morph.${format}`);
    } catch (error) {
      tell(error.message, { error: true });
    }
  }

  /** Drag a part of the second look onto the picture. */
  #drag() {
    let [source, ghost] = [null, null];
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      const map = this.map;
      if (!map || this.studio.model.abilities.copy) return;
      const box = canvas.getBoundingClientRect();
      const at = map.index([Math.floor(((event.clientX - box.left) / box.width) * map.width), Math.floor(((event.clientY - box.top) / box.height) * map.height)]);
      if (at < 0) return;
      source = { id: map.ids[at], object: map.objects[at] };
      canvas.setPointerCapture(event.pointerId);
      ghost = el("div", { class: "ghost" }, this.studio.className(source.id));
      document.body.append(ghost);
    });
    const over = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest("#result") && this.picture.part(event);
    canvas.addEventListener("pointermove", (event) => {
      if (!source) return;
      ghost.style.left = `${event.clientX}px`;
      ghost.style.top = `${event.clientY}px`;
      this.picture.highlight(over(event));
    });
    const end = (event) => {
      const target = source && event.type === "pointerup" && over(event);
      ghost?.remove();
      this.picture.highlight(null);
      if (target) copyPart(this.studio, source, target);
      [source, ghost] = [null, null];
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }
}

/** The map of a recipe that was made on another one than it is drawn on. */
export async function ownMap(map, model) {
  const { labels, instances } = await wireMap(map, model);
  return instances ? { labels, instances } : { labels };
}
