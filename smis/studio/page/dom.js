/** Elements in few words; the page has no framework. */

/**
 * Make an element: `el("button", {class: "primary", onclick: go}, "Go")`.
 * A value of `false`, `null` or `undefined` leaves the attribute out; functions become listeners, "data" a record.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else if (name === "style") element.style.cssText = value;
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put other children into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(Boolean));
  return element;
}

const PATHS = {
  brush: "M4 20c3 0 4-1 4-3a2.5 2.5 0 0 1 5 0c0 3-3 4-5 4-2 0-3-.5-4-1zM12 14l8-10M9.5 13.5 18 3l2 2-8.5 10.5",
  eraser: "M4 16 13 7l6 6-7 7H8zM9 11l6 6M12 20h8",
  fill: "M5 12 12 5l7 7-7 7zM12 5 9 2M5 12h14M20 15c1 2 2 3 2 4a2 2 0 0 1-4 0c0-1 1-2 2-4",
  line: "M5 19 19 5",
  rectangle: "M4 6h16v12H4z",
  ellipse: "M12 5c5 0 9 3 9 7s-4 7-9 7-9-3-9-7 4-7 9-7z",
  lasso: "M12 4c5 0 9 2.500 9 6s-4 6-9 6-9-2.500-9-6 4-6 9-6zM7 15c-2 1-2 3 0 3s3 1 2 3",
  pick: "M14 6l4 4M4 20l1-4 9-9 3 3-9 9zM15 5l2-2 4 4-2 2z",
  undo: "M9 7H15a5 5 0 0 1 0 10H8M9 7 12 4M9 7l3 3",
  redo: "M15 7H9a5 5 0 0 0 0 10h7M15 7l-3-3M15 7l-3 3",
  eye: "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  hidden: "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7zM4 20 20 4",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
  unlock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 7.500-2",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  open: "M3 18V6h6l2 2h8v3M3 18l3-7h16l-3 7z",
  save: "M12 4v11M7.500 11 12 15.500 16.500 11M5 19h14",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  play: "M7 5l12 7-12 7z",
  pause: "M8 5v14M16 5v14",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.500h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
};

/** An icon of 24 units, drawn in the text's color and hidden from readers of screens. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon; `label` is its tooltip, and read unless there is a `text` beside the icon. */
export function button(name, label, onclick, { text = "", ...attributes } = {}) {
  return el("button", { type: "button", title: label, "aria-label": text ? false : label, onclick, ...attributes }, icon(name), text);
}

/** Say something at the foot of the window; errors, and what `stays`, until it is closed. */
export function tell(text, { error = false, stays = error } = {}) {
  const place = document.getElementById("messages");
  const note = el("div", { class: error ? "message error" : "message", role: error ? "alert" : "status" }, text);
  note.append(button("close", "Close this message", () => note.remove(), { class: "quiet" }));
  place.append(note);
  while (place.children.length > 3) place.firstChild.remove();
  if (!stays) setTimeout(() => note.remove(), 6000);
}

/** Give a file to the person. */
export function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
