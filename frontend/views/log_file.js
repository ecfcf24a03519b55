// The file of a log: one of one's own, sent in pieces, or one below a folder of the server.

import { addInput, getInput } from "../api.js";
import { fill, h, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { ownFiles } from "./own_files.js";
import { problemText } from "./problem.js";

const ACCEPTED = ".csv,.jsonl,.ndjson";
const nameOf = (file) => file.replace(/\.\w+$/, "").slice(0, 76);

/**
 * @param {(log: object) => void} here called with the log once its file is on the server
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function logFile(here) {
  const sent = async ({ id }) => here(await getInput("log", id));
  const files = ownFiles("log", { accept: ACCEPTED, single: true, note: "drop_log_note", nameOf, sent });
  const element = h("div");
  const speak = () => {
    files.speak();
    keepingTyped(element, () =>
      fill(
        element,
        h("section", { class: "intake" }, h("h2", {}, t("log_from_here")), files.element),
        h("section", { class: "intake" }, h("h2", {}, t("log_from_server")), h("p", { class: "quiet" }, t("dataset_from_path_note")), pathForm(here)),
      ),
    );
  };
  speak();
  return { element, speak };
}

function pathForm(here) {
  const message = h("div", { "aria-live": "polite" });
  const take = async (event) => {
    event.preventDefault();
    try {
      here(await addInput("logs", { source: "path", path: String(new FormData(event.target).get("path")).trim() }));
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  const path = h("input", { id: "log-path", name: "path", required: true, spellcheck: "false", autocomplete: "off", placeholder: "/srv/logs/requests.jsonl" });
  return h(
    "form",
    { on: { submit: take } },
    h(
      "div",
      { class: "intake-line" },
      h("div", { class: "field" }, h("label", { for: "log-path" }, t("log_path")), path),
      h("button", { type: "submit" }, t("log_look")),
    ),
    message,
  );
}
