// The fields of each kind, and what was typed as parameters. Empty means the default.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { canaryFields, readCanaries } from "./canary_fields.js";
import { FIELDS } from "./kind_questions.js";
import { questionsSelect } from "./questions_select.js";

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

/** @returns {string|null} the name of the words that ask for what cannot be left out */
export function missingWords({ elements: { plan, text, questions, tasks } }) {
  const empty = (field) => field && !field.value.trim();
  if (empty(plan)) return "type_a_plan";
  if (empty(text)) return "type_a_passage";
  return empty(questions) && empty(tasks) ? "choose_questions" : null;
}

function read(typed, name, { type, options, standard }) {
  if (type === "canaries") return readCanaries(typed);
  if (type === "flags") {
    const chosen = typed.getAll(name);
    return chosen.join() === standard.join() ? undefined : chosen;
  }
  if (type === "area") return String(typed.get(name) ?? "");
  if (type === "yes") return typed.get(name) === "yes" || undefined;
  const value = String(typed.get(name) ?? "").trim();
  if (type === "text") return value;
  if (type === "questions") return value || undefined;
  if (type === "numbers") return value ? value.split(/[\s,、,]+/).filter(Boolean).map(Number) : undefined;
  if (value === "" || (type === "choice" && value === options[0])) return undefined;
  return type === "number" ? Number(value) : value;
}

function field(name, what, given) {
  if (what.type === "canaries") return canaryFields();
  const words = what.words ?? name; // a name that another kind uses for something else
  const note = h("div", { class: "field-note", id: `${name}-note` }, t(`${words}_note`));
  if (what.type === "flags") return flagsField(name, what, note);
  const wide = ["text", "area", "questions"].includes(what.type) ? "field wide" : "field";
  const asks = what.needs?.join(" ");
  return h("div", { class: wide, "data-asks": asks }, h("label", { for: name }, t(`field_${words}`)), control(name, what, given), note);
}

function control(name, { type, options, needs, words, standard, ...limits }, given) {
  const named = { name, id: name, "aria-describedby": `${name}-note` };
  if (type === "questions") return questionsSelect(named, given);
  if (type === "choice" || type === "yes") {
    const texts = options.map((value) => h("option", { value, selected: value === given }, t(`${name}_${value}`)));
    return h("select", named, texts);
  }
  if (type === "area") return h("textarea", { ...named, ...limits, value: given ?? standard ?? "" });
  const automatic = type === "number" ? { placeholder: t("automatic") } : { spellcheck: "false", autocomplete: "off" };
  const input = type === "numbers" ? "text" : type;
  return h("input", { type: input, ...named, ...automatic, ...limits, value: given ?? "" });
}

function flagsField(name, { prefix, options, standard }, note) {
  const box = (value) =>
    h("label", { class: "flag" },
      h("input", { type: "checkbox", name, value, checked: standard.includes(value) }), t(`${prefix}_${value}`));
  return h("fieldset", { class: "field wide flags" }, h("legend", {}, t(`field_${name}`)), options.map(box), note);
}
