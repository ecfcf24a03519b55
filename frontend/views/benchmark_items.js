// Question by question: what both models chose. Those that were lost or gained come first.

import { changed, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { ITEM_FILTERS } from "../view_keys.js";
import { taskName } from "./benchmark_scores.js";
import { filteredPages } from "./filtered_pages.js";

const right = (item, side) => item[side].scores.acc === 1;
const SHOWS = {
  moved: (item) => item.dense.chosen !== item.changed.chosen,
  lost: (item) => right(item, "dense") && !right(item, "changed"),
  gained: (item) => !right(item, "dense") && right(item, "changed"),
  all: () => true,
};

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, items: show, at, lang }) {
  const all = result?.items ?? [];
  element.hidden = all.length === 0;
  if (element.hidden || !changed(element, result.id, show, at, lang)) return;
  filteredPages(element, {
    items: all,
    shows: SHOWS,
    key: "items",
    show,
    at,
    options: ITEM_FILTERS,
    words: { title: "benchmark_items", filter: "items_filter", option: "items", none: "items_none" },
    card: itemOf,
  });
}

function itemOf(item) {
  const verdict = SHOWS.lost(item) ? "item_lost" : SHOWS.gained(item) ? "item_gained" : "";
  const number = t("question_number", { number: integer(item.index) });
  const facts = [taskName(item.task), number, item.category, verdict && t(verdict)];
  return h(
    "article",
    { class: "pair" },
    h("p", { class: "pair-facts quiet" }, facts.filter(Boolean).join(" · ")),
    h("p", { class: "pair-prompt", dir: "auto" }, item.question || t("text_left_out")),
    h("ol", { class: "choices" }, choicesOf(item).map((text, place) => choice(item, text, place))),
  );
}

/** Without its texts a result still tells how many choices there were. */
const choicesOf = ({ choices, dense }) => (choices.length ? choices : dense.loglikelihoods.map(() => ""));

function choice(item, text, place) {
  const marks = [
    item.gold === place && ["mark-gold", "right_choice"],
    item.dense.chosen === place && ["mark-dense", "model_dense"],
    item.changed.chosen === place && ["mark-changed", "model_changed"],
  ];
  return h(
    "li",
    { class: item.gold === place ? "gold" : "" },
    h("span", { dir: "auto" }, text || t("choice_number", { number: integer(place + 1) })),
    marks.filter(Boolean).map(([name, words]) => h("span", { class: `badge ${name}` }, t(words))),
  );
}
