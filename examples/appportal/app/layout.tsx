import "example-shared/page.css";
import "./portal.css";
import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Notifications } from "./Notifications";

export const metadata: Metadata = { title: "AppPortal", icons: "data:," };

/** Rendered on the server; only the bell and what listens is the browser's. */
export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="pt-BR">
      <body>
        <Notifications>{children}</Notifications>
      </body>
    </html>
  );
}
