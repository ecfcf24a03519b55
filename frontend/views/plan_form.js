// A plan to type: which block gets which action, measured on the same tokens as the run beside it.

import { addresses, isShared, submitRun } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { fits, followUp } from "../requests.js";
import { FITTINGS } from "../view_keys.js";
import { estimatePlace } from "./estimate_place.js";
import { problemText } from "./problem.js";

const CHECK_DELAY_MS = 300;
const EXAMPLE = "12:drop,13-15:linear";
const OF_THE_PLAN = ["invalid_plan", "not_yet"];

/**
 * @param {() => object} getRun the run whose model, text and sampling are taken over
 * @returns {{element: HTMLElement, speak: () => void, put: (values: object) => void}}
 */
export function planForm(getRun) {
  if (isShared) return { element: h("div", { hidden: true }), speak() {}, put() {} }; // nothing is asked there
  const typed = { plan: "", fitting: "one_shot", split: "select", fidelity: "full" };
  const form = h("form", { class: "plan-form", novalidate: true, "data-needs": "analyst" });
  const at = { problem: null, plan: null, estimate: estimatePlace("plan-estimate") };
  let timer = 0;

  const body = (kind) => {
    const { plan, fitting, split, fidelity } = typed;
    const own = kind === "plan" ? { split, ...(split === "report" ? {} : { fidelity }) } : {};
    return followUp(getRun(), kind, { plan: plan.trim(), ...(fits(plan) ? { fitting } : {}), ...own });
  };

  const check = async () => {
    if (typed.plan.trim()) return show(at, await at.estimate.ask(body("plan")));
    at.estimate.say();
    return show(at, null);
  };

  const onInput = ({ target }) => {
    if (target.name in typed) typed[target.name] = target.value;
    allow(form, typed);
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_DELAY_MS);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (!typed.plan.trim()) return at.plan.focus();
    try {
      const run = await submitRun(body(event.submitter?.value === "answers" ? "answers" : "plan"));
      location.assign(addresses.run(run.id));
    } catch (error) {
      at.estimate.say(problemText(error));
      show(at, error);
      at.plan.focus();
    }
    return undefined;
  };

  form.addEventListener("input", onInput);
  form.addEventListener("submit", submit);
  const speak = () => {
    build(form, at, typed);
    allow(form, typed);
    check();
  };
  const put = (values) => {
    if (Object.entries(values).every(([name, value]) => typed[name] === value)) return;
    Object.assign(typed, values);
    speak();
  };
  return { element: form, speak, put };
}

function build(form, at, typed) {
  at.plan = h("input", {
    name: "plan", id: "plan-text", type: "text", value: typed.plan, placeholder: EXAMPLE,
    spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-describedby": "plan-note plan-problem",
  });
  at.problem = h("div", { id: "plan-problem" });
  const choose = (name, values) => {
    const options = values.map((value) => h("option", { value, selected: value === typed[name] }, t(`${name}_${value}`)));
    return field(name, h("select", { name, id: `plan-${name}` }, options));
  };
  fill(
    form,
    h("h2", {}, t("plan_form")),
    field("text", at.plan, h("div", { id: "plan-note", class: "field-note" }, t("plan_note")), at.problem),
    h("div", { class: "fields three" }, choose("fitting", FITTINGS), choose("split", ["select", "report"]),
      choose("fidelity", ["full", "preview"])),
    h("p", { class: "field-note", "data-report-note": true }, t("report_means")),
    at.estimate.element,
    h("div", { class: "controls" },
      h("button", { type: "submit", class: "primary", value: "plan" }, t("measure_plan")),
      h("button", { type: "submit", value: "answers" }, t("ask_answers"))),
  );
}

const field = (name, control, ...after) =>
  h("div", { class: "field" }, h("label", { for: `plan-${name}` }, t(`field_plan_${name}`)), control, after);

/** Nothing is fitted for drops, and the report split is never opened for a preview. */
function allow(form, { plan, split }) {
  form.elements.fitting.disabled = plan.trim() !== "" && !fits(plan);
  form.elements.fidelity.disabled = split === "report";
  form.querySelector("[data-report-note]").hidden = split !== "report";
}

/** What is wrong with the plan stands at its field; everything else below. */
function show(at, error) {
  const own = error && OF_THE_PLAN.includes(error.code);
  at.plan.setAttribute("aria-invalid", String(Boolean(own)));
  fill(at.problem, own && problemText(error));
  if (own) at.estimate.say();
}
