// Uploads that were begun, here or in another browser, and wait for their files to be chosen again.

import { deleteInput, listInputs } from "../api.js";
import { fill, h } from "../dom.js";
import { percent } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";
import { waitingRows } from "./upload_list.js";

/**
 * @param {"model"|"dataset"|"log"} kind
 * @returns {{element: HTMLElement, refresh: () => Promise<void>, speak: () => void,
 *   matching: (files: object[]) => object|undefined}}
 *   `matching` finds the unfinished upload that files of these names and sizes go on with
 */
export function unfinished(kind) {
  const element = h("div", { class: "unfinished" });
  let waiting = [];
  const refresh = async () => {
    try {
      const { items } = await listInputs(kind);
      waiting = items.filter(({ state, uploads }) => state === "receiving" && uploads?.some((file) => !file.sha256));
      speak();
    } catch (problem) {
      fill(element, problemText(problem));
    }
  };
  const speak = () => fill(element, waiting.map((input) => card(kind, input, refresh)));
  refresh();
  return { element, refresh, speak, matching: (files) => waiting.find((input) => goesOn(input, files)) };
}

/** Every chosen file is one of the declared ones, and every declared one is chosen or here already. */
function goesOn({ uploads }, files) {
  const same = (one, other) => one.name === other.name && one.size === other.size;
  const known = files.every((file) => uploads.some((upload) => same(upload, file)));
  return files.length > 0 && known && uploads.every((upload) => upload.sha256 || files.some((file) => same(upload, file)));
}

function card(kind, { id, name, uploads }, refresh) {
  const open = uploads.filter((upload) => !upload.sha256);
  const [sent, size] = ["offset", "size"].map((key) => uploads.reduce((sum, upload) => sum + upload[key], 0));
  const message = h("div", { "aria-live": "polite" });
  const remove = async () => {
    try {
      await deleteInput(`${kind}s`, id);
      await refresh();
    } catch (problem) {
      fill(message, problemText(problem));
    }
  };
  return h(
    "div",
    { class: "card unfinished-card" },
    h("p", {}, h("strong", {}, name), " ", t("unfinished_note", { count: open.length, all: uploads.length, share: percent(Math.floor((1000 * sent) / size) / 1000) })),
    h("details", {}, h("summary", {}, t("unfinished_files")), waitingRows(uploads)),
    h("button", { type: "button", class: "small", on: { click: remove } }, t("remove_input", { name })),
    message,
  );
}
