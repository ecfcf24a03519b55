// What can be asked next about a plan, as buttons that ask it and go to the answer.

import { addresses, isShared, submitRun } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { followUp } from "../requests.js";
import { problemText } from "./problem.js";

/**
 * @param {object} run whose model, text and sampling are taken over
 * @param {{plan: string, fitting: string|null}} chosen
 * @param {{report?: boolean, answers?: boolean, heal?: boolean, speed?: boolean, benchmark?: boolean}} offers
 * @returns {HTMLElement|null} nothing through a share link
 */
export function nextSteps(run, { plan, fitting }, { report = true, answers = true, heal = true, speed = true, benchmark = true }) {
  if (isShared) return null;
  const message = h("div", { "aria-live": "polite" });
  const params = fitting ? { plan, fitting } : { plan };
  const ask = (kind, more) => (event) => askFor(event.currentTarget, followUp(run, kind, { ...params, ...more }), message);
  const button = (words, click) => h("button", { type: "button", on: { click } }, t(words));
  return h(
    "div",
    { class: "next-steps", "data-needs": "analyst" },
    h(
      "div",
      { class: "controls" },
      answers && button("ask_answers", ask("answers", {})),
      speed && button("ask_speed", ask("speed", {})),
      report && button("ask_report", ask("plan", { split: "report" })),
      heal && button("ask_heal", ask("heal", { split: "select" })),
      benchmark && h("a", { class: "button", href: addresses.start(benchmarkOf(run, plan)) }, t("ask_benchmark")),
      button("ask_export", ask("export", {})),
    ),
    report && h("p", { class: "field-note" }, t("report_means")),
    message,
  );
}

/** Which questions are asked the start page has to know. */
const benchmarkOf = ({ model, dataset }, plan) => ({ kind: "benchmark", model: model.id, dataset: dataset.id, plan });

/** @param {object} run of heal, finished @returns {HTMLElement|null} what lets its model answer, times it, or writes it as a folder */
export function healedSteps(run) {
  if (isShared) return null;
  const message = h("div", { "aria-live": "polite" });
  const { plan, fitting } = run.params;
  const click = (kind) => ({ currentTarget }) =>
    askFor(currentTarget, followUp(run, kind, { plan, fitting, healed: run.id }), message);
  const button = (words, kind) => h("button", { type: "button", on: { click: click(kind) } }, words);
  return h("div", { class: "next-steps", "data-needs": "analyst" },
    h("div", { class: "controls" }, 
      button(t("ask_answers_healed"), "answers"), button(t("ask_speed_healed"), "speed"), button(t("ask_export_healed"), "export")), message);
}

async function askFor(button, body, message) {
  button.disabled = true;
  try {
    const run = await submitRun(body);
    location.assign(addresses.run(run.id));
  } catch (error) {
    button.disabled = false;
    fill(message, problemText(error));
  }
}
