/** Maps that come with each model, to begin with. */

import { el, fill } from "./dom.js";
import { LabelMap } from "./label_map.js";
import { readMap } from "./session.js";
import { drawMap } from "./view.js";

/** Files that are named by a number alone get a noun. */
const title = (name) => (/^\d+$/.test(name) ? `map ${name}` : name);

export function examplePanel(studio) {
  const root = document.getElementById("examples");
  studio.on("model", async () => {
    const { model } = studio;
    const maps = await Promise.all(model.examples.map((each) => readMap(each, model)));
    const [height, width] = model.size;
    const empty = new LabelMap(width, height, new Uint16Array(width * height).fill(studio.ground));
    const tile = (name, map) => {
      const canvas = el("canvas", { class: "pixels" });
      drawMap(canvas, map, model.classes);
      const take = () => studio.replaceMap(name, map);
      return el("button", { type: "button", class: "tile", "aria-label": `Begin with ${name}`, onclick: take }, canvas, name);
    };
    fill(root, el("h2", {}, "Begin with"),
      el("div", { class: "tiles small" }, ...maps.map((map, n) => tile(title(model.examples[n].name), map)), tile("empty", empty)));
  });
}
