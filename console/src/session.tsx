/** One signed-in service: its stream, and the view that is open. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { addToFeed, EMPTY_FEED, type FeedState } from "./feed.js";
import { addFigures, type Point } from "./history.js";
import type { HubFailure } from "./hub.js";
import { type Page, PageContext, readView, type View, VIEWS } from "./page.js";
import type { Language, Texts } from "./texts/index.js";
import { ConnectionsView } from "./views/connections.js";
import { FeedView } from "./views/feed.js";
import { OverviewView } from "./views/overview.js";
import { OutboxView } from "./views/outbox.js";
import { PublishView } from "./views/publish.js";
import { PushView } from "./views/push.js";
import { TraceView } from "./views/trace.js";
import { WebhooksView } from "./views/webhooks.js";
import { type WatchState, watch } from "./watch.js";
import type { Introduction } from "./wire.js";

export function Session(props: {
  texts: Texts;
  language: Language;
  serviceKey: string;
  preferences: ComponentChildren;
  onEnd: (failure: HubFailure | undefined) => void;
}) {
  const { texts, language, serviceKey } = props;
  const [state, setState] = useState<WatchState>({ kind: "connecting" });
  const [introduction, setIntroduction] = useState<Introduction>();
  const [history, setHistory] = useState<readonly Point[]>([]);
  const [feed, setFeed] = useState<FeedState>(EMPTY_FEED);
  const [view, setView] = useState<View>(() => readView(location.hash));
  const [traceId, setTraceId] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);

  // The stream is the key's: new handlers open no new one.
  useEffect(
    () =>
      watch(serviceKey, {
        onState: (next) => {
          setState(next);
          if (next.kind === "ended") props.onEnd(next.failure);
        },
        onEvent: (event) => {
          if (event.type === "introduction") setIntroduction(event);
          if (event.type === "figures") setHistory((points) => addFigures(points, event));
          if (event.type === "feed") setFeed((before) => addToFeed(before, event.items, event.skipped));
        },
      }),
    [serviceKey],
  );
  useEffect(() => {
    const follow = (): void => {
      setView(readView(location.hash));
      // Whoever reads with a screen reader is told where they are.
      requestAnimationFrame(() => heading.current?.focus());
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);

  const page: Page | undefined = introduction && {
    texts,
    language,
    serviceKey,
    introduction,
    may: (operation) => introduction.operations.includes(operation),
    showTrace: (id) => {
      setTraceId(id);
      location.hash = "#/trace";
    },
  };
  return (
    <div class="frame">
      <header>
        <a class="skip" href={`#/${view}`} onClick={(event) => focusContent(event, heading.current)}>
          {texts.skip}
        </a>
        <p class="brand">{texts.title}</p>
        <StateLight state={state} texts={texts} />
        {introduction === undefined ? null : (
          <p class="soft who">
            {texts.service} <strong>{introduction.service}</strong> · {texts.version} {introduction.version}
          </p>
        )}
        {props.preferences}
        <button type="button" onClick={() => props.onEnd(undefined)}>
          {texts.signOut}
        </button>
      </header>
      <nav aria-label={texts.navigation}>
        {VIEWS.map((each) => (
          <a key={each} href={`#/${each}`} aria-current={each === view ? "page" : undefined}>
            {texts[each]}
          </a>
        ))}
      </nav>
      <main id="content">
        <StateBanner state={state} texts={texts} />
        <h1 ref={heading} tabIndex={-1}>
          {texts[view]}
        </h1>
        {page === undefined ? (
          <p>{texts.connecting}</p>
        ) : (
          <PageContext.Provider value={page}>
            {view === "overview" ? <OverviewView history={history} /> : null}
            {view === "feed" ? <FeedView feed={feed} onChange={setFeed} /> : null}
            {view === "trace" ? <TraceView key={traceId} id={traceId} /> : null}
            {view === "explain" ? <PublishView key="explain" mode="explain" /> : null}
            {view === "publish" ? <PublishView key="publish" mode="publish" /> : null}
            {view === "webhooks" ? <WebhooksView /> : null}
            {view === "outbox" ? <OutboxView figures={history.at(-1)?.figures} /> : null}
            {view === "push" ? <PushView /> : null}
            {view === "connections" ? <ConnectionsView figures={history.at(-1)?.figures} /> : null}
          </PageContext.Provider>
        )}
      </main>
    </div>
  );
}

function focusContent(event: Event, heading: HTMLElement | null): void {
  event.preventDefault();
  heading?.focus();
}

function StateLight({ state, texts }: { state: WatchState; texts: Texts }) {
  const label = state.kind === "live" ? texts.live : state.kind === "lost" ? texts.lost : texts.connecting;
  return (
    <p class={`light is-${state.kind}`} role="status">
      {label}
    </p>
  );
}

function StateBanner({ state, texts }: { state: WatchState; texts: Texts }) {
  if (state.kind !== "lost") return null;
  return (
    <p class="box is-doubtful">
      {state.failure?.kind === "slow" ? texts.lostSlow : texts.lost} ({texts.attempt} {state.attempt}).{" "}
      {state.failure?.problem?.detail ?? texts.retryNow}
    </p>
  );
}
