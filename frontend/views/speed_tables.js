// Every metric at every load, requests, memory and sizes, as tables to read.

import { changed, fill, h } from "../dom.js";
import { integer, interval, score } from "../format.js";
import { t, tOr } from "../i18n.js";
import { plainTable } from "./plain_table.js";
import { amountOf, ratio, sizeOf } from "./speed_numbers.js";

const SIDES = ["dense", "changed"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const points = result?.points ?? [];
  element.hidden = points.length === 0;
  if (element.hidden || !changed(element, result.id, points.length, result.partial, lang)) return;
  fill(element, points.map(loadTable), requestsTable(points), sizesTable(result));
}

function loadTable({ load, timings }) {
  const heads = ["speed_metric", "model_dense", "model_changed", "speed_ratio", "speed_expected"];
  return h(
    "section",
    {},
    h("h2", {}, t("speed_at_load", { load: integer(load) })),
    plainTable({ heads: heads.map((key) => t(key)), rows: timings.map(timingCells), kind: "sides" }),
  );
}

function timingCells({ metric, dense, changed: other, speedup, estimate }) {
  const middle = (spread) => amountOf(metric, spread.p50 ?? spread.mean);
  const tail = (spread) => spread.p95 !== null && h("span", { class: "quiet" }, t("speed_p95", { value: amountOf(metric, spread.p95) }));
  const cell = (spread) => h("span", {}, middle(spread), " ", tail(spread));
  return [
    t(`speed_${metric}`),
    cell(dense),
    cell(other),
    h("span", {}, ratio(speedup), speedup?.ci95 && h("span", { class: "quiet" }, ` ${interval(speedup.ci95, 2)}`)),
    estimate && `× ${score(estimate.speedup, 2)} (${t(`estimate_of_${estimate.of}`)})`,
  ];
}

/** What became of the requests, where a server was asked. */
function requestsTable(points) {
  const asked = points.filter(({ requests }) => requests);
  if (!asked.length) return null;
  const failed = (counts) => Object.entries(counts).map(([reason, count]) => `${failure(reason)}: ${integer(count)}`).join(", ") || "0";
  const row = (load, side, found) => [
    `${integer(load)} · ${t(`model_${side}`)}`, integer(found.sent), integer(found.completed), failed(found.failed),
  ];
  return h(
    "section",
    {},
    h("h2", {}, t("speed_requests")),
    plainTable({
      heads: ["speed_load", "speed_sent", "speed_completed", "speed_failed"].map((key) => t(key)),
      rows: asked.flatMap(({ load, requests }) => SIDES.map((side) => row(load, side, requests[side]))),
    }),
  );
}

/** Why requests failed: a word of ours, or the number of an HTTP status. */
const failure = (reason) => tOr(`failure_${reason}`, reason.replace("status_", "HTTP "));

function sizesTable({ sides, points }) {
  if (!sides) return null;
  const last = points.at(-1);
  const row = (key, format, from) => [t(key), ...SIDES.map((side) => format(from(side)))];
  const memory = (name) => (side) => last.memory?.[side]?.[name];
  const rows = [
    row("size_blocks", integer, (side) => sides[side].blocks),
    row("size_maps", integer, (side) => sides[side].maps),
    row("size_parameters", integer, (side) => sides[side].parameters),
    row("size_weights", sizeOf, (side) => sides[side].weight_bytes),
    row("size_step", sizeOf, (side) => sides[side].step_bytes),
    last.memory && row("size_cache", sizeOf, memory("cache_bytes")),
    last.memory?.dense.peak_bytes && row("size_peak", sizeOf, memory("peak_bytes")),
  ];
  return h(
    "section",
    {},
    h("h2", {}, t("speed_sizes")),
    h("p", { class: "quiet small-print" }, t("speed_sizes_note", { load: integer(last.load) })),
    plainTable({ heads: ["", ...SIDES.map((side) => t(`model_${side}`))], rows: rows.filter(Boolean), kind: "sides" }),
  );
}
