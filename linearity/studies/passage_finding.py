"""One sentence about a passage, computed from its errors; it never repeats the text."""

from torch import Tensor

from linearity.contracts.passage import PassageReference


def passage_finding(errors: Tensor, reference: PassageReference) -> dict[str, str]:
    """Say at which block the passage is least linear, beside held-out text.

    Parameters
    ----------
    errors : (n, L) float64
        Of the tokens that are neither first nor sinks.
    reference : PassageReference

    Returns
    -------
    {"en": str, "ja": str}

    Notes
    -----
    The rule: the block with the largest mean error, that mean and held-out text's at the same
    block, and how many tokens lie beyond the 99th percentile of held-out tokens at some block.
    """
    n = len(errors)
    if n == 0:
        return {
            "en": "The passage holds only tokens that stay out of the scores.",
            "ja": "この文章には、スコアの対象になるトークンがありません。",
        }
    means = errors.mean(0)
    block = int(means.argmax())
    own, usual = _percent(float(means[block])), _percent(reference.mean[block])
    beyond = int((errors > errors.new_tensor(reference.p99)).any(1).sum())
    return {
        "en": f"Of {n:,} scored {'token' if n == 1 else 'tokens'}, block {block} is the least "
        f"linear: its map misses {own} of the next state on average, on held-out text {usual}. "
        f"{beyond:,} of the tokens {'is' if beyond == 1 else 'are'} harder than 99 % of held-out "
        "tokens at some block.",
        "ja": f"対象の {n:,} トークンで最も線形でないのはブロック {block} です。"
        f"線形写像で説明できない割合は平均 {own} で、検証データでは {usual} です。"
        "いずれかのブロックで検証データの 99 % のトークンより誤差が大きいのは "
        f"{beyond:,} トークンです。",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 10 else f"{100 * share:,.0f} %"
