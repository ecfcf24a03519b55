// The numbers behind the pictures of a log, route by route, as a keyboard grid.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { amount, integer, percent, seconds, times } from "../format.js";
import { renderGrid } from "../grid.js";
import { language, t } from "../i18n.js";

const QUANTILES = ["p50", "p90", "p99"];

/** @param {HTMLElement} element @param {object} summary @param {string} measure what the rows are ordered by */
export function renderRoutes(element, summary, measure) {
  if (!changed(element, measure, language())) return;
  const { measures, currency } = summary;
  const routes = [...summary.routes].sort((a, b) => b[measure] - a[measure]);
  const timed = measures.includes("time");
  const holder = h("div", { class: "grid scroll-x grid-blocks grid-routes" });
  keepingFocus(element, () =>
    fill(element, h("h2", {}, t("log_routes_title")), holder, h("p", { class: "quiet small-print" }, t("grid_keys"))),
  );
  const running = runningShares(routes, measure);
  const time = timed && times(routes.map((route) => route.time));
  renderGrid(holder, {
    label: t("log_routes_title"),
    corner: t("column_route"),
    columns: [
      t("log_share_of", { measure: t(`measure_${measure}`) }),
      t("log_running"),
      ...measures.map((name) => heading(name, currency)),
      ...(timed ? QUANTILES.map((name) => t(`column_latency_${name}`)) : []),
    ],
    rows: routes.map((route, index) => ({
      head: route.route || t("log_no_route"),
      cells: [
        percent(route.shares[measure]),
        percent(running[index]),
        ...measures.map((name) => (name === "time" ? time(route.time) : cell(name, route[name]))),
        ...(timed ? QUANTILES.map((name) => seconds(route.latency[name])) : []),
      ],
    })),
    choose: () => {},
    leave: () => document.getElementById("log-sets").focus(),
  });
}

const heading = (name, currency) =>
  name === "cost" && currency ? `${t("measure_cost")} (${currency})` : t(`measure_${name}`);

const cell = (name, value) => (name === "cost" ? amount(name, value) : integer(value));

function runningShares(routes, measure) {
  let sum = 0;
  return routes.map((route) => Math.min((sum += route.shares[measure]), 1));
}
