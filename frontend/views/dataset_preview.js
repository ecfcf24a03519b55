// A look at a dataset: what it would be as read now; every choice shows at once what it gives.

import { confirmDataset, listModels, previewDataset } from "../api.js";
import { fill, h, keepingFocus } from "../dom.js";
import { t } from "../i18n.js";
import { columnFields } from "./dataset_columns.js";
import { keepingFields, readingFields } from "./dataset_fields.js";
import { sent, settled } from "./dataset_options.js";
import { columnsTable, recordsTable } from "./dataset_records.js";
import { datasetSummary } from "./dataset_summary.js";
import { discardButton } from "./discard.js";
import { problemText } from "./problem.js";

const PAUSE_MS = 150;

/**
 * @param {{id: string, name: string}} dataset
 * @param {{confirmed: (dataset: object) => void}} listeners
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function datasetPreview(dataset, { confirmed }) {
  const view = {
    dataset,
    options: { dedupe: true },
    model: "",
    models: [],
    facts: null,
    stop: new AbortController(),
    place: regions(dataset.id),
  };
  view.place.use.addEventListener("click", () => use(view, confirmed));
  view.change = (changes) => {
    Object.assign(view.options, changes);
    look(view, PAUSE_MS);
  };
  view.count = (model) => {
    view.model = model;
    look(view, 0);
  };
  listModels()
    .then(({ items }) => {
      view.models = items.filter(({ state }) => state === "ready");
      draw(view);
    })
    .catch(() => {}); // without models there are no token counts; the rest stays
  look(view, 0);
  const { place } = view;
  const element = h(
    "div",
    { class: "dataset-preview" },
    h("h2", {}, dataset.name),
    place.status,
    place.problem,
    place.reading,
    place.records,
    place.columns,
    place.summary,
    place.keeping,
    place.message,
    h("div", { class: "controls" }, place.use, place.discard),
  );
  return { element, speak: () => speak(view) };
}

const regions = (id) => ({
  discard: h("div", {}, discardButton("dataset", id)),
  status: h("p", { class: "quiet", role: "status" }),
  problem: h("div"),
  reading: h("section", { class: "panel" }),
  records: h("section", { class: "panel" }),
  columns: h("section", { class: "panel" }),
  summary: h("section", { class: "panel" }),
  keeping: h("section", { class: "panel" }),
  message: h("div", { "aria-live": "polite" }),
  use: h("button", { type: "button", class: "primary", disabled: true }, t("use_dataset")),
});

/** Ask what the files give with the present choices; an answer to an older question is dropped. */
async function look(view, pause) {
  view.stop.abort();
  view.stop = new AbortController();
  const { signal } = view.stop;
  await new Promise((resolve) => setTimeout(resolve, pause));
  if (signal.aborted) return;
  fill(view.place.status, t("looking_at_dataset"));
  view.place.use.disabled = true;
  const body = { options: sent(view.options), ...(view.model ? { model: view.model } : {}) };
  try {
    view.facts = await previewDataset(view.dataset.id, body, signal);
    fill(view.place.problem, view.facts.problem && problemText(view.facts.problem));
    draw(view);
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(view.place.problem, problemText(error));
  }
  if (!signal.aborted) fill(view.place.status);
}

function speak(view) {
  fill(view.place.use, t("use_dataset"));
  fill(view.place.discard, discardButton("dataset", view.dataset.id));
  draw(view);
}

function draw(view) {
  const { facts, place } = view;
  if (!facts) return;
  keepingFocus(place.reading, () => fill(place.reading, readingFields(view), columnFields(view)));
  fill(place.records, recordsTable(facts));
  fill(place.columns, columnsTable(facts));
  fill(place.summary, datasetSummary(facts));
  keepingFocus(place.keeping, () => fill(place.keeping, keepingFields(view)));
  for (const name of ["records", "columns", "summary"]) place[name].hidden = !place[name].hasChildNodes();
  place.use.disabled = facts.records.length === 0;
}

async function use(view, confirmed) {
  view.place.use.disabled = true;
  try {
    confirmed(await confirmDataset(view.dataset.id, { options: settled(view) }));
  } catch (error) {
    fill(view.place.message, problemText(error));
    view.place.use.disabled = false;
  }
}
