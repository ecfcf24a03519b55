// The user's own prompts, judged for both models: by word, shape and colour.

import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";

const SIDES = ["dense", "changed"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const list = result?.canaries ?? [];
  element.hidden = list.length === 0;
  if (element.hidden || !changed(element, list, lang)) return;
  const passed = list.filter((canary) => canary.passed.changed).length;
  fill(
    element,
    h("h2", {}, t("canaries")),
    h("p", {}, t("canaries_passed", { passed, total: list.length })),
    plainTable({
      heads: [t("column_prompt"), t("model_dense"), t("model_changed")],
      rows: list.map((canary) => [canary.prompt, ...SIDES.map((side) => verdict(canary, side))]),
      kind: "texts",
    }),
  );
}

function verdict({ passed, missing, forbidden, ...answers }, side) {
  const ok = passed[side];
  const reasons = [
    ...(missing[side] ?? []).map((text) => t("canary_missing", { text })),
    ...(forbidden[side] ?? []).map((text) => t("canary_forbidden", { text })),
  ];
  return h(
    "div",
    { class: "canary" },
    h("span", { class: `verdict ${ok ? "passed" : "not-passed"}` }, t(ok ? "canary_passed" : "canary_failed")),
    h("p", { class: "answer-text" }, answers[side]),
    reasons.length > 0 && h("ul", {}, reasons.map((reason) => h("li", {}, reason))),
  );
}
