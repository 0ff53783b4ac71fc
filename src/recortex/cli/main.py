"""``recortex``: new, plan, run, show, export, list, fetch, doctor, cache. Each command loads what it needs when it is called."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Brain recordings and the stimuli that evoked them, mapped both ways.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cache_app = typer.Typer(help="The results on disk.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(cache_app, name="cache")

PipelineFile = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="A pipeline file, or the name of one that comes with recortex.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="ENTRY.FIELD=VALUE", help="Change one field, as in brain.repeats=average; may be given again."),
]
Overlay = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Lay the entries of another file, or of one that comes with recortex (tiny), over these."),
]
Each = Annotated[
    list[str] | None,
    typer.Option(metavar="ENTRY.FIELD=A,B,C", help="A branch of the pipeline for each value, as in encoder.cv=3,5."),
]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="FOLDER", help="Where results are kept.", envvar="RECORTEX_CACHE")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.")]


def main() -> None:
    """Run a command; an error that recortex raises on purpose becomes one line and exit code 2."""
    from recortex.cli.failing import failed
    from recortex.cli.stopping import Stopped, end, stoppable

    try:
        with stoppable() as raised:
            try:
                _check_folder()
                code = app(standalone_mode=False)
            except Exception as error:
                code = None if raised else failed(error)
            if raised:
                raise raised[0]
    except Stopped as stopped:
        end(stopped)
    sys.exit(code if isinstance(code, int) else 0)


def _check_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        from recortex.errors import InvalidInput

        raise InvalidInput("the folder you are in is gone; go to one that is there (cd FOLDER), then run again") from None


@contextmanager
def _store(folder: Path | None) -> Iterator[Any]:
    """The cache of a command; what local files hold is settled when they are first looked at."""
    from recortex import keys, store

    with store.use(store.Store(folder.expanduser().absolute()) if folder else store.current()) as here, keys.settled():
        yield here


def _whole(text: str, option: str) -> int:
    from recortex.errors import InvalidInput, shown

    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{option} must be a whole number of 0 or more, got {shown(text)}")
    return int(text)


def _make_outputs(folder: Path) -> None:
    from recortex import disk

    disk.make_folder(folder, disk.OUTPUTS)
    with disk.refusals(folder, disk.OUTPUTS):
        disk.write_whole(folder / ".trial", "", lasting=False)
        (folder / ".trial").unlink(missing_ok=True)


def _load(pipeline: str, sets: list[str] | None, overlays: list[Path] | None, each: list[str] | None) -> tuple[str, dict, dict]:
    """Entries and nodes of every branch, and the pipeline's name."""
    from recortex.pipeline import build, entries

    name, base = entries.gather(pipeline, overlays or [], sets or [])
    split = entries.branches(base, each or [])
    return name, split, {branch: build.build(one) for branch, one in split.items()}


