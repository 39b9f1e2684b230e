"""Use trained models: `apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reproduce.commands import options
from reproduce.commands.options import ProfileOption, ResultsOption, app


@app.command()
def apply(
    model: Annotated[str, typer.Argument(help="Slug or label, with @variant.")],
    images: Annotated[
        list[Path], typer.Argument(help="Grey PNG of 28 x 28, white on black as in MNIST; or npy of many.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write to. Nothing in it is overwritten.")] = Path(
        "applied"
    ),
    interpolate: Annotated[
        bool, typer.Option("--interpolate", help="A strip of ten frames between two images instead.")
    ] = False,
    profile_name: ProfileOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the trained run.")] = 42,
    results: ResultsOption = Path("results"),
) -> int:
    """Reconstruct images of your own with a trained model, or interpolate between two of them."""
    from reproduce.inference import own_images
    from reproduce.inference.trained import load
    from reproduce.storage.runs import select

    name = "@".join(filter(None, select([model])[0]))
    targets = own_images.outputs(images, out, name, interpolate)
    trained = load(model, profile=profile_name, seed=seed, results=results, published=options.PUBLISHED)
    own_images.apply(trained, images, targets, interpolate)
    for target in targets:
        typer.echo(f"wrote {target}")
    return 0
