// What both models answer, route by route: how many answers stay the same, and how much of them.

import { changed, fill, h } from "../dom.js";
import { integer, interval, score } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";
import { share } from "./quality.js";

const HEADS = ["category", "identical_share", "agreement_share", "first_difference", "length_ratio", "prompts", "documents"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const list = result?.categories ?? [];
  element.hidden = list.length === 0;
  if (element.hidden || !changed(element, list, lang)) return;
  fill(
    element,
    h("h2", {}, t("categories")),
    h("p", { class: "quiet small-print" }, t("answer_categories_note")),
    h("div", { class: "scroll-x" }, plainTable({ heads: HEADS.map((key) => t(`column_${key}`)), rows: list.map(row) })),
  );
}

const row = (one) => [
  one.category,
  withRange(one.identical / one.prompts, one.identical_ci95),
  withRange(one.agreement, one.agreement_ci95),
  one.first_difference_median === null ? null : score(one.first_difference_median, 1),
  one.length_ratio === null ? null : score(one.length_ratio, 2),
  integer(one.prompts),
  integer(one.documents),
];

const percents = (pair) => pair && pair.map((end) => 100 * end);

function withRange(value, pair) {
  const range = interval(percents(pair), 0);
  return h("span", {}, share(value), range && h("span", { class: "quiet" }, ` (${range} %)`));
}
