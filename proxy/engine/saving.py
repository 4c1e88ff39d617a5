"""Save, then publish: nobody is told what a crash could take back. Deltas are published only.

The durable events of one input are saved in one transaction, arbitrated by the status that the run was last seen in.
"""

from collections.abc import Sequence

from proxy.engine.parts import Parts
from proxy.runs.lifecycle import is_terminal
from proxy.runs.progress import RunProgress, encode_progress
from proxy.runs.turn import Turn
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


class Record:
    """One run as the store last had it and its followers were told of it, and the turn that speaks of it, if any."""

    def __init__(self, parts: Parts, run: Run, project: str) -> None:
        self.parts = parts
        self.run = run
        self.project = project
        self.turn: Turn | None = None
        self.seen = run.status

    def begin(self, turn: Turn) -> None:
        """From here on the events are those of this turn, which was made of the run as it is stored."""
        self.run, self.turn, self.seen = turn.run, turn, turn.run.status

    async def emit(self, events: Sequence[Event]) -> None:
        """Save what the turn said, and publish it. Raises `Lost`, and has told nobody anything then."""
        changes = durable(events)
        if changes:
            turn = self.turn
            assert turn is not None
            progress, seen = turn.progress, self.seen
            try:
                await self.parts.store.write(lambda db: apply(db, self.project, self.run, changes, progress, seen=seen))
            except Lost as lost:
                raise Lost(events) from lost
            self.seen = turn.run.status
        if events:
            self.parts.broadcast.publish(self.run.id, events)


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
