from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
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
        ("AE†", r"AE\textsuperscript{\textdagger}"),
        ("--profile", r"-{}-profile"),
        ("a < b", r"a $<$ b"),
        ("Sønderby", "Sønderby"),
        ("𝑝", "$p$"),
        ("中", "{[}U+4E2D{]}"),
        ("a\x00b\nc", "ab c"),
    ],
)
def test_text_becomes_latex(text: str, code: str) -> None:
    assert latex.escape(text) == code


@given(st.text())
def test_escape_is_total_and_leaves_nothing_that_latex_would_act_on(text: str) -> None:
    code = str(latex.escape(text))
    commands = re.sub(r"\\[a-zA-Z]+|\\[&%$#_{},S]", "", code)
    assert not set(commands) & set("\\&%#")
    assert code.count("~") == text.count("\u00a0")  # a tie stands for a no-break space and nothing else
    assert code.count("{") - code.count(r"\{") == code.count("}") - code.count(r"\}")
    unescaped_dollars = len(re.findall(r"(?<!\\)\$", code))
    assert unescaped_dollars % 2 == 0
    # what is not ASCII is a Latin letter that inputenc knows
    assert all("À" <= character <= "ſ" for character in code if ord(character) > 126)


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="\\{}$&#%_^~\"`<>|-,'"))
)
def test_plain_words_pass_unchanged(text: str) -> None:
    assert latex.escape(text) == text


def test_every_label_can_be_printed() -> None:
    assert not any("U+" in latex.escape(label) for label in LABELS.values())


def _write(folder: Path, text: str) -> str:
    (folder / "t.j2").write_text(text, encoding="utf-8")
    return latex.environment(folder).get_template("t.j2").render(x="β_1", safe=Markup(r"\LaTeX"), number=0.5)


def test_templates_escape_text_and_leave_markup_alone(tmp_path: Path) -> None:
    assert (
        _write(tmp_path, r"\emph{<< x >>} << safe >> << x + '&' >>")
        == r"\emph{$\beta$\_1} \LaTeX $\beta$\_1\&"
    )


def test_macros_are_not_escaped_twice(tmp_path: Path) -> None:
    assert (
        _write(tmp_path, r"<% macro f(y) %>\textbf{<< y >>}<% endmacro %><< f(x) >>")
        == r"\textbf{$\beta$\_1}"
    )


def test_an_unformatted_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"printed 0\.5"):
        _write(tmp_path, "<< number >>")


def test_an_undefined_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="absent"):
        _write(tmp_path, "<< absent >>")


def test_no_template_contains_a_decimal_number_that_is_not_a_rule_or_a_length() -> None:
    """Results are never typed: what decimals templates hold are lengths, printed thresholds and definitions."""
    allowed = {"0.05", "0.25", "0.01"}
    for template in sorted(latex.TEMPLATES.rglob("*.j2")):
        if template.name == "preamble.tex.j2":
            continue
        text = re.sub(r"<#.*?#>|<%.*?%>|<<.*?>>", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"[\d.]+\\(text|column)width", "", text)
        found = set(re.findall(r"(?<![\w.])\d+\.\d+(?!\d|cm|pt)", text))
        assert found <= allowed, f"{template.name}: {sorted(found - allowed)}"