@app.command()
def run(
    pipeline: PipelineFile,
    set_: Set = None,
    overlay: Overlay = None,
    each: Each = None,
    workers: Annotated[str, typer.Option(metavar="NUMBER", help="Local Dask workers; 0 runs in this process.")] = "0",
    site: Annotated[
        str, typer.Option(metavar="SITE", help="A site file (pipelines/sites), or the name of one: where Dask runs.")
    ] = "",
    outputs: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the folder of this run goes.")] = Path("outputs"),
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Compute what is not there yet, and write outputs/PIPELINE: links, scores.csv, report.html."""
    count = _whole(workers, "--workers")
    with _store(cache) as here:
        name, entries, branches = _load(pipeline, set_, overlay, each)
        from recortex.cli.display import closing_table, watcher
        from recortex.errors import DamagedFile
        from recortex.pipeline.outputs import lay_out
        from recortex.pipeline.plan import make_plan
        from recortex.pipeline.run import failures
        from recortex.pipeline.run import run as run_pipeline
        from recortex.pipeline.sites import Site, load_site

        place = load_site(site) if site else Site(workers=count) if count else None
        _make_outputs(outputs / name)  # refused now, and not after a night
        with watcher() as watching:
            if shortage := make_plan(branches).shortage():
                logging.getLogger("recortex").warning(shortage)
            outcomes = run_pipeline(branches, watching, place)
            try:
                report = lay_out(outputs / name, entries, branches, failures(outcomes))
            except DamagedFile as damage:  # only now read, and found bad: made again, once
                here.set_aside(damage)
                outcomes = run_pipeline(branches, watching, place)
                report = lay_out(outputs / name, entries, branches, failures(outcomes))
        closing_table(outcomes, report)
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        if failed:
            worst = next((outcome for outcome in failed if outcome.unforeseen), failed[0])
            if debug and worst.error is not None:
                raise worst.error
            raise typer.Exit(1 if worst.unforeseen else 2)


@app.command()
def plan(
    pipeline: PipelineFile,
    set_: Set = None,
    overlay: Overlay = None,
    each: Each = None,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """What is cached, to do and missing; space, licences. Computes nothing."""
    with _store(cache):
        name, _, branches = _load(pipeline, set_, overlay, each)
        from recortex.cli.display import plan_table
        from recortex.pipeline.plan import make_plan

        found = make_plan(branches)
        plan_table(name, found)
        if any(item.state == "missing" for item in found.items):
            raise typer.Exit(2)  # for scripts that plan before they submit


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="OUTPUTS", help="The folder of a run, outputs/PIPELINE.")],
    controls: Annotated[bool, typer.Option("--controls", help="Every control beside its score too.")] = False,
    debug: Debug = False,
) -> None:
    """The scores of a run, again."""
    from recortex.cli.display import score_table

    score_table(folder, controls)


@app.command()
def export(
    pipeline: PipelineFile,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="The entry of a model that the pipeline trains.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where its files go.")],
    set_: Set = None,
    overlay: Overlay = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Write a trained model's files into a folder, for use elsewhere."""
    with _store(cache):
        name, _, branches = _load(pipeline, set_, overlay, None)
        from recortex.cli.exporting import export_files

        files = export_files(name, branches, entry, to, force)
        typer.echo(f"{len(files)} files of {entry} in {to}")


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="stages, datasets, or the name of a stage to see its fields.")] = "stages",
    debug: Debug = False,
) -> None:
    """The stages and datasets there are, or the fields of one stage."""
    from recortex.cli.listing import list_datasets, list_fields, list_stages
    from recortex.data import manifests

    if what in ("stages", "stage"):
        list_stages()
    elif what in ("datasets", "dataset"):
        list_datasets()
    elif what in manifests.names():
        list_datasets([what])
    else:
        list_fields(what)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline file to write.")],
    brain: Annotated[Path, typer.Option(help="Responses: .npy, .npz, .mat, .h5, .csv or a 4D NIfTI image.")],
    trials: Annotated[Path | None, typer.Option(help="The trial table, .csv or .tsv; looked for beside the responses.")] = None,
    stimuli: Annotated[Path | None, typer.Option(help="Pictures: a folder, or an array in a file.")] = None,
    mask: Annotated[Path | None, typer.Option(help="For an image: a mask on the same grid.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    debug: Debug = False,
) -> None:
    """Look at your files and write a commented pipeline for them."""
    from recortex.cli.new import write_pipeline

    write_pipeline(file, brain, trials, stimuli, mask, force)


@app.command()
def fetch(dataset: Annotated[str, typer.Argument(help="A dataset of `recortex list datasets`.")], debug: Debug = False) -> None:
    """Bring a public dataset's files to this machine; shows its licence first."""
    from recortex.cli.listing import fetch_dataset

    fetch_dataset(dataset)


@app.command()
def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print the findings as JSON, without your name, for an issue.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Import every large package too, and read every result whole; takes minutes.")
    ] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """What is wrong here, and what to do: versions, GPU, cores, hub, cache, disk. Exit code 1 where there is a problem."""
    from recortex.cli.doctor import as_json, examine, print_findings, waiting

    with waiting():
        findings, seconds = examine(cache, thorough, debug)
    print(as_json(findings)) if json_ else print_findings(findings, seconds)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


@cache_app.command("list")
def cache_list(cache: Cache = None, debug: Debug = False) -> None:
    """What is kept, by kind of stage."""
    from recortex.cli.cache import check_cache, list_cache

    with _store(cache) as here:
        check_cache(here, cache is not None)
        list_cache(here)


@cache_app.command("prune")
def cache_prune(
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Also the parts of results that no process is making; a run would go on with them."),
    ] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Remove what no result needs: unfinished files, damaged ones, parts of finished results, idle locks."""
    from recortex.cli.cache import check_cache, prune_cache

    with _store(cache) as here:
        check_cache(here, cache is not None)
        prune_cache(here, unfinished)


@cache_app.command("clear")
def cache_clear(
    cache: Cache = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, debug: Debug = False
) -> None:
    """Remove all results."""
    from recortex.cli.cache import check_cache, clear_cache

    with _store(cache) as here:
        check_cache(here, cache is not None)
        if not yes:
            typer.confirm(f"Remove every result in {here.root}?", abort=True)
        clear_cache(here)
