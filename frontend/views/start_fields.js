// The fields of the start form and what they mean as parameters.

import { fill, h } from "../dom.js";
import { bytes, integer } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/** Parameters beyond tokens: what the API calls them, and what may be typed. Empty means its default. */
const NUMBERS = {
  context: { min: 8, max: 131072, placeholder: "256" },
  heldout: { min: 0.05, max: 0.5, step: 0.05, placeholder: "0.25" },
  seed: { min: 0, max: 4294967295, placeholder: "0" },
  ridge: { min: 0, max: 1000, step: "any", placeholder: "auto" },
};
const TOKENS = { min: 512, max: 50_000_000 };
const CHOICES = { exclude: ["sinks", "first", "none"], pairs: ["auto", "all", "adjacent"] };

/** @returns {{element: HTMLElement, facts: object, offer: (inputs: object, values: object) => void}} */
export function startFields(values) {
  const select = (name) => h("select", { name, id: name });
  const place = () => h("div", { class: "field-note" });
  const selects = { model: select("model"), dataset: select("dataset") };
  const facts = { model: place(), dataset: place() };
  const tokens = number("tokens", { ...TOKENS, placeholder: t("automatic") });
  const element = h(
    "div",
    { class: "fields" },
    field("model", selects.model, facts.model),
    field("dataset", selects.dataset, facts.dataset),
    field("tokens", tokens, h("div", { class: "field-note" }, t("tokens_note"))),
    advanced(),
  );
  const offer = (inputs, chosen) => {
    fillOptions(selects.model, inputs.models, chosen.model);
    fillOptions(selects.dataset, inputs.datasets, chosen.dataset);
  };
  offer({ models: [], datasets: [] }, values);
  return { element, facts, offer };
}

/** @returns {Record<string, number|string>} what was typed; what was left empty is left out */
export function readParams(form) {
  const typed = new FormData(form);
  const params = {};
  for (const name of ["tokens", ...Object.keys(NUMBERS)]) {
    if (typed.get(name)) params[name] = Number(typed.get(name));
  }
  for (const [name, [standard]] of Object.entries(CHOICES)) {
    if (typed.get(name) && typed.get(name) !== standard) params[name] = typed.get(name);
  }
  return params;
}

/** What is known about a chosen model or dataset, or why it cannot be used. */
export function inputFacts(kind, input) {
  if (!input) return null;
  if (input.state === "rejected") return problemText(input.problem);
  if (input.state !== "ready") return t(`state_${input.state}`);
  const record = input.record ?? {};
  if (kind === "dataset") {
    const [documents, size] = [integer(record.documents), bytes(record.characters ?? 0)];
    return t("dataset_facts", { documents, size });
  }
  return t("model_facts", {
    blocks: record.blocks,
    width: integer(record.width),
    millions: integer((record.parameters ?? 0) / 1e6),
  });
}

function fillOptions(select, items, current) {
  const known = items.some(({ id }) => id === current);
  const shown = known ? items : [{ id: current, name: current, state: "ready" }, ...items];
  const text = ({ name, state }) =>
    state === "ready" ? name : `${name} — ${t(`state_${state}_short`)}`;
  const options = shown.map((input) =>
    h("option", { value: input.id, selected: input.id === current }, text(input)),
  );
  fill(select, options);
  select.value = current;
}

function advanced() {
  const numbers = Object.entries(NUMBERS).map(([name, limits]) =>
    field(name, number(name, limits), note(name)),
  );
  const choices = Object.entries(CHOICES).map(([name, values]) => {
    const options = values.map((value) => h("option", { value }, t(`${name}_${value}`)));
    return field(name, h("select", { name, id: name }, options), note(name));
  });
  return h(
    "details",
    { class: "advanced" },
    h("summary", {}, t("advanced")),
    h("div", { class: "fields two" }, numbers, choices),
  );
}

const number = (name, limits) => h("input", { name, id: name, type: "number", step: 1, ...limits });

const note = (name) => h("div", { class: "field-note" }, t(`${name}_note`));

const field = (name, control, after) =>
  h("div", { class: "field" }, h("label", { for: name }, t(`field_${name}`)), control, after);
