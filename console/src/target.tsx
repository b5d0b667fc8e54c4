/** Whom a notification is for, in words. Ids are the publisher's texts: they may run in any direction. */
import { formatCount } from "./format.js";
import { usePage } from "./page.js";
import type { FeedTarget, TargetView } from "./wire.js";

export function Target({ target }: { target: FeedTarget | TargetView }) {
  const { texts, language } = usePage();
  const many = "users" in target ? target.users : undefined;
  const names = { user: texts.user, users: texts.usersTarget, account: texts.account, everyone: texts.everyone };
  const ids = [target.user_id, target.account_id].filter((id) => id != null);
  return (
    <>
      {names[target.kind]}
      {target.kind === "users" && many !== undefined ? ` (${formatCount(many, language)})` : ""}
      {ids.map((id) => (
        <span key={id}>
          {" "}
          <bdi class="id">{id}</bdi>
        </span>
      ))}
    </>
  );
}
