// Two datasets out of a log, disjoint and weighted by real use: what is asked, and what was made.

import { addresses, readLog, writeLog } from "../api.js";
import { fill, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { may, mayDelete } from "../visitor.js";
import { forAnalysts } from "./for_analysts.js";
import { warningItems } from "./input_warnings.js";
import { problemText } from "./problem.js";
import { isPreparing } from "./start_fields.js";

const MASKS = ["email", "phone", "card", "key"];
const WEIGHTS = ["requests", "tokens", "time"];
const REFRESH_MS = 1500;
const DOCUMENTS = 200;

/** @param {object} log as the API tells it @param {object} summary */
export function logSets(log, summary) {
  const made = h("div", { class: "log-sets-made" });
  const message = h("div", { "aria-live": "polite" });
  const refresh = async () => {
    try {
      const { items } = await readLog(log.id, "datasets");
      fill(made, items.length > 0 && h("ul", { class: "cards" }, items.map((item) => card(item))));
      if (items.some(isPreparing)) setTimeout(() => made.isConnected && refresh(), REFRESH_MS);
      else fill(message); // nothing is being made any more
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    try {
      await writeLog(log.id, "datasets", request(new FormData(event.target)));
      fill(message, h("p", {}, t("log_sets_queued")));
      await refresh();
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  refresh();
  return h(
    "section",
    { id: "log-sets", class: "log-sets", tabindex: "-1" },
    h("h2", {}, t("log_sets_title")),
    h("p", { class: "quiet" }, t("log_sets_note")),
    offer(log, summary, submit),
    message,
    made,
  );
}

/** The form, or why there is none: the sets hold what people asked, so they are their owner's to make. */
function offer(log, summary, submit) {
  if (!summary.known.prompt) return h("p", {}, t("log_sets_no_prompts"));
  if (may("analyst") && !mayDelete(log.owner)) return h("p", { class: "viewer-note" }, t("owner_makes_sets", { owner: log.owner }));
  return forAnalysts(() => [form(log, summary, submit)], "viewer_may_not_make_sets");
}

function form(log, { measures }, submit) {
  const weights = WEIGHTS.filter((name) => measures.includes(name));
  const number = (name, value, min, max) =>
    field(name, h("input", { id: `set-${name}`, name, type: "number", value, min, max, required: true }));
  return h(
    "form",
    { class: "log-form", on: { submit } },
    field("name", h("input", { id: "set-name", name: "name", value: log.name.replace(/\.\w+$/, ""), maxlength: 80, required: true })),
    number("documents", DOCUMENTS, 2, 20000),
    field("weight", h("select", { id: "set-weight", name: "weight" }, weights.map((value) => h("option", { value }, t(`measure_${value}`))))),
    number("seed", 0, 0, 4294967295),
    h(
      "fieldset",
      { class: "masks" },
      h("legend", {}, t("log_mask")),
      MASKS.map((kind) => h("label", {}, h("input", { type: "checkbox", name: "mask", value: kind }), ` ${t(`mask_${kind}`)}`)),
      h("p", { class: "field-note" }, t("log_mask_note")),
    ),
    h("div", {}, h("button", { type: "submit", class: "primary" }, t("log_make_sets"))),
  );
}

const field = (name, control) =>
  h("div", { class: "field" }, h("label", { for: `set-${name}` }, t(`set_${name}`)), control);

const request = (typed) => ({
  name: String(typed.get("name")).trim(),
  documents: Number(typed.get("documents")),
  seed: Number(typed.get("seed")),
  weight: typed.get("weight"),
  mask: typed.getAll("mask"),
});

function card(item) {
  const { name, side, state, record, problem } = item;
  return h(
    "li",
    { class: "card" },
    h("h3", {}, name),
    state === "ready" && h("div", {}, t("log_set_facts", { documents: integer(record.documents), routes: integer(record.categories) })),
    state === "ready" && warnings(record.warnings ?? []),
    state === "rejected" && problemText(problem),
    isPreparing(item) && h("div", { role: "status" }, t(`state_${state}`)),
    state === "ready" && h("a", { "data-needs": "analyst", href: addresses.start({ dataset: item.id }) }, t(`log_measure_${side}`)),
  );
}

const warnings = (items) =>
  items.length > 0 && h("ul", { class: "warning-line" }, warningItems(items));
