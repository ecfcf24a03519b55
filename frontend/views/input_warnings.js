// What was accepted but is worth knowing. The server speaks English whatever the language of the page.

import { h } from "../dom.js";
import { tOr } from "../i18n.js";

/**
 * @param {(string|{code: string, message: string})[]} warnings of a record
 * @returns {HTMLElement[]} items of a list
 */
export const warningItems = (warnings) =>
  warnings.map((warning) => {
    if (typeof warning === "string") return h("li", { lang: "en" }, warning);
    const ours = tOr(`warning_${warning.code}`, "");
    return h("li", {}, ours && `${ours} `, h("span", { lang: "en" }, warning.message));
  });
