import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function BellIcon() {
  return (
    <Icon>
      <path d="M6 9a6 6 0 0 1 12 0c0 6 2.5 7 2.5 7h-17S6 15 6 9Z" />
      <path d="M10 19.5a2.2 2.2 0 0 0 4 0" />
    </Icon>
  );
}

export function CheckIcon() {
  return (
    <Icon>
      <path d="m5 12.5 4.5 4.5L19 7.5" />
    </Icon>
  );
}

export function CrossIcon() {
  return (
    <Icon>
      <path d="m7 7 10 10M17 7 7 17" />
    </Icon>
  );
}

const BAG = "M5 8h14l-1 12H6L5 8Zm4 0V6.5a3 3 0 0 1 6 0V8";
const BOX = "m4 8 8-4 8 4v8l-8 4-8-4V8Zm0 0 8 4 8-4m-8 4v8";
const CARD = "M3.5 6.5h17v11h-17v-11Zm0 4h17M7 14.5h3";
const TRUCK = "M3 7h11v9H3V7Zm11 3h4l3 3v3h-7v-6ZM7.5 18.5a1.5 1.5 0 1 0 0-.1m9 .1a1.5 1.5 0 1 0 0-.1";
const WARNING = "m12 4.5 8.5 14.5h-17L12 4.5Zm0 5.5v4m0 2.5v.1";
const RETURN = "M8 8H4V4m0 4a8.5 8.5 0 1 1-.3 6";
const SPEECH = "M4 5h16v11H9l-5 4V5Z";
const INFO = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 7v5m0-8v.1";

/** By the beginning of the type's name, so that a company's own types find one too. */
const LOOKS: readonly [prefix: string, path: string, tone: string][] = [
  ["order_updated", TRUCK, "blue"],
  ["order_", BAG, "blue"],
  ["payment_", CARD, "green"],
  ["transaction_", CARD, "green"],
  ["stock_", WARNING, "amber"],
  ["product_", BOX, "violet"],
  ["cart_", BAG, "violet"],
  ["return_", RETURN, "amber"],
  ["replacement_", TRUCK, "blue"],
  ["defective_", WARNING, "amber"],
  ["exchange_", RETURN, "green"],
  ["whatsapp:", SPEECH, "green"],
];

/** The sign of a notification's type. */
export function TypeIcon({ type }: { type: string }) {
  const [, path, tone] = LOOKS.find(([prefix]) => type.startsWith(prefix)) ?? ["", INFO, "blue"];
  return (
    <span className={`type-icon tone-${tone}`}>
      <Icon>
        <path d={path} />
      </Icon>
    </span>
  );
}
