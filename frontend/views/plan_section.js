// On a linearity run: the way from "these blocks look linear" to what changing them costs.

import { addresses, isShared } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState } from "../state.js";
import { planForm } from "./plan_form.js";

let form = null;

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, lang }) {
  element.hidden = isShared || run?.status !== "finished";
  if (element.hidden || !changed(element, run.id, lang)) return;
  form ??= planForm(() => getState().run);
  const address = addresses.start({ kind: "ablation", model: run.model.id, dataset: run.dataset.id });
  form.speak();
  fill(
    element,
    h("div", { class: "prose" }, h("p", {}, t("linear_is_not_safe"), " ", h("a", { href: address }, t("measure_ablation")))),
    form.element,
  );
}
