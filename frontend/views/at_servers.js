// How the same is measured where people serve: two running servers, from the command line.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { copyButton } from "./copy_button.js";

/** An imported run may be about inputs that nobody registered here. */
const named = ({ id }, otherwise) => (id.includes(":") ? otherwise : id);

/** @param {object} run a finished run in this process @returns {HTMLElement} */
export function atServers({ model, dataset, params }) {
  const settings = [
    "dense_url=http://HOST:8001",
    "changed_url=http://HOST:8002",
    "concurrency=1,8,32",
    `plan=${params.plan}`,
  ];
  const text = `linearscope run speed --model ${named(model, "MODEL")} --dataset ${named(dataset, "DATASET")} --set ${settings.join(" --set ")} --out speed.json`;
  const area = h("textarea", { id: "at-servers", readonly: true, rows: 3, spellcheck: "false", value: text, class: "command" });
  return h(
    "details",
    { class: "at-servers" },
    h("summary", {}, t("at_servers")),
    h("p", { class: "quiet" }, t("at_servers_note")),
    h("div", { class: "citation" }, h("label", { for: "at-servers" }, t("at_servers_command")), copyButton(area, { class: "small" }), area),
  );
}
