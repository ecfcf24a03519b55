// Naming the blocks of a model whose family nobody here reads: two paths, and registering with them.

import { h } from "../dom.js";
import { t } from "../i18n.js";

const PATH = "[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z0-9_]+)*";

/**
 * @param {{reasons: {code: string}[]}} model as the API looks at it
 * @param {(parts: {blocks: string, norm: string}) => void} register
 * @returns {HTMLElement|null} nothing where the family is not what speaks against the model
 */
export function namedBlocks({ reasons }, register) {
  if (reasons.length !== 1 || reasons[0].code !== "unsupported_architecture") return null;
  const submit = (event) => {
    event.preventDefault();
    const { blocks, norm } = Object.fromEntries(new FormData(event.target));
    register({ blocks: blocks.trim(), norm: norm.trim() });
  };
  return h(
    "form",
    { class: "named-blocks", on: { submit } },
    h("p", { class: "quiet" }, t("named_blocks_note")),
    h("div", { class: "fields two" }, field("blocks", t("named_blocks"), "model.layers"), field("norm", t("named_norm"), "model.norm")),
    h("button", { type: "submit" }, t("register_named_blocks")),
  );
}

function field(name, label, placeholder) {
  const id = `named-${name}`;
  const limits = { required: true, pattern: PATH, maxlength: 200, spellcheck: "false", autocomplete: "off" };
  return h("div", { class: "field" }, h("label", { for: id }, label), h("input", { id, name, placeholder, ...limits }));
}
