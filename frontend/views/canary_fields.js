// The user's own prompts, each with texts that an answer must or must not hold, one text a line.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const SAYS = ["must_say", "must_not_say"];

/** @returns {HTMLElement} rows that can be added */
export function canaryFields() {
  const rows = h("div", { class: "canary-rows" });
  const add = () => rows.append(row(rows.children.length));
  const button = h("button", { type: "button", class: "small", on: { click: add } }, t("add_canary"));
  return h(
    "fieldset",
    { class: "field wide canary-fields" },
    h("legend", {}, t("field_canaries")),
    h("div", { class: "field-note" }, t("canaries_field_note")),
    rows,
    h("div", {}, button),
  );
}

/** @returns {object[]|undefined} the prompts that were typed; undefined when there is none */
export function readCanaries(typed) {
  const [musts, nots] = SAYS.map((name) => typed.getAll(`canary_${name}`).map(lines));
  const found = typed.getAll("canary_prompt").map((prompt, index) => ({
    prompt: prompt.trim(),
    must_say: musts[index],
    must_not_say: nots[index],
  }));
  const full = found.filter(({ prompt }) => prompt);
  return full.length ? full : undefined;
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function row(number) {
  const area = (name) => {
    const id = `canary-${name}-${number}`;
    const control = h("textarea", { id, name: `canary_${name}`, rows: name === "prompt" ? 2 : 1 });
    return h("div", { class: "field" }, h("label", { for: id }, t(`canary_field_${name}`)), control);
  };
  return h("div", { class: "fields three canary-row" }, ["prompt", ...SAYS].map(area));
}
