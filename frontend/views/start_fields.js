// The fields of the start form: what is asked, of which model, on which text.

import { addresses } from "../api.js";
import { fill, h, switches } from "../dom.js";
import { bytes, integer } from "../format.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { KINDS } from "../view_keys.js";
import { kindFields } from "./kind_fields.js";
import { problemText } from "./problem.js";

/**
 * @param {{model: string, dataset: string}} values
 * @returns {{element: HTMLElement, facts: object, offer: (inputs: object, values: object) => void,
 *   show: (kind: string, given: object) => void}}
 */
export function startFields(values) {
  const select = (name) => h("select", { name, id: name });
  const place = () => h("div", { class: "field-note" });
  const selects = { model: select("model"), dataset: select("dataset") };
  const facts = { model: place(), dataset: place() };
  const kinds = h("div", { class: "kinds" });
  const own = h("div", { class: "fields own-fields" });
  const inputs = h(
    "div",
    { class: "fields" },
    field("model", selects.model, facts.model),
    field("dataset", selects.dataset, facts.dataset),
  );
  const element = h("div", { class: "all-fields" }, kinds, inputs, own);
  const offer = (found, chosen) => {
    fillOptions(selects.model, found.models, chosen.model);
    fillOptions(selects.dataset, found.datasets, chosen.dataset);
  };
  const show = (kind, given) => {
    fill(kinds, kindSwitch(kind), h("p", { class: "field-note" }, t(`kind_${kind}_note`)));
    fill(own, kindFields(kind, given));
  };
  offer({ models: [], datasets: [] }, values);
  return { element, facts, offer, show };
}

export const isPreparing = (input) => ["receiving", "inspecting"].includes(input?.state);

/** What is known about a chosen model or dataset, or why it cannot be used. */
export function inputFacts(kind, input) {
  if (!input) return null;
  if (input.state === "rejected") return problemText(input.problem);
  const coming = input.state === "receiving" ? (input.uploads ?? []) : [];
  const missing = coming.filter(({ sha256 }) => !sha256).length;
  if (missing) return incomplete(kind, missing, coming.length);
  if (input.state === "receiving" && kind !== "model") return t("state_unconfirmed");
  if (input.state !== "ready") return t(`state_${input.state}`);
  const record = input.record ?? {};
  if (kind === "log") return t("log_facts", { requests: integer(record.requests), routes: integer(record.routes) });
  if (kind === "dataset") {
    const [documents, size] = [integer(record.documents), bytes(record.characters ?? 0)];
    return t("dataset_facts", { documents, size });
  }
  return t("model_facts", {
    blocks: record.blocks,
    width: integer(record.width),
    millions: integer((record.parameters ?? 0) / 1e6),
  });
}

/** An upload that broke off goes on where it was begun. */
const incomplete = (kind, count, all) =>
  h("span", {}, t("unfinished_upload", { count, all }), " ", h("a", { href: addresses.add(kind) }, t("upload_continue")));

const kindSwitch = (current) =>
  switches({
    label: t("kind_asked"),
    current,
    choose: (kind) => update({ kind }),
    options: KINDS.map((value) => ({ value, text: t(`kind_${value}`) })),
  });

function fillOptions(select, items, current) {
  const known = items.some(({ id }) => id === current);
  const shown = known ? items : [{ id: current, name: current, state: "ready" }, ...items];
  const text = ({ name, state }) =>
    state === "ready" ? name : `${name} — ${t(`state_${state}_short`)}`;
  const options = shown.map((input) =>
    h("option", { value: input.id, selected: input.id === current }, text(input)),
  );
  fill(select, options);
  select.value = current;
}

const field = (name, control, after) =>
  h("div", { class: "field" }, h("label", { for: name }, t(`field_${name}`)), control, after);
