/** The inbox as the bell uses it: what an older client or hub does not have is optional, and the bell does without. */
import type { Inbox, InboxNotification, InboxView } from "@notification-hub/client/inbox";

export type Item = InboxNotification;

export interface SourceView extends InboxView {
  /** There are more unread ones than were counted. */
  more?: boolean;
  /** There are older ones to load. */
  hasMore?: boolean;
  loading?: boolean;
}

export interface Source extends Inbox {
  readonly view: SourceView;
  markUnread?(id: string): void;
  archive?(id: string): void;
  loadMore?(): unknown;
}
