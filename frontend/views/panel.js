// A figure with a heading that names it and a sentence that says how to read it.

import { fill, h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {string} name of the figure; its words are figure_{name} and figure_{name}_note
 * @param {HTMLElement} plot
 * @param {...HTMLElement} more controls between the words and the picture
 * @returns {{element: HTMLElement, speak: () => void}}
 */
export function panel(name, plot, ...more) {
  const heading = h("h2", { id: `title-${name}` });
  const note = h("figcaption", { id: `note-${name}`, class: "quiet" });
  const labels = { class: `panel panel-${name}`, "aria-labelledby": `title-${name} note-${name}` };
  const speak = () => {
    fill(heading, t(`figure_${name}`));
    fill(note, t(`figure_${name}_note`));
  };
  return { element: h("figure", labels, heading, note, ...more, plot), speak };
}

/** The place of a picture. */
export const plot = (name) => h("div", { class: `plot plot-${name}` });

/** A region of a page. */
export const region = (name, tag = "section") => h(tag, { id: name, class: name });
