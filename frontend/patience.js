// Trying again what may pass by itself, and doing a few things at once.

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/**
 * Try again, ever more slowly, as long as the reason may pass by itself.
 *
 * @param {() => Promise<any>} attempt
 * @param {{signal: AbortSignal, news: (state: "waiting") => void}} options
 */
export async function patiently(attempt, { signal, news }) {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (problem) {
      if (signal.aborted || !mayPass(problem)) throw problem;
      news("waiting");
      await pause(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)], signal);
    }
  }
}

function mayPass({ code, status, data }) {
  if (code === "upload_conflict") return data.reason !== "complete";
  return code === "unreachable" || [408, 429, 460].includes(status) || (status >= 500 && status !== 507);
}

/** Wait, or until the network is back; rejects when the upload is stopped. */
function pause(time, signal) {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (settle) => () => {
      clearTimeout(timer);
      over.abort();
      settle();
    };
    const timer = setTimeout(end(resolve), time);
    addEventListener("online", end(resolve), { signal: over.signal });
    signal.addEventListener("abort", end(reject), { signal: over.signal });
  });
}

/** Work on items, smallest first, `count` at once; the first failure ends it. */
export async function inTurns(items, count, work) {
  const waiting = [...items].sort((one, other) => one.size - other.size);
  const lane = async () => {
    while (waiting.length) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: count }, lane));
}
