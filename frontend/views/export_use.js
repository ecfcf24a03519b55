// How an exported folder is used: lines to copy, where it is known to run, adapters, terms.

import { changed, fill, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { copyLine } from "./copy_line.js";
import { plainTable } from "./plain_table.js";

const PROGRAMS = { transformers: "transformers", vllm: "vLLM", sglang: "SGLang", "llama.cpp": "llama.cpp" };

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const delivery = result?.delivery;
  element.hidden = !delivery;
  if (!delivery || !changed(element, delivery, lang)) return;
  fill(
    element,
    h("h2", {}, t("export_use")),
    h("p", { class: "quiet prose" }, t("export_use_note", { name: delivery.name })),
    h("div", { class: "command-lines" }, delivery.commands.map(({ purpose, text }) => copyLine(text, t(`export_${purpose}`)))),
    h("h3", {}, t("export_runs_in")),
    runsIn(delivery.runs_in),
    delivery.adapters.length > 0 && h("h3", {}, t("export_adapters")),
    delivery.adapters.length > 0 && adapters(delivery.adapters),
    h("h3", {}, t("export_terms")),
    h("p", { class: "prose" }, t(delivery.licence ? "export_licence" : "export_licence_unknown", { licence: delivery.licence ?? "" })),
    delivery.copied.length > 0 && h("p", { class: "quiet prose" }, t("export_copied", { files: delivery.copied.join(", ") })),
  );
}

const runsIn = (programs) =>
  plainTable({
    heads: ["program", "runs", "reason"].map((key) => t(`column_${key}`)),
    rows: programs.map(({ program, status, reason, version }) => [
      [PROGRAMS[program], version].filter(Boolean).join(" "),
      h("span", { class: `runs-${status}` }, t(`runs_${status}`)),
      t(`runs_reason_${reason}`),
    ]),
  });

const adapters = (list) =>
  plainTable({
    heads: ["adapter", "kept_blocks", "left_out_blocks"].map((key) => t(`column_${key}`)),
    rows: list.map(({ name, kept, left_out: gone }) => [name, kept.map(integer).join(", "), gone.map(integer).join(", ") || null]),
  });
