"""Plain text into LaTeX: an escape function for any string, and the Jinja environment of the templates.

Templates use `<< value >>`, `<% if %>` and `<# comment #>`, which have no meaning in LaTeX.
A value is escaped unless it is `Markup`; an unformatted number, None or an undefined name is an error, so
that every printed number has gone through `numbers`.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined
from markupsafe import Markup

PACKAGE = Path(__file__).resolve().parents[1]
TEMPLATES = next(
    (path for path in (PACKAGE / "latex", PACKAGE.parent / "latex") if path.is_dir()), PACKAGE / "latex"
)
"""The folder of the templates: inside the package if it is installed, beside it in a checkout."""

_ASCII = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"\textbar{}",
}
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "µ": "mu", "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ω": "omega", "Δ": "Delta", "Σ": "Sigma", "Φ": "Phi", "Ω": "Omega",
}  # fmt: skip
_SYMBOLS = {
    "±": "pm", "×": "times", "÷": "div", "·": "cdot", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv",
    "→": "rightarrow", "←": "leftarrow", "↔": "leftrightarrow", "↑": "uparrow", "↓": "downarrow",
    "∞": "infty", "∈": "in", "∑": "sum", "√": "surd", "∂": "partial", "∇": "nabla", "‖": "Vert", "′": "prime",
    "⊕": "oplus", "∪": "cup", "∩": "cap", "∝": "propto", "°": "circ",
}  # fmt: skip
_ITALIC = dict(zip("𝑑𝑛𝑝𝑟𝑡", "dnprt", strict=True))
"""Mathematical italics: the symbols of statistics inside running text."""
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_TEXT = {
    "−": "$-$",
    "–": "--",
    "—": "---",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "§": r"\S{}",
    "…": r"\dots{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "•": r"\textbullet{}",
    "½": r"$\frac{1}{2}$",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
}


def _single(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if character in _TEXT:
        return _TEXT[character]
    if character in _ITALIC:
        return f"${_ITALIC[character]}$"
    if character in _GREEK:
        return rf"$\{_GREEK[character]}$"
    if character in _SYMBOLS:
        command = _SYMBOLS[character]
        return rf"$^{{\{command}}}$" if command in {"circ", "prime"} else rf"$\{command}$"
    if " " <= character <= "~":
        return character
    if character.isspace():
        return " "
    if "\u00c0" <= character <= "\u017f" and character.isalpha() and character not in "ŉſĿŀĸ":
        return character  # Latin letters with accents: inputenc and T1 support them
    if unicodedata.category(character).startswith("C"):
        return ""
    return rf"{{[}}U+{ord(character):04X}{{]}}"


def escape(text: str) -> Markup:
    """LaTeX that prints `text`, for any string at all.

    Greek letters and mathematical signs become mathematics; runs of ⁻⁴ or ₁ become superscripts and subscripts;
    control characters are removed; a character that the report's fonts lack is printed as its code point
    ("[U+4E2D]"), since pdflatex would stop at it or silently drop it.
    """
    out: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        for shifted, command in ((_RAISED, "^"), (_LOWERED, "_")):
            if character in shifted:
                end = position
                while end < len(text) and text[end] in shifted:
                    end += 1
                out.append(f"${command}{{{''.join(shifted[c] for c in text[position:end])}}}$")
                position = end
                break
        else:
            # "--option" must not become an en dash, nor ",," and "''" quotation marks
            doubled = character in "-,'" and position > 0 and text[position - 1] == character
            out.append("{}" + character if doubled else _single(character))
            position += 1
    return Markup("".join(out))


def finalize(printed: Any) -> Markup:
    """What a template prints for a value: escaped text.

    Raises UndefinedError for a name that the template was not given, TypeError for anything but text.
    """
    if isinstance(printed, Markup):
        return printed
    if isinstance(printed, Undefined):
        str(printed)  # StrictUndefined names the missing variable
    if isinstance(printed, str):
        return escape(printed)
    raise TypeError(f"a template printed {printed!r}: format it with reproduce.report.numbers first")


def environment(templates: Path = TEMPLATES) -> Environment:
    """The Jinja environment of the folder `templates`: strict, and escaping by `finalize`."""
    return Environment(
        loader=FileSystemLoader(templates),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        autoescape=True,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
