// The files of an export, to take away: all at once, one by one, or as a registered model.

import { addInput, addresses, isShared } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { bytes, integer } from "../format.js";
import { t } from "../i18n.js";
import { copyLine } from "./copy_line.js";
import { plainTable } from "./plain_table.js";
import { problemText } from "./problem.js";

const SHOWN_OF_DIGEST = 12;

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const files = result?.files;
  element.hidden = !files;
  if (!files || !changed(element, run?.id, run?.imported, files, lang)) return;
  const size = bytes(files.reduce((sum, file) => sum + file.bytes, 0));
  const takeable = !isShared && !run.imported;
  fill(
    element,
    h("h2", {}, t("export_files")),
    takeable ? ways(run, result, size) : h("p", { class: "quiet prose" }, t(isShared ? "export_not_shared" : "export_elsewhere")),
    h("details", { open: !takeable }, h("summary", {}, t("export_files_count", { count: integer(files.length), size })), table(run, files, takeable)),
  );
}

function ways(run, { delivery }, size) {
  const message = h("div", { "aria-live": "polite" });
  const archive = addresses.archive(run.id);
  const line = `curl -C - -o ${delivery.name}.tar ${location.origin}${archive}`;
  return h(
    "div",
    { class: "export-ways", "data-needs": "analyst" },
    h(
      "div",
      { class: "controls" },
      h("a", { class: "button primary", href: archive, download: `${delivery.name}.tar` }, t("export_download", { size })),
      h("button", { type: "button", on: { click: (event) => register(event.currentTarget, run, message) } }, t("export_register")),
    ),
    message,
    h("p", { class: "field-note prose" }, t("export_download_note")),
    copyLine(line, t("export_curl")),
    h("p", { class: "field-note prose" }, t("export_register_note")),
  );
}

async function register(button, run, message) {
  button.disabled = true;
  try {
    const model = await addInput("models", { source: "run", run: run.id });
    const more = h("a", { href: addresses.inputs() }, t("nav_library"));
    fill(message, h("p", {}, t(`added_${model.state}`, { name: model.name }), " ", more));
  } catch (error) {
    button.disabled = false;
    fill(message, problemText(error));
  }
}

const table = (run, files, takeable) =>
  plainTable({
    kind: "files",
    heads: ["file", "size", "sha256"].map((key) => t(`column_${key}`)),
    rows: files.map(({ name, bytes: size, sha256 }) => [
      takeable ? h("a", { href: addresses.file(run.id, name), download: name }, name) : name,
      bytes(size),
      h("code", { title: sha256 }, sha256.slice(0, SHOWN_OF_DIGEST)),
    ]),
  });
