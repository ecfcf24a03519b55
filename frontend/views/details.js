// Every number of the selected pair.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { integer, interval, score, significant } from "../format.js";
import { t } from "../i18n.js";
import { blocksOf, inRange, pairScore, shownView } from "../scores.js";
import { update } from "../state.js";
import { spanName, stateNames } from "./places.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, sel, lang }) {
  const pair = inRange(sel, result) ? sel : null;
  if (!changed(element, pair, result?.id, result?.partial, lang)) return;
  keepingFocus(element, () => fill(element, ...(pair ? selected(result, pair) : nothing())));
}

/** @returns {string} one sentence for the live region */
export function summary({ result, sel }) {
  if (!inRange(sel, result)) return "";
  const shown = shownView({ score: "stream", split: "heldout", result });
  const value = pairScore(result, shown, sel.from, sel.to);
  return t("selection_summary", { ...stateNames(result, sel), score: score(value) });
}

const nothing = () => [h("h2", {}, t("selection")), h("p", { class: "quiet" }, t("selection_none"))];

function selected(result, pair) {
  const { from, to } = pair;
  const adjacent = to === from + 1;
  const blocks = spanName(result, pair);
  const title = t("selection_title", stateNames(result, pair));
  return [
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, title),
      h("span", { class: "quiet" }, blocks),
      steps(result, pair),
    ),
    // A narrow screen scrolls it sideways, with the keyboard too.
    h("div", { class: "scroll-x", tabindex: "0", role: "group", "aria-label": title },
      scoreTable(result, pair, adjacent)),
    h("dl", { class: "numbers" }, facts(result, pair, adjacent)),
  ];
}

function steps(result, { from, to }) {
  const move = (by) => update({ sel: { from: from + by, to: to + by } });
  const button = (text, click, more = {}) =>
    h("button", { type: "button", class: "small", on: { click }, ...more }, text);
  const back = { "aria-label": t("previous_pair"), disabled: from === 0 };
  const on = { "aria-label": t("next_pair"), disabled: to === blocksOf(result) };
  return h(
    "span",
    { class: "details-steps" },
    button("←", () => move(-1), back),
    button("→", () => move(1), on),
    button(t("clear_selection"), () => update({ sel: null })),
  );
}

function scoreTable(result, { from, to }, adjacent) {
  const { profile, kept } = result;
  const at = (field, source = profile) => (adjacent ? (source?.[field]?.[from] ?? null) : null);
  const pair = (kind, split) => pairScore(result, { score: kind, split }, from, to);
  const rows = {
    stream: [
      pair("stream", "heldout"),
      at("r2_heldout_ci95"),
      pair("stream", "adjusted"),
      pair("stream", "fit"),
      at("r2_heldout", kept),
    ],
    update: [
      pair("update", "heldout"),
      at("update_r2_heldout_ci95"),
      pair("update", "adjusted"),
      pair("update", "fit"),
      at("update_r2_heldout", kept),
    ],
  };
  const heads = ["split_heldout", "term_interval", "split_adjusted", "split_fit", "kept_short"];
  const head = ["R²", ...heads.map((key) => t(key))].map((text) => h("th", { scope: "col" }, text));
  return h(
    "table",
    { class: "score-table" },
    h("thead", {}, h("tr", {}, head)),
    h("tbody", {}, Object.entries(rows).map(([name, values]) => scoreRow(name, values))),
  );
}

const scoreRow = (name, [heldout, range, ...others]) =>
  h(
    "tr",
    { class: `row-${name}` },
    h("th", { scope: "row" }, t(`score_${name}`)),
    h("td", { class: "main-number" }, score(heldout, 4)),
    h("td", {}, interval(range, 4) || "–"),
    others.map((value) => h("td", {}, score(value, 4))),
  );

function facts(result, { from, to }, adjacent) {
  const at = (field) => result.profile?.[field]?.[from] ?? null;
  const list = [
    ["term_angular", score(result.pairs?.angular?.[from]?.[to] ?? null, 4)],
    ["score_cosine", score(pairScore(result, { score: "cosine", split: "heldout" }, from, to), 4)],
    ["score_cka", score(pairScore(result, { score: "cka", split: "heldout" }, from, to), 4)],
  ];
  if (adjacent) {
    list.push(
      ["column_rotation_fit", score(at("rotation_fit"), 4)],
      ["block_influence", score(at("block_influence"), 4)],
      ["norm_ratio", significant(at("update_norm_ratio"))],
      ["ridge", significant(at("ridge"))],
      ["condition", significant(at("condition"))],
    );
  }
  const ofStates = (field) =>
    [from, to].map((state) => significant(result.profile?.[field]?.[state])).join(" → ");
  list.push(
    ["state_norm", ofStates("state_norm")],
    ["effective_rank", ofStates("effective_rank")],
    ["anisotropy", ofStates("anisotropy")],
    ["tokens_fit", integer(result.tokens?.fit)],
    ["tokens_heldout", integer(result.tokens?.heldout)],
  );
  return list.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value)));
}
