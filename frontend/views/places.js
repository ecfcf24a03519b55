// What states and transitions of a result are called: blocks, or attention and MLP of each.

import { t } from "../i18n.js";

/** Whether the states between attention and MLP are among those of a run or result. */
export const isBySublayers = (asked) => asked?.params?.granularity === "sublayer";

/** @returns {string} "3", or "3.attn" behind the attention of block 3 */
export const stateName = (result, state) => result.states[state];

/** @returns {{from: string, to: string}} */
export const stateNames = (result, { from, to }) => ({ from: stateName(result, from), to: stateName(result, to) });

/** @returns {string} "block 3", or "block 3, attention" */
export const transitionName = (result, place) =>
  isBySublayers(result) ? t(place % 2 ? "mlp_of_block" : "attention_of_block", { block: Math.floor(place / 2) }) : t("block_number", { block: place });

/** @returns {string} the same for the head of a row: "3", or "3 attention" */
export const transitionHead = (result, place) =>
  isBySublayers(result) ? t(place % 2 ? "mlp_head" : "attention_head", { block: Math.floor(place / 2) }) : String(place);

/** @returns {string} what lies between two states: "block 3", "blocks 3 to 6", "block 3, MLP to block 5, attention" */
export function spanName(result, { from, to }) {
  if (to === from + 1) return transitionName(result, from);
  if (!isBySublayers(result)) return t("block_span", { from, to: to - 1 });
  return t("span_of_parts", { from: transitionName(result, from), to: transitionName(result, to - 1) });
}
