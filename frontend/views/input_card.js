// One input in the library: what is known of it, what comes next, and removing it.

import { addresses } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { mayDelete } from "../visitor.js";
import { warningItems } from "./input_warnings.js";
import { removeInput } from "./remove_input.js";
import { inputFacts } from "./start_fields.js";
import { templatePermission } from "./template_permission.js";

const warnings = (lines) => h("details", {}, h("summary", {}, t("input_warnings")), h("ul", {}, warningItems(lines)));

/**
 * @param {"models"|"datasets"|"logs"} kind
 * @param {object} input as the API tells it
 * @param {(work: () => Promise<string|null>) => void} act does what may be thought better of
 * @returns {HTMLElement}
 */
export function inputCard(kind, input, act) {
  const { name, source, reference, record } = input;
  const fingerprint = record?.fingerprint?.slice(0, 12);
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
    source !== "builtin" && removal(input, () => act(() => removeInput(kind, input))),
  );
}

/** What is somebody else's says so, to those who could remove their own. */
function removal({ name, owner }, remove) {
  if (!mayDelete(owner)) return h("div", { class: "quiet", "data-needs": "analyst" }, t("belongs_to", { owner }));
  return h("button", { type: "button", class: "small", on: { click: remove } }, t("remove_input", { name }));
}

/** What one would do with it next; what is still coming leads back by its facts. */
function nextStep(kind, { id, state, uploads, record }) {
  if (uploads?.some(({ sha256 }) => !sha256)) return null;
  const ready = state === "ready";
  const link = (href, words, needs = "analyst") => h("a", { class: "next-step", href, "data-needs": needs }, t(words));
  if (kind === "models") return ready && link(addresses.start({ model: id }), "measure_this_model");
  if (kind === "datasets") {
    if (ready && record?.questions > 0) return link(addresses.start({ kind: "benchmark", questions: id }), "ask_these_questions");
    if (ready) return link(addresses.start({ dataset: id }), "measure_this_text");
    return state === "receiving" && link(addresses.addDataset(id), "continue_dataset");
  }
  if (ready || state === "inspecting") return link(addresses.log(id), "log_open", null);
  return link(addresses.confirmLog(id), "log_choose_columns");
}
