import type { ReactNode } from "react";
import { ConnectionLight } from "./ConnectionLight";

/** The bar with the system's name, the connection's light and the bell; `children` stand between name and light. */
export function TopBar(props: { initials: string; name: string; bell: ReactNode; children?: ReactNode }) {
  return (
    <header className="topbar">
      <span className="brand">
        <b>{props.initials}</b> {props.name}
      </span>
      {props.children}
      <ConnectionLight />
      {props.bell}
    </header>
  );
}
