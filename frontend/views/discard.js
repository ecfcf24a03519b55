// The way out of something that was sent and turns out to be the wrong thing.

import { addresses, deleteInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/** @param {"dataset"|"log"} kind @param {string} id @returns {HTMLElement} */
export function discardButton(kind, id) {
  const message = h("div", { "aria-live": "polite" });
  const click = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      await deleteInput(`${kind}s`, id);
      location.assign(addresses.add(kind));
    } catch (error) {
      button.disabled = false;
      fill(message, problemText(error));
    }
  };
  return h("div", {}, h("button", { type: "button", on: { click } }, t("discard_input")), message);
}
