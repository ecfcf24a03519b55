// What the interaction map says in a sentence, or why there is none.

import { changed, fill } from "../dom.js";
import { score } from "../format.js";
import { t } from "../i18n.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  if (!result || !changed(element, result.id, result.interaction, Boolean(result.partial), lang)) return;
  fill(element, sentence(run, result));
}

function sentence(run, { interaction, partial }) {
  const pair = interaction && largest(interaction);
  if (pair) return t(pair.value > 0 ? "interaction_worst" : "interaction_none_worse", pair.words);
  if (run?.params?.interaction === 0) return t("interaction_not_asked");
  return t(partial ? "interaction_later" : "interaction_absent");
}

function largest({ blocks, interaction }) {
  const pairs = interaction.flatMap((row, i) =>
    row.map((value, j) => ({ value, first: blocks[i], second: blocks[j] })),
  );
  const found = pairs
    .filter(({ value }) => value !== null)
    .reduce((most, pair) => (!most || pair.value > most.value ? pair : most), null);
  if (!found) return null;
  const { value, first, second } = found;
  return { value, words: { first, second, value: score(value, 3) } };
}
