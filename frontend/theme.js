// Runs before the first paint, so that nobody sees the other theme flash by.
// The rest of the page keeps both attributes up to date (state.js).
(() => {
  const stored = (key) => {
    try {
      return localStorage.getItem(`linearscope.${key}`);
    } catch {
      return null; // storage may be switched off
    }
  };
  const asked = new URLSearchParams(location.search);
  const theme = asked.get("theme") || stored("theme");
  const lang = asked.get("lang") || stored("lang") || navigator.language;
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.toggleAttribute("data-shared", location.pathname.startsWith("/s/"));
  root.lang = lang.toLowerCase().startsWith("ja") ? "ja" : "en";
})();
