"""Find a browser for the tests, or install one: `python tests/get_browser.py`.

An installed Chrome or Chromium is taken as it is. Otherwise, as root on a machine with apt-get,
the distribution's Chromium and a font with Japanese characters are installed; otherwise
Playwright downloads its own. It always exits with 0: without a browser the browser tests are
skipped, and this says so loudly.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FONT = "fonts-noto-cjk"
INSTALL_SECONDS = 900
START_SECONDS = 60


def main() -> int:
    """Make sure that there is a browser, as far as this machine allows; say what was done."""
    browser = find_browser() or _from_apt() or _from_playwright()
    if browser is None:
        _loudly("BROWSER TESTS WILL BE SKIPPED: no Chrome or Chromium, and none could be installed")
        return 0
    _say(f"browser for the tests: {browser}")
    if not _has_japanese_font() and not (_may_use_apt() and _apt_install(FONT)):
        _loudly("NO JAPANESE FONT FOUND: Japanese text in pictures of the tests will be boxes")
    return 0


def find_browser() -> str | None:
    """Return the program of a browser that starts: installed, or downloaded by Playwright."""
    for name in (*NAMES, MAC):
        program = shutil.which(name)
        if program is not None and _starts(program):
            return program
    own = _playwright_program()
    return own if own is not None and _starts(own) else None


def _from_apt() -> str | None:
    if not _may_use_apt():
        return None
    _loudly(f"INSTALLING the packages chromium and {FONT} with apt-get, for the browser tests")
    return find_browser() if _apt_install("chromium", FONT) else None


def _from_playwright() -> str | None:
    _loudly("DOWNLOADING Playwright's own Chromium, for the browser tests")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return find_browser() if _succeeds(command) else None


def _may_use_apt() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(*packages: str) -> bool:
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    return _succeeds(["apt-get", "update", "-q"]) and _succeeds(install)


def _succeeds(command: list[str]) -> bool:
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environ, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"{' '.join(command)}: {error}")
        return False
    return done.returncode == 0


def _starts(program: str) -> bool:
    # Some distributions ship a stand-in of the same name that only says how to get the real one.
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, timeout=START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwright_program() -> str | None:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return None
    try:
        with sync_playwright() as playwright:
            program = playwright.chromium.executable_path
    except Error:
        return None
    return program if Path(program).exists() else None


def _has_japanese_font() -> bool:
    lister = shutil.which("fc-list")
    if lister is None:
        return sys.platform == "darwin"
    done = subprocess.run([lister, ":lang=ja"], capture_output=True, check=False)
    return bool(done.stdout.strip())


def _loudly(text: str) -> None:
    line = "*" * len(text)
    _say(f"\n{line}\n{text}\n{line}\n")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
