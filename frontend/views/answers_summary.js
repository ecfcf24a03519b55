// Dense against changed over all prompts, as one table.

import { changed, fill, h } from "../dom.js";
import { integer, score } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";
import { share } from "./quality.js";

const SIDES = [
  ["mean_tokens", (value) => score(value, 1)],
  ["at_limit", share],
  ["repetition", share],
];
const SCORED = ["exact", "contains", "number", "valid_json"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const found = result?.summary;
  element.hidden = !found;
  if (!found || !changed(element, found, lang)) return;
  fill(
    element,
    h("h2", {}, t("answers_summary")),
    h("dl", { class: "key-numbers" }, together(found)),
    plainTable({
      heads: ["", t("model_dense"), t("model_changed")],
      rows: sides(found),
      kind: "sides",
    }),
    h("p", { class: "caution" }, t("shorter_is_no_saving")),
  );
}

/** @returns {string} the first line of the table as a sentence */
export const sentence = ({ prompts, identical }) =>
  t("answers_identical", { identical: integer(identical), prompts: integer(prompts) });

function together(found) {
  const { identical, prompts, first_difference_median: first, agreement, length_ratio: ratio } = found;
  const number = (key, value, beside) =>
    h("div", {}, h("dt", {}, t(key)), h("dd", {}, h("strong", {}, value), beside && h("span", { class: "quiet" }, beside)));
  return [
    number("key_identical", t("of_count", { count: integer(identical), total: integer(prompts) })),
    number("key_first_difference", first === null ? "–" : score(first, 1), t("tokens_median")),
    number("key_agreement", share(agreement), t("mean_over_prompts")),
    number("key_length_ratio", score(ratio, 2)),
  ];
}

function sides({ dense, changed: other, references }) {
  const plain = SIDES.map(([key, format]) => [t(`answers_${key}`), format(dense[key]), format(other[key])]);
  const scored = SCORED.filter((key) => dense[key] !== null || other[key] !== null).map((key) => [
    t(`answers_${key}`, { references: integer(references) }),
    share(dense[key]),
    share(other[key]),
  ]);
  return [...plain, ...scored];
}
