"""Where a pipeline runs besides this process: a site file names a Dask cluster and what its stages need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recortex import plain_yaml
from recortex.errors import InvalidInput, MissingExtra, WorkersFailed, did_you_mean, in_one_line, shown
from recortex.interrupts import unheard_by_children
from recortex.pipeline.entries import shipped

ADDRESS = r"(?:(?:tcp|tls|wss?)://)?(?:[\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}"


class Site(BaseModel):
    """A Dask cluster.

    Parameters
    ----------
    cluster : "local", "slurm" or "address"
        Processes on this machine, SLURM jobs through dask-jobqueue, or a scheduler that runs already.
    workers : int
        Processes, or jobs at most.
    address : str
        Of the scheduler, for "address".
    options : dict
        Handed to ``dask_jobqueue.SLURMCluster``.
    resources : dict of str to dict
        Dask resources by stage type, such as ``{UnCLIP: {gpu: 1}}``; workers must have been started with them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    cluster: Literal["local", "slurm", "address"] = "local"
    workers: int = Field(default=2, ge=1)
    address: str = ""
    options: dict[str, Any] = {}
    resources: dict[str, dict[str, float]] = {}

    @model_validator(mode="after")
    def _belongs_together(self) -> Site:
        if self.cluster == "local" and self.resources:
            raise ValueError("cluster: local takes no resources; remove them, or use cluster: slurm or address")
        if (self.cluster == "address") != bool(self.address):
            raise ValueError("cluster: address needs an address, as in tcp://HOST:8786; any other cluster takes none")
        if self.address and not re.fullmatch(ADDRESS, self.address):
            raise ValueError(f"the address must be as tcp://HOST:8786, got {shown(repr(self.address))}")
        if self.cluster != "slurm" and self.options:
            raise ValueError("options are handed to SLURMCluster, so only cluster: slurm uses them")
        return self

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A Dask client of this site, closed afterwards with the cluster that was started for it.

        Raises
        ------
        MissingExtra
            SLURM without dask-jobqueue.
        InvalidInput
            No scheduler answers at the address, or dask-jobqueue does not know the options.
        """
        from distributed import Client

        if self.cluster == "address":
            try:
                found = Client(self.address, timeout="10s")
            except (OSError, ValueError, TypeError, ImportError) as error:
                raise InvalidInput(
                    f"no Dask scheduler answers at {shown(self.address)}; start one (dask scheduler), or correct the address in the "
                    "site file"
                ) from error
            with found as client:
                yield client
            return
        with self._start() as cluster, Client(cluster) as client:
            yield client

    def _start(self) -> Any:
        if self.cluster == "slurm":
            try:
                from dask_jobqueue import SLURMCluster
            except ImportError as error:
                raise MissingExtra('SLURM needs dask-jobqueue: pip install "recortex[cluster]"') from error
            try:
                cluster = SLURMCluster(**self.options)
            except (TypeError, ValueError) as error:
                raise InvalidInput(f"dask_jobqueue.SLURMCluster refuses the site's options: {shown(str(error), 300)}") from error
            cluster.adapt(maximum_jobs=self.workers)
            return cluster
        from distributed import LocalCluster

        # BLAS threads times workers must not exceed the cores
        threads = str(max(1, _cores() // self.workers))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        try:
            with unheard_by_children():
                return LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    silence_logs=50,
                    env=limits,
                )
        except (RuntimeError, OSError) as error:
            raise WorkersFailed(
                f"{self.workers} workers could not be started ({in_one_line(error, bare=True)}), most often for lack of memory; run "
                "again, with fewer workers or in this process (--workers 0)"
            ) from error


def _cores() -> int:
    """The cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_site(name: str) -> Site:
    """Read a site file: a path, or the name of one that comes with recortex.

    Raises
    ------
    InvalidInput
        There is none, or it holds something else.
    """
    known = {path.stem: path for path in (shipped() / "sites").glob("*.yaml")}
    path = Path(name)
    try:
        if not path.is_file():
            path = known.get(name, path)
        there = path.exists()
    except OSError:  # a name that no file can have
        there = False
    if not there:
        raise InvalidInput(f"there is no site file {shown(name, 400)}{did_you_mean(name, known)}")
    try:
        found = plain_yaml.read(path, "a site file")
        if not found.keys() & Site.model_fields.keys():
            raise InvalidInput(
                f"{shown(path, 400)} is not a site file: it has none of {', '.join(Site.model_fields)}; name one that has, or one that "
                f"comes with recortex: {', '.join(sorted(known))}"
            )
        return Site.model_validate(found, strict=True)
    except ValidationError as error:
        raise InvalidInput(f"{path}: {plain_yaml.complaint(error)}{_near(error)}") from error


def _near(error: ValidationError) -> str:
    first = error.errors()[0]
    return did_you_mean(first["loc"][0], Site.model_fields) if first["type"] == "extra_forbidden" else ""
