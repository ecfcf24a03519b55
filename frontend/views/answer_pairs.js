// Answer beside answer, the first difference marked. Text goes in as text, whatever a model wrote.

import { changed, fill, h, keepingFocus, switches } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { ANSWER_FILTERS } from "../view_keys.js";
import { byteNote } from "./byte_note.js";
import { markedParts } from "./marked.js";
import { paging } from "./paging.js";
import { share } from "./quality.js";

const PAGE = 20;

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
  const found = answers.filter(SHOWS[show]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const page = Math.min(at, pages);
  const listed = found.slice((page - 1) * PAGE, page * PAGE);
  keepingFocus(element, () =>
    fill(
      element,
      h("div", { class: "panel-head" }, h("h2", {}, t("answer_pairs")), filter(answers, show)),
      listed.length ? listed.map(pairOf) : h("p", { class: "quiet" }, t("answers_none")),
      pages > 1 && paging(page, pages, element),
    ),
  );
}

const filter = (answers, show) =>
  switches({
    label: t("answers_filter"),
    current: show,
    choose: (value) => update({ show: value, at: 1 }),
    options: ANSWER_FILTERS.map((value) => ({
      value,
      text: t(`show_${value}`, { count: integer(answers.filter(SHOWS[value]).length) }),
    })),
  });

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
