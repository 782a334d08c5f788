"""docs/hooks.md says what hub/hookspecs.py says."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING

from hub import errors, hookspecs, outcomes, rma, sandbox, settings
from tests.docs import pages

if TYPE_CHECKING:
    from types import ModuleType

PAGE = pages.REPOSITORY / "docs" / "hooks.md"


def hooks(module: ModuleType) -> dict[str, str]:
    """Signature → first line of the docstring, for each hook, in the module's order."""
    found: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not any(ast.unparse(decorator) == "hookspec" for decorator in node.decorator_list):
            continue
        word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        docstring = ast.get_docstring(node) or ""
        found[f"{word} {node.name}({ast.unparse(node.args)}){returns}"] = docstring.split("\n")[0]
    return found


def headings(text: str) -> dict[str, str]:
    """Signature → the paragraph below it, for each heading that is a signature."""
    sections = re.findall(r"^#+ `((?:async )?def [^`]+)`\n\n(.+?)\n(?:\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return {signature: " ".join(paragraph.split()) for signature, paragraph in sections}


def test_each_hook_has_a_heading_with_its_signature_and_no_other_is_there() -> None:
    assert list(headings(PAGE.read_text(encoding="utf-8"))) == list(hooks(hookspecs))


def test_below_each_heading_stands_the_first_line_of_the_docstring() -> None:
    described = headings(PAGE.read_text(encoding="utf-8"))
    wrong = {
        signature: first_line
        for signature, first_line in hooks(hookspecs).items()
        if not described.get(signature, "").startswith(first_line)
    }
    assert wrong == {}


def test_each_class_named_on_the_page_exists() -> None:
    spans = pages.code_spans(pages.split(PAGE.read_text(encoding="utf-8"))[0])
    named = {span for span in spans if re.fullmatch(r"(?:[A-Z][a-z]+)+", span)}
    known = {
        name for module in (errors, hookspecs, outcomes, rma, sandbox, settings) for name in vars(module)
    }
    assert named - known == set()


def test_each_error_and_each_verdict_a_connector_may_use_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    errors_for_connectors = {cls.__name__ for cls in errors.ConnectorError.__subclasses__()}
    verdicts = {verdict.value for verdict in outcomes.Verdict}
    kinds = {kind.value for kind in outcomes.SightingKind}
    missing = {name for name in errors_for_connectors | verdicts | kinds if f"`{name}`" not in text}
    assert missing == set()
