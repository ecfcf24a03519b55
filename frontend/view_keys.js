// The part of the state that describes the view: how each key reads from the address and is written.

import { SCORES } from "./scores.js";

const SPLITS = ["heldout", "adjusted", "fit"];
const SCALES = ["linear", "log"];
const TABLES = ["pairs", "blocks"];
const MOVING = ["sel", "curve", "n"];

export const KINDS = ["linearity", "ablation", "plan", "answers", "passage", "heal", "speed", "benchmark", "export"];
export const METRICS = ["nll_diff", "ppl", "kl", "top1", "top5"];
export const ACTIONS = ["drop", "linear", "merged"];
export const FITTINGS = ["one_shot", "sequential"];
export const MEASURES = ["requests", "tokens", "prompt_tokens", "response_tokens", "time", "cost"];
export const COSTS = ["decode_s", "prefill_s", "bytes", "prefill_flops"];
export const ANSWER_FILTERS = ["all", "different", "identical"];
export const ITEM_FILTERS = ["moved", "lost", "gained", "all"];

const systemTheme = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
const browserLanguage = () => (navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en");

/** Every key of the view: how it reads from text, and what needs no mention in the address. */
export const VIEW = {
  kind: { parse: oneOf(KINDS), standard: () => "linearity" },
  score: { parse: oneOf(SCORES), standard: () => "stream" },
  split: { parse: oneOf(SPLITS), standard: () => "heldout" },
  metric: { parse: oneOf(METRICS), standard: () => "nll_diff" },
  action: { parse: oneOf(["all", ...ACTIONS]), standard: () => "all" },
  fitting: { parse: oneOf(["all", ...FITTINGS]), standard: () => "all" },
  scale: { parse: oneOf(SCALES), standard: () => "linear" },
  axis: { parse: oneOf(SCALES), standard: () => "log" }, // damage spans a hundredfold
  table: { parse: oneOf(TABLES), standard: () => "pairs" },
  sel: { parse: parsePair, standard: () => null },
  curve: { parse: parseCurve, standard: () => null },
  n: { parse: parseCount, standard: () => null },
  show: { parse: oneOf(ANSWER_FILTERS), standard: () => "all" },
  items: { parse: oneOf(ITEM_FILTERS), standard: () => "moved" },
  measure: { parse: oneOf(MEASURES), standard: () => null }, // then what the finding speaks of
  published: { parse: oneOf(["0", "1"]), standard: () => "0" },
  cost: { parse: oneOf(COSTS), standard: () => "decode_s" },
  at: { parse: parseCount, standard: () => 1 },
  lang: { parse: oneOf(["en", "ja"]), standard: browserLanguage, stored: true },
  theme: { parse: oneOf(["light", "dark"]), standard: systemTheme, stored: true },
};

export const pairText = (pair) => (pair ? `${pair.from}-${pair.to}` : "");

/** A value of the view as it stands in the address. */
export const viewText = (value) =>
  value !== null && typeof value === "object" ? pairText(value) : String(value ?? "");

/** Whether a change only moves a selection: no step worth going back to, but making the first one is. */
export const onlyMoves = (patch, state) =>
  Object.keys(patch).every((key) => MOVING.includes(key) && patch[key] !== null && state[key] !== null);

function oneOf(options) {
  return (value) => (options.includes(value) ? value : null);
}

function parsePair(value) {
  const found = /^(\d{1,4})-(\d{1,4})$/.exec(value ?? "");
  const [from, to] = found ? [Number(found[1]), Number(found[2])] : [0, 0];
  return from < to ? { from, to } : null;
}

/** A curve is named strategy.action, and .fitting where something is fitted. */
function parseCurve(value) {
  return /^[a-z_]+\.[a-z]+(\.[a-z_]+)?$/.test(value ?? "") ? value : null;
}

function parseCount(value) {
  return /^[1-9]\d{0,5}$/.test(value ?? "") ? Number(value) : null;
}
