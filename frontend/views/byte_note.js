// What ⟨E3 81⟩ means, said only where a text holds it.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const BYTES = /⟨[0-9A-F]{2}(?: [0-9A-F]{2})*⟩/;

/** @param {string[]} texts @returns {HTMLElement|false} */
export const byteNote = (texts) =>
  texts.some((text) => BYTES.test(text)) && h("p", { class: "quiet small-print" }, t("bytes_note"));
