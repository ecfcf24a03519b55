// Models, datasets and request logs that are registered here: what is known of each, adding and removing.

import { addresses, listInputs } from "../api.js";
import { changed, fill, h, keepingFocus, keepingTyped } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { inputCard } from "./input_card.js";
import { libraryFilter } from "./library_filter.js";
import { problemText } from "./problem.js";
import { bySeries } from "./series.js";

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
    const page = {
      lists: h("div", { class: "inputs-page", tabindex: "-1" }, h("p", { class: "quiet" }, t("loading_library"))),
      message: h("div", { "aria-live": "polite" }),
      filter: libraryFilter(() => draw(page)),
      found: null,
    };
    const head = h("div", { class: "shelf-head" }, addLinks(), page.filter.element);
    keepingTyped(main, () => fill(main, h("h1", {}, t("nav_library")), head, page.message, page.lists));
    refresh(page);
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

async function refresh(page) {
  try {
    const answers = await Promise.all(KINDS.map(listInputs));
    page.found = answers.map(({ items }) => items);
    draw(page);
    const preparing = page.found.flat().some(({ state }) => PREPARING.includes(state));
    if (preparing) setTimeout(() => page.lists.isConnected && refresh(page), REFRESH_MS);
  } catch (error) {
    fill(page.message, problemText(error));
  }
}

function draw(page) {
  if (!page.found) return;
  const { lists, filter, found } = page;
  filter.offer(found.flat().length);
  if (!changed(lists, found, filter.wanted())) return; // what somebody unfolded stays unfolded
  const act = (work) => change(work, page);
  keepingFocus(lists, () =>
    fill(lists, KINDS.map((kind, index) => section(`${kind}s`, found[index].filter(filter.matches), filter.wanted() !== "", act))),
  );
}

/** Do something to an input that may be thought better of, and show what came of it. */
async function change(work, page) {
  try {
    const done = await work();
    if (!done) return;
    await refresh(page);
    fill(page.message, h("p", {}, done));
    page.lists.focus(); // the button that had the focus is gone
  } catch (error) {
    fill(page.message, problemText(error));
  }
}

function section(kind, items, filtered, act) {
  const none = h("p", { class: "quiet" }, t(filtered ? "nothing_matches" : "nothing_here"));
  return h(
    "section",
    {},
    h("h2", {}, t(`kind_${kind}`), " ", h("span", { class: "quiet count" }, integer(items.length))),
    items.length ? bySeries(items).map((group) => cards(kind, group, act)) : none,
  );
}

function cards(kind, { series, items }, act) {
  const list = h("ul", { class: "cards" }, items.map((input) => inputCard(kind, input, act)));
  if (!series) return list;
  return h("div", { class: "series-group" }, h("h3", {}, t("series_of", { name: series })), list);
}
