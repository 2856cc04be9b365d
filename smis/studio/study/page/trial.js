/** One trial on the screen: pictures, the question, and the volunteer's answer with its time. */

const KEYS = { yes: "y", no: "n" };
const SIDES = { 2: ["left", "right"], 3: ["left", "middle", "right"] };
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "middle" };

const element = (id) => document.getElementById(id);

/** The words of the answers, and the keys that stand for them. */
export function choices(study) {
  if (study.answers.length) return study.answers.map((word) => ({ word, keys: [KEYS[word] ?? word[0]] }));
  const arrows = Object.entries(ARROWS);
  return SIDES[study.pictures].map((word, number) => ({
    word,
    keys: [String(number + 1), ...arrows.filter(([, side]) => side === word).map(([key]) => key)],
  }));
}

/** Take what is seen away, so that no picture of the last trial stays. */
export function clear() {
  for (const image of element("pictures").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  element("pictures").replaceChildren();
  element("answers").replaceChildren();
}

/** Show decoded pictures; the promise is the answer and how many milliseconds they had been seen. */
export function ask(study, images) {
  const options = choices(study);
  const sides = SIDES[images.length];
  const buttons = options.map(({ word, keys }, number) => answerButton(word, keys[0], number));
  clear();
  element("pictures").append(...images.map((image, position) => figure(image, sides[position], images.length)));
  const below = [...element("pictures").children];
  if (study.answers.length) element("answers").append(...buttons);
  else below.forEach((place, position) => place.append(buttons[position]));
  return answered(study, options, buttons, below);
}

function answerButton(word, key, number) {
  const button = document.createElement("button");
  button.className = "answer";
  button.disabled = true;
  button.dataset.answer = number;
  const label = document.createElement("span");
  label.textContent = word[0].toUpperCase() + word.slice(1);
  const hint = document.createElement("kbd");
  hint.textContent = key.toUpperCase();
  hint.setAttribute("aria-hidden", "true");
  button.setAttribute("aria-keyshortcuts", key);
  button.append(label, hint);
  return button;
}

function figure(image, side, count) {
  const place = document.createElement("div");
  image.alt = `The ${side} picture`;
  image.draggable = false;
  image.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
  image.style.setProperty("--width", `calc((100vw - 120px) / ${count})`);
  place.append(image);
  return place;
}

/** Wait until the pictures have been seen for the minimum time, then for a key or a click. */
function answered(study, options, buttons, places) {
  return new Promise((resolve) => {
    const leave = new AbortController();
    let shown = null;
    const seen = () => (shown === null ? 0 : Math.floor(performance.now() - shown));
    const choose = (number) => {
      if (seen() < study.minimum_ms) return;
      leave.abort();
      resolve({ answer: number, milliseconds: seen() });
    };
    requestAnimationFrame(() => requestAnimationFrame(() => {
      shown = performance.now();
      setTimeout(() => buttons.forEach((button) => { button.disabled = false; }), study.minimum_ms);
    }));
    const pressed = (event) => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const number = options.findIndex(({ keys }) => keys.includes(key));
      if (number < 0) return;
      event.preventDefault();
      choose(number);
    };
    addEventListener("keydown", pressed, { signal: leave.signal });
    const targets = study.answers.length ? buttons : places;
    targets.forEach((target, number) => target.addEventListener("click", () => choose(number), { signal: leave.signal }));
  });
}
