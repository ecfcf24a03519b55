// A model of the hub: found by typing, looked at, then registered at the commit that was shown.

import { addresses, checkHubModel, searchHub } from "../api.js";
import { fill, h } from "../dom.js";
import { bytes, integer } from "../format.js";
import { t } from "../i18n.js";
import { combobox } from "./combobox.js";
import { namedBlocks } from "./named_blocks.js";
import { millions, preflightCard } from "./preflight_card.js";
import { problemText } from "./problem.js";
import { register } from "./register_model.js";
import { seriesPicker } from "./revision_picker.js";

/** Why the local cache answers: in words, with and without models in it. */
const CACHE_ONLY = {
  unreachable: ["hub_unreachable", "hub_unreachable_empty"],
  offline: ["hub_offline", "hub_offline_empty"],
};

/** @returns {HTMLElement} */
export function hubIntake() {
  const place = {
    status: h("p", { class: "quiet", role: "status" }),
    card: h("div", { class: "preflight-place" }),
    message: h("div", { "aria-live": "polite" }),
  };
  const search = combobox({
    id: "hub-search",
    label: t("hub_search"),
    placeholder: "owner/name",
    search: (text, signal) => find(place, text, signal),
    describe: describeHit,
    textOf: ({ name }) => name,
    accept: (text) => look(place, text),
  });
  return h(
    "section",
    { class: "intake hub-intake" },
    h("h2", {}, t("intake_hub")),
    h("p", { class: "quiet" }, t("intake_hub_note")),
    search.element,
    place.status,
    place.card,
    place.message,
  );
}

async function find(place, text, signal) {
  try {
    const { items, origin, why } = await searchHub(text, signal);
    fill(place.status, statusText(items, origin, why));
    return items;
  } catch (error) {
    if (error.name !== "AbortError") fill(place.status, problemText(error));
    return [];
  }
}

function statusText(items, origin, why) {
  if (why === "no_text") return items.length ? t("hub_in_cache", { count: items.length }) : "";
  if (origin === "hub") return items.length ? t("hub_found", { count: items.length }) : t("hub_nothing");
  const [some, none] = CACHE_ONLY[why];
  return h("span", { class: "warning-line" }, t(items.length ? some : none));
}

function describeHit({ name, downloads, gated, parameters, size, cached }) {
  const facts = [
    parameters && millions(parameters),
    size && bytes(size),
    downloads !== null && t("downloads_count", { count: integer(downloads) }),
    cached && t("in_cache"),
  ];
  return [
    h("span", { class: "suggestion-name" }, name, gated && h("span", { class: "mark" }, t("gated"))),
    h("span", { class: "quiet" }, facts.filter(Boolean).join(" · ")),
  ];
}

async function look(place, text) {
  const [name, revision] = text.split("@");
  fill(place.message);
  fill(place.card, h("p", { class: "quiet", role: "status" }, t("looking_at", { name: text })));
  try {
    const model = await checkHubModel(name, revision);
    fill(place.card, card(place, model));
    place.card.querySelector("h3").focus();
  } catch (error) {
    fill(place.card, problemText(error));
  }
}

function card(place, model) {
  const { name, commit, revision } = model;
  const one = { source: "hub", name, commit, ...(revision ? { revision } : {}) };
  const click = () => register(place, one);
  return preflightCard(
    model,
    revision ? `${name}@${revision}` : name,
    model.registered ? registered() : h("button", { type: "button", class: "primary", disabled: !model.usable, on: { click } }, t("register_model", { name })),
    model.registered ? null : namedBlocks(model, (parts) => register(place, { ...one, ...parts })),
    revisionField(place, model),
    seriesOf(place, model),
  );
}

function revisionField(place, { name, revision, revisions }) {
  if (revisions.length < 2) return null;
  const current = revision ?? "main";
  const options = revisions.map((item) => h("option", { value: item.name, selected: item.name === current }, item.name));
  const change = ({ target }) => look(place, `${name}@${target.value}`);
  const select = h("select", { id: "hub-revision", on: { change } }, options);
  return h("div", { class: "field" }, h("label", { for: "hub-revision" }, t("hub_revision")), select);
}

function seriesOf(place, { name, revisions, usable }) {
  if (revisions.length < 2 || !usable) return null;
  const names = revisions.map((item) => item.name);
  const chosen = (list) => register(place, { source: "hub", name, revisions: list });
  return seriesPicker({ names, label: t("hub_series"), note: t("hub_series_note"), register: chosen });
}

const registered = () =>
  h("p", {}, t("registered_already"), " ", h("a", { href: addresses.inputs() }, t("nav_library")));
