/** The server of the studio: requests, their one-sentence errors, and "the latest request wins". */

import { LabelMap } from "./label_map.js";
import { decodePng, encodePng, fromBase64, pngHeader, toBase64 } from "./png.js";

/** What the server refused, in its own words. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function send(path, options) {
  const answer = await fetch(`api${path}`, options).catch(() => {
    throw new Refused(0, "the server does not answer; is `smis studio` still running?");
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  let sentence = `the server answered ${answer.status}`;
  try { sentence = JSON.parse(text).error ?? sentence; } catch { /* no JSON: the number says it */ }
  throw new Refused(answer.status, sentence);
}

const JSON_TYPE = { "Content-Type": "application/json" };

/** GET, as JSON. */
export const get = async (path) => (await send(path)).json();

/** POST an object; the answer as JSON. */
export const post = async (path, body) =>
  (await send(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) })).json();

/** POST an object; the answer as a file. */
export const postForFile = async (path, body) =>
  (await send(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) })).blob();

/** POST the bytes of a file; the answer as JSON. */
export const upload = async (path, file) => (await send(path, { method: "POST", body: file })).json();

/** A map as the server takes it: {labels, instances}, base64 PNG of the model's size; instances only where it varies them. */
export async function wireMap(map, model) {
  const { ids, objects, width, height } = map.sized(model);
  const labels = toBase64(await encodePng(ids, width, height));
  const instances = model.instances ? toBase64(await encodePng(objects, width, height)) : null;
  return { labels, instances };
}

/** A recipe as the server takes it: maps that came with looks of a model of another size are resized, too. */
export async function wireRecipe(recipe, model) {
  const { labels, instances, then = [], ...rest } = recipe;
  return { ...rest, ...(await wireMaps({ labels, instances }, model)), then: await Promise.all(then.map((step) => wireStep(step, model))) };
}

async function wireMaps(maps, model) {
  const given = Object.entries(maps).filter(([, text]) => text);
  return Object.fromEntries(await Promise.all(given.map(async ([name, text]) => [name, await wireIds(text, model)])));
}

async function wireIds(text, model) {
  const bytes = fromBase64(text);
  const { width, height } = pngHeader(bytes);
  if (height === model.size[0] && width === model.size[1]) return text;
  const { ids } = await decodePng(bytes);
  const map = new LabelMap(width, height, ids).sized(model);
  return toBase64(await encodePng(map.ids, map.width, map.height));
}

async function wireStep(step, model) {
  const [[kind, value]] = Object.entries(step);
  const field = { mix: "with", morph: "with", copy: "from" }[kind];
  return field ? { [kind]: { ...value, [field]: await wireRecipe(value[field], model) } } : step;
}

const PAGE = Math.random().toString(36).slice(2);
let sequence = 0;

/**
 * A line of requests for pictures of which only the newest counts: one is on its way, one waits, and whoever comes
 * later takes the place of the one that waits. Each channel is a page of its own to the server.
 */
export class Channel {
  #waiting = null;
  #running = false;

  constructor(name) {
    this.page = `${PAGE}-${name}`;
  }

  /** Whether no request is on its way or waits. */
  get idle() {
    return !this.#running;
  }

  /**
   * Ask for pictures of `job` = {model, map, recipes}. Resolves to {images, milliseconds, sequence}, or to null when a
   * newer request took its place.
   */
  ask(job) {
    this.#waiting?.resolve(null);
    const promise = new Promise((resolve, reject) => { this.#waiting = { job, resolve, reject }; });
    if (!this.#running) this.#run();
    return promise;
  }

  async #run() {
    this.#running = true;
    while (this.#waiting) {
      const { job, resolve, reject } = this.#waiting;
      this.#waiting = null;
      try {
        const wire = await wireMap(job.map, job.model);
        const recipes = await Promise.all(job.recipes.map((recipe) => wireRecipe(recipe, job.model)));
        const body = { model: job.model.name, ...wire, recipes, page: this.page, sequence: ++sequence };
        resolve(await post("/synthesize", body));
      } catch (error) {
        if (error.status === 409) resolve(null);
        else reject(error);
      }
    }
    this.#running = false;
  }
}
