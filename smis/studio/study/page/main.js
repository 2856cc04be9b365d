/** The study as one volunteer goes through it: consent, practice, trials, thanks; a link that resumes. */

import * as api from "./api.js";
import { ask, clear } from "./trial.js";

const AHEAD = 3;
const RETRY_MS = 2000;

const element = (id) => document.getElementById(id);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Show a text with one button, and wait until it is pressed. */
function message(title, paragraphs, button) {
  element("trial").hidden = true;
  element("message").hidden = false;
  element("message-title").textContent = title;
  element("message-text").replaceChildren(...paragraphs.map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  }));
  element("message-button").hidden = !button;
  element("message-button").textContent = button ?? "";
  element("message-button").focus();
  return new Promise((resolve) => { element("message-button").onclick = resolve; });
}

/** Do it until the server answers; what it refuses is for the caller. */
async function patiently(attempt) {
  for (;;) {
    try {
      const found = await attempt();
      element("status").textContent = "";
      return found;
    } catch (error) {
      if (!(error instanceof api.Refused) || (error.status > 0 && error.status < 500)) throw error;
      element("status").textContent = "The server does not answer. Your answer is not lost: it is sent again.";
      await pause(RETRY_MS);
    }
  }
}

/** Trials whose pictures are fetched before they are needed. */
class Preloaded {
  constructor(token, kind, total, pictures) {
    Object.assign(this, { token, kind, total, pictures, found: new Map() });
  }

  get(place) {
    for (let next = place; next < Math.min(place + AHEAD, this.total); next += 1) {
      if (!this.found.has(next)) {
        const coming = patiently(() => api.pictures(this.token, this.kind, next, this.pictures));
        coming.catch(() => {}); // told when it is asked for
        this.found.set(next, coming);
      }
    }
    const images = this.found.get(place);
    this.found.delete(place);
    return images;
  }
}

function showTrial(study, { practice = "", answered, total }) {
  element("message").hidden = true;
  element("trial").hidden = false;
  element("question").textContent = study.question;
  element("hint").textContent = study.hint;
  element("practice").textContent = practice;
  element("practice").hidden = !practice;
  element("progress").hidden = Boolean(practice);
  element("bar").max = total;
  element("bar").value = answered;
  element("count").textContent = `${answered} of ${total}`;
}

async function practise(study, token, total) {
  const trials = new Preloaded(token, "practice", study.practice, study.pictures);
  for (let place = 0; place < study.practice; place += 1) {
    const images = await trials.get(place);
    showTrial(study, { practice: `Practice ${place + 1} of ${study.practice}: this one does not count`, answered: 0, total });
    await ask(study, images);
    clear();
  }
}

async function answerAll(study, token, state) {
  const trials = new Preloaded(token, "trials", state.total, study.pictures);
  let now = state;
  while (now.answered < now.total) {
    const place = now.answered;
    const images = await trials.get(place);
    showTrial(study, now);
    const answer = await ask(study, images);
    clear();
    now = await patiently(() => api.vote(token, { place, ...answer }));
  }
  return now;
}

async function resumed() {
  const token = location.hash.slice(1);
  if (!token) return null;
  try {
    return { token, state: await patiently(() => api.progress(token)) };
  } catch (error) {
    if (error.status !== 401) throw error;
    await message("This link is not known", ["It may be incomplete, or of another study."], "Begin anew");
    return null;
  }
}

async function begun(study) {
  await message(study.title, study.consent.trim().split(/\n\s*\n/).map((text) => text.replace(/\s*\n\s*/g, " ")), "I agree, begin");
  const token = await patiently(() => api.join());
  history.replaceState(null, "", `#${token}`);
  return { token, state: await patiently(() => api.progress(token)) };
}

async function run() {
  const study = await patiently(() => api.study());
  document.title = study.title;
  element("title").textContent = study.title;
  const { token, state } = (await resumed()) ?? (await begun(study));
  element("footer").hidden = false;
  if (state.answered === 0 && study.practice > 0) {
    await practise(study, token, state.total);
    await message("The practice is over", [`Now ${state.total} more of the same kind, which count.`], "Go on");
  }
  await answerAll(study, token, state);
  element("progress").hidden = true;
  element("footer").hidden = true;
  message("Thank you", ["All your answers are stored. You may close this page."], null);
}

element("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href);
  element("copy").textContent = "Copied";
});
addEventListener("hashchange", () => location.reload());
run().catch(async (error) => {
  await message("Something went wrong", [error.message, "Answers that you have given are stored."], "Try again");
  location.reload();
});
