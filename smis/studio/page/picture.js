/** The picture: click a part for a new look; below it lie what it is compared with and the label map. */

import { el, tell } from "./dom.js";
import { Frame, drawMap, outline } from "./view.js";

export class Picture {
  #under = null; // the index of the pixel under the pointer

  constructor(studio, root, { tip, status }) {
    Object.assign(this, { studio, tip, status });
    this.canvas = el("canvas", { class: "image", id: "picture" });
    this.other = el("canvas", { class: "image other", hidden: true });
    this.labels = el("canvas", { class: "pixels veil", style: "opacity: 0" });
    this.frame = new Frame(root, "Picture: click a part for a new look", this.canvas, this.other, this.labels);
    this.frame.redraw = () => this.#overlay();
    root.addEventListener("pointermove", (event) => this.#hover(event));
    root.addEventListener("pointerleave", () => this.#hover(null));
    root.addEventListener("click", (event) => this.#click(event));
    root.addEventListener("keydown", (event) => { if (event.key === "Enter") this.#vary(studio.active); });
    studio.on("request", () => root.setAttribute("aria-busy", "true"));
    studio.on("picture", () => this.render());
    studio.on("map model", () => this.#shape());
    studio.on("painted", () => this.#veil());
    studio.on("scope active model", () => { this.#tell(); this.#overlay(); });
    studio.on("refused", () => this.#refused());
  }

  #shape() {
    const { map } = this.studio;
    if (this.frame.width !== map.width || this.frame.height !== map.height) this.frame.shape(map.width, map.height);
  }

  #veil() {
    drawMap(this.labels, this.studio.map, this.studio.classes);
    this.#overlay();
  }

  render() {
    const { picture } = this.studio;
    drawImage(this.canvas, picture.image);
    const settled = this.studio.settled;
    this.frame.root.dataset.sequence = picture.sequence;
    requestAnimationFrame(() => {
      picture.latency = performance.now() - picture.since;
      this.status.textContent = `${Math.round(picture.latency)} ms`;
      this.status.classList.remove("refused");
      if (settled && this.studio.settled) this.frame.root.setAttribute("aria-busy", "false");
      this.studio.emit("shown");
    });
  }

  #refused() {
    this.frame.root.setAttribute("aria-busy", "false");
    this.status.textContent = this.studio.refusal;
    this.status.classList.add("refused");
  }

  /** The part under an event: {id, object}, or null outside. */
  part(event) {
    const at = this.studio.map.index(this.frame.pixel(event));
    return at < 0 ? null : { id: this.studio.map.ids[at], object: this.studio.map.objects[at] };
  }

  #hover(event) {
    this.#under = event ? this.part(event) : null;
    this.#tell();
    this.#overlay();
  }

  /** Say what a click would do. */
  #tell() {
    const { varies } = this.studio;
    const part = this.#under && this.studio.partName(this.#under);
    const anew = { everything: "click: a new look for everything", class: "click a part: it gets a new look", object: "click an object: it gets a new look" };
    this.tip.textContent = part && varies !== "everything" ? `${part}: click for a new look` : anew[varies];
  }

  #click(event) {
    const part = this.part(event);
    if (part) this.#vary(part);
  }

  #vary(part) {
    const { studio } = this;
    if (studio.varies !== "everything") studio.choose(part.id, part.object);
    if (studio.locked.has(part.id) && studio.varies !== "everything") return void tell(`${studio.className(part.id)} is locked, so it keeps its look.`);
    studio.vary(studio.varies, part);
  }

  #overlay() {
    const { studio, frame } = this;
    if (!studio.map || !frame.width) return;
    const place = frame.context();
    const part = this.dropping ?? this.#under;
    if (!part || (studio.varies === "everything" && !this.dropping)) return;
    const { ids, objects } = studio.map;
    const whole = studio.varies === "class" && !this.dropping;
    frame.trace(outline(studio.map, whole ? (n) => ids[n] === part.id : (n) => objects[n] === part.object), place);
  }

  /** Show where a look that is dragged would land. */
  highlight(part) {
    this.dropping = part;
    this.#overlay();
  }
}

/** Draw an image on a canvas of its size. */
export function drawImage(canvas, image) {
  Object.assign(canvas, { width: image.width, height: image.height });
  canvas.getContext("2d").drawImage(image, 0, 0);
}
