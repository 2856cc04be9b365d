/** Several models on the same map and seed; before and after; the map over the picture; a segmenter's opinion. */

import { Channel, post } from "./api.js";
import { button, el, fill } from "./dom.js";
import { drawImage } from "./picture.js";
import { readMap } from "./session.js";
import { toImage } from "./studio.js";
import { Frame, drawMap } from "./view.js";

const names = (model) => model.classes.map((each) => each.name).join();

export class ComparePanel {
  #beside = new Map(); // model name -> {channel, card, canvas, time, image}
  #against = ""; // "", "pinned", or a model's name
  #pinned = null;

  constructor(studio, picture) {
    Object.assign(this, { studio, picture });
    this.root = document.getElementById("panel-compare");
    this.bar = document.getElementById("slider");
    this.divider = el("div", { class: "divider", hidden: true });
    picture.frame.root.append(this.divider);
    studio.on("model", () => this.#rebuild());
    studio.on("picture", () => { for (const name of this.#needed()) this.#draw(name); });
    studio.on("request", () => this.#judged && fill(this.judgement));
  }

  #judged = false;

  #others() {
    return this.studio.models.filter((each) => each.name !== this.studio.model.name);
  }

  #rebuild() {
    for (const name of [...this.#beside.keys()]) this.#remove(name);
    this.#against = "";
    this.judgement = el("div", { class: "stack", role: "status" });
    const veil = el("input", { type: "range", min: 0, max: 100, id: "veil", value: 100 * Number(this.picture.labels.style.opacity) });
    veil.addEventListener("input", () => { this.picture.labels.style.opacity = veil.value / 100; });
    this.select = el("select", { "aria-label": "Compare with", id: "against", class: "grow" });
    this.select.addEventListener("change", () => this.#oppose(this.select.value));
    const judge = el("button", { type: "button", id: "judge", disabled: !this.studio.model.segmenter, onclick: () => this.#judge() }, "Segment this picture");
    fill(this.root,
      el("div", { class: "part" }, el("h2", {}, "Models side by side"), ...this.#choices()),
      el("div", { class: "part" }, el("h2", {}, "Before and after"),
        el("div", { class: "row" }, this.select, button("pin", "Pin this picture, to compare it with later ones", () => this.#pin(), { text: "Pin" }))),
      el("div", { class: "part" }, el("h2", {}, el("label", { for: "veil" }, "Label map over the picture")), el("div", { class: "row" }, veil)),
      el("div", { class: "part" }, el("h2", {}, "What a segmenter sees"),
        this.studio.model.segmenter ? null : el("p", { class: "why" }, "No segmenter comes with this model; `make repro` trains one for its own."),
        el("div", {}, judge), this.judgement));
    this.#options();
    this.#oppose("");
  }

  #choices() {
    if (!this.#others().length) return [el("p", { class: "why" }, "There is one model; start the studio with several checkpoints.")];
    return this.#others().map((model) => {
      const reason = names(model) === names(this.studio.model) ? null : "it has other classes";
      const box = el("input", { type: "checkbox", value: model.name, disabled: Boolean(reason) });
      box.addEventListener("change", () => { if (box.checked) this.#add(model); else this.#remove(model.name); });
      const lacks = reason ?? [...new Set(Object.values(model.abilities).filter(Boolean))].join("; ");
      return el("div", {}, el("label", { class: "check strong" }, box, model.title), el("p", { class: "why" }, lacks || `varies ${model.varies === "global" ? "the whole image" : `each ${model.varies}`}`));
    });
  }

  #options() {
    const value = this.#against;
    const alike = this.#others().filter((model) => names(model) === names(this.studio.model));
    fill(this.select, el("option", { value: "" }, "off"), this.#pinned && el("option", { value: "pinned" }, "the pinned picture"),
      ...alike.map((model) => el("option", { value: model.name }, model.title)));
    this.select.value = value;
  }

  #pin() {
    this.#pinned = this.studio.picture.image;
    this.#options();
    this.#oppose("pinned");
  }

  #add(model) {
    const frame = el("div", { class: "frame still" });
    const canvas = el("canvas", { class: "image", role: "img", "aria-label": `Picture of ${model.title}` });
    const time = el("span", { class: "quiet end" });
    const card = el("figure", { data: { model: model.name } }, el("figcaption", {}, el("b", { title: `${model.title}: the same map and seeds` }, model.title), time), frame);
    document.getElementById("cards").append(card);
    const shown = new Frame(frame, model.title, canvas);
    shown.shape(this.studio.map.width, this.studio.map.height);
    this.#beside.set(model.name, { ...this.#beside.get(model.name), channel: new Channel(model.name), card, canvas, time, frame: shown });
    this.#draw(model.name);
  }

  #remove(name) {
    const { card, frame } = this.#beside.get(name) ?? {};
    card?.remove();
    Frame.all.delete(frame);
    this.#beside.delete(name);
  }

  #needed() {
    const against = this.#against === "" || this.#against === "pinned" ? [] : [this.#against];
    return new Set([...this.#beside.keys(), ...against]);
  }

  /** Draw what is on the screen with another model. */
  async #draw(name) {
    const { studio } = this;
    const model = studio.models.find((each) => each.name === name);
    if (!this.#beside.has(name)) this.#beside.set(name, { channel: new Channel(name) });
    const place = this.#beside.get(name);
    const beside = studio.picture?.sequence;
    try {
      const answer = await place.channel.ask({ model, map: studio.map.clone(), recipes: [studio.recipe(model)] });
      if (!answer) return;
      const image = await toImage(answer.images[0]);
      if (place.canvas) {
        drawImage(place.canvas, image);
        place.frame.shape(studio.map.width, studio.map.height);
        place.card.dataset.beside = beside; // the picture that this one stands beside
        place.time.textContent = `${Math.round(answer.milliseconds)} ms`;
      }
      if (this.#against === name) drawImage(this.picture.other, image);
    } catch (error) {
      if (place.time) place.time.textContent = error.message;
    }
  }

  /** Put another picture over the left part of the picture. */
  #oppose(against) {
    this.#against = this.select.value = against;
    const on = against !== "";
    this.picture.other.hidden = this.divider.hidden = this.bar.hidden = !on;
    if (!on) return;
    const title = against === "pinned" ? "pinned" : this.studio.models.find((each) => each.name === against).title;
    const cut = el("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": `Left ${title}, right this picture` });
    const set = () => this.picture.frame.root.style.setProperty("--cut", `${cut.value}%`);
    cut.addEventListener("input", set);
    set();
    fill(this.bar, title, cut, "now");
    if (against === "pinned") drawImage(this.picture.other, this.#pinned);
    else this.#draw(against);
  }

  /** Show a segmenter's map of the picture, and how much of it is as painted. */
  async #judge() {
    const { studio } = this;
    const { png } = studio.picture;
    const map = studio.picture.map.sized(studio.model);
    try {
      const answer = await post("/segment", { model: studio.model.name, image: png });
      const seen = await readMap({ labels: answer.labels }, studio.model);
      const same = seen.ids.reduce((sum, id, n) => sum + Number(id === map.ids[n]), 0) / map.ids.length;
      const canvas = el("canvas", { class: "thumb pixels", role: "img", "aria-label": "The segmenter's map" });
      drawMap(canvas, seen, studio.classes);
      fill(this.judgement, canvas, el("p", {}, `${(100 * same).toFixed(1)} % of the pixels are seen as they are painted.`));
      this.#judged = true;
    } catch (error) {
      fill(this.judgement, el("p", { class: "why" }, error.message));
    }
  }
}
