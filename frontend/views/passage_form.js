// A passage to paste: where in it the model is not linear, by the maps of the run beside it.

import { addresses, isShared, submitRun } from "../api.js";
import { changed, fill, h, keepingTyped } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { passageOf } from "../requests.js";
import { getState } from "../state.js";
import { pairText } from "../view_keys.js";
import { problemText } from "./problem.js";

export const LONGEST = 2000;
const ROWS = 4;

/** @returns {(element: HTMLElement, state: import("../state.js").State) => void} draws the form; nothing through a link */
export function passageForm() {
  const form = h("form", { class: "passage-form", novalidate: true, "data-needs": "analyst", on: { submit, input } });
  return (element, { run, lang }) => {
    element.hidden = isShared || !hasMaps(run);
    if (element.hidden || !changed(form, run.id, lang)) return;
    keepingTyped(form, () => build(form, run));
    if (!form.isConnected) fill(element, form);
  };
}

/** The paper's procedure fits on everything, so it has no held-out text to set a passage beside. */
const hasMaps = (run) =>
  (run?.kind === "passage" && ["finished", "failed"].includes(run.status)) ||
  (run?.kind === "linearity" && run.status === "finished" && run.params?.protocol !== "paper");

function build(form, run) {
  const own = run.kind === "passage";
  const text = h("textarea", {
    name: "text", id: "passage-text", rows: ROWS, maxlength: LONGEST, value: own ? run.params.text : "",
    "aria-describedby": "passage-note passage-count passage-problem",
  });
  fill(
    form,
    h("h2", {}, t(own ? "passage_again" : "passage_form")),
    h("div", { class: "field" },
      h("label", { for: "passage-text" }, t("field_text")),
      text,
      h("div", { class: "field-note", id: "passage-note" }, t("passage_note")),
      h("div", { class: "field-note", id: "passage-count" }, count(text.value)),
      h("div", { id: "passage-problem", "aria-live": "polite" })),
    h("div", { class: "controls" }, h("button", { type: "submit", class: own ? "" : "primary" }, t("measure_passage"))),
  );
}

const count = (text) => t("characters_of", { count: integer([...text].length), most: integer(LONGEST) });

const part = (form, name) => form.querySelector(`#passage-${name}`);

function input({ currentTarget: form }) {
  fill(part(form, "count"), count(form.elements.text.value));
  fill(part(form, "problem"));
}

async function submit(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const { text } = form.elements;
  const button = form.querySelector("button");
  if (!text.value.trim()) return text.focus();
  button.disabled = true;
  try {
    const { run, sel } = getState();
    const next = await submitRun(passageOf(run, text.value));
    const block = sel && sel.to === sel.from + 1 ? `?sel=${pairText(sel)}` : "";
    location.assign(addresses.run(next.id) + block);
  } catch (error) {
    button.disabled = false;
    fill(part(form, "problem"), problemText(error));
    text.focus();
  }
  return undefined;
}
