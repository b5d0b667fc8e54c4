/** Who is connected: counts by account, and one user's connections, which an operator may close. */
import { useEffect, useRef, useState } from "preact/hooks";
import { FailureBox } from "../failure.js";
import { formatBytes, formatCount, formatMoment } from "../format.js";
import { post } from "../hub.js";
import { usePage } from "../page.js";
import { useRequest } from "../request.js";
import { nameTransport } from "../transports.js";
import type { ConnectionsFound, DisconnectReceipt, Figures } from "../wire.js";

interface Person {
  user_id: string;
  account_id?: string;
}

export function ConnectionsView({ figures }: { figures: Figures | undefined }) {
  const { texts, language, serviceKey } = usePage();
  const [userId, setUserId] = useState("");
  const [accountId, setAccountId] = useState("");
  const [asked, setAsked] = useState<Person>();
  const [found, find] = useRequest<ConnectionsFound>();

  function look(person: Person): void {
    setAsked(person);
    find(() => post(serviceKey, "/api/internal/connections", JSON.stringify(person)));
  }

  return (
    <>
      <section aria-labelledby="look-up">
        <h2 id="look-up">{texts.lookUp}</h2>
        <form
          class="controls"
          onSubmit={(event) => {
            event.preventDefault();
            look({ user_id: userId, ...(accountId === "" ? {} : { account_id: accountId }) });
          }}
        >
          <label>
            {texts.userId}
            <input
              required
              maxLength={128}
              autocomplete="off"
              spellcheck={false}
              value={userId}
              onInput={(event) => setUserId(event.currentTarget.value)}
            />
          </label>
          <label>
            {texts.accountId} ({texts.optional})
            <input
              maxLength={128}
              autocomplete="off"
              spellcheck={false}
              value={accountId}
              onInput={(event) => setAccountId(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="main">
            {texts.find}
          </button>
        </form>
        <p class="soft">{texts.lookUpHint}</p>
        <div aria-live="polite">
          {found.kind === "working" ? <p>{texts.working}</p> : null}
          {found.kind === "failed" ? <FailureBox failure={found.failure} texts={texts} /> : null}
          {found.kind === "done" ? <Found found={found.result} /> : null}
        </div>
        {asked === undefined ? null : (
          <Disconnect
            person={asked}
            isConnected={found.kind === "done" && found.result.total > 0}
            onDone={() => look(asked)}
          />
        )}
      </section>
      <section aria-labelledby="by-account">
        <h2 id="by-account">{texts.byAccount}</h2>
        <p class="soft">{texts.byAccountAbout}</p>
        {figures === undefined || figures.largest_accounts.length === 0 ? (
          <p>{texts.none}</p>
        ) : (
          <table class="narrow">
            <thead>
              <tr>
                <th scope="col">{texts.account}</th>
                <th scope="col" class="number">
                  {texts.connections}
                </th>
              </tr>
            </thead>
            <tbody>
              {figures.largest_accounts.map((account, index) => (
                // Masked ids may be equal.
                <tr key={index}>
                  <th scope="row">
                    <bdi class="id">{account.account_id}</bdi>
                  </th>
                  <td class="number">{formatCount(account.connections, language)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </>
  );
}

function Found({ found }: { found: ConnectionsFound }) {
  const { texts, language } = usePage();
  const silent = found.nodes?.silent ?? [];
  const missing = silent.length > 0 && (
    <p class="box is-bad" role="status">
      {texts.nodesSilent} <bdi>{silent.join(", ")}</bdi>
    </p>
  );
  if (found.total === 0) {
    return (
      <>
        <p>{texts.noConnections}</p>
        {missing}
      </>
    );
  }
  const named = found.nodes !== undefined;
  const states = { live: texts.stateLive, replaying: texts.stateReplaying, closed: texts.stateClosed };
  return (
    <>
      <p>
        {formatCount(found.connections.length, language)} {texts.of} {formatCount(found.total, language)}
      </p>
      {missing}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" aria-label={texts.connections} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Id</th>
              {named && <th scope="col">{texts.node}</th>}
              <th scope="col">{texts.account}</th>
              <th scope="col">{texts.transport}</th>
              <th scope="col">{texts.protocol}</th>
              <th scope="col">{texts.state}</th>
              <th scope="col">{texts.role}</th>
              <th scope="col" class="number">
                {texts.bytesWaiting}
              </th>
              <th scope="col">{texts.tokenExpires}</th>
            </tr>
          </thead>
          <tbody>
            {found.connections.map((each) => (
              <tr key={each.id}>
                <th scope="row">
                  <code>{each.id}</code>
                </th>
                {named && <td>{each.node}</td>}
                <td>
                  <bdi class="id">{each.account_id}</bdi>
                </td>
                <td>{nameTransport(each.transport, texts)}</td>
                <td>{each.protocol}</td>
                <td>{states[each.state]}</td>
                <td>
                  <bdi>{each.role}</bdi>
                </td>
                <td class="number">{formatBytes(each.waiting_bytes, language)}</td>
                <td>{formatMoment(each.expires_at, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function Disconnect({ person, isConnected, onDone }: { person: Person; isConnected: boolean; onDone: () => void }) {
  const { texts, language, serviceKey, may } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isRevoking, setRevoking] = useState(false);
  const [outcome, disconnect, forget] = useRequest<DisconnectReceipt>();
  // Another person is another question.
  useEffect(() => forget(), [person.user_id, person.account_id]);
  if (!may("disconnect")) return isConnected ? <p class="soft">{texts.missingDisconnect}</p> : null;
  return (
    <>
      {isConnected ? (
        <button type="button" class="danger" onClick={() => dialog.current?.showModal()}>
          {texts.disconnect}
        </button>
      ) : null}
      <div aria-live="polite">
        {outcome.kind === "working" ? <p>{texts.working}</p> : null}
        {outcome.kind === "failed" ? <FailureBox failure={outcome.failure} texts={texts} /> : null}
        {outcome.kind === "done" ? (
          <p class="box is-good">
            {texts.disconnected}: {formatCount(outcome.result.closed, language)}
          </p>
        ) : null}
      </div>
      <dialog ref={dialog} aria-labelledby="disconnect-title" aria-describedby="disconnect-about">
        <h2 id="disconnect-title">{texts.disconnectTitle}</h2>
        <p>
          <bdi class="id">{person.user_id}</bdi> {person.account_id ? <bdi class="id">{person.account_id}</bdi> : null}
        </p>
        <p id="disconnect-about">{texts.disconnectAbout}</p>
        <label class="check">
          <input type="checkbox" checked={isRevoking} onChange={(event) => setRevoking(event.currentTarget.checked)} />
          {texts.revoke}
        </label>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {texts.cancel}
          </button>
          <button
            type="button"
            class="danger"
            onClick={() => {
              dialog.current?.close();
              disconnect(async () => {
                const body = JSON.stringify({ ...person, revoke: isRevoking });
                const receipt = await post<DisconnectReceipt>(serviceKey, "/api/internal/disconnect", body);
                onDone();
                return receipt;
              });
            }}
          >
            {texts.confirm}
          </button>
        </div>
      </dialog>
    </>
  );
}
