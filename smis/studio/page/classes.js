/** The left side: tools, brush size, classes, and the objects (instances) of the chosen class. */

import { button, el, fill, icon } from "./dom.js";
import { TOOLS } from "./tools.js";

const byId = (id) => document.getElementById(id);

/** Tools, size and "only over". */
export function toolPanel(studio) {
  const buttons = Object.entries(TOOLS).map(([name, { title, key, hint }]) => {
    const choose = () => studio.set({ tool: name }, "tool");
    return button(name, `${title} (${key.toUpperCase()}): ${hint}`, choose, { role: "radio", data: { tool: name } });
  });
  fill(byId("tools"), ...buttons);
  const size = byId("size");
  size.addEventListener("input", () => studio.set({ size: Number(size.value) }, "size"));
  const over = byId("over");
  over.addEventListener("change", () => studio.set({ onlyOver: over.value === "" ? null : Number(over.value) }, "rules"));
  studio.on("tool model", () => {
    for (const each of buttons) each.setAttribute("aria-checked", String(each.dataset.tool === studio.tool));
    byId("hint").textContent = TOOLS[studio.tool].hint;
  });
  studio.on("size model", () => {
    size.value = studio.size;
    byId("sized").textContent = `${studio.size} px`;
  });
  studio.on("model rules", () => {
    fill(over, el("option", { value: "" }, "every class"), ...studio.paintable().map(({ id, name }) => el("option", { value: id }, name)));
    over.value = studio.onlyOver ?? "";
  });
}

/** Names, colors, shares; a click chooses, an eye hides, a lock keeps pixels and look. */
export function classPanel(studio) {
  const search = byId("search");
  const list = byId("class-list");
  const rows = new Map();

  const build = () => {
    rows.clear();
    fill(list, ...studio.paintable().map((each) => {
      rows.set(each.id, row(studio, each));
      return rows.get(each.id);
    }));
  };
  const mark = () => {
    const counts = studio.map.counts();
    const wanted = search.value.trim().toLowerCase();
    for (const [id, each] of rows) {
      each.hidden = !studio.className(id).toLowerCase().includes(wanted);
      each.classList.toggle("active", studio.active.id === id);
      each.querySelector(".name").setAttribute("aria-pressed", String(studio.active.id === id));
      each.querySelector(".share").textContent = share((counts.get(id) ?? 0) / studio.map.ids.length);
      toggle(each.querySelector(".hide"), studio.hidden.has(id), ["eye", "hidden"]);
      toggle(each.querySelector(".lock"), studio.locked.has(id), ["unlock", "lock"]);
    }
    const [height, width] = studio.model.size;
    const size = `${studio.map.width} × ${studio.map.height}`;
    const exact = studio.map.width === width && studio.map.height === height;
    byId("map-size").textContent = exact ? size : `${size}, drawn at ${width} × ${height}`;
    byId("map-size").title = exact ? "" : "The model draws another size: it gets the map resized, each pixel with the nearest one's class";
  };
  search.addEventListener("input", mark);
  studio.on("model", build);
  studio.on("model painted active rules", mark);
}

function toggle(control, pressed, [off, on]) {
  control.setAttribute("aria-pressed", String(pressed));
  control.replaceChildren(icon(pressed ? on : off));
}

function share(part) {
  if (part === 0) return "";
  return part < 0.01 ? "< 1 %" : `${Math.round(part * 100)} %`;
}

function row(studio, { id, name, color }) {
  const flip = (set) => () => {
    studio[set].has(id) ? studio[set].delete(id) : studio[set].add(id);
    studio.emit("rules");
  };
  return el(
    "li", { class: "class", data: { id } },
    el("button", { class: "name", type: "button", onclick: () => studio.choose(id) },
      el("span", { class: "swatch", style: `background: rgb(${color})` }), el("span", {}, name), el("span", { class: "share" })),
    button("eye", `Hide ${name}: not seen, not painted over`, flip("hidden"), { class: "quiet hide" }),
    button("unlock", `Lock ${name}: keeps its pixels and its look`, flip("locked"), { class: "quiet lock" }),
  );
}

/** Objects of the chosen class, for systems that give each its own look. */
export function objectPanel(studio) {
  const list = byId("object-list");
  byId("outlines").addEventListener("change", (event) => studio.set({ outlines: event.target.checked }, "outlines"));
  studio.on("model painted active", () => {
    byId("objects").hidden = !studio.model.instances;
    if (studio.model.instances) fill(list, ...content(studio));
  });
}

function content(studio) {
  const { id, object } = studio.active;
  const objects = studio.objectsOf(id);
  const chips = objects.map((each, n) =>
    el("button", { type: "button", "aria-pressed": String(each === object), onclick: () => studio.choose(id, each) }, `${studio.className(id)} ${n + 1}`));
  const several = objects.filter((each) => studio.map.objects.includes(each));
  const act = (title, hint, action, able) => el("button", { type: "button", title: hint, disabled: !able, onclick: action }, title);
  return [
    el("div", { class: "chips" }, ...chips),
    el("div", { class: "chips" },
      act("New", "Paint another object of this class, with a look of its own", () => studio.newObject(), true),
      act("Split", "Make each connected region an object", () => studio.splitObject(), several.includes(object) && studio.map.regions(object).length > 1),
      act("Merge all", "Make all objects of this class one", () => studio.mergeObjects(several, id), several.length > 1),
      several.length > 2 && several.includes(object) &&
        act(`Merge into ${1 + Number(objects[0] === object)}`, "Make the chosen object part of another one",
          () => studio.mergeObjects([object], objects[Number(objects[0] === object)]), true)),
  ];
}
