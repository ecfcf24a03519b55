// Runs that came in a bundle: what is said of them, and how one comes in.

import { addresses, importBundle } from "../api.js";
import { fill, h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/** @param {object} run @returns {HTMLElement|null} that the numbers were not computed here */
export function importedNote({ imported, params }) {
  if (!imported) return null;
  const { software, computed, when, by, texts } = imported;
  return h(
    "p",
    { class: "warning-line imported-note" },
    t(isElsewhere(params) ? "imported_times_text" : "imported_note_text", { software, computed: moment(computed) }),
    " ",
    by ? t("imported_by", { by, when: moment(when) }) : t("imported_when", { when: moment(when) }),
    texts === "left_out" && ` ${t("imported_without_texts")}`,
  );
}

/** Whether the numbers are those of servers or of another tool, which nobody can compute again. */
const isElsewhere = (params = {}) => "dense_url" in params || "dense_file" in params;

/** @returns {HTMLElement} a button that takes a bundle in and opens its run */
export function importButton() {
  const message = h("div", { "aria-live": "polite" });
  const file = h("input", { type: "file", accept: ".zip,.json,application/zip,application/json", hidden: true, id: "bundle-file" });
  const button = h("button", { type: "button", id: "import-run", on: { click: () => file.click() } }, t("import_run"));
  file.addEventListener("change", () => take(file, button, message));
  const why = h("p", { class: "quiet" }, t("import_run_why"));
  return h("div", { class: "import-run", "data-needs": "analyst" }, h("div", {}, button, file), why, message);
}

async function take(file, button, message) {
  const [chosen] = file.files;
  if (!chosen) return;
  button.disabled = true;
  try {
    const run = await importBundle(chosen);
    location.assign(addresses.run(run.id));
  } catch (error) {
    fill(message, problemText(error));
  } finally {
    button.disabled = false;
    file.value = ""; // the same file may be chosen again
  }
}
