// Adding a dataset: files, a path or the hub; then a look at it, its columns and options, and use.

import { addresses, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { datasetPreview } from "./dataset_preview.js";
import { datasetSources } from "./dataset_sources.js";
import { problemText } from "./problem.js";
import { inputFacts } from "./start_fields.js";

const POLL_MS = 1500;

/** @param {HTMLElement} main */
export async function show(main) {
  let lang = "";
  const build = (state) => {
    if (state.lang === lang) return;
    lang = state.lang;
    document.title = `${t("add_dataset")} · LinearScope`;
    const body = h("div", { class: "add-dataset" });
    fill(
      main,
      h("p", { class: "quiet" }, h("a", { href: addresses.inputs() }, t("nav_library"))),
      h("h1", {}, t("add_dataset")),
      body,
    );
    const id = new URLSearchParams(location.search).get("id");
    if (id) open(body, id);
    else chooseSource(body);
  };
  subscribe(build);
  build(getState());
}

function chooseSource(body) {
  // An address of its own: a reload, or a link of the library, goes on from here.
  const opened = ({ id }) => {
    const query = new URLSearchParams(location.search);
    query.set("id", id);
    location.search = query;
  };
  fill(body, datasetSources({ opened }));
}

/** Show a dataset where it stands: to be looked at, on its way, ready or refused. */
async function open(body, id) {
  try {
    const dataset = await getInput("dataset", id);
    if (!body.isConnected) return;
    const onItsWay = dataset.uploads?.some((file) => file.offset < file.size);
    if (dataset.state !== "receiving") follow(body, dataset);
    else if (onItsWay) chooseSource(body); // choosing the same files again goes on with them
    else fill(body, datasetPreview(dataset, { confirmed: (row) => follow(body, row) }));
  } catch (error) {
    fill(body, problemText(error));
  }
}

function follow(body, dataset) {
  const { id, name, state } = dataset;
  const result = h("div", { class: "upload-outcome", "data-state": state, tabindex: "-1", role: "status" },
    h("p", {}, h("strong", {}, t(`added_${state}`, { name }))),
    h("div", {}, inputFacts("dataset", dataset)),
    (dataset.record?.warnings ?? []).map(({ message }) => h("p", { class: "quiet", lang: "en" }, message)),
    state === "ready" && h("a", { class: "button", href: addresses.start({ dataset: id }) }, t("measure_this_text")),
    ["ready", "rejected"].includes(state) &&
      h("p", {}, h("a", { href: addresses.add("dataset") }, t("add_another_dataset"))),
  );
  fill(body, result);
  result.focus({ preventScroll: true });
  if (["ready", "rejected"].includes(state)) return;
  setTimeout(async () => {
    if (!body.isConnected) return;
    const now = await getInput("dataset", id).catch(() => dataset); // asked again in a moment
    if (body.isConnected) follow(body, now);
  }, POLL_MS);
}
