import type { ReactNode } from "react";
import { Bell } from "./Bell";
import { ConnectionLight } from "./ConnectionLight";

/** The bar with the system's name, the connection's light and the bell; `children` stand between name and light. */
export function TopBar({ initials, name, children }: { initials: string; name: string; children?: ReactNode }) {
  return (
    <header className="topbar">
      <span className="brand">
        <b>{initials}</b> {name}
      </span>
      {children}
      <ConnectionLight />
      <Bell />
    </header>
  );
}
