// The passage as text: every token shaded by its error at one block, walked through with the arrow keys.

import { changed, fill, h } from "../dom.js";
import { significant } from "../format.js";
import { t } from "../i18n.js";
import { isOutside, levelOf, shadeOf, shownBlock, shownToken } from "../passages.js";
import { blocksOf } from "../scores.js";
import { getState, update } from "../state.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, state) {
  const { result, lang } = state;
  element.hidden = !result?.passage;
  if (element.hidden) return;
  if (changed(element, result.id, lang)) build(element, result);
  const [block, token] = [shownBlock(state), shownToken(state)];
  const slider = element.querySelector("input");
  if (Number(slider.value) !== block) slider.value = block;
  if (changed(slider, result.id, block, lang)) paint(element, result, block);
  select(element, token);
}

function build(element, result) {
  const last = blocksOf(result) - 1;
  const slider = h("input", {
    type: "range", id: "passage-block", min: 0, max: last, step: 1,
    on: { input: ({ target }) => update({ sel: blockPair(Number(target.value)) }) },
  });
  fill(
    element,
    h("h2", { id: "passage-title" }, t("passage")),
    h("p", { class: "quiet", id: "passage-how" }, t("passage_how")),
    h("div", { class: "passage-slider" }, h("label", { for: "passage-block" }, t("block")), slider, h("output", { for: "passage-block" })),
    h("div", {
      class: "passage-tokens", role: "listbox", tabindex: "0", dir: "auto",
      "aria-labelledby": "passage-title", "aria-describedby": "passage-how", on: { click: onClick, keydown: onKey },
    }, pieces(result.passage)),
    legend(),
  );
}

const blockPair = (block) => ({ from: block, to: block + 1 });

/** Tokens one after the other; those that make up one character stand below it. */
function pieces(passage) {
  const made = [];
  passage.forEach((token, index) => {
    const option = tokenOption(token, index);
    if (token.part > 1) made.at(-1).lastChild.append(option);
    else if (token.part === 1) {
      const whole = h("span", { class: "whole", "aria-hidden": "true" }, token.character || "□");
      made.push(h("span", { class: "character", role: "presentation" }, whole, h("span", { class: "parts", role: "presentation" }, option)));
    } else made.push(option, token.text.includes("\n") && h("br"));
  });
  return made.filter(Boolean);
}

function tokenOption(token, index) {
  const bytes = token.part > 0 ? token.text.replaceAll(/[⟨⟩]/g, "") : "";
  const text = bytes || token.text.replaceAll("\n", "⏎").replaceAll("\t", "⇥");
  const kind = isOutside(token) ? token.token_class : null;
  return h("span", { class: "token", role: "option", id: `token-${index}`, "data-index": index, "data-kind": kind }, text || `[${index}]`);
}

function paint(element, result, block) {
  const usual = significant(result.reference.mean[block]);
  fill(element.querySelector("output"), t("passage_block", { block, usual }));
  for (const option of element.querySelectorAll("[data-index]")) {
    const index = Number(option.dataset.index);
    const token = result.passage[index];
    option.dataset.level = isOutside(token) ? 0 : levelOf(result, index, block);
    option.style.setProperty("--shade", isOutside(token) ? 0 : shadeOf(result, index, block));
    const words = tokenWords(result, index, block);
    option.title = words;
    option.setAttribute("aria-label", words);
  }
}

/** Everything about a token at a block in one line, for a pointer that rests and for the ear. */
export function tokenWords({ passage, error, reference }, index, block) {
  const token = passage[index];
  const level = isOutside(token) ? "outside" : levelOf({ error, reference }, index, block);
  return `${tokenName(token, index)} · ${t(`class_${token.token_class}`)} · ${significant(error[index][block])} · ${t(`passage_level_${level}`)}`;
}

/** A token as it is called: by its place where a link leaves out its text. */
export const tokenName = ({ text, character, part }, index) =>
  text === "" ? `[${index}]` : part ? `${text} (${character})` : text.trim() || "␣";

function select(element, token) {
  const list = element.querySelector(".passage-tokens");
  for (const option of list.querySelectorAll('[aria-selected="true"]')) option.setAttribute("aria-selected", "false");
  if (token === null) return list.removeAttribute("aria-activedescendant");
  list.setAttribute("aria-activedescendant", `token-${token}`);
  list.querySelector(`#token-${token}`).setAttribute("aria-selected", "true");
  return undefined;
}

function onClick({ target }) {
  const option = target.closest("[data-index]") ?? target.closest(".character")?.querySelector("[data-index]");
  if (option) choose(Number(option.dataset.index));
}

function onKey(event) {
  const state = getState();
  const last = state.result.passage.length - 1;
  const now = shownToken(state);
  const next = { Home: 0, End: last }[event.key] ?? (event.key in STEPS ? (now ?? -1) + STEPS[event.key] : null);
  if (event.key === "Escape") update({ n: null });
  if (next === null) return;
  event.preventDefault();
  choose(Math.min(Math.max(next, 0), last));
}

const choose = (index) => update({ n: index + 1 });

function legend() {
  const sample = (level, words, more = {}) =>
    h("span", { class: "passage-key" }, h("span", { class: "token", "data-level": level, ...more }, "abc"), ` ${t(words)}`);
  return h(
    "p",
    { class: "passage-legend quiet" },
    h("span", { class: "passage-key" }, h("span", { class: "passage-scale", "aria-hidden": "true" }), ` ${t("passage_scale")}`),
    sample(2, "passage_level_2"),
    sample(3, "passage_level_3"),
    sample(0, "passage_level_outside", { "data-kind": "first" }),
  );
}
