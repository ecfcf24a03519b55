// The scores of every task in one table: both models, the paired difference, what was lost and gained.

import { h } from "../dom.js";
import { integer, interval, percent, score, significant } from "../format.js";
import { t, tOr } from "../i18n.js";
import { plainTable } from "./plain_table.js";

const OWN = "own_questions";
const HEADS = ["task", "questions", "metric", "dense_right", "changed_right", "paired_difference", "lost_gained", "p_value"];

/** The own questions have no name of their own. */
export const taskName = (task) => (task === OWN ? t("own_questions") : task);
export const metricName = (metric) => tOr(`metric_${metric}`, metric);

/** @param {object[]} tasks @returns {HTMLElement} */
export function scoresTable(tasks) {
  const rows = tasks.flatMap((task) => [
    ...task.scores.map((one) => row(taskName(task.task), task.questions, metricName(one.metric), one)),
    ...task.categories.map(({ category, questions, score: one }) => row(quiet(`· ${category}`), questions, metricName(one.metric), one)),
  ]);
  return h("div", { class: "scroll-x" }, plainTable({ heads: HEADS.map((key) => t(`column_${key}`)), rows }));
}

const row = (name, questions, metric, one) => [
  name,
  integer(questions),
  metric,
  withError(one.dense, one.dense_se),
  withError(one.changed, one.changed_se),
  difference(one),
  `${integer(one.lost)} / ${integer(one.gained)}`,
  one.p_value === null ? null : one.p_value < 0.001 ? "< 0.001" : significant(one.p_value),
];

const quiet = (text) => h("span", { class: "quiet" }, text);

const withError = (value, error) =>
  h("span", {}, percent(value), error !== null && quiet(` ± ${score(100 * error, 1)}`));

/** In points, with its standard error and interval. */
function difference({ diff, diff_se: error, ci95 }) {
  const points = score(100 * diff, 1);
  const range = interval(ci95?.map((end) => 100 * end), 1);
  return h(
    "span",
    {},
    h("strong", {}, diff > 0 ? `+${points}` : points),
    error !== null && quiet(` ± ${score(100 * error, 1)}`),
    range && quiet(` (${range})`),
  );
}
