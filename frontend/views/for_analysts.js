// What only some may use: built for them, and for the others the word of who may.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { may } from "../visitor.js";

/**
 * @param {() => (Node|false|null)[]} build not called for viewers, so that nothing is asked that would be refused
 * @param {string} [why] key of the words for the others
 */
export const forAnalysts = (build, why = "viewer_may_not_add") =>
  may("analyst") ? h("div", { "data-needs": "analyst" }, ...build()) : h("p", { class: "viewer-note" }, t(why));
