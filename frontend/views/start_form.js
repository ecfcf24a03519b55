// The form that asks a question: a model, a dataset, how many tokens. It outlives a change of language.

import { addresses, estimateRun, listDatasets, listModels, submitRun } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { addInputForm } from "./add_input.js";
import { estimateLines } from "./estimate.js";
import { inputFacts, readParams, startFields } from "./start_fields.js";
import { problemText } from "./problem.js";

const DEMO = { model: "smollm2", dataset: "python-docs" };
const PREPARING = ["receiving", "inspecting"];
const REFRESH_MS = 3000;
const ESTIMATE_DELAY_MS = 300;

const asked = new URLSearchParams(location.search);
const values = { model: asked.get("model") ?? DEMO.model, dataset: asked.get("dataset") ?? DEMO.dataset };
let inputs = { models: [], datasets: [] };
let current = null;
let timer = 0;

/** @returns {HTMLElement} */
export function startForm() {
  const place = {
    form: h("form", { class: "start-form", on: { submit, input: onInput, change: onInput } }),
    estimate: h("div", { class: "estimate", "aria-live": "polite" }),
    message: h("div", {}),
    button: h("button", { type: "submit", class: "primary" }),
  };
  place.fields = startFields(values);
  fill(
    place.form,
    h("h2", { class: "visually-hidden" }, t("new_measurement")),
    place.fields.element,
    place.estimate,
    h("div", { class: "controls" }, place.button),
    place.message,
  );
  const other = addInputForm({ added: (kind, input) => onAdded(kind, input) });
  current = place;
  refreshInputs();
  return h("div", { class: "start-column" }, place.form, other);
}

async function refreshInputs() {
  clearTimeout(timer);
  const place = current;
  try {
    const [models, datasets] = await Promise.all([listModels(), listDatasets()]);
    if (place !== current) return;
    const news = JSON.stringify([models.items, datasets.items]) !== JSON.stringify(Object.values(inputs));
    inputs = { models: models.items, datasets: datasets.items };
    place.fields.offer(inputs, values);
    showButton();
    if (news || !place.estimate.hasChildNodes()) await showEstimate();
    const preparing = [...inputs.models, ...inputs.datasets].some(({ state }) => PREPARING.includes(state));
    if (preparing) timer = setTimeout(refreshInputs, REFRESH_MS);
  } catch (error) {
    fill(place.message, problemText(error));
    timer = setTimeout(refreshInputs, REFRESH_MS);
  }
}

const chosen = (kind) => inputs[`${kind}s`].find(({ id }) => id === values[kind]);

function showButton() {
  const unready = ["model", "dataset"].map(chosen).find((input) => input && input.state !== "ready");
  const name = chosen("model")?.name ?? values.model;
  current.button.disabled = !chosen("model") || !chosen("dataset") || Boolean(unready);
  current.button.textContent = t("measure_model", { model: name });
  for (const kind of ["model", "dataset"]) fill(current.fields.facts[kind], inputFacts(kind, chosen(kind)));
}

let estimateTimer = 0;

function onInput(event) {
  if (event.target.name in values) values[event.target.name] = event.target.value;
  showButton();
  clearTimeout(estimateTimer);
  estimateTimer = setTimeout(showEstimate, ESTIMATE_DELAY_MS);
}

let asking = new AbortController();

async function showEstimate() {
  const place = current;
  asking.abort();
  asking = new AbortController();
  if (current.button.disabled) return fill(place.estimate, preparingLine());
  try {
    const answer = await estimateRun(request(place.form), asking.signal);
    fill(place.estimate, ...estimateLines(answer));
    fill(place.message);
  } catch (error) {
    if (error.name !== "AbortError") fill(place.estimate, problemText(error));
  }
  return undefined;
}

function preparingLine() {
  const input = ["model", "dataset"].map(chosen).find((one) => PREPARING.includes(one?.state));
  return input && h("p", {}, t("preparing_line", { name: input.name }));
}

async function submit(event) {
  event.preventDefault();
  const place = current;
  place.button.disabled = true;
  place.button.textContent = t("submitting");
  try {
    const run = await submitRun(request(place.form));
    location.assign(addresses.run(run.id));
  } catch (error) {
    showButton();
    fill(place.message, problemText(error));
  }
}

const request = (form) => ({ kind: "linearity", ...values, params: readParams(form) });

function onAdded(kind, input) {
  values[kind.slice(0, -1)] = input.id;
  return refreshInputs();
}
