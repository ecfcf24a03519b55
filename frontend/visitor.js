// Who looks at this page, and what they may do. The server decides; the page only leaves out what
// it would refuse: elements with `data-needs` go by the role on the root element (controls.css).

import { getMe, isShared } from "./api.js";

export const ROLES = ["viewer", "analyst", "admin"];

/** @type {{name: string, role: "viewer"|"analyst"|"admin", way: string}} */
let me = { name: "local", role: "admin", way: "local" };

/** Ask once; a server that does not answer is met by the page itself. */
export async function meet() {
  // Whoever comes by a share link has no name, and changes nothing.
  me = isShared ? { ...me, role: "viewer" } : await getMe().catch(() => me);
  document.documentElement.dataset.role = me.role;
}

export const visitor = () => me;

/** @param {"viewer"|"analyst"|"admin"} role */
export const may = (role) => ROLES.indexOf(me.role) >= ROLES.indexOf(role);

/** @param {string} owner */
export const mayDelete = (owner) => me.role === "admin" || (may("analyst") && owner === me.name);
