// Back and forth through a long list, page by page.

import { h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { update } from "../state.js";

/** @param {number} page from 1 @param {number} pages @param {HTMLElement} element that comes into sight again */
export function paging(page, pages, element) {
  const go = (to) => () => {
    update({ at: to });
    element.scrollIntoView();
  };
  const button = (words, to, possible) =>
    h("button", { type: "button", disabled: !possible, on: { click: go(to) } }, t(words));
  return h(
    "nav",
    { class: "controls", "aria-label": t("pages") },
    button("previous_page", page - 1, page > 1),
    h("span", {}, t("page_of", { page: integer(page), pages: integer(pages) })),
    button("next_page", page + 1, page < pages),
  );
}
