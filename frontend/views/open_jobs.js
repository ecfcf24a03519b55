// Beside the link to the jobs: how many are open, from anywhere on the site.

import { listRuns } from "../api.js";
import { t } from "../i18n.js";
import { getState, update } from "../state.js";

const REFRESH_MS = 10_000;

/** Keep the number of open runs in the state. */
export async function countOpenJobs() {
  try {
    const pages = await Promise.all(["running", "queued"].map((status) => listRuns({ status, limit: 50 })));
    const openJobs = pages.reduce((sum, { items }) => sum + items.length, 0);
    if (openJobs !== getState().openJobs) update({ openJobs });
  } catch {
    // The page itself says when the server does not answer; a count that is missing says nothing.
  }
  setTimeout(countOpenJobs, REFRESH_MS);
}

export const openJobsText = ({ openJobs }) => (openJobs ? t("jobs_open", { count: openJobs }) : "");
