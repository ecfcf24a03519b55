// The head of a page below the library: the way back, and what the page is.

import { addresses } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {string} title @param {string} [name] of the browser's tab, if that is another */
export function pageHead(title, name = title) {
  document.title = `${name} · LinearScope`;
  const back = h("a", { href: addresses.inputs() }, t("nav_library"));
  return h("header", { class: "page-head" }, h("p", { class: "quiet" }, "← ", back), h("h1", {}, title));
}
