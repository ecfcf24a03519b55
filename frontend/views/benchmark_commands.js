// The command lines that ask the same with lm-evaluation-harness itself.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { copyButton } from "./copy_button.js";

/** @param {object} result @returns {HTMLElement[]} */
export function commandLines({ commands, params }) {
  const folder = `linearscope questions QUESTIONS.jsonl --out TASK_FOLDER${ending(params.ending)}`;
  return [
    h("p", { class: "quiet" }, t("benchmark_commands_note")),
    params.questions && line("task_folder", folder),
    line("model_dense", commands.dense),
    line("model_changed", commands.changed),
  ].filter(Boolean);
}

/** As a POSIX shell reads it: the standard ending needs no mention. */
const ending = (text) => (text === "\nAnswer:" ? "" : ` --ending '${text.replaceAll("'", "'\\''")}'`);

function line(key, text) {
  const id = `command-${key}`;
  const area = h("textarea", { id, readonly: true, rows: 3, spellcheck: "false", value: text, class: "command" });
  return h("div", { class: "citation" }, h("label", { for: id }, t(key)), copyButton(area, { class: "small" }), area);
}
