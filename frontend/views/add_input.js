// Adding a model or a dataset: a hub id or a folder on the server. A worker inspects it.

import { addInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

/**
 * @param {{added: (kind: "models"|"datasets", input: object) => Promise<void>, title?: string}} options
 * @returns {HTMLElement}
 */
export function addInputForm({ added, title = t("use_another") }) {
  const message = h("div", { "aria-live": "polite" });
  const submit = async (event) => {
    event.preventDefault();
    const typed = new FormData(event.target);
    const [kind, reference] = [typed.get("kind"), String(typed.get("reference")).trim()];
    if (!reference) return;
    try {
      const input = await addInput(kind, request(reference));
      fill(message, h("p", {}, t(`added_${input.state}`, { name: input.name })));
      await added(kind, input);
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  return h(
    "details",
    { class: "add-input" },
    h("summary", {}, title),
    h("p", { class: "quiet" }, t("use_another_note")),
    h("form", { on: { submit } }, kindField(), referenceField(), h("button", { type: "submit" }, t("add"))),
    message,
  );
}

function kindField() {
  const options = ["models", "datasets"].map((value) => h("option", { value }, t(`kind_${value}`)));
  return field("kind", "field", h("select", { name: "kind", id: "add-kind" }, options));
}

function referenceField() {
  const plain = { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "owner/name" };
  return field("reference", "field wide", h("input", { name: "reference", id: "add-reference", ...plain }));
}

const field = (name, kind, control) =>
  h("div", { class: kind }, h("label", { for: `add-${name}` }, t(name)), control);

/** A folder on the server is an absolute path; everything else is a hub id, perhaps with a revision. */
function request(reference) {
  if (reference.startsWith("/")) return { source: "path", path: reference };
  const [name, revision] = reference.split("@");
  return { source: "hub", name, ...(revision ? { revision } : {}) };
}
