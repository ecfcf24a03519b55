// Every number of the selected token, and how the passage as a whole stands beside held-out text.

import { changed, fill, h } from "../dom.js";
import { integer, significant } from "../format.js";
import { t } from "../i18n.js";
import { isOutside, levelOf, meanError, shownBlock, shownToken } from "../passages.js";
import { tokenName, tokenWords } from "./passage_text.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, state) {
  const { result, lang } = state;
  element.hidden = !result?.passage;
  if (element.hidden) return;
  const [block, token] = [shownBlock(state), shownToken(state)];
  if (!changed(element, result.id, block, token, lang)) return;
  const facts = [...blockFacts(result, block), ...(token === null ? [] : tokenFacts(result, token, block))];
  fill(
    element,
    h("div", { class: "details-title" }, h("h2", {}, t("block_number", { block })),
      token === null ? h("span", { class: "quiet" }, t("passage_none")) : h("span", { class: "passage-chosen" }, tokenName(result.passage[token], token))),
    h("dl", { class: "numbers" }, facts.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value)))),
  );
}

/** @returns {string} one sentence for the live region */
export function summary(state) {
  if (!state.result?.passage) return "";
  const token = shownToken(state);
  return token === null ? "" : tokenWords(state.result, token, shownBlock(state));
}

const blockFacts = (result, block) => [
  ["passage_mean", significant(meanError(result, block))],
  ["passage_usual_mean", significant(result.reference.mean[block])],
  ["passage_usual_p95", significant(result.reference.p95[block])],
  ["passage_usual_p99", significant(result.reference.p99[block])],
];

function tokenFacts(result, token, block) {
  const errors = result.error[token];
  const worst = errors.indexOf(Math.max(...errors));
  const outside = isOutside(result.passage[token]);
  return [
    ["passage_position", integer(token)],
    ["column_token_class", t(`class_${result.passage[token].token_class}`)],
    ["passage_error", significant(errors[block])],
    ["passage_beside", t(`passage_level_${outside ? "outside" : levelOf(result, token, block)}`)],
    ["passage_worst", `${significant(errors[worst])} ${t("at_block", { block: worst })}`],
  ];
}
