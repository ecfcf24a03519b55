// The form that asks a question: of what kind, a model, a dataset. It outlives a change of language.

import { addresses, listDatasets, listModels, submitRun } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { addInputForm } from "./add_input.js";
import { estimatePlace } from "./estimate_place.js";
import { missingWords, readParams } from "./kind_fields.js";
import { problemText } from "./problem.js";
import { showReading } from "./reading_fields.js";
import { inputFacts, isPreparing, startFields } from "./start_fields.js";

const DEMO = { model: "smollm2", dataset: "python-docs" };
const REFRESH_MS = 3000;
const ESTIMATE_DELAY_MS = 300;

const asked = new URLSearchParams(location.search);
const values = { model: asked.get("model") ?? DEMO.model, dataset: asked.get("dataset") ?? DEMO.dataset };
const given = { ...Object.fromEntries(["plan", "protocol", "healed", "questions"].map((name) => [name, asked.get(name) ?? ""])), text: "" };
let inputs = { models: [], datasets: [] };
let current = null;
let timer = 0;

export function startForm() {
  const place = {
    form: h("form", { class: "start-form", on: { submit, input: onInput, change: onInput } }),
    estimate: estimatePlace(),
    message: h("div", {}),
    button: h("button", { type: "submit", class: "primary" }),
    fields: startFields(values),
    kind: null,
  };
  fill(
    place.form,
    h("h2", { class: "visually-hidden" }, t("new_measurement")),
    place.fields.element,
    place.estimate.element,
    h("div", { class: "controls" }, place.button),
    place.message,
  );
  current = place;
  showKind(getState());
  refreshInputs();
  return h("div", { class: "start-column" }, place.form, addInputForm({ added: onAdded }));
}

/** Another kind asks other things; model and text stay. */
function showKind({ kind }) {
  if (!current || current.kind === kind) return;
  const first = current.kind === null;
  current.kind = kind;
  current.fields.show(kind, given);
  if (first) return;
  showButton();
  showEstimate();
}

subscribe(showKind);

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
    if (news || !place.estimate.element.hasChildNodes()) await showEstimate();
    if ([...inputs.models, ...inputs.datasets].some(isPreparing)) timer = setTimeout(refreshInputs, REFRESH_MS);
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
  current.button.textContent = t(`start_${current.kind}`, { model: name });
  showReading(current.form, chosen("model"), chosen("dataset"));
  for (const kind of ["model", "dataset"]) fill(current.fields.facts[kind], inputFacts(kind, chosen(kind)));
}

let estimateTimer = 0;

function onInput({ target: { name, value } }) {
  for (const known of [values, given]) if (name in known) known[name] = value;
  showButton();
  clearTimeout(estimateTimer);
  estimateTimer = setTimeout(showEstimate, ESTIMATE_DELAY_MS);
}

async function showEstimate() {
  const { estimate, form, button, message } = current;
  const { plan } = form.elements;
  if (button.disabled) return estimate.say(preparingLine());
  if (missingWords(form)) return estimate.say(h("p", {}, t(missingWords(form))));
  const error = await estimate.ask(request(form));
  plan?.setAttribute("aria-invalid", String(error?.code === "invalid_plan"));
  if (!error) fill(message);
  return undefined;
}

const preparingLine = (input = ["model", "dataset"].map(chosen).find(isPreparing)) =>
  input && h("p", {}, t("preparing_line", { name: input.name }));

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

const request = (form) => ({ kind: current.kind, ...values, params: readParams(form, current.kind) });

function onAdded(kind, input) {
  values[kind.slice(0, -1)] = input.id;
  return refreshInputs();
}
