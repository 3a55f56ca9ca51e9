"""What a model of one step is fed of its own results."""

from __future__ import annotations

from snncc.errors import Problem, error
from snncc.importers.torch.courses import same_results
from snncc.importers.torch.feeding import Feed, find_feed, free_arguments
from snncc.importers.torch.session import Session


def feed_of(session: Session) -> Feed:
    free, needed = free_arguments(session.model, len(session.example))
    if needed:
        raise error(
            "SNC-C003",
            f"the example has {len(session.example)} inputs, the model needs "
            f"{', '.join(needed)} as well",
            remedy="give an example of each; of a state too, and name it: states=[...]",
        )
    feed = find_feed(session.model, free, session.fresh_call)
    if feed.paths and session.carries():
        return _beside_others(session, feed)
    return feed


def _beside_others(session: Session, feed: Feed) -> Feed:
    """
    What a model is fed that keeps states by itself, too. An argument that adds a current, or
    that stands in for a state that is kept anyway, is none of what the next step needs.
    """
    alone = Feed(others=[*feed.paths, *feed.others])
    if same_results(session, feed, alone):
        return feed
    if feed.doubtful:
        alone.warnings.append(not_fed(feed))
        return alone
    if not feed.named:
        names = ", ".join(feed.paths)
        raise error(
            "SNC-I001",
            f"the model keeps states by itself, and could take its own results as {names} as "
            "well: with them it does otherwise than without",
            remedy=f"if it is a state: give an example of it as an input, and name it "
            f"(states=[{next(iter(feed.paths))!r}]); if not: leave the argument out "
            "(snncc.load(lambda x: model(x), x))",
        )
    feed.warnings.append(
        Problem(
            "SNC-W014",
            f"the model keeps states by itself, and is fed its own results as "
            f"{', '.join(feed.paths)} as well, by their names",
            remedy="name them (states=[...]) to say that this is meant, or leave the argument "
            "out: snncc.load(lambda x: model(x), x)",
            severity="warning",
        )
    )
    return feed


def not_fed(feed: Feed) -> Problem:
    return Problem(
        "SNC-W014",
        f"the model could take its own results as {', '.join(feed.paths)}; it is run without "
        "that, for it starts as it would from no constant state",
        remedy="if it is a state: give an example of it as an input, and name it (states=[...])",
        severity="warning",
    )
