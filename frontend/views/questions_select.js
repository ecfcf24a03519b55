// Which dataset of multiple-choice questions: those that are here, and a way to bring one.

import { addresses, listDatasets } from "../api.js";
import { fill, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";

/** @param {object} named name, id and description of the control @param {string} [given] a dataset's id */
export function questionsSelect(named, given) {
  const select = h("select", named);
  offer(select, [], given);
  listDatasets()
    .then(({ items }) => offer(select, items.filter(({ record }) => record?.questions > 0), select.value || given))
    .catch(() => {}); // the form asks for datasets too, and tells what is wrong
  const add = h("a", { href: addresses.add("dataset") }, t("questions_add"));
  return h("div", { class: "with-link" }, select, add);
}

function offer(select, items, chosen) {
  const options = items.map(({ id, name, record }) => ({ value: id, text: `${name} (${integer(record.questions)})` }));
  const all = [{ value: "", text: t("questions_none") }, ...options];
  fill(select, all.map(({ value, text }) => h("option", { value, selected: value === chosen }, text)));
}
