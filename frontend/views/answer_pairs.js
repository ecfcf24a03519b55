// Answer beside answer, the first difference marked. Text goes in as text, whatever a model wrote.

import { changed, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { ANSWER_FILTERS } from "../view_keys.js";
import { byteNote } from "./byte_note.js";
import { filteredPages } from "./filtered_pages.js";
import { markedParts } from "./marked.js";
import { share } from "./quality.js";

const SHOWS = {
  all: () => true,
  different: (pair) => pair.first_difference !== null,
  identical: (pair) => pair.first_difference === null,
};

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, show, at, lang }) {
  const answers = result?.answers ?? [];
  element.hidden = answers.length === 0;
  if (element.hidden || !changed(element, result.id, answers.length, show, at, lang)) return;
  filteredPages(element, {
    items: answers,
    shows: SHOWS,
    key: "show",
    show,
    at,
    options: ANSWER_FILTERS,
    words: { title: "answer_pairs", filter: "answers_filter", option: "show", none: "answers_none" },
    card: pairOf,
  });
}

function pairOf(pair) {
  const { document: number, prompt, category, first_difference: first, reference } = pair;
  const difference =
    first === null ? t("pair_identical") : t("pair_differs", { token: integer(first + 1), share: share(pair.agreement) });
  const parts = markedParts(pair);
  const facts = [t("document_number", { document: integer(number) }), category, difference];
  return h(
    "article",
    { class: "pair" },
    h("p", { class: "pair-facts quiet" }, facts.filter(Boolean).join(" · ")),
    h("p", { class: "pair-prompt" }, prompt),
    h(
      "div",
      { class: "pair-sides" },
      side("dense", pair, parts.dense),
      side("changed", pair, parts.changed),
    ),
    byteNote([prompt, pair.dense, pair.changed]),
    reference && h("p", { class: "quiet" }, t("reference_answer", { text: reference })),
  );
}

function side(name, pair, [before, differing, after]) {
  const [tokens, stopped] = [pair[`${name}_tokens`], pair[`${name}_stopped`]];
  const length = t(stopped ? "answer_stopped" : "answer_at_limit", { tokens: integer(tokens) });
  return h(
    "section",
    { class: "pair-side" },
    h("h3", {}, t(`model_${name}`)),
    h("p", { class: "answer-text" }, before, differing && h("mark", {}, differing), after),
    h("p", { class: "quiet small-print" }, length),
  );
}
