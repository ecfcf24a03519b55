// A question before something is removed. The browser's dialog keeps the focus and knows Escape.

import { h } from "../dom.js";

/**
 * @param {{title: string, note: string, yes: string, no: string}} words
 * @returns {Promise<boolean>} whether the answer was yes; Escape is a no
 */
export function confirmed({ title, note, yes, no }) {
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    const close = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
    const dialog = h(
      "dialog",
      { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-note", on: { close } },
      h("h2", { id: "confirm-title" }, title),
      h("p", { id: "confirm-note" }, note),
      h(
        "div",
        { class: "confirm-answers" },
        // The harmless answer comes first and has the focus.
        h("button", { type: "button", autofocus: true, on: { click: answer("no") } }, no),
        h("button", { type: "button", class: "danger", on: { click: answer("yes") } }, yes),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
