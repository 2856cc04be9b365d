/** Bring in: label maps, photographs, style files, zips, by picker, paste or drop. Take away: everything on the screen. */

import { post, postForFile, upload, wireMap, wireRecipe } from "./api.js";
import { ownMap } from "./blend.js";
import { button, download, el, fill, tell } from "./dom.js";
import { encodePng, fromBase64, pngHeader } from "./png.js";
import { needsFile } from "./recipe.js";
import { permalink, readMap } from "./session.js";

const GRAY_OR_PALETTE = [0, 3];

const png = (bytes) => new Blob([bytes], { type: "image/png" });

async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    tell(error.message, { error: true });
    return null;
  }
}

/** A button that opens a list of actions: {text: action}. */
function menu(name, label, actions) {
  const list = el("div", { class: "menu", role: "menu", hidden: true });
  const opener = button(name, label, () => show(list.hidden), { text: label, "aria-haspopup": "menu", "aria-expanded": "false" });
  const show = (open) => {
    if (open) fill(list, ...Object.entries(actions()).map(([text, action]) => item(text, action)));
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) list.querySelector("button:not(:disabled)")?.focus();
  };
  const item = (text, action) => {
    const reason = typeof action === "string" ? action : null;
    const choose = () => { show(false); action(); };
    return el("button", { type: "button", role: "menuitem", disabled: Boolean(reason), title: reason ?? "", onclick: choose }, text);
  };
  const place = el("div", { class: "group" }, opener, list);
  place.addEventListener("keydown", (event) => { if (event.key === "Escape") { show(false); opener.focus(); } });
  document.addEventListener("pointerdown", (event) => { if (!place.contains(event.target)) show(false); });
  return place;
}

