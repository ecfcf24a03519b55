// Several revisions of one model, to be registered as a series in one step.

import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";

const FEWEST = 2;
const MOST = 50;

/**
 * @param {{names: string[], label: string, note: string, register: (names: string[]) => void}} options
 * @returns {HTMLElement}
 */
export function seriesPicker({ names, label, note, register }) {
  const inOrder = [...names].sort(new Intl.Collator(language(), { numeric: true }).compare);
  const chosen = new Set();
  const button = h("button", { type: "button", on: { click: () => register(inOrder.filter((name) => chosen.has(name))) } });
  const list = h("ul", { class: "revisions" });
  const count = () => {
    button.disabled = chosen.size < FEWEST || chosen.size > MOST;
    button.textContent = chosen.size < FEWEST ? t("choose_two") : t("register_series", { count: chosen.size });
  };
  const toggle = ({ target: { value, checked } }) => {
    if (checked) chosen.add(value);
    else chosen.delete(value);
    count();
  };
  const row = (value) =>
    h("li", {}, h("label", {}, h("input", { type: "checkbox", value, checked: chosen.has(value), on: { change: toggle } }), value));
  const filter = ({ target }) => fill(list, inOrder.filter((name) => name.includes(target.value.trim())).map(row));
  const all = () => {
    for (const box of list.querySelectorAll("input")) chosen.add(box.value);
    for (const box of list.querySelectorAll("input")) box.checked = true;
    count();
  };
  const narrow = h("input", { type: "search", "aria-label": t("filter_revisions"), placeholder: t("filter_revisions"), on: { input: filter } });
  filter({ target: { value: "" } });
  count();
  return h(
    "details",
    { class: "series" },
    h("summary", {}, label),
    h("p", { class: "quiet" }, note),
    h("div", { class: "series-filter" }, narrow, h("button", { type: "button", class: "small", on: { click: all } }, t("choose_all_shown"))),
    list,
    button,
  );
}
