// Text that is pasted or typed becomes a file of one's own, and goes the way of all files.

import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {(files: {path: string, file: File}[]) => void} chosen @returns {HTMLElement} */
export function pasteField(chosen) {
  const area = h("textarea", { id: "pasted", rows: 6, spellcheck: "false", "aria-describedby": "pasted-note" });
  const take = () => {
    const text = area.value;
    if (!text.trim()) return area.focus();
    const path = isLines(text) ? "pasted.jsonl" : "pasted.txt";
    return chosen([{ path, file: new File([text], path) }]);
  };
  return h(
    "details",
    { class: "paste" },
    h("summary", {}, t("paste_title")),
    h("div", { class: "field wide" },
      h("label", { for: "pasted" }, t("paste_label")), area, h("div", { class: "field-note", id: "pasted-note" }, t("paste_note"))),
    h("button", { type: "button", on: { click: take } }, t("paste_use")),
  );
}

/** Whether every line is an object: then each is a record of its own. */
const isLines = (text) =>
  text.split("\n").filter((line) => line.trim()).every((line) => /^\s*\{.*\}\s*$/.test(line));
