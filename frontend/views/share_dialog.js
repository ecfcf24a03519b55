// Sharing a run: a link with an end, or one file. The browser's dialog keeps the focus and knows Escape.

import { listShares } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState } from "../state.js";
import { problemText } from "./problem.js";
import { shareForm } from "./share_form.js";
import { shareList } from "./share_list.js";
import { snapshotLink } from "./snapshot_link.js";

/** Open the dialog for the run that is shown. */
export async function openShareDialog() {
  const { run } = getState();
  const body = h("div", { class: "share-body" });
  const dialog = h(
    "dialog",
    { class: "share-dialog", "aria-labelledby": "share-title", on: { close: () => dialog.remove() } },
    h(
      "div",
      { class: "share-head" },
      h("h2", { id: "share-title" }, t("share_title")),
      h("button", { type: "button", class: "small", on: { click: () => dialog.close() } }, t("share_close")),
    ),
    body,
  );
  document.body.append(dialog);
  dialog.showModal();
  await fillBody(body, run);
}

async function fillBody(body, run) {
  const list = h("section", { id: "share-list", class: "share-list" });
  let form = null;
  const reload = async () => {
    const told = await listShares(run.id);
    const ended = async (share) => {
      form.forget(share);
      await reload();
    };
    shareList(list, told.items, ended);
    return told;
  };
  try {
    const { local, days, most_days: mostDays } = await reload();
    form = shareForm(run, { days, mostDays }, reload);
    fill(
      body,
      local && localNotice(run),
      h("p", { class: "quiet" }, t("share_what")),
      form.element,
      list,
    );
  } catch (error) {
    fill(body, problemText(error));
  }
}

/** Where nobody else can follow a link, the file comes first. */
const localNotice = (run) =>
  h(
    "div",
    { class: "share-local", id: "share-local" },
    h("p", {}, h("strong", {}, t("share_local_title"))),
    run.status === "finished" && h("p", {}, t("share_local_note")),
    run.status === "finished" && snapshotLink(t("snapshot_save"), { class: "button-link" }),
  );
