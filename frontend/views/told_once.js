// A secret that is shown once, to be copied.

import { h } from "../dom.js";
import { copyButton } from "./copy_button.js";

/** @param {{id: string, label: string, value: string}} secret @returns {HTMLElement} */
export function toldOnce({ id, label, value }) {
  const input = h("input", { type: "text", readonly: true, value, "aria-label": label, id });
  return h("div", { class: "share-once" }, input, copyButton(input));
}
