// The numbers behind the pictures as a keyboard grid: every pair, or every block.

import { changed, fill, h, keepingFocus, switches } from "../dom.js";
import { interval, score, significant } from "../format.js";
import { renderGrid, selectInGrid } from "../grid.js";
import { t } from "../i18n.js";
import { blocksOf, inRange, pairScore, shownView } from "../scores.js";
import { update } from "../state.js";
import { stateName, transitionHead } from "./places.js";
import { isInSample } from "./protocol_field.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, state) {
  const { result, sel, lang, table } = state;
  if (!result) return;
  const shown = shownView(state);
  if (changed(element, result.id, result.partial, table, table === "pairs" && shown, lang)) {
    rebuild(element, state, shown);
  }
  selectInGrid(element, inRange(sel, result) ? position(sel, table) : null);
}

function rebuild(element, state, shown) {
  const { table } = state;
  const holder = h("div", { class: `grid scroll-x grid-${table}` });
  const title = table === "pairs" ? pairsTitle(shown) : t("table_blocks_title");
  keepingFocus(element, () =>
    fill(
      element,
      h("div", { class: "panel-head" }, h("h2", {}, t("table")), tableSwitch(table)),
      h("p", { class: "quiet" }, title),
      holder,
      h("p", { class: "quiet small-print" }, t("grid_keys")),
    ),
  );
  renderGrid(holder, table === "pairs" ? pairGrid(state, shown, title) : blockGrid(state, title));
}

const tableSwitch = (table) =>
  switches({
    label: t("table"),
    current: table,
    choose: (value) => update({ table: value }),
    options: ["pairs", "blocks"].map((value) => ({ value, text: t(`table_${value}`) })),
  });

export const pairsTitle = ({ score: kind, split }) =>
  ["angular", "cosine", "cka"].includes(kind)
    ? t(`score_${kind}_long`)
    : t("score_in_split", { score: t(`score_${kind}_long`), split: t(`split_${split}`) });

const common = (title) => ({
  label: title,
  leave: () => document.getElementById("details").focus(),
});

function pairGrid({ result }, shown, title) {
  const states = [...Array(blocksOf(result)).keys()];
  return {
    ...common(title),
    corner: t("from_to"),
    columns: states.map((state) => stateName(result, state + 1)),
    rows: states.map((from) => ({
      head: stateName(result, from),
      cells: states.map((column) =>
        column < from ? null : score(pairScore(result, shown, from, column + 1)),
      ),
    })),
    choose: (row, column) => update({ sel: { from: row, to: column + 1 } }),
  };
}

function blockGrid({ result }, title) {
  const { kept } = result;
  const profile = result.profile ?? {};
  const columns = [
    ["stream_heldout", (b) => score(profile.r2_heldout?.[b])],
    ["stream_interval", (b) => interval(profile.r2_heldout_ci95?.[b]) || "–"],
    ["update_heldout", (b) => score(profile.update_r2_heldout?.[b])],
    ["update_interval", (b) => interval(profile.update_r2_heldout_ci95?.[b]) || "–"],
    ...(result.repeats ? [["repeats", (b) => spread(result.repeats.r2_heldout, b)]] : []),
    ["stream_fit", (b) => score(profile.r2_fit?.[b])],
    ["update_fit", (b) => score(profile.update_r2_fit?.[b])],
    ["stream_kept", (b) => score(kept?.r2_heldout?.[b], 4)],
    ["update_kept", (b) => score(kept?.update_r2_heldout?.[b], 4)],
    ["norm_ratio", (b) => significant(profile.update_norm_ratio?.[b])],
    ["block_influence", (b) => score(profile.block_influence?.[b])],
    ["rotation_fit", (b) => score(profile.rotation_fit?.[b])],
  ].filter(([key]) => !isInSample(result) || !HELD_OUT.includes(key));
  return {
    ...common(title),
    corner: t("block"),
    columns: columns.map(([key]) => t(`column_${key}`)),
    rows: [...Array(blocksOf(result)).keys()].map((block) => ({
      head: transitionHead(result, block),
      cells: columns.map(([, cell]) => cell(block)),
    })),
    choose: (row) => update({ sel: { from: row, to: row + 1 } }),
  };
}

/** The lowest and the highest score of a block over several splits. */
function spread(rows, block) {
  const there = rows.map((row) => row[block]).filter((value) => value !== null);
  return there.length ? interval([Math.min(...there), Math.max(...there)]) : "–";
}

const HELD_OUT = [
  ...["stream_heldout", "stream_interval", "update_heldout", "update_interval"],
  ...["stream_kept", "update_kept"],
];

function position({ from, to }, table) {
  if (table === "pairs") return [from, to - 1];
  return to === from + 1 ? [from, -1] : null;
}
