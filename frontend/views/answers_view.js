// The body of an `answers` run: both models over all prompts, then answer beside answer.

import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import * as answerCategories from "./answer_categories.js";
import * as answerPairs from "./answer_pairs.js";
import * as answersSummary from "./answers_summary.js";
import * as canaries from "./canaries.js";
import { region } from "./panel.js";
import { planText } from "./quality.js";

export const pictures = [];
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) => (result?.summary ? answersSummary.sentence(result.summary) : "");

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const at = {
    plan: h("section", { id: "answers-plan", class: "details", tabindex: "-1" }),
    summary: region("answers-summary"),
    categories: region("answer-categories"),
    canaries: region("canaries"),
    pairs: region("answer-pairs"),
  };
  fill(body, at.plan, at.summary, at.categories, at.canaries, at.pairs);
  return (state) => {
    renderPlan(at.plan, state);
    answersSummary.render(at.summary, state);
    answerCategories.render(at.categories, state);
    canaries.render(at.canaries, state);
    answerPairs.render(at.pairs, state);
  };
}

function renderPlan(element, { run, result, lang }) {
  if (!run || !changed(element, run.id, result?.template, lang)) return;
  const { plan, new_tokens: tokens } = run.params;
  const template = result?.template && t(`template_${result.template}_used`);
  fill(
    element,
    h("div", { class: "details-title" }, h("h2", {}, t("the_plan")), planText(plan)),
    h("p", { class: "protocol" }, [t("greedy_up_to", { tokens }), template].filter(Boolean).join(" · ")),
  );
}
