// Models, datasets and request logs that are registered here: what is known of each, adding and removing.

import { addresses, listInputs } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { mayDelete } from "../visitor.js";
import { problemText } from "./problem.js";
import { removeInput } from "./remove_input.js";
import { bySeries } from "./series.js";
import { inputFacts } from "./start_fields.js";
import { templatePermission } from "./template_permission.js";

const REFRESH_MS = 3000;
const KINDS = ["model", "dataset", "log"];
const PREPARING = ["receiving", "inspecting"];

/** @param {HTMLElement} main */
export async function show(main) {
  let lang = "";
  const build = (state) => {
    if (state.lang === lang) return;
    lang = state.lang;
    document.title = `${t("nav_library")} · LinearScope`;
    const lists = h("div", { class: "inputs-page", tabindex: "-1" }, h("p", { class: "quiet" }, t("loading_library")));
    const message = h("div", { "aria-live": "polite" });
    fill(main, h("h1", {}, t("nav_library")), addLinks(), message, lists);
    refresh(lists, message);
  };
  subscribe(build);
  build(getState());
}

const addLinks = () =>
  h(
    "nav",
    { class: "add-links", "aria-label": t("add_input"), "data-needs": "analyst" },
    KINDS.map((kind) =>
      h("a", { class: "button", href: addresses.add(kind) }, t(`add_${kind}`)),
    ),
  );

async function refresh(lists, message) {
  try {
    const found = await Promise.all(KINDS.map(listInputs));
    const act = (work) => change(work, lists, message);
    fill(lists, KINDS.map((kind, index) => section(`${kind}s`, found[index].items, act)));
    const preparing = found.flatMap(({ items }) => items).some(({ state }) => PREPARING.includes(state));
    if (preparing) setTimeout(() => lists.isConnected && refresh(lists, message), REFRESH_MS);
  } catch (error) {
    fill(message, problemText(error));
  }
}

/** Do something to an input that may be thought better of, and show what came of it. */
async function change(work, lists, message) {
  try {
    const done = await work();
    if (!done) return;
    await refresh(lists, message);
    fill(message, h("p", {}, done));
    lists.focus(); // the button that had the focus is gone
  } catch (error) {
    fill(message, problemText(error));
  }
}

function section(kind, items, act) {
  return h(
    "section",
    {},
    h("h2", {}, t(`kind_${kind}`)),
    items.length ? bySeries(items).map((group) => cards(kind, group, act)) : h("p", { class: "quiet" }, t("nothing_here")),
  );
}

function cards(kind, { series, items }, act) {
  const list = h("ul", { class: "cards" }, items.map((input) => card(kind, input, act)));
  if (!series) return list;
  return h("div", { class: "series-group" }, h("h3", {}, t("series_of", { name: series })), list);
}

/** The server speaks English whatever the language of the page. */
function warnings(lines) {
  const items = lines.map((line) => h("li", { lang: "en" }, line));
  return h("details", {}, h("summary", {}, t("input_warnings")), h("ul", {}, items));
}

function card(kind, input, act) {
  const { name, source, reference, record } = input;
  const fingerprint = record?.fingerprint?.slice(0, 12);
  const click = () => act(() => removeInput(kind, input));
  return h(
    "li",
    { class: "card" },
    h("h3", {}, name),
    h("div", {}, inputFacts(kind.slice(0, -1), input)),
    h("div", { class: "quiet" }, `${t(`source_${source}`)} · `, h("code", {}, reference)),
    fingerprint && h("div", { class: "quiet" }, `${t("fingerprint")} `, h("code", {}, fingerprint)),
    record?.warnings?.length > 0 && warnings(record.warnings),
    kind === "models" && templatePermission(input, act),
    nextStep(kind, input),
    source !== "builtin" && removal(input, click),
  );
}

/** What is somebody else's says so, to those who could remove their own. */
function removal({ name, owner }, click) {
  if (!mayDelete(owner)) return h("div", { class: "quiet", "data-needs": "analyst" }, t("belongs_to", { owner }));
  return h("button", { type: "button", class: "small", on: { click } }, t("remove_input", { name }));
}

/** What one would do with it next; what is still coming leads back by its facts. */
function nextStep(kind, { id, state, uploads }) {
  if (uploads?.some(({ sha256 }) => !sha256)) return null;
  const ready = state === "ready";
  const link = (href, words, needs = "analyst") => h("a", { class: "next-step", href, "data-needs": needs }, t(words));
  if (kind === "models") return ready && link(addresses.start({ model: id }), "measure_this_model");
  if (kind === "datasets") {
    if (ready) return link(addresses.start({ dataset: id }), "measure_this_text");
    return state === "receiving" && link(addresses.addDataset(id), "continue_dataset");
  }
  if (ready || state === "inspecting") return link(addresses.log(id), "log_open", null);
  return link(addresses.confirmLog(id), "log_choose_columns");
}
