// The paper's values for the model of a run: a switch that lays them over the profile, and what they are.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { score } from "../format.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { isBySublayers } from "./places.js";
import { isInSample } from "./protocol_field.js";

/** What the profile is asked for: nothing where the paper did not measure the model. */
export const publishedQuery = ({ published }) => (published === "1" ? { published } : {});

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, published, lang }) {
  const values = isBySublayers(run) ? null : run?.published;
  element.hidden = !values;
  if (!values || !changed(element, run.id, published, lang)) return;
  const on = published === "1";
  const click = () => update({ published: on ? "0" : "1" });
  const button = h("button", { type: "button", class: "small", "aria-pressed": String(on), on: { click } }, t("published_show"));
  keepingFocus(element, () => fill(element, button, on && explanation(values, run)));
}

function explanation(values, run) {
  const ranges = ["stream", "update"].filter((name) => values[name]).map((name) => range(name, values[name]));
  const changes = values.fine_tuning.map(({ task, change, spread }) =>
    t("published_change", { task: t(`published_task_${task}`), change: score(change), spread: score(spread) }));
  return h(
    "div",
    { class: "quiet small-print" },
    ranges.length > 0 && h("p", {}, t("published_ranges", { name: values.name, ranges: ranges.join(t("list_joint")) })),
    ranges.length > 0 && h("p", {}, t(isInSample(run) ? "published_like" : "published_unlike")),
    changes.length > 0 && h("p", {}, t("published_fine_tuning", { changes: changes.join(t("list_joint")) })),
    h("p", {}, h("a", { href: values.url, rel: "noreferrer" }, t("footer_paper"))),
  );
}

const range = (name, { low, high, group }) =>
  t("published_range", { score: t(`score_${name}`), low: String(low), high: String(high), group: t(`published_group_${group}`) });
