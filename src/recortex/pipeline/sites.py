"""Where a pipeline runs besides this process: a site file names a Dask cluster and what its stages need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recortex.errors import InvalidInput, MissingExtra, did_you_mean
from recortex.pipeline.entries import shipped


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
    def _resources_exist(self) -> Site:
        if self.cluster == "local" and self.resources:
            raise ValueError("resources need workers that were started with them; local workers have none")
        return self

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A Dask client of this site, closed afterwards with the cluster that was started for it.

        Raises
        ------
        MissingExtra
            SLURM without dask-jobqueue.
        InvalidInput
            No scheduler answers at the address.
        """
        from distributed import Client

        if self.cluster == "address":
            try:
                found = Client(self.address, timeout="10s")
            except (OSError, ValueError) as error:
                raise InvalidInput(f"no Dask scheduler answers at {self.address or 'the site (give it an address)'}") from error
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
            cluster = SLURMCluster(**self.options)
            cluster.adapt(maximum_jobs=self.workers)
            return cluster
        from distributed import LocalCluster

        # BLAS threads times workers must not exceed the cores
        threads = str(max(1, (os.cpu_count() or 1) // self.workers))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        return LocalCluster(
            n_workers=self.workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=50,
            env=limits,
        )


def load_site(name: str) -> Site:
    """Read a site file: a path, or the name of one that comes with recortex.

    Raises
    ------
    InvalidInput
        There is none, or it holds something else.
    """
    known = {path.stem: path for path in (shipped() / "sites").glob("*.yaml")}
    path = Path(name) if Path(name).is_file() else known.get(name)
    if path is None:
        raise InvalidInput(f"there is no site file {name}{did_you_mean(name, known)}")
    try:
        return Site.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else None
        words = f"{'.'.join(map(str, said['loc']))}: {said['msg']}" if said else str(error).split("\n")[0]
        raise InvalidInput(f"{path}: {words}") from error
