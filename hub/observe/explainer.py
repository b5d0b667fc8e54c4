"""What a publish would do, without doing it: the refusal, the targets, and why one user would get it or not.

It asks the publisher itself, so that an explanation and a publish cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from contracts.explanation import DeliveryOutlook, Explanation, Reason, ReasonCode, UserExplanation
from contracts.policy import Policy
from hub.auth.account import ADMITTED_STATUSES
from hub.auth.grant import ServiceGrant, home_account
from hub.auth.service_keys import ServiceKeys
from hub.cluster.operator import Matching
from hub.directory.directory import Directory, User
from hub.errors import DirectoryUnavailable, HubError, InvalidField
from hub.errors.problem import describe_problem
from hub.observe.connection_board import ConnectionBoard
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
    "node_silent": "A node did not answer, so it is not known whether the user is connected to it",
    "directory_unavailable": "The directory cannot be asked now, so it is not known whether the user may connect",
}

#: Reasons that decide whatever is connected, and those that leave it open.
_NOT_FOR_THEM: frozenset[ReasonCode] = frozenset({"refused", "not_addressed", "other_account", "unknown_user", "muted"})
#: Reasons that say already that the publish itself is not for them, whatever they have muted.
_NOT_ADDRESSED: frozenset[ReasonCode] = frozenset({"refused", "not_addressed"})
_UNKNOWN: frozenset[ReasonCode] = frozenset({"account_not_given", "directory_unavailable", "node_silent"})


class Explainer:
    """Explains publishes to a service key with the right `observe`; it changes nothing."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        policies: Mapping[str, Policy],
        keys: ServiceKeys,
        directory: Directory,
        board: ConnectionBoard,
    ) -> None:
        self._publisher = publisher
        self._policies = policies
        self._keys = keys
        self._directory = directory
        self._board = board

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
        user: UserExplanation | None = None
        person: Target | None = None
        barriers: list[ReasonCode] = []
        if question.explain_user_id is not None:
            person, barriers = await self._find_person(question, parsed, checked, observer)
        matching, nodes = await self._board.match_everywhere(targets, "" if kind is UNSET else kind, person)
        if question.explain_user_id is not None:
            if person is not None and nodes is not None and nodes.silent is not UNSET:
                barriers.append("node_silent")
            user = _conclude(matching, barriers)
        return Explanation(
            accepted=refusal is None,
            service=service.name,
            refusal=UNSET if refusal is None else describe_problem(refusal),
            type=kind,
            policy=UNSET if kind is UNSET else self._policies[kind],
            targets=view_targets(targets, observer),
            target_count=len(targets),
            users=matching.users,
            connections=matching.connections,
            supersedes=UNSET if checked is None or checked.supersedes is None else checked.supersedes,
            expires_at=UNSET if checked is None or checked.expires_at_s is None else format_time(checked.expires_at_s),
            warnings=[] if checked is None else checked.warnings,
            user=UNSET if user is None else user,
            nodes=UNSET if nodes is None else nodes,
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

    async def _find_person(
        self,
        question: Question,
        parsed: Publication | HubError,
        checked: CheckedPublication | None,
        observer: ServiceGrant,
    ) -> tuple[Target | None, list[ReasonCode]]:
        """Return whose connections to look at, None where nobody's, and why this user may not get it."""
        user_id = question.explain_user_id or ""
        named = question.explain_account_id
        found: User | None = None
        barriers: list[ReasonCode] = []
        home: str | None
        if self._directory.trusts_claims:
            home = named or (parsed.account_id if isinstance(parsed, Publication) else None)
            if home is None:
                return None, ["account_not_given"]
        else:
            try:
                found = await self._directory.find_user(user_id)
            except DirectoryUnavailable:
                if named is None:
                    return None, ["directory_unavailable"]
                home, barriers = named, ["directory_unavailable"]
            else:
                home = None if found is None else home_account(found.role, found.account_id)
                if found is not None and home is None and observer.accounts is None:
                    return None, ["no_account"]
        # Whose customer somebody is stays hidden from a key that does not reach the account.
        if home is None or not observer.reaches(home):
            return None, ["unknown_user"]
        if found is not None:
            barriers += _find_barriers(found)
        if (obstacle := self._find_obstacle(home, user_id, parsed, checked)) is not None:
            barriers.insert(0, obstacle)
        if named is not None and named != home:
            barriers.insert(0, "other_account")
        return user_target(home, user_id), list(dict.fromkeys(barriers))

    def _find_obstacle(
        self, home: str, user_id: str, parsed: Publication | HubError, checked: CheckedPublication | None
    ) -> ReasonCode | None:
        """Return why this publish would reach none of this user's connections; None where nothing is in the way."""
        if checked is None or isinstance(parsed, HubError):
            return "refused"
        if set(subscriber_targets(home, user_id)).isdisjoint(checked.targets):
            return "other_account" if _names_elsewhere(checked.targets, user_id) else "not_addressed"
        return None


def _find_barriers(user: User) -> list[ReasonCode]:
    """Return why this user could not connect, by the rules of `hub.auth.account`."""
    barriers: list[ReasonCode] = [] if user.active else ["user_inactive"]
    if user.account_id is not None and user.account_status not in ADMITTED_STATUSES:
        barriers.append("account_inactive")
    return barriers


def _names_elsewhere(targets: Sequence[Target], user_id: str) -> bool:
    return any(user == user_id for _, user in map(split_target, targets))


def _conclude(matching: Matching, barriers: Sequence[ReasonCode]) -> UserExplanation:
    """Return the outlook that follows from the barriers and the connections."""
    reasons = list(barriers)
    if matching.is_muted and not _NOT_ADDRESSED.intersection(barriers):
        reasons.insert(0, "muted")
    outlook: DeliveryOutlook
    if _NOT_FOR_THEM.intersection(reasons):
        outlook = "no"
    elif matching.user_connections.total:
        # They were admitted, whatever the directory says or cannot say now; a recheck has yet to end them.
        outlook = "now"
        reasons = [reason for reason in reasons if reason != "node_silent"]
        reasons.append("connected" if matching.is_live else "catching_up")
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
        connections=matching.user_connections,
    )
