// Files of one's own for a dataset or a log: chosen, sent, handed on. A name that is taken gets a number.

import { fill, h, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { uploadInput } from "../upload.js";
import { dropZone } from "./drop_zone.js";
import { pasteField } from "./paste_field.js";
import { problemText } from "./problem.js";
import { uploadList } from "./upload_list.js";

const MOST_NAMES = 50;

/**
 * @param {"dataset"|"log"} kind
 * @param {{accept: string, note: string, single?: boolean, paste?: boolean, nameOf: (file: string) => string,
 *   sent: (input: object) => void}} options names are keys of the catalogue
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function ownFiles(kind, { accept, note, single = false, paste = false, nameOf, sent }) {
  const element = h("div", { class: "own-files" });
  let shown = null;
  const chosen = (found) => {
    const files = found.map(({ path, file }) => ({ name: path.split("/").at(-1), size: file.size, file }));
    if (single && files.length > 1) return offer(() => h("p", { class: "problem", role: "alert" }, t("one_file_only")));
    send(nameOf(files[0].name), files, 1);
  };
  const zone = () => dropZone({ folders: false, single, accept, note: t(note), chosen });
  const offer = (why = () => null) => {
    shown = () => keepingTyped(element, () => fill(element, zone(), paste && pasteField(chosen), why()));
    shown();
  };
  function send(name, files, number) {
    const list = uploadList({ cancelled: () => offer(() => h("p", { role: "status" }, t("upload_cancelled_note"))) });
    fill(element, list.element);
    const onProgress = (handle) => {
      if (handle.state === "failed" && !handle.input) return refused(handle.problem, name, files, number);
      shown = () => list.redraw(handle);
      list.show(handle);
      if (handle.state === "done") sent(handle.input);
    };
    uploadInput(kind, number > 1 ? `${name}-${number}` : name, files, { onProgress });
  }
  function refused(problem, name, files, number) {
    if (problem.data?.reason === "name_taken" && number < MOST_NAMES) send(name, files, number + 1);
    else offer(() => problemText(problem));
  }
  offer();
  return { element, speak: () => shown() };
}
