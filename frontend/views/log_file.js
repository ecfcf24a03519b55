// The file of a log: one of one's own, sent in pieces, or one below a folder of the server.

import { addInput, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { uploadInput } from "../upload.js";
import { problemText } from "./problem.js";
import { uploadList } from "./upload_list.js";

/** @param {(log: object) => void} here called with the log once its file is on the server */
export function logFile(here) {
  const message = h("div", { "aria-live": "polite" });
  const send = (event) => {
    const [file] = event.target.files;
    if (file) upload(file, { message, here });
  };
  const take = async (event) => {
    event.preventDefault();
    try {
      here(await addInput("logs", { source: "path", path: String(new FormData(event.target).get("path")).trim() }));
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  return [
    h(
      "section",
      { class: "intake" },
      h("h2", {}, t("log_from_here")),
      h("div", { class: "field" }, h("label", { for: "log-file" }, t("log_file")), h("input", { id: "log-file", type: "file", accept: ".csv,.jsonl", on: { change: send } })),
    ),
    h(
      "section",
      { class: "intake" },
      h("h2", {}, t("log_from_server")),
      h(
        "form",
        { class: "intake-line", on: { submit: take } },
        h("div", { class: "field" }, h("label", { for: "log-path" }, t("log_path")), h("input", { id: "log-path", name: "path", required: true, spellcheck: "false", autocomplete: "off" })),
        h("button", { type: "submit" }, t("log_look")),
      ),
    ),
    message,
  ];
}

function upload(file, { message, here }) {
  const list = uploadList();
  fill(message, list.element);
  const name = file.name.replace(/\.\w+$/, "").slice(0, 80);
  uploadInput("log", name, [{ name: file.name, size: file.size, file }], {
    onProgress: async (handle) => {
      list.show(handle);
      if (handle.state === "done") here(await getInput("log", handle.input.id));
    },
  });
}
