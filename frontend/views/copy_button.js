// A button that puts a text into the clipboard and says so.

import { fill, h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {HTMLInputElement|HTMLTextAreaElement} field whose text is copied
 * @param {object} [attributes] of the button
 * @returns {HTMLElement}
 */
export function copyButton(field, attributes = {}) {
  const copy = async ({ currentTarget: button }) => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // without https there is no clipboard; the text is selected anyway
    }
    fill(button, t("share_copied"));
  };
  return h("button", { type: "button", ...attributes, on: { click: copy } }, t("share_copy"));
}
