/** The studio's page: put the parts together, then begin with the session, the address, or an example. */

import { get } from "./api.js";
import { BlendPanel } from "./blend.js";
import { classPanel, objectPanel, toolPanel } from "./classes.js";
import { ComparePanel } from "./compare.js";
import { button, el, fill, tell } from "./dom.js";
import { examplePanel } from "./examples.js";
import { Files } from "./files.js";
import { keyboard, showKeys } from "./keyboard.js";
import { Variants, historyPanel, lookPanel } from "./looks.js";
import { Picture } from "./picture.js";
import { fromPermalink, kept } from "./session.js";
import { Stage } from "./stage.js";
import { Studio } from "./studio.js";
import { Frame } from "./view.js";

const byId = (id) => document.getElementById(id);

function theme() {
  const root = document.documentElement;
  const stored = localStorage.getItem("theme");
  if (stored) root.dataset.theme = stored;
  return button("theme", "Light or dark", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
}

function header(studio, stage) {
  const select = byId("model");
  fill(select, ...studio.models.map((each) => el("option", { value: each.name, title: each.name }, each.title)));
  select.addEventListener("change", () => studio.take(select.value));
  studio.on("model", () => { select.value = studio.model.name; });
  const undo = button("undo", "Undo (Ctrl+Z)", () => studio.undo(), { id: "undo" });
  const redo = button("redo", "Redo (Ctrl+Shift+Z)", () => studio.redo(), { id: "redo" });
  fill(byId("undoing"), undo, redo);
  studio.on("history", () => {
    const { entries, at, canUndo, canRedo } = studio.history;
    [undo.disabled, redo.disabled] = [!canUndo, !canRedo];
    undo.title = canUndo ? `Undo: ${entries[at - 1].title} (Ctrl+Z)` : "Undo (Ctrl+Z)";
    redo.title = canRedo ? `Redo: ${entries[at].title} (Ctrl+Shift+Z)` : "Redo (Ctrl+Shift+Z)";
  });
  const move = button("fit", "Show everything (0)", () => Frame.zoom(0));
  fill(byId("viewing"),
    button("minus", "Zoom out (-)", () => Frame.zoom(1 / 1.5)), move, button("plus", "Zoom in (+)", () => Frame.zoom(1.5)),
    theme(), button("help", "Keys (?)", showKeys));
  keyboard(studio, stage);
}

/** Tabs as readers of screens and arrow keys know them; `opened` is called with the name of the one that is shown. */
function tabs(names, opened) {
  const open = (name) => {
    for (const each of Object.keys(names)) {
      byId(`panel-${each}`).hidden = each !== name;
      byId(`tab-${each}`).setAttribute("aria-selected", String(each === name));
      byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    }
    opened[name]?.();
  };
  fill(byId("tabs"), ...Object.entries(names).map(([name, title]) =>
    el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => open(name) }, title)));
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = Object.keys(names);
    const next = all[(all.findIndex((each) => event.target.id === `tab-${each}`) + step + all.length) % all.length];
    open(next);
    byId(`tab-${next}`).focus();
  });
  open(Object.keys(names)[0]);
}

async function start() {
  const studio = new Studio(await get("/models"));
  const stage = new Stage(studio, byId("stage"));
  const picture = new Picture(studio, byId("result"), { tip: byId("tip"), status: byId("latency") });
  const variants = new Variants(studio);
  const blend = new BlendPanel(studio, picture, new Files(studio));
  new ComparePanel(studio, picture);
  toolPanel(studio);
  classPanel(studio);
  objectPanel(studio);
  lookPanel(studio, variants);
  examplePanel(studio);
  header(studio, stage);
  const history = historyPanel(studio);
  tabs({ look: "Look", blend: "Blend", compare: "Compare", history: "History" }, { history, blend: () => blend.open() });
  window.studio = studio; // for the console, and for tests
  const linked = await fromPermalink(location.hash, studio.models);
  if (linked) window.history.replaceState(null, "", location.pathname);
  await studio.begin(linked ?? (await kept().catch(() => null)));
  window.addEventListener("pagehide", () => studio.keepNow());
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => tell(error.message, { error: true }));
