"""Applying a run's durable events to the store: one transaction, arbitrated by the status the run was last seen in."""

from collections.abc import Sequence

from proxy.runs.lifecycle import is_terminal
from proxy.runs.progress import RunProgress, encode_progress
from proxy.schema.events import Durable, Event, MessageChanged, RunChanged, StepChanged
from proxy.schema.messages import Message
from proxy.schema.runs import Run, RunStatus
from proxy.schema.steps import RunStep
from proxy.store import messages, runs, steps
from proxy.store.database import Connection


class Lost(Exception):
    """The run moved on while this process worked on it: a normal outcome. Nothing of the transaction was kept."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        super().__init__("the run moved on")
        self.events = events
        """What could not be saved."""


def durable(events: Sequence[Event]) -> list[Durable]:
    return [event for event in events if isinstance(event, RunChanged | StepChanged | MessageChanged)]


async def apply(
    db: Connection, project: str, run: Run, events: Sequence[Durable], progress: RunProgress, *, seen: RunStatus
) -> None:
    """Save the last state of every object that changed. `seen` is the run's status before the first of `events`.

    Raises `Lost` when the stored run is no longer `seen`. Without a change of the run itself its row is not written,
    but its status is still asked for: a run that was closed meanwhile must not grow new messages.
    """
    last_run: Run | None = None
    last_steps: dict[str, RunStep] = {}
    reasoning: dict[str, str] = {}
    last_messages: dict[str, Message] = {}
    for event in events:
        match event:
            case RunChanged(run=changed):
                last_run = changed
            case StepChanged(step=step):
                last_steps[step.id] = step
                if event.reasoning is not None:
                    reasoning[step.id] = event.reasoning
            case MessageChanged(message=message):
                last_messages[message.id] = message
    if last_run is not None:
        if not await runs.save_run(db, last_run, was=seen, progress=encode_progress(progress)):
            raise Lost
    else:
        stored = await runs.load_run(db, run.id)
        if stored is None or is_terminal(stored.run.status):
            raise Lost
    for message in last_messages.values():
        await messages.save_message(db, project, message)
    for step in last_steps.values():
        await steps.save_step(db, project, step, reasoning=reasoning.get(step.id))
