"""Results as a table for people."""

from __future__ import annotations

from .runner import Result

LONGEST_REASON = 300


def table(results: list[Result]) -> str:
    """One line a test, failed ones last with their reasons, and the sum."""
    width = max(len(one.name) for one in results)
    ordered = sorted(results, key=lambda one: (not one.passed, one.stage, one.name))
    lines = []
    for one in ordered:
        verdict = "passed" if one.passed else f"failed  {one.stage}: {one.reason[:LONGEST_REASON]}"
        lines.append(f"{one.name:<{width}}  {verdict}")
    passed = sum(one.passed for one in results)
    lines.append(f"{passed} of {len(results)} passed: {100 * passed / len(results):.1f} %")
    return "\n".join(lines)
