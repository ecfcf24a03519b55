// What can be asked of each kind: its fields, and what was typed as parameters. Empty means the default.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { ACTIONS, FITTINGS } from "../view_keys.js";
import { canaryFields, readCanaries } from "./canary_fields.js";
import { READING } from "./reading_fields.js";

const number = (low, high, more = {}) => ({ type: "number", min: low, max: high, step: 1, ...more });
const tokens = number(64, 50_000_000);
const choice = (...options) => ({ type: "choice", options });
const flags = (prefix, options, standard) => ({ type: "flags", prefix, options, standard });
const passage = { type: "area", maxlength: 2000, rows: 4 };
const plan = { type: "text", placeholder: "12:drop,13-15:linear" };
const fitting = choice("one_shot", "sequential");

const NAMED = ["update_linearity", "stream_linearity", "block_influence", "single_damage"];
const STRATEGIES = [...NAMED.slice(0, 3), "span_angular", "greedy_loss", "single_damage", "random"];
const COMMON = {
  context: number(8, 131_072, { placeholder: "256" }),
  seed: number(0, 4_294_967_295, { placeholder: "0" }),
  ridge: number(0, 1000, { step: "any", placeholder: "auto" }),
};
const SCORED = { heldout: number(0.05, 0.5, { step: 0.05, placeholder: "0.25" }), exclude: choice("sinks", "first", "none") };
const ALL_TOKENS = number(512, 50_000_000);
const SPLIT_TOKENS = { fit_tokens: tokens, select_tokens: { ...tokens, placeholder: "2048" } };

const STATES = { pairs: choice("auto", "all", "adjacent"), granularity: choice("block", "sublayer") };

/** By kind: what everybody is asked, and what stands under "more". */
const FIELDS = {
  linearity: {
    main: { tokens: ALL_TOKENS, protocol: choice("standard", "paper") },
    more: { ...COMMON, repeats: number(1, 20, { placeholder: "1" }), ...SCORED, ...STATES, ...READING },
  },
  ablation: {
    main: {
      strategies: flags("strategy", STRATEGIES, NAMED),
      actions: flags("action", ACTIONS, ["drop", "linear"]),
      changed: number(1, 10_000, { placeholder: "10" }),
    },
    more: {
      fitting: flags("fitting", FITTINGS, ["one_shot"]),
      interaction: number(0, 10_000, { placeholder: "8" }),
      random_seeds: number(5, 50, { placeholder: "5" }),
      ...SPLIT_TOKENS,
      ...COMMON,
      ...READING,
    },
  },
  plan: {
    main: { plan, split: choice("select", "report"), fidelity: choice("full", "preview") },
    more: { fitting, ...SPLIT_TOKENS, report_tokens: { ...tokens, placeholder: "4096" }, ...COMMON, ...READING },
  },
  heal: {
    main: {
      plan,
      train: choice("auto", "maps", "adapters", "all"),
      steps: number(1, 1_000_000, { placeholder: "200" }),
      split: choice("report", "select"),
    },
    more: {
      objective: choice("distil", "text"),
      sweep: { type: "text" },
      learning_rate: number(0, 1, { step: "any" }),
      batch: number(1, 4096, { placeholder: "8" }),
      alpha: number(0, 1_000_000, { step: "any", placeholder: "1" }),
      rank: number(1, 1024, { placeholder: "8" }),
      healed: { type: "text" },
      fitting,
      ...SPLIT_TOKENS,
      report_tokens: { ...tokens, placeholder: "4096" },
      ...COMMON,
      ...READING,
    },
  },
  passage: {
    main: { text: passage, tokens: ALL_TOKENS },
    more: { ...COMMON, ...SCORED, ...READING },
  },
  answers: {
    main: {
      plan,
      prompts: number(1, 10_000, { placeholder: "200" }),
      new_tokens: number(1, 131_072, { placeholder: "32" }),
    },
    more: {
      canaries: { type: "canaries" },
      prompt_tokens: number(1, 131_072, { placeholder: "32" }),
      template: choice("auto", "none", "chat"),
      fitting,
      fit_tokens: tokens,
      ...COMMON,
    },
  },
};

/** @param {string} kind @param {Record<string, string>} given values to begin with @returns {HTMLElement[]} */
export function kindFields(kind, given) {
  const { main, more } = FIELDS[kind];
  const build = (fields) => Object.entries(fields).map(([name, what]) => field(name, what, given[name]));
  const advanced = h("div", { class: "fields two" }, build(more));
  return [...build(main), h("details", { class: "advanced" }, h("summary", {}, t("advanced")), advanced)];
}

/** @returns {Record<string, unknown>} what was typed or ticked; what is at its default is left out */
export function readParams(form, kind) {
  const typed = new FormData(form);
  const { main, more } = FIELDS[kind];
  const found = Object.entries({ ...main, ...more }).map(([name, what]) => [name, read(typed, name, what)]);
  const params = Object.fromEntries(found.filter(([, value]) => value !== undefined));
  if (params.split === "report") delete params.fidelity; // never opened for a preview
  return params;
}

function read(typed, name, { type, options, standard }) {
  if (type === "canaries") return readCanaries(typed);
  if (type === "flags") {
    const chosen = typed.getAll(name);
    return chosen.join() === standard.join() ? undefined : chosen;
  }
  if (type === "area") return String(typed.get(name) ?? "");
  const value = String(typed.get(name) ?? "").trim();
  if (type === "text") return value;
  if (value === "" || (type === "choice" && value === options[0])) return undefined;
  return type === "number" ? Number(value) : value;
}

function field(name, what, given) {
  if (what.type === "canaries") return canaryFields();
  const note = h("div", { class: "field-note", id: `${name}-note` }, t(`${name}_note`));
  if (what.type === "flags") return flagsField(name, what, note);
  const wide = ["text", "area"].includes(what.type) ? "field wide" : "field";
  const asks = what.needs?.join(" ");
  return h("div", { class: wide, "data-asks": asks }, h("label", { for: name }, t(`field_${name}`)), control(name, what, given), note);
}

function control(name, { type, options, needs, ...limits }, given) {
  const named = { name, id: name, "aria-describedby": `${name}-note` };
  if (type === "choice") {
    const texts = options.map((value) => h("option", { value, selected: value === given }, t(`${name}_${value}`)));
    return h("select", named, texts);
  }
  if (type === "area") return h("textarea", { ...named, ...limits, value: given ?? "" });
  const automatic = type === "number" ? { placeholder: t("automatic") } : { spellcheck: "false", autocomplete: "off" };
  return h("input", { type, ...named, ...automatic, ...limits, value: given ?? "" });
}

function flagsField(name, { prefix, options, standard }, note) {
  const box = (value) =>
    h("label", { class: "flag" },
      h("input", { type: "checkbox", name, value, checked: standard.includes(value) }), t(`${prefix}_${value}`));
  return h("fieldset", { class: "field wide flags" }, h("legend", {}, t(`field_${name}`)), options.map(box), note);
}