export class Files {
  constructor(studio) {
    this.studio = studio;
    this.picker = el("input", { type: "file", multiple: true, hidden: true, id: "file", accept: "image/*,.safetensors,.zip" });
    this.picker.addEventListener("change", () => this.open([...this.picker.files], this.purpose).then(() => { this.picker.value = ""; }));
    fill(document.getElementById("files"),
      button("open", "Open: a label map, a photograph, a style file or a zip", () => this.choose("look"), { text: "Open" }),
      menu("save", "Save", () => this.#takeAway()), this.picker);
    this.#drop();
  }

  /** Ask for files; `purpose`: "look" or "second", what a look that they bring becomes. */
  choose(purpose) {
    this.purpose = purpose;
    this.picker.click();
  }

  #drop() {
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
    document.addEventListener("drop", (event) => {
      document.body.classList.remove("dropping");
      if (!carries(event)) return;
      event.preventDefault();
      this.open([...event.dataTransfer.files], "look");
    });
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) this.open(files, "look");
    });
  }

  /** Take files as what they are. */
  async open(files, purpose) {
    const images = [];
    for (const file of files) {
      if (file.name.endsWith(".zip")) await attempt(() => this.#bundle(file));
      else if (file.name.endsWith(".safetensors")) await attempt(() => this.#style(file, purpose));
      else images.push({ file, header: pngHeader(new Uint8Array(await file.slice(0, 64).arrayBuffer())) });
    }
    if (!images.length) return;
    const isMap = ({ header }) => header !== null && GRAY_OR_PALETTE.includes(header.color);
    const photograph = images.find((each) => !isMap(each));
    const map = images.find(isMap);
    this.#ask(photograph ?? map, photograph && map ? map.file : null, purpose, !photograph);
  }

  async #bundle(file) {
    const { studio } = this;
    const state = await upload("/bundles", file);
    if (!studio.models.some((each) => each.name === state.model)) throw new Error(`${file.name} needs the model ${state.model}, which this studio has not; start it with its checkpoint`);
    if (state.model !== studio.model.name) await studio.take(state.model);
    studio.replaceMap(`open ${file.name}`, await readMap(state, studio.model), { then: [], ...state.recipe });
  }

  async #style(file, purpose) {
    const { style } = await upload(`/styles?model=${encodeURIComponent(this.studio.model.name)}`, file);
    this.#useLook(purpose, file.name, { start: { style }, then: [] });
  }

  #useLook(purpose, title, recipe, map = null) {
    if (purpose === "second") this.studio.setSecond({ title, recipe, map });
    else this.studio.setLook(`look of ${title}`, recipe);
  }

  /** Ask what an image is and what it is for. */
  #ask({ file }, mapFile, purpose, isMap) {
    const { studio } = this;
    const noEncoder = studio.model.abilities.encode;
    const radio = (name, value, text, { checked = false, reason = null } = {}) =>
      el("label", {}, el("input", { type: "radio", name, value, checked, disabled: Boolean(reason) }), el("span", {}, text, reason && el("span", { class: "why" }, ` – ${reason}`)));
    const group = (title, ...choices) => el("fieldset", { class: "stack" }, el("legend", {}, title), ...choices);
    const noSegmenter = studio.model.segmenter ? null : "no segmenter comes with this model";
    const photo = el("div", { class: "stack" },
      group("Its label map",
        mapFile && radio("map", "file", mapFile.name, { checked: true }),
        radio("map", "screen", "the map on the screen", { checked: !mapFile }),
        radio("map", "segmenter", "found by the segmenter", { reason: noSegmenter })),
      group("Its look becomes", radio("use", "look", "the look on the screen, with its map", { checked: purpose !== "second" }),
        radio("use", "second", "the second look, to mix, morph and copy from", { checked: purpose === "second" })));
    const failure = el("p", { role: "alert", class: "refusal" });
    const preview = el("img", { src: URL.createObjectURL(file), alt: "", class: "preview" });
    const form = el("form", { method: "dialog" },
      el("h2", {}, file.name), el("div", { class: "row top" }, preview,
        group("This is", radio("kind", "map", "a label map: its pixels are classes", { checked: isMap || Boolean(noEncoder) }),
          radio("kind", "photo", "a photograph: take its look", { checked: !isMap && !noEncoder, reason: noEncoder }))),
      photo, failure,
      el("div", { class: "row" }, el("span", { class: "space" }), el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        el("button", { class: "primary", type: "submit" }, "Bring in")));
    const dialog = el("dialog", { "aria-label": `Bring in ${file.name}`, onclose: () => dialog.remove() }, form);
    const sync = () => { photo.hidden = new FormData(form).get("kind") !== "photo"; };
    form.addEventListener("change", sync);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = Object.fromEntries(new FormData(form));
      failure.textContent = "";
      try {
        await (data.kind === "map" ? this.#labels(file) : this.#photograph(file, mapFile, data));
        dialog.close();
      } catch (error) {
        failure.textContent = error.message;
      }
    });
    sync();
    document.body.append(dialog);
    dialog.showModal();
  }

  async #readLabels(file) {
    const answer = await upload(`/labels?model=${encodeURIComponent(this.studio.model.name)}`, file);
    for (const note of answer.notes) tell(`${file.name}: ${note}`, { stays: true });
    return readMap(answer, this.studio.model);
  }

  async #labels(file) {
    this.studio.replaceMap(`open ${file.name}`, await this.#readLabels(file));
  }

  async #photograph(file, mapFile, { map: source, use }) {
    const { studio } = this;
    const { image, preview, notes } = await upload(`/images?model=${encodeURIComponent(studio.model.name)}`, file);
    for (const note of notes) tell(`${file.name}: ${note}`, { stays: true });
    const map = source === "file" ? await this.#readLabels(mapFile)
      : source === "segmenter" ? await readMap(await post("/segment", { model: studio.model.name, image: preview }), studio.model)
        : studio.map.clone();
    const recipe = { start: { image }, ...(await ownMap(map, studio.model)), then: [] };
    if (use === "second") studio.setSecond({ title: file.name, recipe, map });
    else studio.replaceMap(`look of ${file.name}`, map, recipe);
  }

  async #body() {
    const { studio } = this;
    const { map, model } = studio;
    return { model: model.name, ...(await wireMap(map, model)), recipe: await wireRecipe(studio.recipe(), model) };
  }

  #takeAway() {
    const { studio } = this;
    const { map } = studio;
    const file = (path, name) => () => attempt(async () => download(await postForFile(path, await this.#body()), name));
    const ids = (values, name) => async () => download(png(await encodePng(values, map.width, map.height)), name);
    return {
      "Picture (PNG)": () => download(png(fromBase64(studio.picture.png)), "picture.png"),
      "Label map (PNG of class ids)": ids(map.ids, "labels.png"),
      ...(studio.model.instances && { "Objects (PNG of instance ids)": ids(map.objects, "instances.png") }),
      "Style (safetensors)": studio.model.abilities["resample everything"] ?? file("/style", "style.safetensors"),
      "All of it, to open again (zip)": file("/bundle", "studio.zip"),
      "Commands: Python and shell": () => attempt(() => this.#commands()),
      "Copy a link to this": needsFile(studio.recipe()) ? "a link cannot carry a photograph or a style file; save the zip" : () => this.#link(),
    };
  }

  async #link() {
    const address = await permalink(this.studio, this.studio.recipe());
    history.replaceState(null, "", address);
    await navigator.clipboard?.writeText(address).then(() => tell("The link is copied; it holds the map and the look."), () => tell("The link is in the address bar."));
  }

  async #commands() {
    const { python, shell } = await post("/commands", await this.#body());
    const block = (title, text) => {
      const copy = el("button", { type: "button", onclick: () => navigator.clipboard.writeText(text).then(() => tell("Copied.")) }, "Copy");
      return [el("div", { class: "row spread" }, el("h3", {}, title), copy), el("pre", { tabindex: 0 }, text)];
    };
    const close = el("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
    const dialog = el("dialog", { "aria-label": "Commands", onclose: () => dialog.remove() },
      el("div", { class: "stack" }, el("h2", {}, "The same picture without this page"),
        el("p", { class: "hint" }, "Save the label map (and the objects) beside it first."),
        ...block("Python", python), ...block("Shell", shell), el("div", { class: "row" }, el("span", { class: "space" }), close)));
    document.body.append(dialog);
    dialog.showModal();
  }
}
