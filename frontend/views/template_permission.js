// Whether the chat template of an upload or a folder may be rendered: said on its card, changed by an administrator.

import { allowTemplate } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { may } from "../visitor.js";
import { confirmed } from "./confirm.js";

const UNASKED = ["builtin", "hub"];

/**
 * @param {{id: string, name: string, source: string, record?: object}} input
 * @param {(work: () => Promise<string|null>) => void} act does it, then shows what was done
 */
export function templatePermission({ id, name, source, record }, act) {
  if (!record?.has_template || UNASKED.includes(source)) return null;
  const allowed = record.template_allowed;
  const change = async () => {
    if (!allowed && !(await sure(name))) return null;
    await allowTemplate(id, !allowed);
    return `${name}: ${told(!allowed)}`;
  };
  return h(
    "div",
    {},
    h("span", { class: "quiet" }, told(allowed)),
    " ",
    may("admin") &&
      h("button", { type: "button", class: "small", on: { click: () => act(change) } }, t(allowed ? "model_template_deny" : "model_template_allow")),
  );
}

const told = (allowed) => t(allowed ? "model_template_allowed" : "model_template_withheld");

const sure = (name) =>
  confirmed({
    title: t("model_template_title", { name }),
    note: t("model_template_note"),
    yes: t("model_template_allow"),
    no: t("model_template_keep"),
  });
