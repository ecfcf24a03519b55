// Finding something in a long library, by a part of its name.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const WORTH_FILTERING = 12;

/**
 * @param {() => void} changed called when something else is looked for
 * @returns {{element: HTMLElement, offer: (count: number) => void, matches: (input: object) => boolean, wanted: () => string}}
 *   `offer` shows the field when there is much to look through
 */
export function libraryFilter(changed) {
  const field = h("input", { id: "library-filter", type: "search", maxlength: 80, autocomplete: "off", spellcheck: "false", on: { input: changed } });
  const element = h("div", { class: "field shelf-filter", hidden: true }, h("label", { for: "library-filter" }, t("library_filter")), field);
  const wanted = () => field.value.trim().toLowerCase();
  return {
    element,
    offer: (count) => (element.hidden = count <= WORTH_FILTERING && !wanted()),
    matches: ({ name, reference, series, owner }) =>
      [name, reference, series, owner].some((text) => text?.toLowerCase().includes(wanted())),
    wanted,
  };
}
