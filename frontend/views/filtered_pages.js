// A long list of cards: one filter chosen, one page shown, both kept in the address.

import { fill, h, keepingFocus, switches } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { paging } from "./paging.js";

const PAGE = 20;

/**
 * @param {HTMLElement} element
 * @param {{items: object[], shows: Object<string, (item: object) => boolean>, key: string, show: string,
 *   at: number, options: string[], words: {title: string, filter: string, option: string, none: string},
 *   card: (item: object) => Node}} list `key` is what the address calls the filter; `words` are keys of the
 *   catalogue, `option` the beginning of one
 */
export function filteredPages(element, { items, shows, key, show, at, options, words, card }) {
  const found = items.filter(shows[show]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const page = Math.min(at, pages);
  const listed = found.slice((page - 1) * PAGE, page * PAGE);
  const filter = switches({
    label: t(words.filter),
    current: show,
    choose: (value) => update({ [key]: value, at: 1 }),
    options: options.map((value) => ({
      value,
      text: t(`${words.option}_${value}`, { count: integer(items.filter(shows[value]).length) }),
    })),
  });
  keepingFocus(element, () =>
    fill(
      element,
      h("div", { class: "panel-head" }, h("h2", {}, t(words.title)), filter),
      listed.length ? listed.map(card) : h("p", { class: "quiet" }, t(words.none)),
      pages > 1 && paging(page, pages, element),
    ),
  );
}
