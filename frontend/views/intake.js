// One line that names an input, and what became of it.

import { addresses } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/**
 * @param {{name: string, placeholder: string, note: string, submit: (text: string) => Promise<object>}} options
 * @returns {HTMLElement}
 */
export function intake({ name, placeholder, note, submit }) {
  const id = `intake-${name}`;
  const message = h("div", { "aria-live": "polite" });
  const plain = { type: "text", spellcheck: "false", autocomplete: "off", required: true };
  const line = h("input", { id, name, placeholder, ...plain });
  const send = async (event) => {
    event.preventDefault();
    try {
      const input = await submit(line.value.trim());
      fill(message, added(input));
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  return h(
    "section",
    { class: "intake" },
    h("h2", {}, t(`intake_${name}`)),
    h("p", { class: "quiet" }, note),
    h(
      "form",
      { class: "intake-line", on: { submit: send } },
      h("div", { class: "field" }, h("label", { for: id }, t(`intake_${name}_label`)), line),
      h("button", { type: "submit" }, t("add")),
    ),
    message,
  );
}

const added = ({ name, state }) =>
  h("p", {}, t(`added_${state}`, { name }), " ", h("a", { href: addresses.inputs() }, t("nav_library")));
