"""One plan and its guard; what both models write; how each is asked for."""

import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.measured import (
    PLAN,
    Measured,
    click_point,
    drawn,
    measure_all,
    stays_on_the_site,
)
from tests.browser.test_ablation import submitted
from tests.browser.test_access import violations

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def measured(site: Site) -> dict[str, Measured]:
    return measure_all(site)


def test_a_plan_shows_its_numbers_steps_and_split(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    point = measured["plan"].result["point"]
    page = visit.open(measured["plan"].page)
    drawn(page, "documents")

    numbers = page.locator("#plan-numbers").inner_text()
    steps = page.locator("#plan-steps").inner_text()

    assert f"{point['nll_diff']:.4f}" in numbers
    assert "select split (A)" in numbers
    assert "No plan is harmless" in numbers
    assert "preview" not in numbers
    assert "blocks 14 to 15" in steps
    assert "passed through unchanged, moved by the mean update" in steps
    assert stays_on_the_site(visit)


def test_a_preview_is_marked_as_one(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["preview"].page)

    assert "preview: 512 tokens" in page.locator("#plan-numbers").inner_text()


def test_an_opened_report_split_is_named_with_its_count(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["report"].page)
    numbers = page.locator("#plan-numbers")
    numbers.get_by_text("report split (B)").first.wait_for()

    assert "was opened" in numbers.inner_text()
    assert page.get_by_role("button", name="Measure again on the report split").count() == 0


def test_documents_are_listed_and_a_bar_finds_its_row(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    documents = sorted(measured["plan"].result["documents"], key=lambda one: -one["nll_diff"])
    page = visit.open(measured["plan"].page)
    drawn(page, "documents")

    click_point(page, "documents", 2, documents[2]["nll_diff"] / 2)

    row = page.locator(".grid-documents tr:has(td[aria-selected=true])")
    row.wait_for()
    assert row.locator("th").inner_text() == str(documents[2]["document"])
    assert "<b>assignment</b>" in row.inner_text()  # text of a document stays text


def test_the_guard_shows_where_it_hurts(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["plan"].page)

    text = page.locator("#guard").inner_text()

    for heading in ("Documents that changed most", "Tokens that changed most"):
        assert heading in text
    assert page.locator("#guard mark").first.inner_text() == " precedence"
    assert "The with statement is used to wrap" in text


def test_the_answers_of_a_plan_are_one_click_away(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["plan"].page)

    page.locator("#plan-numbers").get_by_role("button", name="Answers side by side").click()

    asked = submitted(page, visit)
    assert (asked["kind"], asked["plan"]) == ("answers", PLAN)


def test_answers_stand_side_by_side_with_the_first_difference_marked(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["answers"].page)

    pair = page.locator(".pair").nth(1)
    pair.wait_for()

    assert pair.locator("mark").all_inner_texts() == ["an", "a "]
    left, right = [side.bounding_box() for side in pair.locator(".pair-side").all()]
    assert left
    assert right
    assert left["y"] == right["y"]
    assert "<i>repeats</i>" in pair.inner_text()  # what a model wrote stays text
    assert page.locator(".pair").first.locator("mark").count() == 0
    assert stays_on_the_site(visit)


def test_answers_can_be_filtered_and_paged_by_address(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["answers"].page)
    page.locator(".pair").nth(19).wait_for()
    assert page.locator(".pair").count() == 20

    page.get_by_role("button", name="Next page").click()
    page.wait_for_url("**?at=2")
    assert page.locator(".pair").count() == 10
    page.get_by_role("button", name="Identical (6)").click()
    page.wait_for_url("**?show=identical")

    assert page.locator(".pair").count() == 6
    assert page.locator(".pair mark").count() == 0


def test_the_summary_says_that_shorter_is_no_saving(
    visit: Visit, measured: dict[str, Measured]
) -> None:
    page = visit.open(measured["answers"].page)
    summary = page.locator("#answers-summary").inner_text()
    scored = visit.open(measured["scored"].page).locator("#answers-summary").inner_text()

    assert "6 of 30" in summary
    assert "A shorter answer is not a saving" in summary
    assert "Holds the reference" not in summary
    assert "Holds the reference (30 prompts)" in scored
    assert "Valid JSON" not in scored


def test_canaries_are_judged_by_a_word(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open(measured["answers"].page)

    text = page.locator("#canaries").inner_text()

    assert "The changed model passes 1 of 2." in text
    assert page.locator("#canaries .not-passed").all_inner_texts() == ["failed"]
    assert "Not said: length" in text


def test_each_kind_is_asked_from_the_start_page(visit: Visit) -> None:
    page = visit.open("/")
    page.locator(".estimate").get_by_text("of memory").wait_for()
    page.get_by_role("button", name="Ablation", exact=True).click()
    page.wait_for_url("**?kind=ablation")
    page.get_by_role("checkbox", name="random orders").check()
    page.get_by_label("merged").check()
    page.get_by_label("Changed blocks, at most").fill("3")
    page.locator(".estimate", has_text="to fit").wait_for()

    page.get_by_role("button", name="Drop and replace blocks of").click()

    asked = submitted(page, visit)
    assert asked["kind"] == "ablation"
    assert asked["strategies"][-1] == "random"
    assert asked["actions"] == ["drop", "linear", "merged"]
    assert asked["changed"] == 3


def test_answers_are_asked_with_prompts_of_ones_own(visit: Visit) -> None:
    page = visit.open("/?kind=answers&plan=3:drop")
    page.locator(".estimate", has_text="of memory").wait_for()
    page.get_by_text("Advanced settings").click()
    page.get_by_role("button", name="Add a prompt").click()
    page.get_by_label("Prompt", exact=True).fill("What is a list?")
    page.get_by_label("Must say").fill("sequence\nmutable")

    page.get_by_role("button", name="Compare answers of").click()

    asked = submitted(page, visit)
    assert asked["canaries"] == [
        {"prompt": "What is a list?", "must_say": ["sequence", "mutable"], "must_not_say": []}
    ]


def test_a_plan_that_is_wrong_is_explained_on_the_start_page_in_japanese(visit: Visit) -> None:
    page = visit.open("/?kind=plan&plan=1:fly&lang=ja")

    problem = page.locator(".estimate [role=alert]")
    problem.wait_for()

    assert "このプランは実行できません。" in problem.inner_text()
    assert "12:drop,13-15:linear のように" in problem.inner_text()
    assert page.locator("#plan").get_attribute("aria-invalid") == "true"


def test_lists_tell_kinds_and_plans_apart(visit: Visit, measured: dict[str, Measured]) -> None:
    page = visit.open("/jobs")

    page.locator(".runs-table tr", has_text="Answers").first.wait_for()
    row = page.locator(f".runs-table tr:has(a[href='{measured['plan'].page}'])")

    assert "Plan" in row.inner_text()
    assert PLAN in row.inner_text().replace("\u200b", "")


ACCESS = [
    ("ablation", "?curve=single_damage.drop&n=3"),
    ("ablation", "?theme=dark&lang=ja"),
    ("plan", ""),
    ("preview", "?theme=dark"),
    ("answers", "?lang=ja"),
    ("answers", "?theme=dark&show=different"),
]


@pytest.mark.parametrize(("name", "query"), ACCESS)
def test_axe_finds_nothing_serious(
    visit: Visit, measured: dict[str, Measured], name: str, query: str
) -> None:
    page = visit.open(f"{measured[name].page}{query}")
    page.locator("p.finding").wait_for()
    page.wait_for_timeout(1500)  # pictures are part of the page
    for summary in page.locator("summary").all():
        summary.click()

    assert violations(page) == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_is_wider_than_a_phone(
    phone: Visit, measured: dict[str, Measured], lang: str
) -> None:
    addresses = [f"{run.page}?n=4&lang={lang}" for run in measured.values()]
    addresses += [f"/?kind={kind}&lang={lang}" for kind in ("ablation", "plan", "answers")]
    widths = {}
    for address in addresses:
        page = phone.open(address)
        page.locator("h1").wait_for()
        page.wait_for_timeout(800)
        widths[address] = page.evaluate("() => document.documentElement.scrollWidth")

    assert set(widths.values()) == {390}
    assert phone.errors == []


def test_on_a_phone_the_lines_are_explained_below_the_picture(
    phone: Visit, measured: dict[str, Measured]
) -> None:
    page = phone.open(measured["ablation"].page)
    drawn(page, "curve")

    layout = page.locator(".plot-curve").evaluate("(p) => [p.layout.showlegend, p.layout.margin.r]")

    assert layout == [False, 12]
    assert page.locator(".curve-button .stroke").count() == 8


def test_on_a_phone_answers_are_stacked(phone: Visit, measured: dict[str, Measured]) -> None:
    page = phone.open(measured["answers"].page)
    page.locator(".pair").nth(1).wait_for()

    upper, lower = [
        side.bounding_box() for side in page.locator(".pair").nth(1).locator(".pair-side").all()
    ]

    assert upper
    assert lower
    assert lower["y"] >= upper["y"] + upper["height"]
