// A line for a shell, with a button that copies it.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { copyButton } from "./copy_button.js";

/**
 * @param {string} line
 * @param {string} label what it does
 * @returns {HTMLElement}
 */
export function copyLine(line, label) {
  const field = h("input", { type: "text", class: "command", readonly: true, value: line, "aria-label": label, spellcheck: "false" });
  const words = h("div", { class: "command-label" }, label);
  return h("div", { class: "command-line" }, words, field, copyButton(field, { class: "small", "aria-label": t("copy_named", { name: label }) }));
}
