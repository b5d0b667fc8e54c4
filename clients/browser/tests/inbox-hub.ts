/** A hub in memory with the inbox of one user, as far as the browser client sees it; each of its faults is set by a test. */
import type { AnyFrame } from "../src/wire.js";
import { alert, requests, sockets, type FakeRequest, type FakeSocket } from "./fakes.js";

interface Flags {
  read: boolean;
  archived: boolean;
}

type Body = { read?: string[]; unread?: string[]; archive?: string[]; read_until?: string };

/** What becomes of a request for a change. `lost`: it is done, and the response never arrives. */
export type Fate = "done" | "lost" | "unreachable" | "busy" | "refused" | "refused without a word";

export const FEATURES = ["inbox", "ack", "preferences"];

export class InboxHub {
  features: string[] | undefined = FEATURES;
  /** Every record, by its position; notifications and state. */
  readonly log: (AnyFrame | undefined)[] = [undefined];
  readonly flags = new Map<string, Flags>();
  /** The changes that were asked for and done. */
  readonly changes: Body[] = [];
  fate: (request: FakeRequest) => Fate = () => "done";
  isOffline: (link: FakeSocket | FakeRequest) => boolean = () => false;
  /** Positions up to here are gone. */
  private forgotten = 0;
  private greeted = new Set<FakeSocket>();
  private answered = 0;

  cursor(position = this.log.length - 1): string {
    return `epoch-${position.toString(36)}`;
  }
  position(cursor: string): number {
    return parseInt(cursor.slice("epoch-".length), 36);
  }

  /** Accept the connections and respond to the requests that came since. */
  work(): void {
    for (const socket of sockets) if (!socket.closed && !this.greeted.has(socket)) this.greet(socket);
    for (; this.answered < requests.length; this.answered++) this.respond(requests[this.answered]!);
  }

  publish(type = "stock_alert"): string {
    const number = this.log.length;
    const id = `id-${number}`;
    const frame = { ...alert(number), type, cursor: this.cursor(number) } as AnyFrame;
    if (type !== "cart_updated") this.flags.set(id, { read: false, archived: false });
    this.append(frame);
    return id;
  }

  /** Forget everything up to a position, as retention does. */
  forget(position: number): void {
    this.forgotten = position;
    for (const frame of this.log.slice(0, position + 1))
      this.flags.delete((frame as { id?: string } | undefined)?.id ?? "");
  }

  restart(): void {
    for (const socket of sockets) if (!socket.closed) socket.end(1012);
  }

  /** What a bell shows: ids, newest first, and how many are unread. */
  shown(): { list: string[]; unread: number } {
    const list = [...this.flags].filter(([, { archived }]) => !archived).reverse();
    return {
      list: list.map(([id, { read }]) => (read ? `${id} read` : id)),
      unread: list.filter(([, { read }]) => !read).length,
    };
  }

  /** The ids of what is archived, newest first. */
  archived(): string[] {
    const list = [...this.flags].filter(([, { archived }]) => archived).reverse();
    return list.map(([id]) => id);
  }

  private append(frame: AnyFrame): void {
    this.log.push(frame);
    for (const socket of sockets)
      if (this.greeted.has(socket) && !socket.closed && !this.isOffline(socket)) socket.say(frame);
  }

  /** What a client gets that comes back with a cursor. */
  private since(cursor: string | null | undefined): { resume: "live" | "replayed" | "gap"; frames: AnyFrame[] } {
    if (!cursor) return { resume: "live", frames: [] };
    const from = this.position(cursor);
    if (from < this.forgotten) {
      const gap: AnyFrame = { type: "gap", title: "", message: "", data: { cursor: this.cursor() }, timestamp: "" };
      return { resume: "gap", frames: [gap] };
    }
    return { resume: "replayed", frames: this.log.slice(from + 1) as AnyFrame[] };
  }

  private greet(socket: FakeSocket): void {
    if (this.isOffline(socket)) return socket.end();
    this.greeted.add(socket);
    const { resume, frames } = this.since(socket.cursor);
    const data = {
      connectionId: "c",
      resume,
      cursor: this.cursor(),
      heartbeatSeconds: 0,
      ...(this.features && { features: this.features }),
    };
    socket.say({ type: "connection_established", title: "", message: "", data, timestamp: "" }, ...frames);
  }

  private respond(request: FakeRequest): void {
    const { path, url, init, headers } = request;
    if (request.aborted) return;
    if (this.isOffline(request)) return request.fail();
    if (path === "/poll") {
      const { resume, frames } = this.since(headers["last-event-id"]);
      return request.page(frames, this.cursor(), resume);
    }
    if (path !== "/api/inbox" || !this.features?.includes("inbox"))
      return request.refuse(404, this.features ? "inbox_off" : "not_found");
    if (init.method === "POST") return this.change(request, JSON.parse(init.body as string) as Body);
    request.respond(200, this.page(new URL(url).searchParams));
  }

  private page(query: URLSearchParams): object {
    const before = query.get("before");
    const most = before ? this.position(before) : this.log.length;
    const limit = Number(query.get("limit"));
    const found = this.log
      .slice(0, most)
      .filter(
        (frame) =>
          this.flags.get((frame as { id?: string } | undefined)?.id ?? "")?.archived ===
          (query.get("archived") === "true"),
      )
      .reverse() as { id: string; cursor: string }[];
    const notifications = found.slice(0, limit).map((frame) => ({ ...frame, ...this.flags.get(frame.id)! }));
    const next = found.length > limit ? notifications.at(-1)!.cursor : null;
    return { notifications, ...this.count(), next, cursor: this.cursor(), unlisted: ["cart_updated"] };
  }

  private count(): { unread: number; more: boolean } {
    return { unread: this.shown().unread, more: false };
  }

  private change(request: FakeRequest, body: Body): void {
    const fate = this.fate(request);
    if (fate === "unreachable") return request.fail();
    if (fate === "busy") return request.refuse(503, "overloaded");
    if (fate === "refused without a word") return request.refuse(400, "bad_request");
    for (const name of ["read", "unread", "archive"] as const) {
      const index = (body[name] ?? []).findIndex((id) => !this.flags.has(id));
      const unlucky = fate === "refused" && body[name]?.length ? body[name].length - 1 : -1;
      const at = index < 0 ? unlucky : index;
      if (at < 0) continue;
      const problem = { code: "unknown_notification", title: "A title", field: `$.${name}[${at}]` };
      return request.respond(422, problem, { "content-type": "application/problem+json" });
    }
    this.changes.push(body);
    this.take(body);
    if (fate === "lost") request.fail();
    else request.respond(200, { ...this.count(), cursor: this.cursor() });
  }

  /** Do what any device of the user asks for, and tell all of them. */
  take({ read = [], unread = [], archive = [], read_until }: Body): void {
    if (read_until)
      for (const frame of this.log.slice(0, this.position(read_until) + 1)) {
        const flags = this.flags.get((frame as { id?: string } | undefined)?.id ?? "");
        if (flags) flags.read = true;
      }
    for (const id of read) this.flags.get(id)!.read = true;
    for (const id of unread) this.flags.get(id)!.read = false;
    for (const id of archive) this.flags.get(id)!.archived = true;
    const cursor = this.cursor(this.log.length);
    const frame = { type: "inbox", read, unread, archived: archive, unread_count: this.count().unread, cursor };
    this.append({ ...frame, ...(read_until && { read_until }) } as AnyFrame);
  }
}
