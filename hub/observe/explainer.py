"""What a publish would do, without doing it: the refusal, the targets, and why one user would get it or not.

It asks the publisher itself, so that an explanation and a publish cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import UNSET

from contracts.explanation import DeliveryOutlook, Explanation, Reason, ReasonCode, UserExplanation
from contracts.policy import Policy
from contracts.stats import ConnectionCounts
from hub.auth.account import ADMITTED_STATUSES
from hub.auth.grant import ServiceGrant, home_account
from hub.auth.service_keys import ServiceKeys
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.directory.directory import Directory, User
from hub.errors import DirectoryUnavailable, HubError, InvalidField
from hub.errors.problem import describe_problem
from hub.observe.target_view import view_targets
from hub.publish.body import Publication, Question
from hub.publish.publisher import CheckedPublication, Publisher
from hub.target import Target, split_target, subscriber_targets, user_target
from hub.timestamp import format_time

__all__ = ["Explainer"]

_DETAILS: dict[ReasonCode, str] = {
    "connected": "The user is connected and would get it at once",
    "catching_up": "A connection of the user still gets older notifications; this one would come after them",
    "not_connected": "No connection of the user is open; a client that returns with its cursor gets it from the log",
    "refused": "The hub would refuse the publish",
    "not_addressed": "None of the targets is this user, their account or everyone",
    "other_account": "The notification, or the question, names this user in another account than the user's own",
    "unknown_user": "There is no such user in an account that this key reaches",
    "no_account": "The user has no account, so the user cannot connect",
    "user_inactive": "The directory says that the user is not active, so the user cannot connect again",
    "account_inactive": "The directory says that the account is not active, so its users cannot connect again",
    "muted": "The user has muted this type, so it is only listed in the inbox, where the type is",
    "account_not_given": "There is no directory to look the account up in; give `explain_account_id`",
    "directory_unavailable": "The directory cannot be asked now, so it is not known whether the user may connect",
}

#: Reasons that decide whatever is connected, and those that leave it open.
_NOT_FOR_THEM: frozenset[ReasonCode] = frozenset({"refused", "not_addressed", "other_account", "unknown_user", "muted"})
_UNKNOWN: frozenset[ReasonCode] = frozenset({"account_not_given", "directory_unavailable"})


class Explainer:
    """Explains publishes to a service key with the right `observe`; it changes nothing."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        policies: Mapping[str, Policy],
        keys: ServiceKeys,
        directory: Directory,
        subscribers: Subscribers,
    ) -> None:
        self._publisher = publisher
        self._policies = policies
        self._keys = keys
        self._directory = directory
        self._subscribers = subscribers

    async def explain(self, body: bytes, observer: ServiceGrant, idempotency_key: str | None) -> Explanation:
        """Return what the publish in `body` would do, as far as `observer` may know.

        Raises:
            InvalidJson, TooDeep, InvalidField: the body is not JSON, or the question itself cannot be used.
            KeyLimitedToAccounts: a key that is limited to some accounts asks for the rights of another service.
        """
        question, parsed = self._publisher.parse_explain(body)
        service = self._find_service(question.explain_service, observer)
        checked: CheckedPublication | None = None
        refusal: HubError | None = None
        if isinstance(parsed, HubError):
            refusal = parsed
        else:
            try:
                checked = await self._publisher.check(parsed, service, idempotency_key)
            except HubError as error:
                refusal = error
        targets = () if checked is None else checked.targets
        kind = parsed.type if isinstance(parsed, Publication) else UNSET
        matched = () if kind is UNSET else tuple(self._subscribers.find_unmuted(targets, kind))
        user: UserExplanation | None = None
        if question.explain_user_id is not None:
            user = await self._explain_user(question, parsed, checked, observer)
        return Explanation(
            accepted=refusal is None,
            service=service.name,
            refusal=UNSET if refusal is None else describe_problem(refusal),
            type=kind,
            policy=UNSET if kind is UNSET else self._policies[kind],
            targets=view_targets(targets, observer),
            target_count=len(targets),
            users=len({subscriber.targets[0] for subscriber in matched}),
            connections=_count(matched),
            supersedes=UNSET if checked is None or checked.supersedes is None else checked.supersedes,
            expires_at=UNSET if checked is None or checked.expires_at_s is None else format_time(checked.expires_at_s),
            warnings=[] if checked is None else checked.warnings,
            user=UNSET if user is None else user,
        )

    def _find_service(self, name: str | None, observer: ServiceGrant) -> ServiceGrant:
        if name is None or name == observer.name:
            return observer
        # Its targets may be in accounts that the observer does not reach.
        observer.require_all_accounts()
        found = self._keys.find_grant(name)
        if found is None:
            raise InvalidField("There is no service with this name", field="$.explain_service")
        return found

    async def _explain_user(
        self,
        question: Question,
        parsed: Publication | HubError,
        checked: CheckedPublication | None,
        observer: ServiceGrant,
    ) -> UserExplanation:
        user_id = question.explain_user_id or ""
        named = question.explain_account_id
        found: User | None = None
        barriers: list[ReasonCode] = []
        home: str | None
        if self._directory.trusts_claims:
            home = named or (parsed.account_id if isinstance(parsed, Publication) else None)
            if home is None:
                return _conclude([], ["account_not_given"])
        else:
            try:
                found = await self._directory.find_user(user_id)
            except DirectoryUnavailable:
                if named is None:
                    return _conclude([], ["directory_unavailable"])
                home, barriers = named, ["directory_unavailable"]
            else:
                home = None if found is None else home_account(found.role, found.account_id)
                if found is not None and home is None and observer.accounts is None:
                    return _conclude([], ["no_account"])
        # Whose customer somebody is stays hidden from a key that does not reach the account.
        if home is None or not observer.reaches(home):
            return _conclude([], ["unknown_user"])
        if found is not None:
            barriers += _find_barriers(found)
        connected = self._subscribers.match([user_target(home, user_id)])
        if (obstacle := self._find_obstacle(home, user_id, parsed, checked)) is not None:
            barriers.insert(0, obstacle)
        if named is not None and named != home:
            barriers.insert(0, "other_account")
        return _conclude(connected, list(dict.fromkeys(barriers)))

    def _find_obstacle(
        self, home: str, user_id: str, parsed: Publication | HubError, checked: CheckedPublication | None
    ) -> ReasonCode | None:
        """Return why this publish would reach none of this user's connections; None where nothing is in the way."""
        if checked is None or isinstance(parsed, HubError):
            return "refused"
        if set(subscriber_targets(home, user_id)).isdisjoint(checked.targets):
            return "other_account" if _names_elsewhere(checked.targets, user_id) else "not_addressed"
        return "muted" if parsed.type in self._subscribers.mutes.find(user_target(home, user_id)) else None


