// How records with an answer are read: asked only where the text has answers, and a template may be rendered.

import { showProtocol } from "./protocol_field.js";

const choice = (options, needs) => ({ type: "choice", options, needs });

export const READING = {
  template: choice(["auto", "none"], ["answers", "template"]),
  score: choice(["answer", "all"], ["answers"]),
};

/** Show the fields that make sense for a model and a text; a hidden one is not sent. */
export function showReading(form, model, dataset) {
  const there = whatIsThere(model, dataset);
  for (const place of form.querySelectorAll("[data-asks]")) {
    place.hidden = !place.dataset.asks.split(" ").every((need) => there.includes(need));
    for (const control of place.querySelectorAll("select")) control.disabled = place.hidden;
  }
  showProtocol(form);
}

function whatIsThere(model, dataset) {
  const mayRender = ["builtin", "hub"].includes(model?.source) || model?.record?.template_allowed;
  return [dataset?.record?.answers > 0 && "answers", mayRender && "template"].filter(Boolean);
}
