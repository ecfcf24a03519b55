// Adding a dataset: files, a path or the hub; then a look at it, its columns and options, and use.

import { addresses, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { may } from "../visitor.js";
import { datasetPreview } from "./dataset_preview.js";
import { datasetSources } from "./dataset_sources.js";
import { forAnalysts } from "./for_analysts.js";
import { warningItems } from "./input_warnings.js";
import { pageHead } from "./page_head.js";
import { problemText } from "./problem.js";
import { inputFacts } from "./start_fields.js";

const POLL_MS = 1500;

/** @param {HTMLElement} main */
export async function show(main) {
  const page = { lang: "", state: "", body: h("div", { class: "add-dataset" }), speak: () => {} };
  const build = (state) => {
    if (state.lang === page.lang) return;
    page.lang = state.lang;
    page.speak();
    fill(main, pageHead(t("add_dataset")), forAnalysts(() => [page.body]));
  };
  subscribe(build);
  build(getState());
  if (!may("analyst")) return;
  const id = new URLSearchParams(location.search).get("id");
  if (id) await open(page, id);
  else chooseSource(page);
}

/** Show a part of the page, and say it again when the language changes. */
function put(page, { element, speak }) {
  page.speak = speak;
  fill(page.body, element);
}

function chooseSource(page) {
  // An address of its own: a reload, or a link of the library, goes on from here.
  const opened = ({ id }) => {
    const query = new URLSearchParams(location.search);
    query.set("id", id);
    location.search = query;
  };
  put(page, datasetSources({ opened }));
}

/** Show a dataset where it stands: to be looked at, on its way, ready or refused. */
async function open(page, id) {
  try {
    const dataset = await getInput("dataset", id);
    const onItsWay = dataset.uploads?.some((file) => file.offset < file.size);
    if (dataset.state !== "receiving") follow(page, dataset);
    else if (onItsWay) chooseSource(page); // choosing the same files again goes on with them
    else put(page, datasetPreview(dataset, { confirmed: (row) => follow(page, row) }));
  } catch (error) {
    fill(page.body, problemText(error));
  }
}

function follow(page, dataset) {
  if (dataset.state !== page.state) {
    page.state = dataset.state;
    put(page, { element: outcome(dataset), speak: () => fill(page.body, outcome(dataset)) });
    page.body.firstChild.focus({ preventScroll: true });
  }
  if (["ready", "rejected"].includes(dataset.state)) return;
  // Where the server does not answer, it is asked again in a moment.
  setTimeout(async () => follow(page, await getInput("dataset", dataset.id).catch(() => dataset)), POLL_MS);
}

function outcome(dataset) {
  const { id, name, state } = dataset;
  return h("div", { class: "upload-outcome", "data-state": state, tabindex: "-1", role: "status" },
    h("p", {}, h("strong", {}, t(`added_${state}`, { name }))),
    h("div", {}, inputFacts("dataset", dataset)),
    dataset.record?.warnings?.length > 0 && h("ul", { class: "warning-line" }, warningItems(dataset.record.warnings)),
    state === "ready" && h("a", { class: "button", href: addresses.start({ dataset: id }) }, t("measure_this_text")),
    dataset.record?.questions > 0 &&
      h("a", { class: "button", href: addresses.start({ kind: "benchmark", questions: id }) }, t("ask_these_questions")),
    ["ready", "rejected"].includes(state) &&
      h("p", {}, h("a", { href: addresses.add("dataset") }, t("add_another_dataset"))),
  );
}
