// The state of the page: one plain object, one subscription. The part that describes the view is
// written to and read from the address bar, so that every view can be linked.

const SCORES = ["stream", "update", "angular", "cosine"];
const SPLITS = ["heldout", "adjusted", "fit"];
const SCALES = ["linear", "log"];
const TABLES = ["pairs", "blocks"];

/**
 * @typedef {{from: number, to: number}} Pair
 * @typedef {object} State
 * @property {"stream"|"update"|"angular"|"cosine"} score
 * @property {"heldout"|"adjusted"|"fit"} split
 * @property {"linear"|"log"} scale
 * @property {"pairs"|"blocks"} table
 * @property {Pair|null} sel the selected pair of states
 * @property {"en"|"ja"} lang
 * @property {"light"|"dark"} theme
 * @property {object|null} run as the API tells it
 * @property {object|null} result final or partial numbers
 * @property {Error|null} problem why there is nothing to show
 */

const systemTheme = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
const browserLanguage = () => (navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en");

/** Every key of the view: how it reads from text, and what needs no mention in the address. */
const VIEW = {
  score: { parse: oneOf(SCORES), standard: () => "stream" },
  split: { parse: oneOf(SPLITS), standard: () => "heldout" },
  scale: { parse: oneOf(SCALES), standard: () => "linear" },
  table: { parse: oneOf(TABLES), standard: () => "pairs" },
  sel: { parse: parsePair, standard: () => null },
  lang: { parse: oneOf(["en", "ja"]), standard: browserLanguage, stored: true },
  theme: { parse: oneOf(["light", "dark"]), standard: systemTheme, stored: true },
};

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
  const view = Object.keys(patch).some((key) => key in VIEW && text(patch[key]) !== text(state[key]));
  // Moving a selection is not a step worth going back to; making the first one is.
  const moved = Object.keys(patch).join() === "sel" && patch.sel && state.sel;
  Object.assign(state, patch);
  remember(patch);
  if (view) writeAddress(replace || Boolean(moved));
  announce();
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

export const pairText = (pair) => (pair ? `${pair.from}-${pair.to}` : "");

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
    if (text(state[key]) === text(standard())) address.searchParams.delete(key);
    else address.searchParams.set(key, text(state[key]));
  }
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

const text = (value) => (value !== null && typeof value === "object" ? pairText(value) : value ?? "");

function oneOf(options) {
  return (value) => (options.includes(value) ? value : null);
}

function parsePair(value) {
  const found = /^(\d{1,4})-(\d{1,4})$/.exec(value ?? "");
  const [from, to] = found ? [Number(found[1]), Number(found[2])] : [0, 0];
  return from < to ? { from, to } : null;
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
