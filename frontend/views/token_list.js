// The access tokens that there are: whose, what they may, when they were used; and how to end them.

import { revokeToken } from "../api.js";
import { fill, h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";
import { confirmed } from "./confirm.js";
import { plainTable } from "./plain_table.js";
import { problemText } from "./problem.js";

const COLUMNS = ["name", "role", "used", "created", "until"];

/** @param {HTMLElement} element @param {object[]} tokens @param {() => Promise<unknown>} reload */
export function tokenList(element, tokens, reload) {
  const open = tokens.filter(({ state }) => state === "open");
  const ended = tokens.filter(({ state }) => state !== "open");
  const message = h("div", { "aria-live": "polite" });
  const end = async (token) => {
    const words = { title: t("token_revoke_title", token), note: t("token_revoke_note") };
    if (!(await confirmed({ ...words, yes: t("token_revoke", token), no: t("share_keep") }))) return;
    try {
      await revokeToken(token.id);
      await reload();
      element.focus(); // the button that had it is gone
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  fill(
    element,
    h("h2", {}, t("token_list")),
    open.length ? table(open, (token) => button(token, () => end(token))) : h("p", { class: "quiet" }, t("token_none")),
    message,
    ended.length > 0 && h("details", {}, h("summary", {}, t("token_ended", { count: ended.length })), table(ended, endOf)),
  );
}

const table = (tokens, last) =>
  plainTable({
    kind: "tokens-table",
    heads: [...COLUMNS.map((name) => t(`token_column_${name}`)), t("token_column_end")],
    rows: tokens.map((token) => [
      token.name,
      t(`role_${token.role}`).split(":")[0],
      token.last_used ? moment(token.last_used) : t("token_never_used"),
      moment(token.created),
      token.expires ? moment(token.expires) : t("token_days_none"),
      last(token),
    ]),
  });

const button = (token, click) =>
  h("button", { type: "button", class: "small", on: { click } }, t("token_revoke", token));

const endOf = ({ state, revoked }) => (state === "revoked" ? t("token_revoked", { moment: moment(revoked) }) : t("token_expired"));
