// The state of the page: one plain object, one subscription. The part that describes the view is
// written to and read from the address bar, so that every view can be linked.

import { VIEW, onlyMoves, viewText } from "./view_keys.js";

/**
 * @typedef {{from: number, to: number}} Pair
 * @typedef {object} State
 * @property {"linearity"|"ablation"|"plan"|"answers"|"passage"|"heal"|"speed"|"benchmark"|"export"} kind what the start form asks for
 * @property {"stream"|"update"|"angular"|"cosine"|"cka"} score
 * @property {"heldout"|"adjusted"|"fit"} split
 * @property {"nll_diff"|"ppl"|"kl"|"top1"|"top5"} metric
 * @property {"all"|"drop"|"linear"|"merged"} action
 * @property {"all"|"one_shot"|"sequential"} fitting
 * @property {"linear"|"log"} scale of the heat map's colours
 * @property {"linear"|"log"} axis of the curves
 * @property {"pairs"|"blocks"} table
 * @property {Pair|null} sel the selected pair of states
 * @property {string|null} curve the selected curve: strategy.action.fitting
 * @property {number|null} n the selected number of changed blocks, or token of a passage, from 1
 * @property {"all"|"different"|"identical"} show which answers
 * @property {"moved"|"lost"|"gained"|"all"} items which questions of a benchmark
 * @property {"0"|"1"} published whether the paper's values lie over the profile
 * @property {"decode_s"|"prefill_s"|"bytes"|"prefill_flops"} cost what the cost map shows
 * @property {number} at which page of them
 * @property {"requests"|"tokens"|"prompt_tokens"|"response_tokens"|"time"|"cost"|null} measure of a log
 * @property {"en"|"ja"} lang
 * @property {"light"|"dark"} theme
 * @property {object|null} run as the API tells it
 * @property {object|null} result final or partial numbers
 * @property {Error|null} problem why there is nothing to show
 */

const state = { ...readAddress(), run: null, result: null, problem: null };
const listeners = new Set();

/** @returns {Readonly<State>} */
export const getState = () => state;

/** @param {(state: State) => void} listener called after every change */
export function subscribe(listener) {
  listeners.add(listener);
}

/** Change the state; a changed view goes to the address bar as a new step of the history. */
export function update(patch, { replace = false } = {}) {
  const inView = (key) => key in VIEW && viewText(patch[key]) !== viewText(state[key]);
  const view = Object.keys(patch).some(inView);
  const moved = onlyMoves(patch, state);
  Object.assign(state, patch);
  remember(patch);
  if (view) writeAddress(replace || moved);
  announce();
}

/** @returns {Record<string, string>} the present view as texts, without what is the reader's own choice */
export const viewTexts = () =>
  Object.fromEntries(
    Object.entries(VIEW)
      .filter(([key, { standard, stored }]) => !stored && viewText(state[key]) !== viewText(standard()))
      .map(([key]) => [key, viewText(state[key])]),
  );

/** Show a view that came as texts, as far as the address itself does not say otherwise. */
export function showView(texts) {
  const asked = new URLSearchParams(location.search);
  const told = Object.entries(texts).filter(([key]) => key in VIEW && !VIEW[key].stored && !asked.has(key));
  const read = told.map(([key, text]) => [key, VIEW[key].parse(text)]).filter(([, value]) => value !== null);
  update(Object.fromEntries(read), { replace: true });
}

/**
 * Follow the back and forward buttons, and the system's own theme.
 *
 * @param {(view: {lang: string}) => Promise<void>} prepare what a view needs before it is shown
 */
export function followBrowser(prepare) {
  const reread = async () => {
    const view = readAddress();
    await prepare(view);
    Object.assign(state, view);
    announce();
  };
  addEventListener("popstate", reread);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", reread);
}

function announce() {
  document.documentElement.dataset.theme = state.theme;
  document.documentElement.lang = state.lang;
  for (const listener of listeners) listener(state);
}

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const view = {};
  for (const [key, { parse, standard, stored }] of Object.entries(VIEW)) {
    view[key] = parse(asked.get(key)) ?? (stored ? parse(recall(key)) : null) ?? standard();
  }
  return view;
}

function writeAddress(replace) {
  const address = new URL(location.href);
  for (const [key, { standard }] of Object.entries(VIEW)) {
    if (viewText(state[key]) === viewText(standard())) address.searchParams.delete(key);
    else address.searchParams.set(key, viewText(state[key]));
  }
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

function recall(key) {
  try {
    return localStorage.getItem(`linearscope.${key}`);
  } catch {
    return null; // storage may be switched off
  }
}

function remember(patch) {
  for (const key of Object.keys(patch).filter((name) => VIEW[name]?.stored)) {
    try {
      localStorage.setItem(`linearscope.${key}`, patch[key]);
    } catch {
      return; // the choice then lasts as long as the address
    }
  }
}
