// What went wrong, why, and what to do: the same three parts everywhere.

import { isForPrograms } from "../api.js";
import { h } from "../dom.js";
import { language, t, tOr } from "../i18n.js";

/**
 * @param {{code?: string, message?: string, nextStep?: string, next_step?: string, data?: object}} problem
 * @returns {HTMLElement}
 */
export function problemText(problem) {
  const { code = "error", message = "", data: given } = problem ?? {};
  const data = given ?? {};
  const step = nextStep(code, problem?.nextStep ?? problem?.next_step ?? "", data);
  const reason = tOr(`reason_${data.reason}`, "");
  const reasons = Array.isArray(data.reasons) ? data.reasons : [];
  const isListed = reasons.length > 1 && message.startsWith(reasons[0].message); // then not said twice
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, tOr(`problem_${code}`, message || t("problem_error"), data)),
    reason && !isListed && h("p", {}, reason),
    code in OWN_WORDS || !message || isListed ? null : detail(code, message),
    // A single reason is the message itself.
    reasons.some((one) => one.message !== message) && h("ul", {}, reasons.map(reasonItem)),
    step && h("p", { class: "problem-step" }, step),
  );
}

/** Codes whose translated sentence says everything; the others keep the server's sentence beside. */
const OWN_WORDS = { unreachable: true, chart_library: true };

/** The server's own step knows the case best, but speaks English only. */
function nextStep(code, told, data) {
  const ours = tOr(`reason_step_${data.reason}`, tOr(`step_${code}`, "", data), data);
  const fits = language() === "en" && !(ours && isForPrograms(told));
  return fits ? told || ours : ours || told;
}

/** The server speaks English whatever the language of the page. */
const serverWords = (message) => h("span", { lang: "en" }, message);

function detail(code, message) {
  const known = tOr(`problem_${code}`, "") !== "";
  return known ? h("p", { class: "problem-detail" }, serverWords(message)) : null;
}

function reasonItem({ code, message }) {
  const ours = tOr(`reason_${code}`, "");
  return h("li", {}, ours && `${ours} `, serverWords(message ?? (ours ? "" : code)));
}
