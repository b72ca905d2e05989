"""Finding candidates on the workers of a Dask cluster: the same events as `find`.

Workers read the micrographs and send candidates back; this process alone writes results, so that
what a lost worker had in hand is done again by another one and nothing is written twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from napari_unetpick.engine.data.preprocess import count_cores
from napari_unetpick.engine.devices import choose_device
from napari_unetpick.engine.pick.ensemble import Scorer, make_scorer
from napari_unetpick.engine.pick.find import FindJob, find, no_particles, tell_empty, tell_trained
from napari_unetpick.engine.pick.run import PickJob, pick
from napari_unetpick.errors import EngineError, InputError, UnetPickError
from napari_unetpick.events import Event, Failed, FoundCandidates, Message, Progress
from napari_unetpick.io.images.micrograph import Micrograph
from napari_unetpick.io.models import Model, digest
from napari_unetpick.picking.calibration import Calibration

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
BATCH = 8  # micrographs of a task: seconds of work, and what a lost worker costs
AHEAD = 3  # tasks for each thread that are with the cluster
ANSWER = 10.0  # seconds that a scheduler may take to answer
PATIENCE = 60.0  # that a cluster may take to start
POLL = 0.3
DEAF = "import signal; [signal.signal(each, signal.SIG_IGN) for each in (2, 15)]"
"""Run in local workers: Ctrl-C and SIGTERM reach them too, but this process ends them."""

Found = list[FoundCandidates | Failed]


@dataclass(frozen=True)
class Networks:
    """What makes a scorer on a worker: models, and what was found before the picking."""

    models: list[tuple[str, Model]]
    device: str
    junk: bool
    thorough: bool
    calibration: Calibration

    def __hash__(self) -> int:
        models = (digest(model) for _, model in self.models)
        return hash((*models, self.device, self.junk, self.thorough))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and (hash(self), self.calibration) == (
            hash(other),
            other.calibration,
        )


@lru_cache(maxsize=2)
def load_scorer(networks: Networks) -> Scorer:
    """Make the scorer, once in each worker."""
    scorer = make_scorer(
        networks.models,
        choose_device(networks.device)[0],
        junk=networks.junk,
        thorough=networks.thorough,
    )
    return replace(scorer, calibration=networks.calibration)


def _same(networks: Networks) -> Networks:
    return networks


def find_batch(networks: Networks, job: FindJob) -> Found:
    """Find the candidates of some micrographs, in one thread of a worker."""
    torch.set_num_threads(1)
    events = find(replace(job, threads=1), load_scorer(networks))
    return [each for each in events if isinstance(each, FoundCandidates | Failed)]


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to a Dask scheduler, or start workers of one thread on this machine's cores.

    Raises
    ------
    InputError
        Dask isn't installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise InputError("--cluster needs Dask", "pip install 'napari-unetpick[cluster]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # lost workers are told here
    local = None
    try:
        if address == LOCAL:
            local = distributed.LocalCluster(
                n_workers=count_cores(),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                preload=[DEAF],
                silence_logs=logging.CRITICAL,
            )
        else:
            asyncio.run(_ask(address))  # a Client that fails to start keeps the program from ending
        client = distributed.Client(local or address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        raise InputError(
            f"--cluster {address}: no Dask scheduler answers there ({error})",
            "give the address that dask scheduler prints, such as tcp://node7:8786, or local",
        ) from error
    try:
        yield client
    finally:
        client.close()
        if local is not None:
            local.close()


async def _ask(address: str) -> None:
    """Connect to a scheduler and leave again, to see that it is there."""
    from distributed import Security
    from distributed.comm import connect

    keys = Security().get_connection_args("client")  # of Dask's configuration
    try:
        comm = await connect(address, timeout=ANSWER, **keys)
    except MemoryError as error:  # sizes that it reads where another program answers
        raise OSError("another program does") from error
    await comm.close()


def pick_on_cluster(
    address: str, job: PickJob, check_stop: Callable[[], None] = lambda: None
) -> Iterator[Event]:
    """Pick as `pick` does, with the candidates found on a Dask cluster.

    Parameters
    ----------
    address
        Of the scheduler, or "local".

    Raises
    ------
    Cancelled, UnetPickError
        What was done is kept, and can be resumed.
    """
    with connected(address) as client:
        yield tell_cluster(client)

        def finder(plain: FindJob, scorer: Scorer, check: Callable[[], None]) -> Iterator[Event]:
            networks = Networks(job.models, job.device, job.junk, job.thorough, scorer.calibration)
            names = FindJob.__dataclass_fields__
            plain = FindJob(**{name: getattr(plain, name) for name in names})  # no models in it
            return find_on(client, networks, plain, scorer, check)

        yield from pick(job, check_stop, finder)


def find_on(
    client: Client,
    networks: Networks,
    job: FindJob,
    scorer: Scorer,
    check_stop: Callable[[], None],
) -> Iterator[Event]:
    """Find the candidates of a job's micrographs on a cluster; events as `find` has them.

    Raises
    ------
    EngineError
        The cluster is gone.
    """
    if trained := tell_trained(job, scorer):
        yield trained
    batches = [job.micrographs[i : i + BATCH] for i in range(0, len(job.micrographs), BATCH)]
    started, done, total = time.monotonic(), 0, len(job.micrographs)
    empty: list[str] = []
    paths = {each.key: each.path for each in job.micrographs}
    for found in _computed(client, networks, job, batches, check_stop):
        for event in found:
            if isinstance(event, FoundCandidates) and no_particles(event.candidates):
                empty.append(paths[event.key].name)
            yield event
        done += len(found)
        pace = (time.monotonic() - started) / max(done, 1)
        yield Progress("picking", done, total, pace * (total - done))
    if empty:
        yield tell_empty(sorted(empty), total, job.diameter or scorer.diameter or 0.0)


def _computed(
    client: Client,
    networks: Networks,
    job: FindJob,
    batches: list[list[Micrograph]],
    check_stop: Callable[[], None],
) -> Generator[Found, None, None]:
    """Keep the cluster busy; yield what it found as it comes."""
    from distributed import CancelledError

    there = client.submit(_same, networks, pure=False)  # is sent again where a worker is lost
    coming = iter(batches)
    open_tasks: dict[Future, list[Micrograph]] = {}

    def submit() -> bool:
        batch = next(coming, None)
        if batch is None:
            return False
        part = replace(job, micrographs=batch)
        future = client.submit(find_batch, there, part, pure=False)
        open_tasks[future] = batch
        return True

    try:
        while True:
            room = max(AHEAD * sum(client.nthreads().values()), 1)
            while len(open_tasks) < room and submit():
                pass
            if not open_tasks:
                return
            for future in [each for each in open_tasks if each.done()] or _wait(check_stop):
                batch = open_tasks.pop(future)
                yield _result(future, batch)
    except (OSError, CancelledError, TimeoutError) as error:
        raise EngineError(f"the Dask cluster is gone ({error or type(error).__name__})") from error
    finally:
        client.cancel(list(open_tasks))


def _result(future: Future, batch: list[Micrograph]) -> Found:
    """Return what a task found; those on which workers were lost have failed."""
    from distributed import CancelledError, KilledWorker

    try:
        found: Found = future.result()
        return found
    except KilledWorker:
        reason = "the workers that read it were lost; too little memory?"
        return [Failed(each.name, f"{each.name}: {reason}") for each in batch]
    except (UnetPickError, OSError, CancelledError, TimeoutError):
        raise
    except Exception as error:
        raise EngineError(
            f"a worker of the Dask cluster failed ({type(error).__name__}: {error})",
            "workers need the same versions of napari-unetpick and Python as this process",
        ) from error


def _wait(check_stop: Callable[[], None]) -> list[Any]:
    check_stop()
    time.sleep(POLL)
    return []


def tell_cluster(client: Client) -> Message:
    """Say which cluster it is, and where its dashboard is."""
    threads = client.nthreads()
    if not threads:
        return Message(
            f"Dask: no workers yet, waiting for them; dashboard at {client.dashboard_link}"
        )
    return Message(
        f"Dask: {len(threads)} workers of {sum(threads.values())} threads in all; "
        f"dashboard at {client.dashboard_link}"
    )
