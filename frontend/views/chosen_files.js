// What was chosen: how much of it is used, what is missing, what is left out and why.

import { h } from "../dom.js";
import { bytes, integer } from "../format.js";
import { t } from "../i18n.js";

export const keptText = (kept) => {
  const size = kept.reduce((sum, file) => sum + file.size, 0);
  return h("p", {}, t("upload_chosen", { count: integer(kept.length), size: bytes(size) }));
};

export const incomplete = (missing) =>
  h("p", { class: "problem", role: "alert" }, t("upload_incomplete", { files: missing.slice(0, 4).join(", ") }));

export const leftList = (left) =>
  h(
    "details",
    { class: "left-out", open: left.some(({ reason }) => reason === "pickle") },
    h("summary", {}, t("upload_left_out", { count: integer(left.length) })),
    h("ul", {}, left.slice(0, 200).map(({ name, reason }) => h("li", {}, h("code", {}, name), " ", t(`left_${reason}`)))),
  );
