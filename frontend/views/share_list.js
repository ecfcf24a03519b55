// The links to a run that there are: until when, whether anybody looked, and how to end them.

import { revokeShare } from "../api.js";
import { fill, h } from "../dom.js";
import { integer, moment } from "../format.js";
import { t } from "../i18n.js";
import { confirmed } from "./confirm.js";
import { problemText } from "./problem.js";

/** @param {HTMLElement} element @param {object[]} shares @param {(share: object) => Promise<unknown>} ended called when one was withdrawn */
export function shareList(element, shares, ended) {
  const open = shares.filter(({ state }) => state === "open");
  const over = shares.filter(({ state }) => state !== "open");
  fill(
    element,
    h("h3", {}, t("share_list")),
    open.length ? list(open, ended) : h("p", { class: "quiet" }, t("share_none")),
    over.length > 0 && h("details", {}, h("summary", {}, t("share_over", { count: integer(over.length) })), list(over, ended)),
  );
}

const list = (shares, ended) => h("ul", {}, shares.map((share) => item(share, ended)));

function item(share, ended) {
  const message = h("div", { "aria-live": "polite" });
  const end = async () => {
    const words = { title: t("share_revoke_title"), note: t("share_revoke_note") };
    if (!(await confirmed({ ...words, yes: t("share_revoke"), no: t("share_keep") }))) return;
    try {
      await revokeShare(share.id);
      await ended(share);
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  const facts = [until(share), looked(share), share.include_texts && t("share_with_texts")];
  return h(
    "li",
    { class: `share-item share-${share.state}` },
    h(
      "div",
      {},
      h("strong", {}, t(`share_mode_${share.mode}`)),
      share.note && ` · ${share.note}`,
      h("div", { class: "quiet small-print" }, facts.filter(Boolean).join(" · ")),
    ),
    share.state === "open" && h("button", { type: "button", class: "small", on: { click: end } }, t("share_revoke")),
    message,
  );
}

function until({ state, expires, revoked }) {
  if (state === "open") return t("share_until", { moment: moment(expires) });
  return t(`share_state_${state}`, { moment: moment(revoked ?? expires) });
}

const looked = ({ opened, last_opened: last }) =>
  opened ? t("share_opened_last", { count: integer(opened), moment: moment(last) }) : t("share_opened_never");
