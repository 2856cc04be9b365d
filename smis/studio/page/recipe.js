/**
 * How a look is made, as data: {start, then: [step, ...]}. The server builds the style from it, so undo, reload,
 * permalink and the zip all hold the same thing. Every function returns a new recipe.
 */

/** A look drawn from a seed. */
export const fromSeed = (seed) => ({ start: { seed }, then: [] });

/** A seed that is short enough to be read aloud. */
export const anySeed = () => Math.floor(Math.random() * 10000);

const DEEPEST = 64;

/** Add a step; one that the new one makes void goes. */
export function add(recipe, step) {
  const last = recipe.then.at(-1);
  const kept = last && covers(step, last) ? recipe.then.slice(0, -1) : recipe.then;
  if (kept.length >= DEEPEST) throw new Error(`this look has ${DEEPEST} steps, the most there may be; vary everything to begin anew`);
  return { ...recipe, then: [...kept, step] };
}

function covers(step, last) {
  if (!step.resample || !last.resample) return false;
  const all = (names, others) => (others ?? []).every((name) => (names ?? []).includes(name));
  return all(step.resample.classes, last.resample.classes) && all(step.resample.instances, last.resample.instances);
}

/** Draw parts anew; a scope of neither classes nor instances means everything, which begins a new recipe. */
export function resample(recipe, scope, seed) {
  return scope.classes || scope.instances ? add(recipe, { resample: { ...scope, seed } }) : fromSeed(seed);
}

/** Set the seed of the start (step -1) or of a step. */
export function withSeed(recipe, step, seed) {
  if (step < 0) return { ...recipe, start: { seed } };
  const then = recipe.then.map((each, n) => (n === step ? { resample: { ...each.resample, seed } } : each));
  return { ...recipe, then };
}

/** Leave a step out. */
export const without = (recipe, step) => ({ ...recipe, then: recipe.then.filter((_, n) => n !== step) });

/** Apply the sliders: `blend` = {weights: {class: 0..1}, amount: 0..1}, toward the second recipe. */
export function blended(recipe, second, blend) {
  const weights = Object.fromEntries(Object.entries(blend.weights).filter(([, weight]) => weight > 0));
  let result = recipe;
  if (second && Object.keys(weights).length) result = add(result, { mix: { with: second, weights } });
  if (second && blend.amount > 0) result = add(result, { morph: { with: second, amount: blend.amount } });
  return result;
}

/** Whether a recipe needs a file that was given to this server: then a link cannot carry it. */
export function needsFile(recipe) {
  const nested = recipe.then.map((step) => step.mix?.with ?? step.morph?.with ?? step.copy?.from).filter(Boolean);
  return Boolean(recipe.start.image || recipe.start.style) || nested.some(needsFile);
}

/**
 * Leave out what a model cannot do, or what is not on the map: a class that was erased takes its step along, and has it
 * again when it is painted again. `scene` = {model, present: Set of class names, objects: Set of ids}.
 */
export function fit(recipe, scene) {
  const { abilities } = scene.model;
  const start = recipe.start.image && abilities.encode ? { seed: 0 } : recipe.start;
  if (abilities["resample everything"]) return { ...recipe, start, then: [] };
  return { ...recipe, start, then: recipe.then.map((step) => fitStep(step, scene)).filter(Boolean) };
}

function fitStep(step, scene) {
  const [[kind, value]] = Object.entries(step);
  if (kind === "resample") return fitResample(value, scene);
  if (scene.model.abilities[kind]) return null;
  if (kind === "mix") return fitMix(value, scene);
  if (kind === "morph") return { morph: { ...value, with: nested(value.with, scene) } };
  return fitCopy(value, scene);
}

/** A recipe with a map of its own is fitted to what that map has when it is made. */
const nested = (recipe, scene) => (recipe.labels ? recipe : fit(recipe, scene));

function fitResample(value, { model, present, objects }) {
  const { abilities } = model;
  if (!value.classes && !value.instances) return { resample: value };
  const classes = abilities["resample class"] ? [] : (value.classes ?? []).filter((name) => present.has(name));
  const instances = abilities["resample instance"] ? [] : (value.instances ?? []).filter((id) => objects.has(id));
  if (!classes.length && !instances.length) return null;
  const scope = { ...(classes.length && { classes }), ...(instances.length && { instances }) };
  return { resample: { ...scope, seed: value.seed } };
}

function fitMix(value, scene) {
  const weights = Object.entries(value.weights).filter(([name, weight]) => weight > 0 && scene.present.has(name));
  return weights.length ? { mix: { ...value, with: nested(value.with, scene), weights: Object.fromEntries(weights) } } : null;
}

function fitCopy(value, scene) {
  const source = part(value.source, scene.model);
  const target = part(value.target, scene.model);
  const has = (name) => scene.present.has(name) || scene.objects.has(name);
  if (!has(target) || (!value.from.labels && !has(source))) return null;
  return { copy: { ...value, from: nested(value.from, scene), source, target } };
}

/** What a model calls a part: the number of an object, or the name of a class. */
function part(name, model) {
  if (model.instances && typeof name === "string") return model.classes.find((each) => each.name === name)?.id ?? name;
  if (!model.instances && typeof name === "number") return model.classes.find((each) => each.id === name)?.name ?? name;
  return name;
}

/** A step in words. */
export function describe(step) {
  const [[kind, value]] = Object.entries(step);
  if (kind === "resample") {
    return [...(value.classes ?? []), ...(value.instances ?? []).map((id) => `object ${id}`)].join(", ") || "everything";
  }
  if (kind === "morph") return `morph, ${Math.round(value.amount * 100)} %`;
  if (kind === "copy") return `copy ${value.source} onto ${value.target}`;
  return `mix ${Object.entries(value.weights).map(([name, weight]) => `${name} ${Math.round(weight * 100)} %`).join(", ")}`;
}
