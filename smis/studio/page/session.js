/** What outlives the page: the session in IndexedDB (one for each tab), and permalinks in the address. */

import { History } from "./history.js";
import { LabelMap, Patch } from "./label_map.js";
import { decodePng, deflate, encodePng, fromBase64, inflate, toBase64 } from "./png.js";

const STORE = "sessions";

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("smis-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function transact(mode, work) {
  const opened = await database();
  return new Promise((resolve, reject) => {
    const transaction = opened.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => { opened.close(); resolve(request.result); };
    transaction.onerror = transaction.onabort = () => { opened.close(); reject(transaction.error); };
  });
}

/** The name of this tab's session: reloads keep it, another tab has its own. */
function tab() {
  const name = sessionStorage.getItem("studio") ?? Math.random().toString(36).slice(2);
  sessionStorage.setItem("studio", name);
  return name;
}

/** Keep everything that undo needs, too. */
export async function keep(studio) {
  const { map, look, second, history, ground, blend, onlyOver, tool, size, varies } = studio;
  const state = {
    model: studio.model.name, width: map.width, height: map.height, ids: map.ids, objects: map.objects, look, ground,
    second: second && { ...second, map: second.map && { ...second.map } }, active: studio.active,
    blend, onlyOver, tool, size, varies, locked: [...studio.locked], hidden: [...studio.hidden], entries: history.entries, at: history.at, named: [...studio.named],
  };
  await transact("readwrite", (store) => store.put(state, tab()));
  await transact("readwrite", (store) => store.put(tab(), "last"));
}

/** The session of this tab, or in a new tab what was on the screen last; null if there is none. */
export async function kept() {
  const own = await transact("readonly", (store) => store.get(tab()));
  if (own) return revive(own);
  const last = await transact("readonly", (store) => store.get("last"));
  const state = last && (await transact("readonly", (store) => store.get(last)));
  return state ? revive(state) : null;
}

const mapOf = (state) => state && new LabelMap(state.width, state.height, state.ids, state.objects);

function revive(state) {
  const entries = state.entries.map((entry) => ({
    ...entry,
    patch: entry.patch && Object.assign(Object.create(Patch.prototype), entry.patch),
    maps: entry.maps?.map(mapOf),
  }));
  const second = state.second && { ...state.second, map: mapOf(state.second.map) };
  return { ...state, map: mapOf(state), second, history: new History(entries, state.at) };
}

const URL_SAFE = { "+": "-", "/": "_", "=": "" };

/** An address that carries model, map and look. */
export async function permalink(studio, recipe) {
  const { map, model } = studio;
  const labels = toBase64(await encodePng(map.ids, map.width, map.height));
  const instances = model.instances ? toBase64(await encodePng(map.objects, map.width, map.height)) : null;
  const text = JSON.stringify({ model: model.name, labels, instances, recipe });
  const packed = toBase64(await deflate(new TextEncoder().encode(text))).replace(/[+/=]/g, (char) => URL_SAFE[char]);
  return `${location.origin}${location.pathname}#${packed}`;
}

/** What an address carries: {model, map, recipe}; null if it carries nothing, or nothing whole. */
export async function fromPermalink(hash, models) {
  if (hash.length < 8) return null;
  try {
    const packed = hash.slice(1).replace(/-/g, "+").replace(/_/g, "/");
    const state = JSON.parse(new TextDecoder().decode(await inflate(fromBase64(packed))));
    const model = models.find((each) => each.name === state.model) ?? models[0];
    return { model: model.name, map: await readMap(state, model), look: state.recipe };
  } catch {
    return null;
  }
}

/** A map from the server's or an address's {labels, instances}. */
export async function readMap({ labels, instances }, model) {
  const picture = await decodePng(fromBase64(labels));
  const objects = instances ? (await decodePng(fromBase64(instances))).ids : null;
  return LabelMap.withObjects(picture.width, picture.height, picture.ids, objects, model.classes.length);
}
