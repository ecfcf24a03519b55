// The question before a model, dataset or log is removed: what depends on it, what goes with it.

import { addresses, deleteInput, getDependents } from "../api.js";
import { h } from "../dom.js";
import { bytes } from "../format.js";
import { t } from "../i18n.js";

const MOST_RUNS = 5;

/**
 * @param {"models"|"datasets"|"logs"} kind
 * @param {{id: string, name: string}} input
 * @returns {Promise<string|null>} what was done, null if it was kept
 */
export async function removeInput(kind, { id, name }) {
  const found = await getDependents(kind, id);
  const derived = await ask(kind, name, found);
  if (!derived) return null;
  await deleteInput(kind, id, derived);
  const freed = found.bytes[derived];
  return freed ? t("removed_bytes", { name, size: bytes(freed) }) : t("removed", { name });
}

/** @returns {Promise<"keep"|"delete"|null>} */
function ask(kind, name, found) {
  return new Promise((resolve) => {
    const too = h("input", { type: "checkbox", id: "remove-derived", on: { change: () => showBytes() } });
    const size = h("p", { class: "remove-size", "aria-live": "polite" });
    const showBytes = () => {
      const freed = found.bytes[choice(too)];
      size.textContent = freed ? t("remove_frees", { size: bytes(freed) }) : "";
    };
    showBytes();
    const answer = (value) => () => dialog.close(value);
    const close = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? choice(too) : null);
    };
    const dialog = h(
      "dialog",
      { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-note", on: { close } },
      h("h2", { id: "confirm-title" }, t("remove_title", { name })),
      h("p", { id: "confirm-note" }, t(`remove_${kind}_note`, { name })),
      found.own_files && h("p", { class: "quiet" }, t("remove_own_files")),
      dependents(found),
      hasDerived(found) && h("label", { class: "remove-derived", for: "remove-derived" }, too, t("remove_derived")),
      size,
      found.runs.open > 0 && h("p", { role: "alert" }, t("remove_open", { count: found.runs.open })),
      h(
        "div",
        { class: "confirm-answers" },
        // The harmless answer comes first and has the focus.
        h("button", { type: "button", autofocus: true, on: { click: answer("no") } }, t("keep_input", { name })),
        h(
          "button",
          { type: "button", class: "danger", disabled: found.runs.open > 0, on: { click: answer("yes") } },
          t("remove_input", { name }),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

const choice = (too) => (too.checked ? "delete" : "keep");

const hasDerived = ({ runs, datasets }) => runs.finished + runs.ended + datasets.length > 0;

function dependents({ runs, shares, datasets, series }) {
  const names = (items) => items.map(({ name }) => name).join(" · ");
  const lines = [
    runs.finished > 0 && [t("depends_runs", { count: runs.finished }), runLinks(runs.items)],
    runs.ended > 0 && [t("depends_ended", { count: runs.ended })],
    shares > 0 && [t("depends_shares", { count: shares })],
    datasets.length > 0 && [t("depends_datasets", { names: names(datasets) })],
    series.length > 0 && [t("depends_series", { names: names(series) })],
  ].filter(Boolean);
  if (!lines.length) return h("p", { class: "quiet" }, t("depends_nothing"));
  return h("ul", { class: "depends" }, lines.map((line) => h("li", {}, line)));
}

function runLinks(items) {
  const finished = items.filter(({ status }) => status === "finished").slice(0, MOST_RUNS);
  const link = ({ id, kind, model, dataset }) =>
    h("li", {}, h("a", { href: addresses.run(id) }, `${t(`kind_${kind}`)} · ${model} · ${dataset}`));
  return h("ul", {}, finished.map(link));
}
