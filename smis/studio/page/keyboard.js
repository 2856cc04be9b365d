/** Keys: tools, size, undo, looks; and the page that explains them. */

import { el } from "./dom.js";
import { TOOLS } from "./tools.js";
import { Frame } from "./view.js";

const KEYS = [
  ...Object.values(TOOLS).map(({ key, title }) => [key.toUpperCase(), title]),
  ["[ ]", "smaller, larger brush; the wheel does it too"],
  ["1 – 9", "choose a class"],
  ["V", "a new look for what varies"],
  ["Ctrl Z", "undo"],
  ["Ctrl Shift Z", "redo"],
  ["+ − 0", "zoom; Ctrl and the wheel, or two fingers"],
  ["Space", "hold it and drag to move"],
  ["Alt click", "take the class from the map"],
  ["Enter, Esc", "close a lasso, forget it"],
  ["Arrows", "in the label map: move the brush, with Shift by 8"],
  ["Enter", "in the label map: press the brush down, lift it; in the picture: a new look"],
];

/** Show what keys and fingers do. */
export function showKeys() {
  const rows = KEYS.flatMap(([keys, text]) => [el("span", {}, el("kbd", {}, keys)), text].map((each) => el("div", {}, each)));
  const close = el("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { "aria-label": "Keys", onclose: () => dialog.remove() },
    el("div", { class: "stack" }, el("h2", {}, "Keys"), el("div", { class: "keys" }, ...rows), el("div", { class: "row" }, el("span", { class: "space" }), close)));
  document.body.append(dialog);
  dialog.showModal();
}

/** Listen, unless somebody types. */
export function keyboard(studio, stage) {
  const resize = (factor) => studio.set({ size: Math.min(96, Math.max(1, Math.round(studio.size * factor + Math.sign(factor - 1)))) }, "size");
  const actions = {
    "[": () => resize(0.85), "]": () => resize(1.15), v: () => studio.vary(studio.varies),
    "+": () => Frame.zoom(1.5), "=": () => Frame.zoom(1.5), "-": () => Frame.zoom(1 / 1.5), 0: () => Frame.zoom(0),
    Enter: () => stage.closeLasso(), Escape: () => stage.abandon(), "?": showKeys,
    ...Object.fromEntries(Object.entries(TOOLS).map(([name, { key }]) => [key, () => studio.set({ tool: name }, "tool")])),
    ...Object.fromEntries(Array.from({ length: 9 }, (_, n) => [String(n + 1), () => chooseNth(studio, n)])),
  };
  window.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input:not([type=range]):not([type=checkbox]), select, textarea, dialog")) return;
    if (event.ctrlKey || event.metaKey) return command(event, studio);
    if (event.key === " " && !event.target.closest("button")) {
      event.preventDefault();
      stage.moving = true;
      return;
    }
    if (event.key === "Enter" && event.target.closest("button, #result")) return;
    const action = !event.altKey && (actions[event.key] ?? actions[event.key.toLowerCase()]);
    if (action) action();
  });
  window.addEventListener("keyup", (event) => { if (event.key === " ") stage.moving = false; });
}

function chooseNth(studio, n) {
  const some = studio.paintable()[n];
  if (some) studio.choose(some.id);
}

function command(event, studio) {
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) studio.redo();
  else studio.undo();
}
