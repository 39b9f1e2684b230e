"""Text becomes LaTeX that prints it and does nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from reproduce.architectures.names import LABELS
from reproduce.report import latex


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("50% & more_or_less #1", r"50\% \& more\_or\_less \#1"),
        ("Disent-β-VAE", r"Disent-$\beta$-VAE"),
        ("0.9 ± 0.1", r"0.9 $\pm$ 0.1"),
        ("MSE (×10³) ↓", r"MSE ($\times$10$^{3}$) $\downarrow$"),
        ("10⁻⁴", r"10$^{-4}$"),
        ("f₁ − f₁₀", r"f$_{1}$ $-$ f$_{10}$"),
        ("AE†", r"AE\textdagger{}"),
        ("--profile", r"-{}-profile"),
        ("a < b", r"a $<$ b"),
        ("Sønderby", "Sønderby"),
        ("plain words; of 12 letters!", "plain words; of 12 letters!"),
        ("𝑝", "$p$"),
        ("中", "{[}U+4E2D{]}"),
        ("a\x00b\nc", "ab c"),
    ],
)
def test_text_becomes_latex(text: str, code: str) -> None:
    assert latex.escape(text) == code


@settings(max_examples=50)
@given(st.text())
def test_escape_is_total_and_leaves_nothing_that_latex_would_act_on(text: str) -> None:
    code = str(latex.escape(text))
    commands = re.sub(r"\\[a-zA-Z]+|\\[&%$#_{},S]", "", code)
    assert not set(commands) & set("\\&%#")
    assert code.count("~") == text.count("\u00a0")  # a tie stands for a no-break space and nothing else
    assert code.count("{") - code.count(r"\{") == code.count("}") - code.count(r"\}")
    assert len(re.findall(r"(?<!\\)\$", code)) % 2 == 0
    # what is not ASCII is a Latin letter that inputenc knows
    assert all("À" <= character <= "ſ" for character in code if ord(character) > 126)


def test_every_label_can_be_printed() -> None:
    assert not any("U+" in latex.escape(label) for label in LABELS.values())


@pytest.mark.parametrize(
    ("template", "code"),
    [
        (r"\emph{<< x >>} << safe >> << x + '&' >>", r"\emph{$\beta$\_1} \LaTeX $\beta$\_1\&"),
        # macros are not escaped twice
        (r"<% macro f(y) %>\textbf{<< y >>}<% endmacro %><< f(x) >>", r"\textbf{$\beta$\_1}"),
        ("<< number >>", TypeError(r"printed 0\.5")),  # not formatted
        ("<< absent >>", UndefinedError("absent")),
    ],
)
def test_templates_escape_text_but_no_markup(template: str, code: str | Exception, tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text(template, encoding="utf-8")
    made = latex.environment(tmp_path).get_template("t.j2")
    values = {"x": "β_1", "safe": Markup(r"\LaTeX"), "number": 0.5}
    if isinstance(code, str):
        assert made.render(values) == code
    else:
        with pytest.raises(type(code), match=str(code)):
            made.render(values)


def test_no_template_contains_a_decimal_number_that_is_not_a_rule_or_a_length() -> None:
    """Results are never typed: what decimals templates hold are lengths, printed thresholds and definitions."""
    allowed = {"0.05", "0.25", "0.01"}
    for template in sorted(latex.TEMPLATES.rglob("*.j2")):
        text = re.sub(r"<#.*?#>|<%.*?%>|<<.*?>>", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"[\d.]+\\(text|column)width", "", text)
        found = set(re.findall(r"(?<![\w.])\d+\.\d+(?!\d|cm|pt)", text))
        assert found <= allowed or template.name == "preamble.tex.j2", f"{template.name}: {found - allowed}"
