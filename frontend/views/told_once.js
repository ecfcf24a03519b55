// A secret that is shown once, to be copied.

import { fill, h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {{id: string, label: string, value: string}} secret @returns {HTMLElement} */
export function toldOnce({ id, label, value }) {
  const input = h("input", { type: "text", readonly: true, value, "aria-label": label, id });
  const copy = async ({ currentTarget: button }) => {
    input.select();
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      document.execCommand("copy"); // without https there is no clipboard; the text is selected anyway
    }
    fill(button, t("share_copied"));
  };
  return h("div", { class: "share-once" }, input, h("button", { type: "button", on: { click: copy } }, t("share_copy")));
}