def _find_barriers(user: User) -> list[ReasonCode]:
    """Return why this user could not connect, by the rules of `hub.auth.account`."""
    barriers: list[ReasonCode] = [] if user.active else ["user_inactive"]
    if user.account_id is not None and user.account_status not in ADMITTED_STATUSES:
        barriers.append("account_inactive")
    return barriers


def _names_elsewhere(targets: Sequence[Target], user_id: str) -> bool:
    return any(user == user_id for _, user in map(split_target, targets))


def _conclude(connected: Sequence[Subscriber], barriers: Sequence[ReasonCode]) -> UserExplanation:
    """Return the outlook that follows from the barriers and the connections."""
    reasons = list(barriers)
    outlook: DeliveryOutlook
    if _NOT_FOR_THEM.intersection(barriers):
        outlook = "no"
    elif connected:
        # They were admitted, whatever the directory says or cannot say now; a recheck has yet to end them.
        outlook = "now"
        live = any(subscriber.session.phase is Phase.LIVE for subscriber in connected)
        reasons.append("connected" if live else "catching_up")
    elif _UNKNOWN.intersection(barriers):
        outlook = "unknown"
    elif barriers:
        outlook = "no"
    else:
        outlook = "on_return"
        reasons.append("not_connected")
    return UserExplanation(
        delivery=outlook,
        reasons=[Reason(code=code, detail=_DETAILS[code]) for code in reasons],
        connections=_count(connected),
    )


def _count(subscribers: Sequence[Subscriber]) -> ConnectionCounts:
    transports = Counter(subscriber.transport for subscriber in subscribers)
    return ConnectionCounts(
        total=len(subscribers),
        websocket=transports["websocket"],
        sse=transports["sse"],
        durable_streams=transports["durable-streams"],
    )
